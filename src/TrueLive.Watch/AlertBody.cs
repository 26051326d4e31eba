using System.Text.Json;
using TrueLive.Probe.Reports;

namespace TrueLive.Watch;

/// <summary>What a webhook is told about a run, as JSON.</summary>
internal static class AlertBody
{
    private const string Schema = "truelive-watch-alert/1";

    // Of a report; those of glances have about 20 kB.
    private const int MostBytes = 1 << 20;

    public static string Of(WatchRun run, string name, IReadOnlyList<RuleResult> rules, ProbeReport? report)
    {
        var large = report is not null && JsonSerializer.SerializeToUtf8Bytes(report, ProbeReport.Json).Length > MostBytes;
        return JsonSerializer.Serialize(new
        {
            schema = Schema,
            // The same in every try, so that a receiver can tell a repetition.
            id = $"{run.Series.Key}-{run.Utc:yyyyMMdd-HHmmss}-{run.Number}-{name}",
            @event = name,
            run.Series.Target,
            run.Series.Place,
            run = run.Number,
            run.Utc,
            rules,
            run.Sentence,
            run.Note,
            report = large ? null : report,
            left_out = large ? "the report is larger than 1 MiB; it is beside the history" : null,
        }, ProbeReport.Json);
    }
}
