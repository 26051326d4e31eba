using System.Numerics;

namespace TrueLive.Probe.Estimators;

/// <summary>Best path of lag over windows: each frame of change costs 0.6, a jump to anywhere 8.</summary>
internal static class LagPath
{
    private const float StepCost = 0.6f;
    private const float JumpCost = 8;
    private const int Margin = 16;

    /// <summary>
    /// The path's mean score, without the path itself. <paramref name="first"/> and <paramref name="count"/> choose lags; count is a
    /// multiple of 8.
    /// </summary>
    public static float Score(ReadOnlySpan<float> z, int windows, int first, int count)
    {
        if (windows == 0)
            return 0;
        Span<float> best = stackalloc float[LagSearch.Lags + 2 * Margin];
        Span<float> reach = stackalloc float[LagSearch.Lags + 2 * Margin];
        best.Fill(-1e9f);
        reach.Fill(-1e9f);
        z.Slice(first, count).CopyTo(best[Margin..]);
        for (var w = 1; w < windows; w++)
        {
            var jump = System.Numerics.Tensors.TensorPrimitives.Max<float>(best.Slice(Margin, count)) - JumpCost;
            Spread(best, reach, count, 1);
            Spread(reach, best, count, 2);
            Spread(best, reach, count, 4);
            Spread(reach, best, count, 8);
            var inner = best.Slice(Margin, count);
            System.Numerics.Tensors.TensorPrimitives.Max(inner, jump, inner);
            System.Numerics.Tensors.TensorPrimitives.Add(inner, z.Slice(w * LagSearch.Lags + first, count), inner);
        }
        return System.Numerics.Tensors.TensorPrimitives.Max<float>(best.Slice(Margin, count)) / windows;
    }

    /// <summary>The path itself: index of the lag per window, counted from <paramref name="first"/>.</summary>
    public static int[] Trace(ReadOnlySpan<float> z, int windows, int first, int count)
    {
        var path = new int[windows];
        if (windows == 0)
            return path;
        var from = new short[windows * count];
        var best = z.Slice(first, count).ToArray();
        var next = new float[count];
        for (var w = 1; w < windows; w++)
        {
            var top = System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(best);
            for (var l = 0; l < count; l++)
            {
                var (score, source) = (best[top] - JumpCost, top);
                for (var k = Math.Max(0, l - 14); k <= Math.Min(count - 1, l + 14); k++)
                {
                    var candidate = best[k] - StepCost * Math.Abs(k - l);
                    if (candidate > score)
                        (score, source) = (candidate, k);
                }
                next[l] = score + z[w * LagSearch.Lags + first + l];
                from[w * count + l] = (short)source;
            }
            (best, next) = (next, best);
        }
        path[^1] = System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(best);
        for (var w = windows - 1; w > 0; w--)
            path[w - 1] = from[w * count + path[w]];
        return path;
    }

    private static void Spread(ReadOnlySpan<float> from, Span<float> to, int count, int shift)
    {
        var cost = new Vector<float>(StepCost * shift);
        for (var l = Margin; l < Margin + count; l += Vector<float>.Count)
        {
            var left = new Vector<float>(from[(l - shift)..]) - cost;
            var right = new Vector<float>(from[(l + shift)..]) - cost;
            Vector.Max(new Vector<float>(from[l..]), Vector.Max(left, right)).CopyTo(to[l..]);
        }
    }
}
