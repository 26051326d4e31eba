using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Models;
using TrueLive.Models.Devices;

namespace TrueLive.Models.Graphs;

/// <summary>
/// A call whose work on the GPU is recorded once as a CUDA graph and replayed from then on, on tensors that stay where they are. Before
/// replays are believed, and again on each thread, since ONNX Runtime records for a thread, they are compared with plain runs on two
/// inputs; where that fails, the call is run plainly for good, and <see cref="Refused"/> says why.
/// </summary>
internal sealed class CapturedCall(CudaRuntime cuda) : IDisposable
{
    // Half precision has three digits.
    private const double Tolerance = 0.01;

    // ONNX Runtime keeps what it recorded for a thread, even if that has ended.
    private const int MaxThreads = 4;

    private readonly List<(TensorBuffer Host, nint Device, OrtValue Value)> _inputs = [];
    private readonly List<(TensorBuffer Host, nint Device, OrtValue Value)> _outputs = [];
    private int _thread;
    private int _threads;

    /// <summary>Why calls are not replayed; null as long as nothing speaks against it.</summary>
    public string? Refused { get; private set; }

    /// <summary>The input on the GPU, which gets the contents of the given one before each replay.</summary>
    public OrtValue Input(TensorBuffer host) => Resident(host, _inputs);

    /// <summary>The output on the GPU, whose contents the given one gets after each replay.</summary>
    public OrtValue Output(TensorBuffer host) => Resident(host, _outputs);

    /// <summary>Replays the call, or runs it plainly.</summary>
    /// <param name="plain">Runs it on the tensors of the host.</param>
    /// <param name="onDevice">Runs it on those of the GPU; the first time, on a thread, this records it.</param>
    public void Run(Action plain, Action onDevice)
    {
        if (Refused is null && Environment.CurrentManagedThreadId != _thread)
            Try(plain, onDevice);
        if (Refused is null)
            Replay(onDevice);
        else
            plain();
    }

    public void Dispose()
    {
        foreach (var (_, device, value) in _inputs.Concat(_outputs))
        {
            value.Dispose();
            cuda.Free(device);
        }
    }

    private void Try(Action plain, Action onDevice)
    {
        if (++_threads > MaxThreads)
        {
            Refused = $"its steps come from more than {MaxThreads} threads";
            return;
        }
        var given = _inputs.Select(i => i.Host.Bytes.ToArray()).ToArray();
        try
        {
            // Recorded and compared with zeros first: a replay that does not read its inputs makes the same twice.
            foreach (var (host, _, _) in _inputs)
                host.Bytes.Clear();
            Replay(onDevice);
            var same = IsSame(plain, onDevice);
            Restore();
            if (same && IsSame(plain, onDevice))
                _thread = Environment.CurrentManagedThreadId;
            else
                Refused = "a replay made something else than a plain run";
        }
        catch (Exception e) when (e is OnnxRuntimeException or ModelStepException)
        {
            Refused = e.Message.ReplaceLineEndings(" ");
        }
        finally
        {
            Restore();
        }

        void Restore()
        {
            for (var i = 0; i < given.Length; i++)
                given[i].CopyTo(_inputs[i].Host.Bytes);
        }
    }

    private bool IsSame(Action plain, Action onDevice)
    {
        plain();
        var expected = _outputs.Select(o => Numbers(o.Host)).ToArray();
        Replay(onDevice);
        return _outputs.Zip(expected).All(pair => IsNear(Numbers(pair.First.Host), pair.Second));
    }

    private static float[] Numbers(TensorBuffer tensor)
    {
        var numbers = new float[tensor.Count];
        tensor.Read(numbers);
        return numbers;
    }

    private static bool IsNear(float[] made, float[] expected)
    {
        var most = expected.Where(float.IsFinite).Select(MathF.Abs).DefaultIfEmpty(0).Max() * Tolerance;
        return made.Zip(expected).All(pair => pair.First.Equals(pair.Second) || MathF.Abs(pair.First - pair.Second) <= most);
    }

    private void Replay(Action onDevice)
    {
        foreach (var (host, device, _) in _inputs)
            cuda.Upload(host.Bytes, device);
        onDevice();
        foreach (var (host, device, _) in _outputs)
            cuda.Download(device, host.Bytes);
    }

    private OrtValue Resident(TensorBuffer host, List<(TensorBuffer, nint, OrtValue)> tensors)
    {
        var device = cuda.Allocate(host.Bytes.Length);
        using var place = new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, cuda.Gpu, OrtMemType.Default);
        var value = OrtValue.CreateTensorValueWithData(place, host.Type, host.Shape, device, host.Bytes.Length);
        tensors.Add((host, device, value));
        return value;
    }
}
