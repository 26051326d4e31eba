using System.Text;

namespace TrueLive.Probe.Reports;

/// <summary>The trials of a report, each with its numbers and what a reader must know.</summary>
internal static class TrialHtml
{
    public static void Append(StringBuilder html, ProbeReport report)
    {
        if (report.Trials.Count == 0)
            return;
        html.Append("<section><h2>Tried after the run</h2><p>Each in sessions of its own.</p>");
        foreach (var trial in report.Trials)
        {
            html.Append("<h3>").Append(SvgPlot.Html(trial.Trial)).Append(": ").Append(SvgPlot.Html(trial.Result)).Append("</h3><p>")
                .Append(SvgPlot.Html(trial.Sentence)).Append("</p>");
            foreach (var note in trial.Notes)
                html.Append("<p class=\"meta\">").Append(SvgPlot.Html(note)).Append("</p>");
            var own = report.Metrics.Where(m => m.Key.StartsWith(trial.Trial + ".", StringComparison.Ordinal)).ToArray();
            if (own.Length == 0)
                continue;
            html.Append("<div class=\"wide\">");
            HtmlReport.MetricTable(html, own);
            html.Append("</div>");
        }
        html.Append("</section>");
    }
}
