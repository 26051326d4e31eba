using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>How far apart two families of codes answer; of all pairs, the one whose lags differ most surely.</summary>
/// <param name="Seconds">
/// Difference of the median lags with an interval from both; not measured when fewer than two lags are resolved.
/// </param>
/// <param name="Early">The family that answers first.</param>
/// <param name="Late">The family that answers last.</param>
/// <param name="P">The larger p of the two families' own tests.</param>
public readonly record struct FamilyGap(Estimate Seconds, Family Early, Family Late, double P)
{
    private const double LeastSlowGap = 0.5;

    /// <summary>Fewer than two lags are resolved.</summary>
    public static FamilyGap None => new(Estimate.None, Family.Motion, Family.Motion, 1);

    internal static FamilyGap Of(FastFindings fast, EventFindings? slow)
    {
        if (fast.FamilyLag.Length == 0)
            return None;
        // Scene cuts dwell for seconds: their lag is too inexact to be compared with another.
        var resolved = new[] { Family.Luma, Family.Region, Family.Motion }
            .Where(f => fast.Families[(int)f].ForRules * 4 <= 0.01 && FastFindings.Resolved(fast.FamilyLag[(int)f])).ToArray();
        var best = None;
        foreach (var early in resolved)
        {
            foreach (var late in resolved.Where(f => f != early))
            {
                var (a, b) = (fast.FamilyLag[(int)early], fast.FamilyLag[(int)late]);
                var gap = new Estimate(b.Value - a.Value, b.Low - a.High, b.High - a.Low, Math.Min(a.N, b.N));
                if (gap.Value >= 0 && (!best.Seconds.Measured || gap.Low > best.Seconds.Low))
                    best = new FamilyGap(gap, early, late, Math.Max(fast.Families[(int)early].ForRules, fast.Families[(int)late].ForRules));
            }
        }
        return resolved.Contains(Family.Motion) && !resolved.Contains(Family.Region) && SlowGap(fast, slow) is { } reached ? reached : best;
    }

    /// <summary>
    /// A picture that answers no fast code may still answer slow events; far behind the motion, that means old pictures that are only
    /// moved.
    /// </summary>
    private static FamilyGap? SlowGap(FastFindings fast, EventFindings? slow)
    {
        if (slow is null || slow.Test.ForRules > 0.001)
            return null;
        var (motion, late) = (fast.FamilyLag[(int)Family.Motion], Intervals.QuantileInterval(slow.Delays, 0.5));
        if (!late.Measured || late.Low - motion.High < LeastSlowGap)
            return null;
        return new FamilyGap(new Estimate(late.Value - motion.Value, late.Low - motion.High, late.High - motion.Low,
            Math.Min(motion.N, late.N)),
            Family.Motion, Family.Region, Math.Max(fast.Families[(int)Family.Motion].ForRules, slow.Test.ForRules));
    }
}
