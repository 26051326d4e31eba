using TrueLive.Probe.Reports;

namespace TrueLive.Probe.Trials;

/// <summary>Makes the trials that were asked for, one after the other.</summary>
internal static class TrialRuns
{
    /// <summary>The report with what the trials showed; once stopped, those that are left are not tested.</summary>
    public static async Task<ProbeReport> AddAsync(ProbeReport report, TrialOptions options, TrialSetting setting)
    {
        var (sections, metrics) = (new List<TrialSection>(), report.Metrics.ToDictionary());
        foreach (var kind in options.Kinds.Distinct().Order())
        {
            var (outcome, section) = setting.Stop.IsCancellationRequested || report.Run.Incomplete
                ? Untried(kind, report.Run.Incomplete ? "the run before it did not come to its end" : "stopped by the user")
                : await (kind switch
                {
                    TrialKind.Start => new StartTrial(options, setting).RunAsync(),
                    TrialKind.Pair => new PairTrial(options, setting).RunAsync(),
                    TrialKind.Stress => new StressTrial(options, setting).RunAsync(),
                    _ => new SoakTrial(options, setting).RunAsync(),
                }).ConfigureAwait(false);
            sections.Add(section);
            foreach (var (name, metric) in outcome.Metrics)
                metrics[name] = metric;
            setting.Say?.Invoke(section.Sentence);
        }
        return report with
        {
            Trials = sections,
            Metrics = new SortedDictionary<string, Metric>(metrics, StringComparer.Ordinal),
        };
    }

    /// <summary>The report before any of them was made.</summary>
    public static ProbeReport Pending(ProbeReport report, TrialOptions options) => report with
    {
        Trials = [.. options.Kinds.Distinct().Order().Select(kind => Untried(kind, "the probe ended before").Item2)],
    };

    private static (TrialOutcome, TrialSection) Untried(TrialKind kind, string why)
    {
        var outcome = new TrialOutcome(kind);
        return (outcome, outcome.Section("not tested", $"Not tested: {why}."));
    }
}
