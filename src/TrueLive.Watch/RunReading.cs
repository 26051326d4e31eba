using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Watch;

/// <summary>Reads from a report what a history keeps.</summary>
internal static class RunReading
{
    // The probe's own words are shorter; a target's may not be.
    private const int MostWords = 1000;

    public static WatchRun Of(WatchRun run, ProbeReport report, double? startUp, IReadOnlyList<Requirement> requirements)
    {
        var outcome = report.Run.Validity != "VALID" ? RunOutcome.Invalid : report.Run.Incomplete ? RunOutcome.Failed : RunOutcome.Measured;
        var why = outcome switch
        {
            RunOutcome.Invalid => string.Join("; ", report.Run.InvalidReasons),
            RunOutcome.Failed => report.Run.EndedBecause,
            _ => null,
        };
        return run with
        {
            Outcome = outcome,
            Note = Short(why),
            Tier = report.Verdict.Tier,
            Nature = report.Verdict.Nature,
            Sentence = Short(report.Verdict.Sentence),
            Rules = outcome switch
            {
                RunOutcome.Invalid => [],
                RunOutcome.Failed => [new RuleResult(Watcher.CanBeMeasured, "FAIL", Short(why) ?? "the session ended early")],
                _ =>
                [
                    new RuleResult(Watcher.CanBeMeasured, "PASS", "a whole run"),
                    .. requirements.SelectMany(r => RequirementCheck.Run(r, report).Section.Rows.Where(row => row.Level == "must")
                        .Select(row => new RuleResult($"{r.Id}: {row.Rule}", row.Result, Short(row.Reason)!))).DistinctBy(r => r.Rule),
                ],
            },
            StartUp = startUp,
            FirstFrame = Value("ttff.first"),
            DelayD50 = Value("delay.D50"),
            DelayD95 = Value("delay.D95"),
            Generated = Value("fps.generated"),
            Frozen = Value("freeze.ratio"),
            Drift = Value("delay.slope"),
        };

        // Numbers of a run that does not count would move the figures of those that do.
        double? Value(string metric) => outcome == RunOutcome.Invalid ? null : report.Metrics.GetValueOrDefault(metric)?.Value;
    }

    /// <summary>At most as much as a history keeps.</summary>
    public static string? Short(string? words) => words is { Length: > MostWords } ? words[..MostWords] : words;
}
