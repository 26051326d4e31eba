using TrueLive.Probe.Features;

namespace TrueLive.Probe.Estimators;

/// <summary>How steadily output frames come, and how many of them are new.</summary>
public sealed class CadenceFindings
{
    /// <summary>Frames per second presented.</summary>
    public double Presented { get; init; } = double.NaN;

    /// <summary>Frames per second presented, without duplicates.</summary>
    public double Unique { get; init; } = double.NaN;

    /// <summary>Frames per second presented, without duplicates and interpolated frames.</summary>
    public double Generated { get; init; } = double.NaN;

    /// <summary>One in this many frames is generated, the rest blended; 1 for none.</summary>
    public int InterpolatedBy { get; init; } = 1;

    /// <summary>Smallest mid-point residual over the largest, by phase of the period.</summary>
    public double InterpolationRatio { get; init; } = 1;

    /// <summary>Frames per burst; 1 when frames come evenly.</summary>
    public int Burst { get; init; } = 1;

    /// <summary>Freezes per minute (gap of three times the mean or the mean + 150 ms, whichever is more).</summary>
    public Estimate FreezesPerMinute { get; init; } = Estimate.None;

    /// <summary>Share of time in freezes, percent.</summary>
    public double FreezePercent { get; init; } = double.NaN;

    /// <summary>Longest gap, seconds.</summary>
    public double LongestGap { get; init; } = double.NaN;

    /// <summary>Number of frames examined.</summary>
    public int Frames { get; init; }

    /// <summary>Gaps between frames, seconds.</summary>
    public double[] Gaps { get; init; } = [];
}

/// <summary>Reads the cadence from arrival times and picture differences.</summary>
internal static class Cadence
{
    /// <summary>
    /// Measures the output between two times. A frame that differs from the last by less than <paramref name="duplicateBelow"/> grey levels
    /// is a duplicate.
    /// </summary>
    public static CadenceFindings Measure(Observation seen, double from, double to, double duplicateBelow)
    {
        var first = Timeline.LowerBound(seen.Times, from);
        var count = Timeline.LowerBound(seen.Times, to) - first;
        if (count < 10)
            return new CadenceFindings { Frames = count };
        var gaps = new double[count - 1];
        var duplicates = 0;
        for (var i = 1; i < count; i++)
        {
            gaps[i - 1] = seen.Times[first + i] - seen.Times[first + i - 1];
            duplicates += seen.Change[first + i] < duplicateBelow ? 1 : 0;
        }
        var span = seen.Times[first + count - 1] - seen.Times[first];
        var mean = span / gaps.Length;
        var limit = Math.Max(3 * mean, mean + 0.15);
        var freezes = gaps.Where(g => g >= limit).ToArray();
        var sorted = gaps.Order().ToArray();
        var burst = 1;
        if (sorted[sorted.Length / 2] < 0.3 * mean && freezes.Length >= 3)
            burst = MedianBetween(gaps, limit);
        var (by, ratio) = Interpolation(seen, first, count);
        var presented = gaps.Length / Math.Max(span, 1e-6);
        var unique = presented * (gaps.Length - duplicates) / gaps.Length;
        return new CadenceFindings
        {
            Presented = presented,
            Unique = unique,
            Generated = unique / by,
            InterpolatedBy = by,
            InterpolationRatio = ratio,
            Burst = burst,
            // The pause between bursts belongs to their rhythm and is not a freeze.
            FreezesPerMinute = Intervals.Rate(burst > 1 ? 0 : freezes.Length, span / 60),
            FreezePercent = burst > 1 ? 0 : 100 * freezes.Sum() / span,
            LongestGap = sorted[^1],
            Frames = count,
            Gaps = gaps,
        };
    }

    private static int MedianBetween(double[] gaps, double limit)
    {
        var lengths = new List<int>();
        var run = 1;
        foreach (var gap in gaps)
        {
            if (gap < limit)
            {
                run++;
                continue;
            }
            lengths.Add(run);
            run = 1;
        }
        lengths.Sort();
        return lengths[lengths.Count / 2];
    }

    /// <summary>Finds blended frames: at a fixed period they lie midway between their neighbours.</summary>
    private static (int By, double Ratio) Interpolation(Observation seen, int first, int count)
    {
        var (by, least) = (1, 1.0);
        for (var period = 2; period <= 6; period++)
        {
            var medians = new double[period];
            for (var phase = 0; phase < period; phase++)
            {
                var values = new List<float>();
                for (var i = phase; i < count; i += period)
                {
                    if (!float.IsNaN(seen.Midpoint[first + i]))
                        values.Add(seen.Midpoint[first + i]);
                }
                if (values.Count < 10)
                    return (1, 1);
                values.Sort();
                medians[phase] = values[values.Count / 2];
            }
            var ratio = medians.Min() / Math.Max(medians.Max(), 1e-6);
            // Multiples of the period stand out as well: a longer one must be much clearer to replace a shorter one.
            if (ratio < 0.7 * least)
                (by, least) = (period, ratio);
        }
        return least < 0.15 ? (by, least) : (1, least);
    }
}
