using System.Text;

namespace TrueLive.Probe.Reports;

/// <summary>A requirement's rows as a table.</summary>
internal static class RequirementHtml
{
    public static void Append(StringBuilder html, RequirementSection requirement)
    {
        html.Append("<section><h2>Requirement: ").Append(SvgPlot.Html(requirement.Title)).Append("</h2><p class=\"")
            .Append(Mark(requirement.Result)).Append("\">")
            .Append(requirement.Result)
            .Append("</p><table><thead><tr><th>Rule</th><th>Level</th><th>Result</th><th>Why</th></tr></thead><tbody>");
        foreach (var row in requirement.Rows)
        {
            html.Append("<tr><td><code>").Append(SvgPlot.Html(row.Rule)).Append("</code></td><td>").Append(row.Level)
                .Append("</td><td class=\"").Append(Mark(row.Result))
                .Append("\">").Append(row.Result).Append("</td><td>").Append(SvgPlot.Html(row.Reason)).Append("</td></tr>");
        }
        html.Append("</tbody></table></section>");
    }

    private static string Mark(string result) => result switch { "PASS" => "good", "FAIL" => "bad", _ => "" };
}
