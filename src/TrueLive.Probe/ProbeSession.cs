using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Trials;

namespace TrueLive.Probe;

/// <summary>Options of a probe run.</summary>
public sealed record ProbeSessionOptions
{
    /// <summary>Lengths and effort.</summary>
    public required ProbeProfile Profile { get; init; }

    /// <summary>The secret seed; a new one by default.</summary>
    public ProbeSeed Seed { get; init; } = ProbeSeed.Create();

    /// <summary>Where the report goes.</summary>
    public required string Folder { get; init; }

    /// <summary>Whether to resume the run in <see cref="Folder"/> that ended early.</summary>
    public bool Resume { get; init; }

    /// <summary>How the run is made.</summary>
    public ProbeRunOptions Run { get; init; } = new();

    /// <summary>The vendor's claims.</summary>
    public IReadOnlyList<(string Metric, string Claimed, string? Source)> Claims { get; init; } = [];

    /// <summary>What is tried after the run; null for nothing.</summary>
    public TrialOptions? Trials { get; init; }

    /// <summary>Requirements to check the report against.</summary>
    public IReadOnlyList<Requirement> Requirements { get; init; } = [];
}

/// <summary>One probe run from the commitment to the files: runs, judges, measures the instrument's own echo, writes.</summary>
public static class ProbeSession
{
    /// <summary>A short run against the probe's own echo, for the instrument's own delay.</summary>
    private static readonly ProbeProfile Echo = new()
    { Name = "echo", Warmup = 1, Fast = 14, Slow = 0, Control = 0, Hold = 0, Blackout = 0, Redraws = 19 };

    // Seconds; no longer delay is searched for.
    private const double LongestHeld = 12;

