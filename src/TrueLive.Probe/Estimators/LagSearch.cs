using System.Numerics;
using System.Runtime.InteropServices;

namespace TrueLive.Probe.Estimators;

/// <summary>
/// Windowed correlation of one channel's read-outs with a code at every lag: E[w, l] = n_eff * sum over features of r^2. Each hop of input
/// is correlated once and windows are sums of hops, which makes the direct form cheaper than an FFT per window. Read-only after
/// construction; every thread uses its own <see cref="Scratch"/>.
/// </summary>
internal sealed class LagSearch
{
    /// <summary>Lags searched, in frames, from <see cref="FirstLag"/>; a multiple of the widest vector.</summary>
    public const int Lags = 448;

    /// <summary>The first lag: negative ones are the acausal control.</summary>
    public const int FirstLag = -88;

    private const float LeastVariance = 0.2f;
    private const float LeastCover = 0.7f;
    private readonly float[][] _features;
    private readonly float[] _means;
    private readonly float[] _weights;
    private readonly int _hop;
    private readonly int _hops;
    private readonly int _reach;

    public LagSearch(float[][] features, int window, int hop)
    {
        _features = [.. features.Where(signal => signal.Any(v => v != 0))];
        (_hop, _hops) = (hop, window / hop);
        Length = features[0].Length;
        Windows = Math.Max(0, Length / hop - _hops + 1);
        // At larger lags no window of a short signal holds enough of the code.
        var step = 4 * Vector<float>.Count;
        _reach = Math.Min(Lags, ((int)(Length - LeastCover * window) - FirstLag + step) / step * step);
        _means = new float[_features.Length * Windows];
        _weights = new float[_features.Length * Windows];
        for (var f = 0; f < _features.Length; f++)
        {
            for (var w = 0; w < Windows; w++)
            {
                var part = _features[f].AsSpan(w * hop, _hops * hop);
                var mean = System.Numerics.Tensors.TensorPrimitives.Sum<float>(part) / part.Length;
                var variance = System.Numerics.Tensors.TensorPrimitives.Dot<float>(part, part) / part.Length - mean * mean;
                _means[f * Windows + w] = mean;
                // A feature that does not move in a window says nothing there; dividing by its tiny variance would only amplify noise.
                _weights[f * Windows + w] = variance > 0.01f ? 1 / variance : 0;
            }
        }
    }

    /// <summary>Samples on the grid.</summary>
    public int Length { get; }

    /// <summary>Windows along the signal.</summary>
    public int Windows { get; }

    /// <summary>Number of features that move at all.</summary>
    public int Alive => _features.Length;

    /// <summary>Buffers of one thread.</summary>
    public sealed class Scratch(int length)
    {
        internal readonly float[] Code = new float[length + 2 * Lags];
        internal readonly float[] Sum = new float[length + 2 * Lags + 1];
        internal readonly float[] Cover = new float[length + 2 * Lags + 1];
        internal readonly float[] Ring = new float[16 * 8 * Lags];
        internal readonly float[] Running = new float[8 * Lags];
        internal readonly float[] CodeMean = new float[Lags];
        internal readonly float[] Variance = new float[Lags];
    }

    /// <summary>Fills E, window-major with <see cref="Lags"/> lags each; NaN where too little of the code overlaps.</summary>
    public void Evaluate(ReadOnlySpan<float> code, Scratch scratch, Span<float> energy)
    {
        Reverse(code, scratch);
        Array.Clear(scratch.Running);
        var window = _hop * _hops;
        var hops = Length / _hop;
        for (var h = 0; h < hops; h++)
        {
            var slot = h % _hops;
            for (var f = 0; f < _features.Length; f++)
            {
                var row = scratch.Ring.AsSpan((slot * _features.Length + f) * Lags, Lags);
                var running = scratch.Running.AsSpan(f * Lags, Lags);
                if (h >= _hops)
                    System.Numerics.Tensors.TensorPrimitives.Subtract(running, row, running);
                CorrelateHop(_features[f].AsSpan(h * _hop, _hop), scratch.Code.AsSpan(Base(h * _hop + _hop - 1)), row[.._reach]);
                System.Numerics.Tensors.TensorPrimitives.Add(running, row, running);
            }
            var w = h - _hops + 1;
            if (w >= 0)
                Combine(w, window, scratch, energy.Slice(w * Lags, Lags));
        }
    }

