using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Devices;

namespace TrueLive.Models.Graphs;

/// <summary>
/// A call of a graph whose tensors are bound once, and are filled and read in place. ONNX Runtime copies what is bound for a GPU as it is
/// bound, and never again; there, the inputs are bound anew for each run, or lie on the GPU and are copied to by ourselves
/// (<see cref="CapturedCall"/>).
/// </summary>
internal sealed class BoundCall : IDisposable
{
    private static int _recordings;

    private readonly InferenceSession _session;
    private readonly ComputeDevice _device;
    private readonly List<(string Name, OrtValue Value)> _inputs = [];
    private readonly CapturedCall? _captured;
    private readonly OrtIoBinding? _onDevice;
    private readonly RunOptions? _replay;
    private readonly Action _plain;
    private readonly Action _replayed;
    private RunOptions _run = null!;

    /// <param name="session">The graph.</param>
    /// <param name="device">What it runs on.</param>
    /// <param name="captures">For a graph that was opened to be captured: the GPU's memory.</param>
    public BoundCall(InferenceSession session, ComputeDevice device, CudaRuntime? captures = null)
    {
        (_session, _device, Binding) = (session, device, session.CreateIoBinding());
        (_plain, _replayed) = (RunPlainly, () => _session.RunWithBinding(_replay!, _onDevice!));
        if (captures is null)
            return;
        (_captured, _onDevice, _replay) = (new CapturedCall(captures), session.CreateIoBinding(), new RunOptions());
        // One recording for each call: two of one graph read different addresses.
        GraphRuntime.Record(_replay, Interlocked.Increment(ref _recordings));
    }

    /// <summary>A call on the device of this process.</summary>
    public BoundCall(InferenceSession session)
        : this(session, GraphDevice.Current)
    {
    }

    /// <summary>The runtime's side of a plain run.</summary>
    public OrtIoBinding Binding { get; }

    /// <summary>Why a call of a captured graph is not replayed; null where it is, or was never to be.</summary>
    public string? Refused => _captured?.Refused;

    /// <summary>Binds an input; the tensor may be filled anew before each run.</summary>
    public void Input(string name, TensorBuffer tensor)
    {
        Binding.BindInput(name, tensor.Value);
        if (_device.Gpu is not null)
            _inputs.Add((name, tensor.Value));
        _onDevice?.BindInput(name, _captured!.Input(tensor));
    }

    /// <summary>Binds an output, which each run fills.</summary>
    public void Output(string name, TensorBuffer tensor)
    {
        Binding.BindOutput(name, tensor.Value);
        _onDevice?.BindOutput(name, _captured!.Output(tensor));
    }

    /// <summary>Leaves it to the runtime to make an output whose size is not known.</summary>
    public void OutputOfAnySize(string name) => Binding.BindOutputToDevice(name, OrtMemoryInfo.DefaultInstance);

    /// <exception cref="OnnxRuntimeException">The run failed, or was ended.</exception>
    public void Run(RunOptions run)
    {
        using var turn = GraphDevice.Turn();
        _run = run;
        if (_captured is null)
            RunPlainly();
        else
            _captured.Run(_plain, _replayed);
    }

    public void Dispose()
    {
        using var turn = GraphDevice.Turn();
        Binding.Dispose();
        _onDevice?.Dispose();
        _captured?.Dispose();
        _replay?.Dispose();
    }

    private void RunPlainly()
    {
        foreach (var (name, value) in _inputs)
            Binding.BindInput(name, value);
        _session.RunWithBinding(_run, Binding);
    }
}
