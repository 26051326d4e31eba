using System.Security.Cryptography;
using System.Text;
using TrueLive.Probe.Reports;

namespace TrueLive.Watch;

/// <summary>What became of one run of a watch.</summary>
public enum RunOutcome
{
    /// <summary>It ran to its end and counts.</summary>
    Measured,

    /// <summary>The target could not be measured: no connection, a refusal, an early end, or a fault of the probe.</summary>
    Failed,

    /// <summary>The probe's own machine was too busy. Says nothing about the target.</summary>
    Invalid,

    /// <summary>The watch was stopped during the run. Says nothing about the target.</summary>
    Stopped,

    /// <summary>This machine could not measure, or not write the report. Says nothing about the target.</summary>
    Lost,
}

/// <summary>How one rule of a requirement came out.</summary>
/// <param name="Rule">The rule as written.</param>
/// <param name="Result">PASS, FAIL or INCONCLUSIVE.</param>
/// <param name="Reason">What was measured.</param>
public sealed record RuleResult(string Rule, string Result, string Reason);

/// <summary>What is measured, and from where. Each pair has a history of its own.</summary>
/// <param name="Target">The target as a report names it, without secrets.</param>
/// <param name="Place">Where the probe stands.</param>
public sealed record WatchSeries(string Target, string Place)
{
    /// <summary>Tells series apart in names of files and messages.</summary>
    internal string Key => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Target}\n{Place}")))[..16];
}

/// <summary>One run of a watch as the history keeps it. What was not measured is null.</summary>
public sealed record WatchRun
{
    /// <summary>What was measured, and from where.</summary>
    public required WatchSeries Series { get; init; }

    /// <summary>Tells it from every other run, so that a run whose keeping was not confirmed is not kept twice.</summary>
    public Guid Id { get; init; } = Guid.NewGuid();

    /// <summary>Number in its series, from 1; 0 until the history has kept it. The order of runs, whatever the clock does.</summary>
    public long Number { get; init; }

    /// <summary>When it began, by this machine's clock.</summary>
    public required DateTimeOffset Utc { get; init; }

    /// <summary>How long it took with its analysis, seconds.</summary>
    public double Seconds { get; init; }

    /// <summary>Profile of the probe.</summary>
    public required string Profile { get; init; }

    /// <summary>What became of it.</summary>
    public RunOutcome Outcome { get; init; }

    /// <summary>What there is to say about it, in words; null when nothing.</summary>
    public string? Note { get; init; }

    /// <summary>The tier that was found.</summary>
    public string? Tier { get; init; }

    /// <summary>What the system makes of its input.</summary>
    public string? Nature { get; init; }

    /// <summary>The verdict in a sentence.</summary>
    public string? Sentence { get; init; }

    /// <summary>How the rules came out that must be met.</summary>
    public IReadOnlyList<RuleResult> Rules { get; init; } = [];

    /// <summary>Seconds from opening the connection until the target took pictures.</summary>
    public double? StartUp { get; init; }

    /// <summary>Seconds from the first picture sent to the first picture back.</summary>
    public double? FirstFrame { get; init; }

    /// <summary>Median of the end-to-end delay within the run, ms.</summary>
    public double? DelayD50 { get; init; }

    /// <summary>95 % quantile of the end-to-end delay within the run, ms.</summary>
    public double? DelayD95 { get; init; }

    /// <summary>Generated pictures per second.</summary>
    public double? Generated { get; init; }

    /// <summary>Share of the time in which the picture was frozen, %.</summary>
    public double? Frozen { get; init; }

    /// <summary>Growth of the delay within the run, ms per second.</summary>
    public double? Drift { get; init; }

    /// <summary>Runs before it that were due while nothing was running: the machine slept, or the watch was off.</summary>
    public int Missed { get; init; }

    /// <summary>Runs before it that were due while the run before was still going.</summary>
    public int Skipped { get; init; }

    /// <summary>Seconds by which the clock was set back since the run before; null when it was not.</summary>
    public double? ClockBack { get; init; }

    /// <summary>Folder of its report, below the folder of the watch.</summary>
    public string? Folder { get; init; }

    /// <summary>Version of the program that measured.</summary>
    public string Version { get; init; } = ProbeReport.ProgramVersion;
}

/// <summary>A number of a run that is followed over time.</summary>
/// <param name="Column">Name in the history and in CSV files.</param>
/// <param name="Words">Name for people.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Of">Reads it.</param>
public sealed record WatchMetric(string Column, string Words, string Unit, Func<WatchRun, double?> Of)
{
    /// <summary>All that are followed.</summary>
    public static IReadOnlyList<WatchMetric> All { get; } =
    [
        new("startup_s", "Start-up", "s", r => r.StartUp),
        new("first_frame_s", "First frame", "s", r => r.FirstFrame),
        new("delay_d50_ms", "End-to-end delay, median of a run", "ms", r => r.DelayD50),
        new("delay_d95_ms", "End-to-end delay, 95 % of a run", "ms", r => r.DelayD95),
        new("generated_fps", "Generated rate", "Hz", r => r.Generated),
        new("frozen_percent", "Frozen time", "%", r => r.Frozen),
        new("drift_ms_per_s", "Drift of the delay", "ms/s", r => r.Drift),
    ];
}