    /// <summary>
    /// Runs the probe. Cancelling <paramref name="stop"/> ends the sending; the report of what was measured is still written. Trials have
    /// sessions of their own, so the target is disposed before them.
    /// </summary>
    /// <param name="target">What is measured.</param>
    /// <param name="options">How.</param>
    /// <param name="time">The run's one clock.</param>
    /// <param name="say">Receives in words what happens: commitment, echo, analysis.</param>
    /// <param name="progress">Called about once a second.</param>
    /// <param name="stop">Ends the sending.</param>
    /// <exception cref="TargetException">The session could not be opened.</exception>
    /// <exception cref="FormatException">There is nothing to resume in the folder, or it is damaged.</exception>
    public static async Task<ProbeReport> RunAsync(
        IProbeTarget target, ProbeSessionOptions options, TimeProvider time, Action<string>? say, IProgress<ProbeProgress>? progress,
        CancellationToken stop)
    {
        var (seed, earlier) = options.Resume ? RunFolder.Resume(options.Folder, options.Profile, target.Description) : (options.Seed, null);
        var configuration = RunFolder.Configuration(options.Profile);
        var commitment = seed.Commit(configuration);
        Directory.CreateDirectory(options.Folder);
        await File.WriteAllTextAsync(Path.Combine(options.Folder, "commitment.txt"), $"{commitment}\n{configuration}\n", stop)
            .ConfigureAwait(false);
        say?.Invoke($"commitment {commitment}");
        var began = time.GetUtcNow();
        say?.Invoke($"connecting to {target.Description}");
        var run = new ProbeRun(target, options.Profile, seed, time, options.Run with
        {
            Earlier = earlier,
            Keep = kept => RunFolder.Keep(options.Folder, options.Profile, seed, target.Description, kept),
            Effort = options.Run.Effort with { Redraws = options.Profile.Redraws },
        });
        var result = await run.RunAsync(progress, stop).ConfigureAwait(false);
        var (d50, d95) = (double.NaN, double.NaN);
        if (!result.Quality.Incomplete)
            RunFolder.Forget(options.Folder);
        await using var way = result.Quality.Incomplete ? null : target.MakeEcho();
        // A glance takes half a minute at most; the echo would take as long again as its first looks. It is left out where it is known to
        // be small.
        if (!result.Quality.Incomplete && (result.Quality.Look is null || way is not null))
        {
            // After the run, so that a target that cannot be measured is reported at once.
            say?.Invoke("measuring the probe's own echo");
            (d50, d95) = await EchoAsync(way, options.Run, time, stop).ConfigureAwait(false);
            say?.Invoke(double.IsNaN(d50)
                ? "the probe's own echo could not be measured"
                : FormattableString.Invariant($"the probe's own echo: median {1000 * d50:0} ms, D95 {1000 * d95:0} ms"));
        }
        var reasons = result.Quality.InvalidReasons();
        var report = RunFolder.Report(new RunSection
        {
            Id = $"{began:yyyyMMdd-HHmmss}-{commitment[7..15]}",
            Utc = began,
            Profile = options.Profile.Name,
            Validity = reasons.Count == 0 ? "VALID" : "INVALID",
            InvalidReasons = reasons,
            Incomplete = result.Quality.Incomplete,
            EndedBecause = result.Quality.EndedBecause,
            Evidence = result.Quality.Evidence,
            Target = target.Description,
            Version = ProbeReport.ProgramVersion,
            Commitment = commitment,
            Configuration = configuration,
            Seed = seed.Hex,
            TimerP99Ms = Finite(1000 * result.Quality.TimerP99),
            SendDrops = result.Quality.SendDrops,
            EchoD50Ms = Finite(1000 * d50),
            EchoD95Ms = Finite(1000 * d95),
            TakesPrompts = target.TakesPrompts,
            Redraws = options.Profile.Redraws,
            Look = result.Quality.Look,
            Sessions = result.Quality.Sessions,
            Notes = result.Quality.Notes is { Count: > 0 } notes ? notes : null,
            Amplitude = options.Profile.Amplitude,
            Size = FormattableString.Invariant($"{options.Run.Width}x{options.Run.Height}"),
        }, result.Plan, result.Findings, result.Verdict);
        if (options.Trials is { } trials)
        {
            await target.DisposeAsync().ConfigureAwait(false);
            // Trials may take days: what the run showed is safe before them.
            Write(TrialRuns.Pending(report, trials));
            report = await TrialRuns.AddAsync(report, trials with
            {
                MostSessions = options.Requirements.Select(r => r.Sessions ?? int.MaxValue).Append(trials.MostSessions).Min(),
            }, new TrialSetting(seed, new StimulusFormat(options.Run.Width, options.Run.Height), options.Profile.Amplitude,
                options.Run.PromptA, options.Run.Effort.Threads, time, say, stop)).ConfigureAwait(false);
        }
        return Write(report);

        ProbeReport Write(ProbeReport whole) => RunFolder.Write(options.Folder, whole with
        {
            Claims = [.. options.Claims.Select(c => new ClaimRow(c.Metric, c.Claimed, c.Source,
                whole.Metrics.GetValueOrDefault(c.Metric)?.Value, whole.Metrics.GetValueOrDefault(c.Metric)?.Unit ?? "1"))],
            Requirements = [.. options.Requirements.Select(r => RequirementCheck.Run(r, whole).Section)],
        }, result.Plan, result.Seen, result.Findings);
    }

    private static async Task<(double D50, double D95)> EchoAsync(
        IProbeTarget? way, ProbeRunOptions run, TimeProvider time, CancellationToken stop)
    {
        await using var own = new NullTarget(time);
        // What the protocols hold back comes after the last code was sent.
        var held = way is StreamTarget stream ? Math.Min(Math.Ceiling(stream.Held.TotalSeconds), LongestHeld) : 0;
        ProbeRunResult result;
        try
        {
            result = await new ProbeRun(way ?? own, Echo with { Fast = Echo.Fast + held }, ProbeSeed.Create(), time,
                run with { Effort = new AnalysisEffort(19), Earlier = null, Keep = null }).RunAsync(null, stop).ConfigureAwait(false);
        }
        catch (Exception failed) when (failed is TargetException or OperationCanceledException)
        {
            return (double.NaN, double.NaN);
        }
        // An echo that was disturbed would be taken out of a delay that was not.
        if (way is not null && (result.Quality.Incomplete || result.Quality.InvalidReasons().Count > 0
            || way is StreamTarget { Broke: true } || result.Findings.Map is not { Reliable: true }))
            return (double.NaN, double.NaN);
        var delays = result.Findings.Map is { Reliable: true } map ? map.Delay.Order().ToArray() : [];
        return delays.Length == 0
            ? (result.Findings.D50.Value, double.NaN)
            : (Intervals.Quantile(delays, 0.5), Intervals.Quantile(delays, 0.95));
    }

    private static double? Finite(double value) => double.IsFinite(value) ? Math.Round(value, 3) : null;
}
