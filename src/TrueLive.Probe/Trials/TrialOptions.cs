using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Trials;

/// <summary>What can be tried after a run, each in sessions of its own.</summary>
public enum TrialKind
{
    /// <summary>How long sessions take to begin.</summary>
    Start,

    /// <summary>Two sessions at once.</summary>
    Pair,

    /// <summary>Other rates of the input, lost packets, a cut uplink.</summary>
    Stress,

    /// <summary>A long session.</summary>
    Soak,
}

/// <summary>What is tried after a run, and how.</summary>
public sealed record TrialOptions
{
    /// <summary>What is tried, in this order.</summary>
    public required IReadOnlyList<TrialKind> Kinds { get; init; }

    /// <summary>Makes a further session with the same target.</summary>
    public required Func<IProbeTarget> Open { get; init; }

    /// <summary>Starts that are timed, of each kind; fewer than five give no interval.</summary>
    public int Starts { get; init; } = 6;

    /// <summary>After how long without a session a start counts as cold; null tries none.</summary>
    public TimeSpan? ColdAfter { get; init; }

    /// <summary>Length of the long session.</summary>
    public TimeSpan SoakFor { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Sessions that may be open at the same time.</summary>
    public int MostSessions { get; init; } = 2;

    /// <summary>How long all of it takes, apart from connecting and analysing.</summary>
    public TimeSpan Longest => TimeSpan.FromSeconds(Kinds.Distinct().Sum(kind => kind switch
    {
        TrialKind.Start => Starts * (StartTrial.Longest + (ColdAfter is { } cold ? StartTrial.Longest + cold.TotalSeconds : 0)),
        TrialKind.Pair => PairTrial.Seconds,
        TrialKind.Stress => StressTrial.Seconds,
        _ => SoakFor.TotalSeconds + SoakTrial.CycleSeconds,
    }));
}
