using System.Numerics.Tensors;
using TrueLive.Probe.Features;

namespace TrueLive.Probe.Estimators;

/// <summary>
/// Loops: ratio of the distance between repeats to the distance of unrelated frames; below 0.2 the output repeats, if its own pictures in
/// another order do not seem to repeat as well. A film that runs to and fro is a loop of twice its length.
/// </summary>
/// <param name="Loop">Smallest ratio over loop lengths.</param>
/// <param name="Period">
/// Length of the shortest loop that repeats as well, seconds; its interval is the range without each fifth of the time.
/// </param>
/// <param name="P">Share of shuffled copies that repeat as closely at any lag; 1 where the ratio is too large to ask.</param>
/// <param name="PingPong">
/// Second-smallest ratio over turning points. A picture of few states turns by chance, so this describes and accuses of nothing.
/// </param>
public readonly record struct RepeatFindings(double Loop, Estimate Period, double P, double PingPong)
{
    /// <summary>Limit of the ratio.</summary>
    public const double Limit = 0.2;

    /// <summary>Limit for a loop that encoding and delivery have blurred, where nothing that was sent changes the output.</summary>
    public const double Blurred = 0.5;

    /// <summary>p at or below which a repeat is no property of the pictures in any order.</summary>
    public const double Level = 0.004;

    private const double Resolved = 0.3;

    /// <summary>Nothing was found.</summary>
    public static RepeatFindings None => new(1, Estimate.None, 1, 1);

    /// <summary>Whether the output repeats itself.</summary>
    public bool Repeats => Loops(Limit);

    /// <summary>Whether a loop with a ratio below a limit is proven: by its order, and with a length that is resolved.</summary>
    public bool Loops(double limit) => Loop < limit && P <= Level && Period.High - Period.Low <= Resolved;
}

/// <summary>Finds repetition in the output alone.</summary>
internal static class Repeats
{
    private const int Rate = 10;
    private const int LeastLag = 5;

    /// <summary>Searches between two times, but no more than two minutes.</summary>
    public static RepeatFindings Find(Observation seen, double[] even, double from, double to)
    {
        var length = (int)(Math.Min(to - from, 120) * Rate);
        if (length < 6 * Rate || seen.Count < 60)
            return RepeatFindings.None;
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
        return rows.All(r => TensorPrimitives.Norm<float>(r) < 1e-3f) ? RepeatFindings.None : Find(rows);
    }

    private static RepeatFindings Find(float[][] rows)
    {
        var apart = new float[rows.Length, rows.Length];
        for (var a = 0; a < rows.Length; a++)
        {
            for (var b = a; b < rows.Length; b++)
                apart[a, b] = apart[b, a] = TensorPrimitives.Distance<float>(rows[a], rows[b]);
        }
        var longest = rows.Length * 2 / 3;
        var median = new double[longest];
        for (var lag = 1; lag < longest; lag++)
            median[lag] = Median(apart, lag, 0, 0);
        double[] unrelated = [.. median.Skip(Rate).Order()];
        var typical = Math.Max(unrelated[unrelated.Length / 2], 1e-6);
        // A slow picture resembles itself a moment later; only a return after a clear change is a loop.
        var first = Math.Max(LeastLag, Array.FindIndex(median, m => m / typical > 0.6) is var rose and >= 0 ? rose : longest);
        var best = first < longest ? Math.Min(1, median[first..].Min() / typical) : 1;
        var (p, period) = (1.0, Estimate.None);
        if (best < RepeatFindings.Blurred)
        {
            var lag = Array.FindIndex(median, first, m => m / typical <= best + 0.05);
            period = Period(apart, lag, longest);
            p = new RepeatShuffles(apart, lag, longest).P(best * typical);
        }
        return new RepeatFindings(best, period, p, Turning(apart, typical));
    }

    private static double Median(float[,] apart, int lag, int leaveFrom, int leaveTo)
    {
        var values = new List<float>();
        for (var t = 0; t + lag < apart.GetLength(0); t++)
        {
            if (t < leaveFrom || t >= leaveTo)
                values.Add(apart[t, t + lag]);
        }
        values.Sort();
        return values[values.Count / 2];
    }

    private static Estimate Period(float[,] apart, int lag, int longest)
    {
        const int Folds = 5;
        var near = Enumerable.Range(-4, 9).Select(d => lag + d).Where(l => l >= LeastLag && l < longest).ToArray();
        var pairs = apart.GetLength(0) - lag;
        int[] found = [lag, .. Enumerable.Range(0, Folds)
            .Select(k => near.MinBy(l => Median(apart, l, k * pairs / Folds, (k + 1) * pairs / Folds)))];
        return new Estimate(lag / (double)Rate, (found.Min() - 0.5) / Rate, (found.Max() + 0.5) / Rate, pairs);
    }

    private static double Turning(float[,] apart, double typical)
    {
        const int Arm = 20;
        var ratios = new List<double>();
        var values = new float[Arm - 3];
        for (var centre = Arm; centre + Arm < apart.GetLength(0); centre++)
        {
            for (var k = 4; k <= Arm; k++)
                values[k - 4] = apart[centre - k, centre + k];
            Array.Sort(values);
            if (apart[centre, centre + Arm / 2] > 0.4 * typical)
                ratios.Add(values[values.Length / 2] / typical);
        }
        ratios.Sort();
        return ratios.Count > 1 ? ratios[1] : 1;
    }
}
