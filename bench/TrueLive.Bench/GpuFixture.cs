using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Graphs;

namespace TrueLive.Bench;

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
    public IEnumerable<(string Network, int Batch, List<double> Times, double Difference)> Run(int runs)
    {
        foreach (var network in _index["cases"]!.AsArray().GroupBy(c => (string)c!["network"]!))
        {
            using var session = GraphRuntime.Open(
                network.Key, File.ReadAllBytes(Path.Combine(_folder, "pipeline", network.Key, "model.onnx")), threads: 0);
            foreach (var given in network)
            {
                var (times, difference) = Run(session, given!["tensors"]!.AsArray(), runs);
                yield return (network.Key, (int)given["batch"]!, times, difference);
            }
        }
    }

    private (List<double> Times, double Difference) Run(InferenceSession session, JsonArray tensors, int runs)
    {
        using var binding = session.CreateIoBinding();
        using var options = new RunOptions();
        var buffers = tensors.Select(t => Buffer(session, t!)).ToArray();
        try
        {
            for (var i = 0; i < buffers.Length - 1; i++)
            {
                buffers[i].Write(Numbers(tensors[i]!, buffers[i].Count));
                binding.BindInput((string)tensors[i]!["name"]!, buffers[i].Value);
            }
            binding.BindOutput((string)tensors[^1]!["name"]!, buffers[^1].Value);
            var times = new List<double>();
            for (var i = -5; i < runs; i++)
            {
                var began = TimeProvider.System.GetTimestamp();
                session.RunWithBinding(options, binding);
                if (i >= 0)
                    times.Add(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds);
            }
            var made = new float[buffers[^1].Count];
            buffers[^1].Read(made);
            var expected = Numbers(tensors[^1]!, made.Length);
            var (most, largest) = (0.0, 0.0);
            for (var i = 0; i < made.Length; i++)
            {
                // Not a number must not pass for no difference.
                most = float.IsFinite(made[i]) ? Math.Max(most, Math.Abs(made[i] - expected[i])) : double.PositiveInfinity;
                largest = Math.Max(largest, Math.Abs(expected[i]));
            }
            return (times, most / largest);
        }
        finally
        {
            foreach (var buffer in buffers)
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
