using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Devices;

namespace TrueLive.Models.Graphs;

/// <summary>
/// A call of a graph whose tensors are bound once, and are filled and read in place. ONNX Runtime copies what is bound for a GPU as it is
/// bound, and never again; there, the inputs are bound anew for each run.
/// </summary>
internal sealed class BoundCall(InferenceSession session, ComputeDevice device) : IDisposable
{
    private readonly List<(string Name, OrtValue Value)> _inputs = [];

    /// <summary>A call on the device of this process.</summary>
    public BoundCall(InferenceSession session)
        : this(session, GraphDevice.Current)
    {
    }

    /// <summary>The runtime's side of it.</summary>
    public OrtIoBinding Binding { get; } = session.CreateIoBinding();

    /// <summary>Binds an input; the tensor may be filled anew before each run.</summary>
    public void Input(string name, TensorBuffer tensor)
    {
        Binding.BindInput(name, tensor.Value);
        if (device.Gpu is not null)
            _inputs.Add((name, tensor.Value));
    }

    /// <summary>Binds an output, which each run fills.</summary>
    public void Output(string name, TensorBuffer tensor) => Binding.BindOutput(name, tensor.Value);

    /// <summary>Leaves it to the runtime to make an output whose size is not known.</summary>
    public void OutputOfAnySize(string name) => Binding.BindOutputToDevice(name, OrtMemoryInfo.DefaultInstance);

    /// <exception cref="OnnxRuntimeException">The run failed, or was ended.</exception>
    public void Run(RunOptions run)
    {
        foreach (var (name, value) in _inputs)
            Binding.BindInput(name, value);
        session.RunWithBinding(run, Binding);
    }

    public void Dispose() => Binding.Dispose();
}
