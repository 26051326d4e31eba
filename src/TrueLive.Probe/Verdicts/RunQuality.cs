namespace TrueLive.Probe.Verdicts;

/// <summary>How good the run itself was: the instrument's own errors, judged before the target.</summary>
internal sealed record RunQuality
{
    /// <summary>Largest share of frames that may miss their time in a run that counts.</summary>
    public const double MostUnsent = 0.005;

    /// <summary>Largest 99 % quantile of the probe's own timer error in a run that counts, seconds.</summary>
    public const double LatestP99 = 0.5 / 30;

    /// <summary>Share of planned frames that the probe failed to send in time, 0..1.</summary>
    public double SendDrops { get; init; }

    /// <summary>99 % quantile of the difference between planned and actual sending after the warm-up, seconds.</summary>
    public double TimerP99 { get; init; }

    /// <summary>Whether the run ended before its plan did.</summary>
    public bool Incomplete { get; init; }

    /// <summary>
    /// Why it ended early; null when it did not. A run that is not incomplete ended because nothing more could change its verdict.
    /// </summary>
    public string? EndedBecause { get; init; }

    /// <summary>Evidence grade E1 to E5.</summary>
    public string Evidence { get; init; } = "E4";

    /// <summary>Whether the target takes prompts.</summary>
    public bool TakesPrompts { get; init; } = true;

    /// <summary>Sessions that the run was made of: 2 when it was resumed.</summary>
    public int Sessions { get; init; } = 1;

    /// <summary>What happened on the way to the target and back, in words.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>What else the probe itself failed at, in words that say what to change.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>The look of a glance at which it was judged, from 1; null for a run of phases.</summary>
    public int? Look { get; init; }

    /// <summary>Reasons for which the run does not count; empty for a valid run.</summary>
    public IReadOnlyList<string> InvalidReasons()
    {
        var reasons = new List<string>(Faults);
        if (SendDrops > MostUnsent)
            reasons.Add($"the probe failed to send {100 * SendDrops:0.0} % of its frames in time (limit 0.5 %); free the machine " +
                "and the way to the target, and run again");
        if (TimerP99 > LatestP99)
            reasons.Add($"the probe's own timer was off by {1000 * TimerP99:0} ms (p99; limit half a frame, 17 ms); free the machine " +
                "and run again");
        return reasons;
    }
}
