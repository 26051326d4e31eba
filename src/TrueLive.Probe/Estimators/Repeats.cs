using System.Numerics.Tensors;
using TrueLive.Probe.Features;

namespace TrueLive.Probe.Estimators;

/// <summary>
/// Loops and ping-pong: ratio of the distance between repeats to the distance of unrelated frames; below 0.2 the output repeats.
/// </summary>
/// <param name="Loop">Smallest ratio over loop lengths.</param>
/// <param name="LoopSeconds">Length of that loop.</param>
/// <param name="PingPong">Second-smallest ratio over turning points (one turn alone may be chance).</param>
public readonly record struct RepeatFindings(double Loop, double LoopSeconds, double PingPong)
{
    /// <summary>Limit of both ratios.</summary>
    public const double Limit = 0.2;

    /// <summary>Whether the output repeats itself.</summary>
    public bool Repeats => Loop < Limit || PingPong < Limit;
}

/// <summary>Finds repetition in the output alone.</summary>
internal static class Repeats
{
    private const int Rate = 10;

    /// <summary>Searches between two times, but no more than two minutes.</summary>
    public static RepeatFindings Find(Observation seen, double[] even, double from, double to)
    {
        var length = (int)(Math.Min(to - from, 120) * Rate);
        if (length < 6 * Rate || seen.Count < 60)
            return new RepeatFindings(1, double.NaN, 1);
        var grid = Timeline.Resample(seen, even, from, length, Rate)[..60];
        foreach (var signal in grid)
        {
            Signals.HighPass(signal, 5 * Rate);
            Signals.ScaleByMad(signal, 0.02f);
        }
        var rows = new float[length][];
        for (var t = 0; t < length; t++)
        {
            rows[t] = new float[grid.Length];
            for (var f = 0; f < grid.Length; f++)
                rows[t][f] = grid[f][t];
        }
        if (rows.All(r => TensorPrimitives.Norm<float>(r) < 1e-3f))
            return new RepeatFindings(1, double.NaN, 1);
        var longest = length * 2 / 3;
        var ratio = new double[longest];
        var values = new float[length];
        var all = new List<double>();
        for (var lag = 1; lag < longest; lag++)
        {
            for (var t = 0; t + lag < length; t++)
                values[t] = TensorPrimitives.Distance<float>(rows[t], rows[t + lag]);
            var part = values.AsSpan(0, length - lag);
            part.Sort();
            ratio[lag] = part[part.Length / 2];
            if (lag >= Rate)
                all.Add(ratio[lag]);
        }
        all.Sort();
        var typical = Math.Max(all[all.Count / 2], 1e-6);
        var (best, at) = (1.0, double.NaN);
        var rose = 0.0;
        for (var lag = 1; lag < longest; lag++)
        {
            var r = ratio[lag] / typical;
            rose = Math.Max(rose, r);
            // A slow picture resembles itself a moment later; only a return after a clear change is a loop.
            if (lag >= 5 && rose > 0.6 && r < best)
                (best, at) = (r, (double)lag / Rate);
        }
        return new RepeatFindings(best, at, Turning(rows, typical));
    }

    private static double Turning(float[][] rows, double typical)
    {
        var ratios = new List<double>();
        const int Arm = 20;
        var values = new float[Arm - 3];
        for (var centre = Arm; centre + Arm < rows.Length; centre++)
        {
            for (var k = 4; k <= Arm; k++)
                values[k - 4] = TensorPrimitives.Distance<float>(rows[centre - k], rows[centre + k]);
            var away = TensorPrimitives.Distance<float>(rows[centre], rows[centre + Arm / 2]);
            Array.Sort(values);
            if (away > 0.4 * typical)
                ratios.Add(values[values.Length / 2] / typical);
        }
        ratios.Sort();
        return ratios.Count > 1 ? ratios[1] : 1;
    }
}
