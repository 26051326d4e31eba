using System.Numerics;

namespace TrueLive.Probe.Estimators;

/// <summary>
/// Mean and deviation of E per window, pooled over lags and over codes drawn for this purpose only. They are independent of
/// both the sent code and the K re-draws, so those stay exchangeable and the p-value exact.
/// </summary>
internal sealed class FastNull
{
    private const int Auxiliary = 16;
    private readonly float[][] _mean = new float[7][];
    private readonly float[][] _inverse = new float[7][];

    /// <summary>Measures the null of each channel that has a search.</summary>
    public FastNull(LagSearch?[] searches, int windows, int length, CodeFill fill)
    {
        var scratch = new LagSearch.Scratch(length);
        var energy = new float[windows * LagSearch.Lags];
        var code = new float[length];
        for (var c = 0; c < 7; c++)
        {
            if (searches[c] is not { } search)
                continue;
            var (sum, square, count) = (new double[windows], new double[windows], new int[windows]);
            for (var k = 0; k < Auxiliary; k++)
            {
                fill(c, new CodeDraw("auxiliary", k), code);
                search.Evaluate(code, scratch, energy);
                for (var w = 0; w < windows; w++)
                {
                    var (total, squares, known) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
                    var row = energy.AsSpan(w * LagSearch.Lags, LagSearch.Lags);
                    for (var l = 0; l < row.Length; l += Vector<float>.Count)
                    {
                        var value = new Vector<float>(row[l..]);
                        var there = Vector.Equals(value, value);
                        value = Vector.ConditionalSelect(there, value, Vector<float>.Zero);
                        total += value;
                        squares += value * value;
                        known += Vector.ConditionalSelect(there, Vector<float>.One, Vector<float>.Zero);
                    }
                    sum[w] += Vector.Sum(total);
                    square[w] += Vector.Sum(squares);
                    count[w] += (int)Vector.Sum(known);
                }
            }
            (_mean[c], _inverse[c]) = (new float[windows], new float[windows]);
            // r^2 of unrelated white signals would spread by sqrt(2 F); half of that bounds the gain of a nearly dead window.
            var floor = 0.5 * Math.Sqrt(2.0 * Math.Max(1, search.Alive));
            for (var w = 0; w < windows; w++)
            {
                var m = sum[w] / Math.Max(1, count[w]);
                _mean[c][w] = (float)m;
                _inverse[c][w] = (float)(1 / Math.Max(floor, Math.Sqrt(Math.Max(0, square[w] / Math.Max(1, count[w]) - m * m))));
            }
        }
    }

    /// <summary>Turns the energies of a channel in a window into deviations from their null, limited to -1..12.</summary>
    public void Standardise(int channel, int window, Span<float> energy)
    {
        var (m, scale) = (new Vector<float>(_mean[channel][window]), new Vector<float>(_inverse[channel][window]));
        var (low, high) = (new Vector<float>(-1f), new Vector<float>(12f));
        for (var l = 0; l < energy.Length; l += Vector<float>.Count)
        {
            var z = (new Vector<float>(energy[l..]) - m) * scale;
            // A lag without enough code (NaN) neither helps nor hurts a path.
            z = Vector.ConditionalSelect(Vector.Equals(z, z), Vector.Min(Vector.Max(z, low), high), Vector<float>.Zero);
            z.CopyTo(energy[l..]);
        }
    }
}
