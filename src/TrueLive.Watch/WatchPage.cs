using System.Globalization;
using System.Text;
using TrueLive.Probe.Reports;

namespace TrueLive.Watch;

/// <summary>The status page of a folder: all series of its history. One file without a script that asks nothing of anybody.</summary>
public static class WatchPage
{
    /// <summary>Name of the file.</summary>
    public const string File = "status.html";

    // Newest runs that a page looks at, and the runs that a point of a curve looks back on.
    private const int Shown = 1000;
    private const int Window = 50;
    private const int Listed = 30;

    private const string Meta = "<meta http-equiv=\"refresh\" content=\"60\"><meta http-equiv=\"Content-Security-Policy\" " +
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"><meta name=\"referrer\" content=\"no-referrer\">";

    /// <summary>Writes the page; whoever reads it meanwhile sees the one before.</summary>
    public static async Task WriteAsync(WatchHistory history, string folder, DateTimeOffset now, CancellationToken cancel)
    {
        var all = await history.SeriesAsync(cancel).ConfigureAwait(false);
        var html = new StringBuilder(HtmlStyle.Head("TrueLive watch", Meta))
            .Append("<header><p class=\"kicker\">Live AI video, measured again and again</p><h1>").Append(Heading(all)).Append("</h1>")
            .Append(CultureInfo.InvariantCulture, $"<p class=\"meta\">Written {now.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.</p></header>");
        foreach (var (series, rules) in all)
        {
            Append(html, series, rules, await history.RunsAsync(series, Shown, cancel).ConfigureAwait(false),
                await history.AlertsAsync(series, 10, cancel).ConfigureAwait(false));
        }
        html.Append("</main></body></html>");
        var path = Path.Combine(folder, File);
        var aside = $"{path}.{Path.GetRandomFileName()}.new";
        try
        {
            await System.IO.File.WriteAllTextAsync(aside, html.ToString(), cancel).ConfigureAwait(false);
            System.IO.File.Move(aside, path, overwrite: true);
        }
        finally
        {
            System.IO.File.Delete(aside);
        }
    }

    private static string Heading(List<(WatchSeries Series, IReadOnlyList<RuleState> Rules)> all) =>
        all.Sum(s => s.Rules.Count(r => r.Met == false)) switch
        {
            _ when all.Count == 0 => "Nothing has been measured yet",
            0 => "No rule that was met is broken",
            1 => "One rule is met no more",
            var broken => string.Create(CultureInfo.InvariantCulture, $"{broken} rules are met no more"),
        };

    private static void Append(StringBuilder html, WatchSeries series, IReadOnlyList<RuleState> rules, IReadOnlyList<WatchRun> runs,
        IReadOnlyList<WatchAlert> alerts)
    {
        html.Append("<section><h2>").Append(H(series.Target)).Append("</h2><p>from ").Append(H(series.Place));
        if (runs.Count == 0)
        {
            html.Append(": no run yet.</p></section>");
            return;
        }
        var (first, last) = (runs[0], runs[^1]);
        html.Append(CultureInfo.InvariantCulture,
            $" &middot; {runs.Count} runs, {Utc(first)} to {Utc(last)} UTC &middot; in order of their numbers</p>");
        html.Append("<p><strong>Last run:</strong> ").Append(H(last.Sentence ?? last.Note ?? Words(last.Outcome))).Append("</p>");
        Rules(html, rules);
        Troubles(html, runs);
        Numbers(html, runs);
        Verdicts(html, runs);
        Alerts(html, alerts);
        Runs(html, runs);
        html.Append("</section>");
    }

    private static void Rules(StringBuilder html, IReadOnlyList<RuleState> rules)
    {
        html.Append("<div class=\"wide\"><table><thead><tr><th>Rule</th><th>State</th></tr></thead><tbody>");
        foreach (var rule in rules)
        {
            html.Append("<tr><td><code>").Append(H(rule.Rule)).Append("</code></td><td class=\"")
                .Append(rule.Met switch { true => "good\">met", false => "bad\">met no more", _ => "\">not met so far" })
                .Append(rule.Against == 0 ? "" : $" (results against it in a row: {rule.Against})")
                .Append("</td></tr>");
        }
        html.Append("</tbody></table></div>");
    }

    private static void Troubles(StringBuilder html, IReadOnlyList<WatchRun> runs)
    {
        var said = new[]
        {
            (runs.Sum(r => r.Skipped), "left out, since the run before was still going"),
            (runs.Sum(r => r.Missed), "missed: the machine slept, its clock was set forward, or the watch was off"),
            (runs.Count(r => r.ClockBack is not null), "began after the clock had been set back"),
            (runs.Count(r => r.Outcome == RunOutcome.Lost), "lost: this machine could not measure, or not write the report"),
        };
        foreach (var (count, what) in said.Where(s => s.Item1 > 0))
            html.Append(CultureInfo.InvariantCulture, $"<p class=\"bad\">{count} {(count == 1 ? "run" : "runs")} {what}.</p>");
    }

