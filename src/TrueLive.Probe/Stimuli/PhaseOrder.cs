namespace TrueLive.Probe.Stimuli;

/// <summary>The later phases of a run, in an order drawn from the seed.</summary>
internal static class PhaseOrder
{
    /// <summary>
    /// Adds slow, control and blackout. If the hold phase found clips (<paramref name="clip"/> is their length in seconds; NaN when none),
    /// the dwell is at least 1.5 clip lengths: shorter toggles would fall between clips. A short control phase toggles faster, to collect
    /// the twenty responses that a verdict needs. All phases grow with the delay (seconds; NaN when unknown), since the answers to the last
    /// events come that late.
    /// </summary>
    public static void AppendLater(StimulusPlan plan, ProbeProfile profile, double clip, double delay)
    {
        var answer = double.IsNaN(delay) ? 0 : Math.Ceiling(Math.Clamp(delay - 1, 0, 12));
        var scale = clip > 1.4 ? Math.Min(6, 1.5 * clip / 2.2) : 1;
        var control = scale == 1 ? Math.Min(1, profile.Control / (25 * 4.1)) : scale;
        var longer = Math.Min(2.0, scale);
        var later = new List<(PhaseKind Kind, double Seconds, double Scale)>
        {
            (PhaseKind.Slow, Longer(profile.Slow * longer), scale),
            (PhaseKind.Control, Longer(profile.Control * longer), control),
            (PhaseKind.Blackout, Longer(profile.Blackout), 1),
        };
        var order = plan.Seed.Stream("order");
        while (later.Count > 0)
        {
            var next = order.NextInt(later.Count);
            if (later[next].Seconds > 0)
                plan.Append(later[next].Kind, later[next].Seconds, later[next].Scale);
            later.RemoveAt(next);
        }

        double Longer(double seconds) => seconds > 0 ? seconds + answer : 0;
    }
}
