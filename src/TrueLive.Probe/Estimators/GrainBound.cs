using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>
/// Upper bound on the length of batches, from the measured delay. A picture cannot be younger than the time since its batch was closed;
/// with batches of length L that time is spread evenly over 0 to L, whatever the schedule of playback, so L is at most D_q / q for every
/// quantile D_q of the delay weighted by the time that pictures are shown.
/// </summary>
/// <param name="Seconds">Upper end of D_q over q; NaN when it was not measured.</param>
/// <param name="Quantile">q, fixed by the number of events.</param>
/// <param name="Events">Moments at which the delay was read, one per second.</param>
/// <param name="Method">"frame" (delay of the picture shown at random moments), "window" (windowed lag) or why there is no bound.</param>
public readonly record struct GrainBound(double Seconds, double Quantile, int Events, string Method)
{
    /// <summary>No bound.</summary>
    public static GrainBound None(string why) => new(double.NaN, double.NaN, 0, why);

    /// <summary>The largest quantile that this many events bound from above at 95 %: q^n is at most 0.05.</summary>
    internal static double QuantileFor(int events) => events >= 59 ? 0.95 : events >= 29 ? 0.9 : events >= 14 ? 0.8 : 0.5;

    /// <summary>
    /// The bound from the slowest channel that answers and has chips of at most 200 ms. Mean light and motion can be laid over old
    /// pictures, so the balance channel must answer, too. If a look hides it, balance, object and pattern together take its place. Their
    /// chips of half a second give a lag but no high quantile, so the bound is twice the lag: the mean delay is at least half a batch.
    /// </summary>
    internal static GrainBound Of(StimulusPlan plan, Observation seen, FastFindings fast, FrameMap? map, Estimate median)
    {
        if (map is null || fast.ChannelLag.Length == 0)
            return None("the output could not be aligned");
        var region = fast.FamilyLag[(int)Family.Region];
        var coarse = fast.AnswersTogether(Channel.R) ? 0
            : fast.Families[(int)Family.Region].ForRules * 4 <= 0.01 && FastFindings.Resolved(region) ? region.High / 0.5 : double.NaN;
        if (double.IsNaN(coarse))
            return None("neither the balance channel nor its family answers at a resolved lag");
        // The map follows all channels together; a channel that lags behind it raises the bound by as much.
        var joint = fast.JointLag.Measured ? fast.JointLag.Value : median.Value;
        var behind = CodeLaw.Channels.Where(c => fast.AnswersTogether(c) && FastFindings.Resolved(fast.ChannelLag[(int)c]))
            .Select(c => fast.ChannelLag[(int)c].High - joint - 1.0 / CodeLaw.Rate).Append(0).Max();
        if (!map.Reliable)
        {
            return median.Measured
                ? new GrainBound(Math.Max(coarse, (median.High + behind) / 0.5), 0.5, median.N, "window")
                : None("the delay was not measured");
        }
        var delays = ShownDelays([.. Enumerable.Range(0, map.Input.Count).Select(map.Time)], [.. map.Input.Select(j => seen.Sent[j])],
            plan.Seed.Stream("grain"));
        var q = QuantileFor(delays.Length);
        var bound = Intervals.QuantileInterval(delays, q);
        return bound.Measured
            ? new GrainBound(Math.Max(coarse, (bound.High + 1.0 / CodeLaw.Rate + behind) / q), q, delays.Length,
                coarse > 0 ? "frame, and region's lag" : "frame")
            : None("too few seconds were aligned");
    }

    /// <summary>
    /// The delay of the picture on show at one moment of each second, drawn at random so that sampling cannot fall in step with the system.
    /// </summary>
    internal static double[] ShownDelays(double[] shownAt, double[] sentAt, SeedStream random)
    {
        var delays = new List<double>();
        var entry = 0;
        for (var second = shownAt[0]; second + 1 <= shownAt[^1]; second++)
        {
            var t = random.NextDouble(second, second + 1);
            while (entry + 1 < shownAt.Length && shownAt[entry + 1] <= t)
                entry++;
            delays.Add(t - sentAt[entry]);
        }
        return [.. delays];
    }
}