    private static void Numbers(StringBuilder html, IReadOnlyList<WatchRun> runs)
    {
        html.Append("<div class=\"wide\"><table><thead><tr><th>Over these runs</th><th>p50</th><th>p95</th><th>n</th><th>last</th></tr>")
            .Append("</thead><tbody>");
        foreach (var metric in WatchMetric.All)
        {
            double[] values = [.. runs.Select(metric.Of).OfType<double>()];
            html.Append("<tr><td>").Append(metric.Words).Append("</td><td>").Append(OverRuns.Words(values, 0.5, metric.Unit))
                .Append("</td><td>").Append(OverRuns.Words(values, 0.95, metric.Unit))
                .Append(CultureInfo.InvariantCulture, $"</td><td>{values.Length}</td><td>")
                .Append(metric.Of(runs[^1]) is { } last ? $"{OverRuns.Number(last)} {metric.Unit}" : "not measured").Append("</td></tr>");
        }
        html.Append("</tbody></table></div>");
        if (runs.Count < OverRuns.FewestForP50)
            return;
        html.Append("<details open><summary>Over time</summary>").Append(CultureInfo.InvariantCulture,
            $"<p>Grey: each run. Blue: p50, orange: p95 of the last {Window} runs up to there; p50 takes {OverRuns.FewestForP50} runs, ")
            .Append(CultureInfo.InvariantCulture, $"p95 {OverRuns.FewestForP95}. Runs in a row depend on each other, so no interval is ")
            .Append("given.</p>");
        foreach (var metric in WatchMetric.All)
            Plot(html, metric, runs);
        html.Append("</details>");
    }

    private static void Plot(StringBuilder html, WatchMetric metric, IReadOnlyList<WatchRun> runs)
    {
        (double X, double Y)[] points = [.. runs.Where(r => metric.Of(r) is not null).Select(r => ((double)r.Number, metric.Of(r)!.Value))];
        if (points.Length < OverRuns.FewestForP50)
            return;
        var (low, high) = (Math.Min(0, points.Min(p => p.Y)), points.Max(p => p.Y));
        html.Append("<p><strong>").Append(metric.Words).Append("</strong></p>").Append(new SvgPlot(metric.Words, "run", metric.Unit,
                (points[0].X - 1, points[^1].X + 1), (low, high > low ? high * 1.05 : low + 1), height: 190)
            .Dots(points, SvgPlot.Grey, 2).Curve(OverRuns.Trail(points, 0.5, Window), SvgPlot.Blue)
            .Curve(OverRuns.Trail(points, 0.95, Window), SvgPlot.Orange).End());
    }

    private static void Verdicts(StringBuilder html, IReadOnlyList<WatchRun> runs)
    {
        html.Append("<p><strong>Verdicts:</strong> ").AppendJoin(", ", runs.GroupBy(Verdict).OrderByDescending(g => g.Count())
            .Select(g => string.Create(CultureInfo.InvariantCulture, $"{H(g.Key)} {g.Count()}"))).Append(".</p>");
    }

    private static void Alerts(StringBuilder html, IReadOnlyList<WatchAlert> alerts)
    {
        if (alerts.Count == 0)
            return;
        html.Append("<div class=\"wide\"><table><thead><tr><th>Message about run</th><th>Event</th><th>State</th><th>Failed tries</th>")
            .Append("<th>Why</th></tr></thead><tbody>");
        foreach (var alert in alerts)
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{alert.Number}</td><td>{H(alert.Event)}</td><td class=\"")
                .Append(alert.State == "delivered" ? "good" : "bad").Append("\">").Append(H(alert.State.Replace('_', ' ')))
                .Append(CultureInfo.InvariantCulture, $"</td><td>{alert.Tries}</td><td>{H(alert.Error ?? "")}</td></tr>");
        html.Append("</tbody></table></div>");
    }

    private static void Runs(StringBuilder html, IReadOnlyList<WatchRun> runs)
    {
        html.Append("<div class=\"wide\"><table><thead><tr><th>Run</th><th>UTC</th><th>Verdict</th><th>Delay</th><th>Rate</th>")
            .Append("<th>Frozen</th><th>Start-up</th><th>What there is to say</th></tr></thead><tbody>");
        foreach (var run in runs.TakeLast(Listed).Reverse())
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{run.Number}</td><td>{Utc(run)}</td><td>{H(Verdict(run))}</td>");
            foreach (var (value, unit) in new[] { (run.DelayD50, "ms"), (run.Generated, "Hz"), (run.Frozen, "%"), (run.StartUp, "s") })
                html.Append("<td>").Append(value is { } v ? $"{OverRuns.Number(v)} {unit}" : "").Append("</td>");
            html.Append("<td>").Append(H(run.Note ?? "")).Append("</td></tr>");
        }
        html.Append("</tbody></table></div>");
    }

    private static string Verdict(WatchRun run) => run.Outcome == RunOutcome.Measured ? run.Tier ?? "" : Words(run.Outcome);

    private static string Words(RunOutcome outcome) => outcome switch
    {
        RunOutcome.Failed => "could not be measured",
        RunOutcome.Invalid => "invalid run",
        RunOutcome.Stopped => "stopped",
        RunOutcome.Lost => "lost",
        _ => "measured",
    };

    private static string Utc(WatchRun run) => run.Utc.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static string H(string text) => SvgPlot.Html(text);
}