    /// <summary>
    /// The reversed, padded code: lag l at time t reads Code[Base(t) + (l - FirstLag)], contiguous in l.
    /// </summary>
    private void Reverse(ReadOnlySpan<float> code, Scratch scratch)
    {
        Array.Clear(scratch.Code);
        var top = Length - 1 + Lags;
        for (var t = 0; t < code.Length && t < Length; t++)
            scratch.Code[top - t] = code[t];
        for (var k = 0; k < scratch.Code.Length; k++)
        {
            var value = scratch.Code[k];
            scratch.Sum[k + 1] = scratch.Sum[k] + value;
            scratch.Cover[k + 1] = scratch.Cover[k] + value * value;
        }
    }

    private int Base(int t) => Length - 1 + Lags - t + FirstLag;

    private static void CorrelateHop(ReadOnlySpan<float> feature, ReadOnlySpan<float> code, Span<float> row)
    {
        var width = Vector<float>.Count;
        ref var codes = ref MemoryMarshal.GetReference(code);
        for (var l = 0; l < row.Length; l += 4 * width)
        {
            var (a, b, c, d) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
            for (var t = 0; t < feature.Length; t++)
            {
                var value = new Vector<float>(feature[t]);
                // One step in time moves one back in the reversed code, which begins at the hop's last sample.
                var at = (nuint)(l + feature.Length - 1 - t);
                a = Vector.MultiplyAddEstimate(value, Vector.LoadUnsafe(ref codes, at), a);
                b = Vector.MultiplyAddEstimate(value, Vector.LoadUnsafe(ref codes, at + (nuint)width), b);
                c = Vector.MultiplyAddEstimate(value, Vector.LoadUnsafe(ref codes, at + (nuint)(2 * width)), c);
                d = Vector.MultiplyAddEstimate(value, Vector.LoadUnsafe(ref codes, at + (nuint)(3 * width)), d);
            }
            a.CopyTo(row[l..]);
            b.CopyTo(row[(l + width)..]);
            c.CopyTo(row[(l + 2 * width)..]);
            d.CopyTo(row[(l + 3 * width)..]);
        }
    }

    private void Combine(int w, int window, Scratch scratch, Span<float> energy)
    {
        // The window covers times w*hop .. w*hop + window - 1, so its reversed code ends one past Base(first).
        var last = Base(w * _hop) + 1;
        var first = last - window;
        var (mean, variance) = (scratch.CodeMean, scratch.Variance);
        var width = Vector<float>.Count;
        var (least, unknown) = (new Vector<float>(LeastCover * window), new Vector<float>(float.NaN));
        for (var l = 0; l < Lags; l += width)
        {
            var sum = new Vector<float>(scratch.Sum, last + l) - new Vector<float>(scratch.Sum, first + l);
            var cover = new Vector<float>(scratch.Cover, last + l) - new Vector<float>(scratch.Cover, first + l);
            sum.CopyTo(mean, l);
            var inverse = Vector<float>.One / Vector.Max(cover - sum * sum / cover, LeastVariance * cover);
            Vector.ConditionalSelect(Vector.LessThan(cover, least), unknown, inverse).CopyTo(variance, l);
        }
        energy.Clear();
        for (var f = 0; f < _features.Length; f++)
        {
            var featureMean = new Vector<float>(_means[f * Windows + w]);
            var weight = new Vector<float>(_weights[f * Windows + w]);
            var running = scratch.Running.AsSpan(f * Lags, Lags);
            for (var l = 0; l < Lags; l += width)
            {
                var covariance = new Vector<float>(running[l..]) - featureMean * new Vector<float>(mean, l);
                (new Vector<float>(energy[l..]) + weight * covariance * covariance).CopyTo(energy[l..]);
            }
        }
        System.Numerics.Tensors.TensorPrimitives.Multiply(energy, variance, energy);
    }
}
