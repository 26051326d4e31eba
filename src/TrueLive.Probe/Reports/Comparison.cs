using System.Globalization;
using System.Text;

namespace TrueLive.Probe.Reports;

/// <summary>Several runs on one page with confidence whiskers; a ranking only where the runs are comparable.</summary>
public sealed class Comparison
{
    private static readonly string[] Compared = ["delay.D50", "delay.D95", "Q", "fps.generated", "freeze.ratio", "prompt.t50.D50"];

    // Only where some run has them: trials are asked for.
    private static readonly string[] Tried =
    [
        "start.cold.first", "start.warm.first", "start.warm.live", "pair.leak", "pair.delay.D50", "stress.rate60.frozen",
        "stress.loss2.frozen", "stress.loss5.frozen", "stress.cut.recovery", "soak.colour.slope", "soak.delay.slope",
    ];

    private Comparison(IReadOnlyList<(string Name, ProbeReport Report)> runs, IReadOnlyList<string> obstacles) =>
        (Runs, Obstacles) = (runs, obstacles);

    /// <summary>The runs by name.</summary>
    public IReadOnlyList<(string Name, ProbeReport Report)> Runs { get; }

    /// <summary>Why the runs cannot be ranked; empty when they can.</summary>
    public IReadOnlyList<string> Obstacles { get; }

    /// <summary>Prepares a comparison.</summary>
    public static Comparison Of(IReadOnlyList<(string Name, ProbeReport Report)> runs)
    {
        var obstacles = new List<string>();
        foreach (var (name, report) in runs)
        {
            if (report.Run.Validity != "VALID")
                obstacles.Add($"{name} is an invalid run.");
            if (report.Run.Incomplete)
                obstacles.Add($"{name} is incomplete.");
        }
        Differ("profile", r => r.Run.Profile);
        Differ("evidence grade", r => r.Run.Evidence);
        Differ("size of the picture", r => r.Run.Size ?? "an unknown size");
        Differ("method", r => r.Run.Configuration.Split(' ')[0]);
        Differ("program's version", r => r.Run.Version.Split('+')[0]);
        Differ("number of re-draws", r => r.Run.Redraws.ToString(CultureInfo.InvariantCulture));
        Differ("strength of the codes", r => r.Run.Amplitude.ToString(CultureInfo.InvariantCulture));
        return new Comparison(runs, obstacles);

        void Differ(string what, Func<ProbeReport, string> value)
        {
            var values = runs.GroupBy(r => value(r.Report), r => r.Name).ToArray();
            if (values.Length > 1)
                obstacles.Add($"The {what} differs: {string.Join("; ", values.Select(v => $"{v.Key} ({string.Join(", ", v)})"))}.");
        }
    }

    /// <summary>The page.</summary>
    public string Page()
    {
        var html = new StringBuilder(HtmlStyle.Head("TrueLive probe: comparison")).Append("<h1>")
            .Append(Obstacles.Count == 0 ? "Comparison of " + Runs.Count + " runs" : "These runs cannot be ranked").Append("</h1>");
        foreach (var obstacle in Obstacles)
            html.Append("<p class=\"bad\">").Append(SvgPlot.Html(obstacle)).Append("</p>");
        html.Append("<section><div class=\"wide\"><table><thead><tr><th>Run</th><th>When it answers</th><th>What it makes</th>")
            .Append("<th>Verdict</th><th>Measured</th></tr></thead><tbody>");
        // By name, not by merit, when the runs are not comparable.
        var order = Obstacles.Count == 0
            ? Runs.OrderBy(r => r.Report.Metrics.GetValueOrDefault("delay.D50")?.Value ?? double.MaxValue).ToArray()
            : [.. Runs.OrderBy(r => r.Name, StringComparer.Ordinal)];
        foreach (var (name, report) in order)
            Row(html, name, report.Verdict.Tier, report.Verdict.Nature ?? "not judged", report.Verdict.Sentence,
                report.Run.Utc.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture));
        html.Append("</tbody></table></div></section>");
        Claims(html, order);
        foreach (var metric in Compared.Concat(Tried.Where(t => order.Any(r => r.Report.Metrics.ContainsKey(t)))))
            Whiskers(html, metric, order);
        return html.Append("</main></body></html>").ToString();
    }

    private static void Claims(StringBuilder html, (string Name, ProbeReport Report)[] runs)
    {
        if (runs.All(r => r.Report.Claims.Count == 0))
            return;
        html.Append("<section><h2>What is claimed, beside what was measured</h2><div class=\"wide\"><table><thead><tr><th>Run</th>")
            .Append("<th>Metric</th><th>Claimed</th><th>Source</th><th>Measured</th><th>95 % interval</th><th>n</th></tr></thead><tbody>");
        foreach (var (name, report) in runs)
        {
            foreach (var claim in report.Claims)
            {
                var metric = report.Metrics.GetValueOrDefault(claim.Metric);
                Row(html, name, claim.Metric, claim.Claimed, claim.Source ?? "", metric is null ? "not measured" : HtmlReport.Value(metric),
                    metric?.Ci95 is null ? "none" : HtmlReport.Interval(metric),
                    metric?.N?.ToString(CultureInfo.InvariantCulture) ?? "");
            }
        }
        html.Append("</tbody></table></div></section>");
    }

    private static void Row(StringBuilder html, params ReadOnlySpan<string> cells)
    {
        html.Append("<tr>");
        foreach (var cell in cells)
            html.Append("<td>").Append(SvgPlot.Html(cell)).Append("</td>");
        html.Append("</tr>");
    }

    private static void Whiskers(StringBuilder html, string metric, (string Name, ProbeReport Report)[] runs)
    {
        var rows = runs.Select(r => (r.Name, Metric: r.Report.Metrics.GetValueOrDefault(metric))).ToArray();
        var measured = rows.Where(r => r.Metric?.Value is not null).ToArray();
        html.Append("<section><h2>").Append(SvgPlot.Html(metric)).Append("</h2>");
        if (measured.Length == 0)
        {
            html.Append("<p>Not measured in any run.</p></section>");
            return;
        }
        var high = measured.Max(r => Math.Max(r.Metric!.Value!.Value, r.Metric.Ci95?[1] ?? 0)) * 1.1;
        var low = Math.Min(0, measured.Min(r => Math.Min(r.Metric!.Value!.Value, r.Metric.Ci95?[0] ?? 0)));
        var plot = new SvgPlot(metric, measured[0].Metric!.Unit, "run", (low, Math.Max(high, low + 1e-6)), (0, rows.Length + 1),
            height: 90 + 34 * rows.Length);
        for (var k = 0; k < rows.Length; k++)
        {
            if (rows[k].Metric?.Value is { } value)
                plot.Whisker(k + 1, rows[k].Metric!.Ci95?[0] ?? value, value, rows[k].Metric!.Ci95?[1] ?? value, SvgPlot.Blue);
        }
        html.Append(plot.End()).Append("<ol>");
        foreach (var (name, m) in rows)
            html.Append("<li>").Append(SvgPlot.Html(name)).Append(": ")
                .Append(m is null
                ? "not measured"
                : SvgPlot.Html(HtmlReport.Value(m) + (m.Ci95 is null ? "" : " (" + HtmlReport.Interval(m) + ")"))).Append("</li>");
        html.Append("</ol></section>");
    }
}
