using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Simulation;

/// <summary>One simulated run and how it was judged.</summary>
/// <param name="System">The simulator.</param>
/// <param name="Look">The look.</param>
/// <param name="Seed">The seed's text.</param>
/// <param name="Expected">Right verdicts.</param>
/// <param name="Verdict">The verdict reached.</param>
/// <param name="Right">Whether it is one of the right ones.</param>
/// <param name="FalseProof">Whether a fake was called tier 3.</param>
/// <param name="Nature">The nature reached; null when not judged.</param>
/// <param name="NatureRight">Whether it is one of the right ones; null when not judged.</param>
/// <param name="Findings">All estimates.</param>
/// <param name="Judged">The whole verdict.</param>
/// <param name="TrueD50">
/// True median response delay in the fast phase, seconds (transport plus the look's memory); NaN when the system has none.
/// </param>
public sealed record SelfTestRun(
    string System, string Look, string Seed, string[] Expected, string Verdict, bool Right, bool FalseProof, Nature? Nature,
    bool? NatureRight,
    ProbeFindings Findings, TierVerdict Judged, double TrueD50);

/// <summary>Runs the probe against systems whose nature is known.</summary>
internal static class SelfTest
{
    /// <summary>Verdicts of tier 3, as printed, that a fake must not have.</summary>
    public static IReadOnlyList<string> Tier3 { get; } = [.. new[]
        { TierLabel.T3F, TierLabel.T3C, TierLabel.T3, TierLabel.T3S }.Select(TierVerdict.Text)];

    /// <summary>
    /// One run: phases W, F, H first, then L, C and B in an order drawn from the seed with a dwell chosen by the hold phase.
    /// </summary>
    public static SelfTestRun Run(SimulatedSystem system, string look, string seedText, ProbeProfile profile, AnalysisEffort effort,
        string? reports = null, CancellationToken cancel = default)
    {
        var seed = ProbeSeed.From(seedText);
        using var run = new SimulatedRun(system, look, seed, profile.Amplitude);
        run.Plan.Append(PhaseKind.Warmup, profile.Warmup);
        var fast = run.Plan.Append(PhaseKind.Fast, profile.Fast);
        run.Plan.Append(PhaseKind.Hold, profile.Hold);
        run.Seen.KeepPictures(profile.Warmup, profile.Warmup + profile.Fast);
        run.Advance(cancel);
        var (first, lag) = ProbeAnalysis.FirstLook(run.Plan, run.Seen);
        PhaseOrder.AppendLater(run.Plan, profile, ProbeAnalysis.BoundaryOf(run.Plan, run.Seen, double.NaN).ClipSeconds,
            first.Z > 8 ? lag : double.NaN);
        run.Advance(cancel);
        var findings = ProbeAnalysis.Analyse(run.Plan, run.Seen, effort, cancel);
        var verdict = DecisionRules.Judge(findings, new RunQuality { TakesPrompts = system.TakesPrompts });
        if (reports is not null)
            Write(Path.Combine(reports, $"{system.Name}-{look}-{seedText}".Replace(' ', '-')), system, look, seed, profile, run,
                findings, verdict);
        var text = TierVerdict.Text(verdict.Tier);
        var (from, to) = (fast.FirstFrame * SimulatedInput.Step, fast.EndFrame * SimulatedInput.Step);
        var delays = run.Truth.Where(t => t.Content >= fast.FirstFrame && t.Time >= from && t.Time < to)
            .Select(t => t.Time - t.Content * SimulatedInput.Step).Order().ToArray();
        var truth = delays.Length > 30
            ? Intervals.Quantile(delays, 0.5) + (system.Name is "filter" or "echo" ? 0 : run.MemorySeconds)
            : double.NaN;
        var nature = verdict.Nature?.Nature;
        return new SelfTestRun(system.Name, look, seedText, system.Accepts, text, system.Accepts.Contains(text),
            system.Fake && Tier3.Contains(text), nature,
            nature is { } said ? (system.Natures ?? run.LookNatures).Contains(said) : null, findings, verdict, truth);
    }

    private static void Write(string folder, SimulatedSystem system, string look, ProbeSeed seed, ProbeProfile profile, SimulatedRun run,
        ProbeFindings findings, TierVerdict verdict)
    {
        var configuration = RunFolder.Configuration(profile);
        RunFolder.Write(folder, RunFolder.Report(new RunSection
        {
            Id = $"selftest-{system.Name}-{look}",
            Utc = DateTimeOffset.UnixEpoch,
            Profile = profile.Name,
            Validity = "VALID",
            Evidence = "E4",
            Target = $"simulator {system.Name}, look {look}",
            Version = ProbeReport.ProgramVersion,
            Commitment = seed.Commit(configuration),
            Configuration = configuration,
            Seed = seed.Hex,
            TakesPrompts = system.TakesPrompts,
            Redraws = findings.Fast.Joint.K,
            Amplitude = profile.Amplitude,
        }, run.Plan, findings, verdict), run.Plan, run.Seen, findings);
    }
}
