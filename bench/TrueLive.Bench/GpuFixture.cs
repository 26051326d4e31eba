using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Devices;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;

namespace TrueLive.Bench;

/// <summary>A network at a batch.</summary>
/// <param name="Network">Its name.</param>
/// <param name="Batch">The batch.</param>
/// <param name="Times">Milliseconds of each call.</param>
/// <param name="Difference">Largest difference to PyTorch's output, as a share of its largest number.</param>
/// <param name="Refused">Why it was not replayed as a CUDA graph, where it was to be.</param>
/// <param name="AfterOthers">The difference after the graph has run with other shapes in between; null where it has not.</param>
internal sealed record GpuCase(
    string Network, int Batch, List<double> Times, double Difference, string? Refused, double? AfterOthers);

/// <summary>Inputs of networks and what PyTorch made of them, as <c>bench/gpu/shapes.py</c> wrote them.</summary>
internal sealed class GpuFixture
{
    /// <summary>Largest difference to PyTorch that counts as none: half precision has three digits.</summary>
    public const double Limit = 0.01;

    private readonly string _folder;
    private readonly JsonNode _index;
    private readonly float[] _numbers;

    private GpuFixture(string folder, JsonNode index, float[] numbers) => (_folder, _index, _numbers) = (folder, index, numbers);

    /// <summary>Side of the pictures.</summary>
    public int Side => (int)_index["side"]!;

    /// <summary>Whether the networks compute in half precision.</summary>
    public bool Half => (bool)_index["half"]!;

    public static GpuFixture Load(string folder) => new(
        folder, JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "fixture.json")))!,
        MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(folder, "fixture.bin"))).ToArray());

    /// <summary>Runs each network on the current device, each batch so many times.</summary>
    /// <param name="runs">How often.</param>
    /// <param name="cuda">To replay its work as a CUDA graph: the memory of the GPU. Each batch is then loaded anew.</param>
    public IEnumerable<GpuCase> Run(int runs, CudaRuntime? cuda = null)
    {
        foreach (var network in _index["cases"]!.AsArray().GroupBy(c => (string)c!["network"]!))
        {
            var file = File.ReadAllBytes(Path.Combine(_folder, "pipeline", network.Key, "model.onnx"));
            using var shared = cuda is null ? GraphRuntime.Open(network.Key, file, threads: 0) : null;
            foreach (var given in network.Select(given => given!))
            {
                string? refused = null;
                using var own = cuda is null ? null : Captured(file, network.Key, out refused);
                if (cuda is not null && own is null)
                {
                    yield return new GpuCase(network.Key, (int)given["batch"]!, [], 0, refused, null);
                    continue;
                }
                using var call = new Filled(this, own ?? shared!, given["tensors"]!.AsArray(), cuda);
                var times = call.Times(runs);
                var difference = call.Difference();
                yield return new GpuCase(network.Key, (int)given["batch"]!, times, difference, call.Refused, Others(call, own, given));
            }

            // Replays that go wrong once the graph has run with other shapes were a fault of ONNX Runtime (its pull request 32121).
            double? Others(Filled call, InferenceSession? captured, JsonNode own)
            {
                if (captured is null || network.FirstOrDefault(c => c != own) is not { } other)
                    return null;
                using (var between = new Filled(this, captured, other["tensors"]!.AsArray(), null))
                    between.Times(3);
                call.Times(1);
                return call.Difference();
            }
        }
    }

    private static InferenceSession? Captured(byte[] file, string network, out string? refused)
    {
        try
        {
            refused = null;
            return GraphRuntime.Open(network, file, threads: 0, captured: true);
        }
        catch (ModelException wrong)
        {
            refused = wrong.Message;
            return null;
        }
    }

    /// <summary>A call with the inputs that PyTorch had.</summary>
    private sealed class Filled : IDisposable
    {
        private readonly GpuFixture _fixture;
        private readonly JsonArray _tensors;
        private readonly TensorBuffer[] _buffers;
        private readonly BoundCall _call;
        private readonly RunOptions _run = GraphRuntime.Record(new RunOptions(), null);

        public Filled(GpuFixture fixture, InferenceSession session, JsonArray tensors, CudaRuntime? cuda)
        {
            (_fixture, _tensors) = (fixture, tensors);
            _call = new BoundCall(session, GraphDevice.Current, cuda);
            _buffers = [.. tensors.Select(t => Buffer(session, t!))];
            for (var i = 0; i < _buffers.Length - 1; i++)
            {
                _buffers[i].Write(fixture.Numbers(tensors[i]!, _buffers[i].Count));
                _call.Input((string)tensors[i]!["name"]!, _buffers[i]);
            }
            _call.Output((string)tensors[^1]!["name"]!, _buffers[^1]);
        }

        public string? Refused => _call.Refused;

        public List<double> Times(int runs)
        {
            var times = new List<double>();
            for (var i = -5; i < runs; i++)
            {
                var began = TimeProvider.System.GetTimestamp();
                _call.Run(_run);
                if (i >= 0)
                    times.Add(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds);
            }
            return times;
        }

        /// <summary>The largest difference to what PyTorch made, as a share of its largest number.</summary>
        public double Difference()
        {
            var made = new float[_buffers[^1].Count];
            _buffers[^1].Read(made);
            var expected = _fixture.Numbers(_tensors[^1]!, made.Length);
            var (most, largest) = (0.0, 0.0);
            for (var i = 0; i < made.Length; i++)
            {
                // Not a number must not pass for no difference.
                most = float.IsFinite(made[i]) ? Math.Max(most, Math.Abs(made[i] - expected[i])) : double.PositiveInfinity;
                largest = Math.Max(largest, Math.Abs(expected[i]));
            }
            return most / largest;
        }

        public void Dispose()
        {
            _call.Dispose();
            _run.Dispose();
            foreach (var buffer in _buffers)
                buffer.Dispose();
        }
    }

    private static TensorBuffer Buffer(InferenceSession session, JsonNode tensor)
    {
        var name = (string)tensor["name"]!;
        var known = session.InputMetadata.TryGetValue(name, out var input) ? input : session.OutputMetadata[name];
        return new TensorBuffer(known.ElementDataType, [.. tensor["shape"]!.AsArray().Select(s => (long)s!)]);
    }

    private ReadOnlySpan<float> Numbers(JsonNode tensor, int count) => _numbers.AsSpan((int)tensor["offset"]!, count);
}
