using TrueLive.Probe.Features;

namespace TrueLive.Probe.Estimators;

/// <summary>Boundaries that a system makes by itself under still input.</summary>
public sealed class BoundaryFindings
{
    /// <summary>Period in seconds; NaN when none was found.</summary>
    public double Period { get; init; } = double.NaN;

    /// <summary>The p-value of jumps at such even intervals, against jumps at random times.</summary>
    public double P { get; init; } = 1;

    /// <summary>Largest jump over the median change.</summary>
    public double Jump { get; init; }

    /// <summary>Seconds of still output that were examined.</summary>
    public double Seconds { get; init; }

    /// <summary>When each jump happened.</summary>
    public double[] Times { get; init; } = [];

    /// <summary>Change signal, one value per output frame from <see cref="From"/>.</summary>
    public (double Time, double Change)[] Signal { get; init; } = [];

    /// <summary>Whether own boundaries are proven: jumps of five times the median or more, evenly placed.</summary>
    public bool Found => !double.IsNaN(Period) && P <= 0.01 && Jump >= 5;

    /// <summary>The period where boundaries are proven; NaN otherwise.</summary>
    public double ClipSeconds => Found ? Period : double.NaN;
}

/// <summary>The own-boundary test of the hold phase.</summary>
internal static class OwnBoundary
{
    /// <summary>Looks for evenly spaced jumps between two times.</summary>
    public static BoundaryFindings Run(Observation seen, double from, double to, Random random)
    {
        var first = Timeline.LowerBound(seen.Times, from);
        var count = Timeline.LowerBound(seen.Times, to) - first;
        if (count < 60 || to - from < 4)
            return new BoundaryFindings { Seconds = Math.Max(0, to - from) };
        var scale = NoiseScale(seen, first, count);
        var reach = Math.Max(2, (int)(0.2 * count / (to - from)));
        var change = new double[count];
        var (left, right) = (new double[FeatureExtractor.Count], new double[FeatureExtractor.Count]);
        for (var i = reach; i + reach <= count; i++)
        {
            Array.Clear(left);
            Array.Clear(right);
            for (var k = 0; k < reach; k++)
            {
                var a = seen.Features(first + i - 1 - k);
                var b = seen.Features(first + i + k);
                for (var f = 0; f < FeatureExtractor.Motion; f++)
                {
                    left[f] += a[f];
                    right[f] += b[f];
                }
            }
            double sum = 0;
            for (var f = 0; f < FeatureExtractor.Motion; f++)
            {
                var d = (right[f] - left[f]) / reach / scale[f];
                sum += d * d;
            }
            change[i] = Math.Sqrt(sum / FeatureExtractor.Motion);
        }
        var inner = change.AsSpan(reach, count - 2 * reach + 1).ToArray();
        Array.Sort(inner);
        var (median, max) = (Math.Max(inner[inner.Length / 2], 1e-9), inner[^1]);
        var peaks = new List<double>();
        for (var i = reach; i + reach <= count; i++)
        {
            if (change[i] < 3 * median || change[i] < 0.3 * max)
                continue;
            var highest = true;
            for (var k = Math.Max(reach, i - reach); highest && k <= Math.Min(count - reach, i + reach); k++)
                highest = change[k] < change[i] || (change[k] == change[i] && k >= i);
            if (highest)
                peaks.Add(seen.Times[first + i]);
        }
        var (period, p) = Even(peaks, to - from, random);
        return new BoundaryFindings
        {
            Period = period,
            P = p,
            Jump = max / median,
            Seconds = to - from,
            Times = [.. peaks],
            Signal = [.. Enumerable.Range(reach, count - 2 * reach + 1).Select(i => (seen.Times[first + i], change[i] / median))],
        };
    }

    private static double[] NoiseScale(Observation seen, int first, int count)
    {
        var scale = new double[FeatureExtractor.Count];
        var steps = new float[count - 1];
        for (var f = 0; f < scale.Length; f++)
        {
            for (var i = 1; i < count; i++)
                steps[i - 1] = Math.Abs(seen.Features(first + i)[f] - seen.Features(first + i - 1)[f]);
            Array.Sort(steps);
            scale[f] = Math.Max(1.4826 * steps[steps.Length / 2], 0.05);
        }
        return scale;
    }

    /// <summary>Median interval of the jumps, and how unlikely such even intervals are by chance.</summary>
    private static (double Period, double P) Even(List<double> peaks, double seconds, Random random)
    {
        if (peaks.Count < 4)
            return (double.NaN, 1);
        var score = Unevenness(peaks);
        var atMost = 1;
        const int Draws = 999;
        var draw = new double[peaks.Count];
        for (var b = 0; b < Draws; b++)
        {
            for (var k = 0; k < draw.Length; k++)
                draw[k] = random.NextDouble() * seconds;
            Array.Sort(draw);
            atMost += Unevenness(draw) <= score ? 1 : 0;
        }
        var gaps = new double[peaks.Count - 1];
        for (var k = 1; k < peaks.Count; k++)
            gaps[k - 1] = peaks[k] - peaks[k - 1];
        Array.Sort(gaps);
        return (gaps[gaps.Length / 2], atMost / (Draws + 1.0));
    }

    /// <summary>
    /// Median distance of the gaps to whole multiples of their median, over that median: 0 for a clock, even if it misses a tick.
    /// </summary>
    private static double Unevenness(IReadOnlyList<double> times)
    {
        var gaps = new double[times.Count - 1];
        for (var k = 1; k < times.Count; k++)
            gaps[k - 1] = times[k] - times[k - 1];
        var sorted = gaps.Order().ToArray();
        var median = sorted[sorted.Length / 2];
        if (median < 0.1)
            return 1;
        var off = gaps.Select(g => Math.Abs(g / median - Math.Max(1, Math.Round(g / median)))).Order().ToArray();
        return off[(int)(0.8 * (off.Length - 1))];
    }
}
