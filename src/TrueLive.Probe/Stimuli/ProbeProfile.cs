namespace TrueLive.Probe.Stimuli;

/// <summary>The kinds of phases, by what they send.</summary>
public enum PhaseKind
{
    /// <summary>Carrier only; excluded from the steady state.</summary>
    Warmup,

    /// <summary>Carrier with all fast codes.</summary>
    Fast,

    /// <summary>Large balance and object driven together by one slow telegraph.</summary>
    Slow,

    /// <summary>Prompt toggles; carrier with pan only.</summary>
    Control,

    /// <summary>One still frame with sensor noise.</summary>
    Hold,

    /// <summary>Full-frame black, white and colour holds.</summary>
    Blackout,
}

/// <summary>Length of each phase in seconds and the effort of the analysis.</summary>
public sealed record ProbeProfile
{
    /// <summary>Name on the command line and in the report.</summary>
    public required string Name { get; init; }

    /// <summary>Seconds of carrier before anything is measured.</summary>
    public required double Warmup { get; init; }

    /// <summary>Seconds of fast codes.</summary>
    public required double Fast { get; init; }

    /// <summary>Seconds of the slow telegraph; 0 leaves it out unless the fast phase shows nothing.</summary>
    public required double Slow { get; init; }

    /// <summary>Seconds of prompt toggles.</summary>
    public required double Control { get; init; }

    /// <summary>Seconds of still input.</summary>
    public required double Hold { get; init; }

    /// <summary>Seconds of blackout events.</summary>
    public required double Blackout { get; init; }

    /// <summary>Seconds from the first frame at which the run is judged and may end; empty for a run that is judged at its end.</summary>
    public IReadOnlyList<double> Looks { get; init; } = [];

    /// <summary>Length of all phases.</summary>
    public double Seconds => Warmup + Fast + Slow + Control + Hold + Blackout;

    /// <summary>Re-draws K of the randomisation test.</summary>
    public int Redraws { get; init; } = 999;

    /// <summary>1 for the default amplitudes; 0.27 for the safe profile (+-4 % exposure, no flashing object, no cuts).</summary>
    public double Amplitude { get; init; } = 1;

    /// <summary>Half a minute at most, fast codes alone.</summary>
    public static ProbeProfile Glance { get; } = new()
    { Name = "glance", Warmup = 1, Fast = 29, Slow = 0, Control = 0, Hold = 0, Blackout = 0, Looks = [8, 12, 17, 23, 30], Redraws = 9999 };

    /// <summary>About three minutes.</summary>
    public static ProbeProfile Quick { get; } = new()
    { Name = "quick", Warmup = 10, Fast = 60, Slow = 0, Control = 56, Hold = 24, Blackout = 26 };

    /// <summary>About fourteen minutes.</summary>
    public static ProbeProfile Standard { get; } = new()
    { Name = "standard", Warmup = 30, Fast = 300, Slow = 120, Control = 200, Hold = 60, Blackout = 30 };

    /// <summary>About forty minutes, for weak looks and high percentiles.</summary>
    public static ProbeProfile Deep { get; } = new()
    { Name = "deep", Warmup = 30, Fast = 1200, Slow = 300, Control = 600, Hold = 120, Blackout = 60 };

    /// <summary>Phases for runs against simulators.</summary>
    public static ProbeProfile Selftest { get; } = new()
    { Name = "selftest", Warmup = 3, Fast = 40, Slow = 90, Control = 108, Hold = 36, Blackout = 26 };

    /// <summary>The profiles by name.</summary>
    public static IReadOnlyDictionary<string, ProbeProfile> ByName { get; } =
        new[] { Glance, Quick, Standard, Deep, Selftest }.ToDictionary(p => p.Name);
}
