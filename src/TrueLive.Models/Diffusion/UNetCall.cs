using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Graphs;
using TrueLive.Models.Text;

namespace TrueLive.Models.Diffusion;

/// <summary>The UNet's tensors at a size and a batch, bound once.</summary>
internal sealed class UNetCall : IDisposable
{
    /// <summary>Numbers in which a latent consistency model is told the scale of guidance (arXiv:2310.04378).</summary>
    public const int GuidanceNumbers = 256;

    private readonly DiffusionGraphs _graphs;
    private readonly BoundCall _call;
    private readonly List<IDisposable> _owned = [];
    private readonly int _batch;
    private readonly TensorBuffer _noisy;
    private readonly TensorBuffer _time;
    private readonly TensorBuffer _told;
    private readonly TensorBuffer? _pooled;
    private readonly TensorBuffer? _guidance;
    private readonly TensorBuffer _predicted;
    private readonly float[] _split;

    /// <param name="graphs">Whose UNet it is.</param>
    /// <param name="batch">Latents of a call.</param>
    /// <param name="height">Height of the picture.</param>
    /// <param name="width">Width of the picture.</param>
    public UNetCall(DiffusionGraphs graphs, int batch, int height, int width)
    {
        (_graphs, _batch) = (graphs, batch);
        _call = Keep(graphs.Call(graphs.UNet));
        long[] latents = [batch, graphs.Channels, height / 8, width / 8];
        _noisy = Input("sample", latents);
        _time = Input("timestep", [.. graphs.UNet.InputMetadata["timestep"].Dimensions.Select(_ => (long)batch)]);
        _told = Input("encoder_hidden_states", [batch, ClipTokenizer.Length, graphs.Width]);
        if (graphs.Pooled > 0)
        {
            _pooled = Input("text_embeds", [batch, graphs.Pooled]);
            // A picture that was neither scaled nor cut: its size, where it was cut, and the size again.
            Input("time_ids", [batch, DiffusionGraphs.TimeIds])
                .Write([.. Enumerable.Repeat<float[]>([height, width, 0, 0, height, width], batch).SelectMany(ids => ids)]);
        }
        if (graphs.UNet.InputMetadata.ContainsKey("timestep_cond"))
            _guidance = Input("timestep_cond", [batch, GuidanceNumbers]);
        _predicted = Keep(new TensorBuffer(graphs.UNet.OutputMetadata["out_sample"].ElementDataType, latents));
        _call.Output("out_sample", _predicted);
        _split = new float[graphs.Pooled > 0 ? Math.Max(_told.Count, _pooled!.Count) : 0];
    }

    /// <summary>Why it is not replayed as a CUDA graph, where it was to be.</summary>
    public string? NotCaptured => _call.Refused;

    /// <summary>Tells the scale of guidance to a UNet that was distilled with it.</summary>
    public void Guide(float scale) => _guidance?.Write([.. Enumerable.Repeat(Embedding(scale), _batch).SelectMany(e => e)]);

    /// <summary>One call.</summary>
    /// <param name="run">Ends it when it has taken too long.</param>
    /// <param name="noisy">The latents.</param>
    /// <param name="times">The timestep of each.</param>
    /// <param name="words">The words of each, as <see cref="TextEncoder"/> writes them.</param>
    /// <param name="predicted">What it predicts of each.</param>
    public void Run(RunOptions run, ReadOnlySpan<float> noisy, ReadOnlySpan<float> times, ReadOnlySpan<float> words, Span<float> predicted)
    {
        _noisy.Write(noisy);
        _time.Write(times);
        if (_pooled is null)
        {
            _told.Write(words);
        }
        else
        {
            var tokens = ClipTokenizer.Length * _graphs.Width;
            _told.Write(Parts(words, 0, tokens));
            _pooled.Write(Parts(words, tokens, _graphs.Pooled));
        }
        _call.Run(run);
        _predicted.Read(predicted);
    }

    public void Dispose()
    {
        foreach (var one in _owned)
            one.Dispose();
    }

    // The same part of the words of every latent.
    private ReadOnlySpan<float> Parts(ReadOnlySpan<float> words, int from, int length)
    {
        for (var i = 0; i < _batch; i++)
            words.Slice(i * (words.Length / _batch) + from, length).CopyTo(_split.AsSpan(i * length));
        return _split.AsSpan(0, _batch * length);
    }

    private TensorBuffer Input(string name, long[] shape)
    {
        var tensor = Keep(new TensorBuffer(_graphs.UNet.InputMetadata[name].ElementDataType, shape));
        _call.Input(name, tensor);
        return tensor;
    }

    private T Keep<T>(T one)
        where T : IDisposable
    {
        _owned.Add(one);
        return one;
    }

    private static float[] Embedding(float scale)
    {
        var numbers = new float[GuidanceNumbers];
        for (var j = 0; j < GuidanceNumbers / 2; j++)
        {
            var angle = 1000 * (scale - 1) * Math.Exp(-Math.Log(10_000) * j / (GuidanceNumbers / 2 - 1));
            (numbers[j], numbers[j + GuidanceNumbers / 2]) = ((float)Math.Sin(angle), (float)Math.Cos(angle));
        }
        return numbers;
    }
}
