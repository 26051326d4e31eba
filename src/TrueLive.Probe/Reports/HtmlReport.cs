using System.Globalization;
using System.Text;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Reports;

/// <summary>One self-contained page: the verdict first, then delay over time, then the rest. No script, no request to anywhere.</summary>
internal static class HtmlReport
{
    private static readonly (string Metric, string Name)[] Headline =
    [
        ("delay.D50", "Median delay"), ("delay.D95", "Delay, 95 %"), ("fps.generated", "Generated frames"), ("lock", "Follows the input"),
        ("Q", "Control quantum"),
        ("freeze.ratio", "Frozen"), ("delay.slope", "Delay growth"), ("dep.p", "Chance alone"), ("clip.turnaround.p50", "Median wait"),
        ("clip.turnaround.p90", "Wait, 90 %"),
        ("clip.len", "Clip length"), ("clip.RTF", "Made per second"),
    ];

    public static string Page(ProbeReport report, StimulusPlan plan, Observation seen, ProbeFindings found)
    {
        var html = new StringBuilder(HtmlStyle.Head("TrueLive probe: " + report.Run.Target));
        html.Append("<header><p class=\"kicker\">Live AI video, measured from outside</p><span class=\"badge ")
            .Append(Mood(report.Verdict.Tier)).Append("\">")
            .Append(H(report.Verdict.Tier)).Append("</span>")
            .Append(report.Verdict.Nature is { } nature ? $" <span class=\"badge open\">{H(nature)}</span>" : "").Append("<h1>")
            .Append(H(report.Verdict.Sentence)).Append("</h1><p class=\"meta\">")
            .Append(H(report.Run.Target)).Append(" &middot; ")
            .Append(report.Run.Utc.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture))
            .Append(" &middot; profile ").Append(H(report.Run.Profile)).Append(" &middot; evidence ").Append(report.Run.Evidence)
            .Append(" &middot; <strong>").Append(report.Run.Validity).Append(report.Run.Incomplete ? ", INCOMPLETE" : "")
            .Append("</strong> &middot; ").Append(H(Echo(report))).Append("</p>");
        foreach (var reason in report.Run.InvalidReasons)
            html.Append("<p class=\"bad\">").Append(H(reason)).Append("</p>");
        foreach (var flag in report.Verdict.Flags)
            html.Append("<span class=\"flag\">").Append(H(flag)).Append("</span> ");
        foreach (var settle in report.Verdict.WhatWouldSettleIt)
            html.Append("<p><strong>What would settle it:</strong> ").Append(H(settle)).Append("</p>");
        html.Append("</header>");
        if (found.Fast.Path.Length > 0)
            Figure(html, "Delay over time", DelayText(found), ReportPlots.Delay(found));
        Cards(html, report);
        Gates(html, report);
        Claims(html, report);
        TrialHtml.Append(html, report);
        foreach (var requirement in report.Requirements)
            RequirementHtml.Append(html, requirement);
        if (found.Map is not null)
            Figure(html, "Which input each output frame shows",
                "A diagonal is a stream, a staircase shows held stills, a jump back is a loop or reset.",
                ReportPlots.ContentMap(found, seen));
        if (found.Fast.Heat.Length > 0)
            Figure(html, "Joint score by time and lag", "One bright line is a live system; a cloud is not.", ReportPlots.Heat(found));
        if (found.Fast.Redraws.Length > 0)
            Figure(html, "The statistic against its own null",
                "Bars: the same statistic for codes that were never sent. Line: the code that was sent.", ReportPlots.Null(found));
        Channels(html, report);
        if (found.Control is { Events.Length: > 0 })
            Figure(html, "Answers to prompts",
                "Each dot is one prompt: delay of the change in the output. An even spread up to Q means that prompts wait for the next " +
                "chunk or clip.", ReportPlots.Prompts(found.Control));
        if (found.Boundary.Signal.Length > 0)
            Figure(html, "Change under still input", "Evenly spaced peaks are the system's own boundaries: clips.",
                ReportPlots.Hold(found.Boundary));
        if (found.Cadence.Gaps.Length > 0)
            Figure(html, "Gaps between output frames", "Fast phase.", ReportPlots.Gaps(found.Cadence));
        Pairs(html, plan, seen, found);
        html.Append("<section><h2>All numbers</h2><div class=\"wide\">");
        MetricTable(html, report.Metrics.Where(m => !report.Trials.Any(t => m.Key.StartsWith(t.Trial + ".", StringComparison.Ordinal))));
        html.Append("</div></section>");
        Method(html, report);
        return html.Append("</main></body></html>").ToString();
    }

    public static string Value(Metric m) =>
        m.Value is not { } v
        ? "not measured"
        : v.ToString(Math.Abs(v) >= 100 ? "0" : Math.Abs(v) >= 10 ? "0.#" : "0.####", CultureInfo.InvariantCulture)
        + (m.Unit == "1" ? "" : " " + m.Unit);

    public static string Interval(Metric m) =>
        m.Ci95 is { Length: 2 } ci ? string.Create(CultureInfo.InvariantCulture, $"{Short(ci[0])} to {Short(ci[1])}")
        : m.K is { } k ? string.Create(CultureInfo.InvariantCulture, $"exact, K = {k}, z = {m.Z:0.0}") : "";

    private static string Short(double v) =>
        v.ToString(Math.Abs(v) >= 100 ? "0" : Math.Abs(v) >= 10 ? "0.#" : "0.###", CultureInfo.InvariantCulture);

    private static string Mood(string tier) => tier switch
    {
        "T3-F" or "T3-C" or "T3-S" or "T3" => "yes",
        "T2" or "T1" or "hybrid" or "T3-unstable" or "T3-prompt" or "prompt-only" or "partial-luma" or "partial-motion" => "mid",
        "not live" or "replay" => "no",
        _ => "open",
    };

    private static string Echo(ProbeReport report) => report.Run.EchoD50Ms is { } echo
        ? string.Create(CultureInfo.InvariantCulture, $"the instrument's own delay {echo:0} ms (95 %: {report.Run.EchoD95Ms:0} ms)")
        : "the instrument's own delay was not measured in this run";

    private static void Cards(StringBuilder html, ProbeReport report)
    {
        html.Append("<div class=\"cards\">");
        foreach (var (metric, name) in Headline)
        {
            if (!report.Metrics.TryGetValue(metric, out var m))
                continue;
            var interval = Interval(m) is { Length: > 0 } text ? (m.Ci95 is null ? text : "95 %: " + text) : m.Value is null
                ? m.Method ?? ""
                : "no interval";
            html.Append("<div class=\"card\"><span class=\"name\">").Append(H(name)).Append("</span><b>")
                .Append(H(m.Value is null ? "\u2014" : Value(m))).Append("</b><span>")
                .Append(H(interval)).Append(m.N is { } n ? string.Create(CultureInfo.InvariantCulture, $", n = {n}") : "")
                .Append("</span></div>");
        }
        html.Append("</div>");
    }

    private static string H(string text) => SvgPlot.Html(text);

    private static string DelayText(ProbeFindings found) => found.DelayMethod switch
    {
        "frame" => "One dot per output frame: time of presentation minus time of sending of the input frame that it shows. A flat line " +
            "is a stream, a sawtooth is chunks, a ramp is a growing queue.",
        "window" => "Too few channels decode frame by frame, so each mark is one window of the code search. Orange: locked; grey: not " +
            "distinguishable from chance.",
        _ =>
            "The output does not follow the input: best lag of each window, without a lock. A cloud is what an unrelated video looks like.",
    };

    private static void Figure(StringBuilder html, string title, string text, string svg) =>
        html.Append("<section class=\"figure\"><h2>").Append(H(title)).Append("</h2><p>").Append(H(text)).Append("</p>").Append(svg)
            .Append("</section>");

    public static void MetricTable(StringBuilder html, IEnumerable<KeyValuePair<string, Metric>> metrics)
    {
        html.Append("<table><thead><tr><th>Metric</th><th>Value</th><th>95 % interval</th><th>n</th><th>Method</th></tr></thead><tbody>");
        foreach (var (name, m) in metrics)
        {
            html.Append("<tr><td><code>").Append(H(name)).Append("</code></td><td>").Append(H(Value(m))).Append("</td><td>")
                .Append(H(Interval(m)))
                .Append("</td><td>").Append(m.N?.ToString(CultureInfo.InvariantCulture) ?? "").Append("</td><td>").Append(H(m.Method ?? ""))
                .Append("</td></tr>");
        }
        html.Append("</tbody></table>");
    }

    private static void Gates(StringBuilder html, ProbeReport report)
    {
        html.Append("<section><h2>Gates</h2><table><thead><tr><th>Gate</th><th>Question</th><th>Result</th><th>Evidence</th></tr></thead><tbody>");
        foreach (var gate in report.Verdict.Gates)
        {
            var (mark, text) = gate.Passed switch { true => ("good", "pass"), false => ("bad", "fail"), _ => ("", "open") };
            html.Append("<tr><td>").Append(H(gate.Id)).Append("</td><td>").Append(H(gate.Title)).Append("</td><td class=\"").Append(mark)
                .Append("\">").Append(text)
                .Append("</td><td>").Append(H(gate.Evidence)).Append("</td></tr>");
        }
        html.Append("</tbody></table></section>");
    }

    private static void Claims(StringBuilder html, ProbeReport report)
    {
        if (report.Claims.Count == 0)
            return;
        html.Append("<section><h2>What the vendor " +
            "says</h2><table><thead><tr><th>Quantity</th><th>Claimed</th><th>Measured</th><th>Source</th></tr></thead><tbody>");
        foreach (var claim in report.Claims)
        {
            html.Append("<tr><td><code>").Append(H(claim.Metric)).Append("</code></td><td>").Append(H(claim.Claimed)).Append("</td><td>")
                .Append(claim.Measured is { } v ? H(v.ToString("0.###", CultureInfo.InvariantCulture) + " " + claim.Unit) : "not measured")
                .Append("</td><td>").Append(H(claim.Source ?? "")).Append("</td></tr>");
        }
        html.Append("</tbody></table></section>");
    }

    private static void Channels(StringBuilder html, ProbeReport report)
    {
        if (report.Channels.Count == 0)
            return;
        html.Append("<section><h2>Codes one by " +
            "one</h2><table><thead><tr><th>Channel</th><th>Family</th><th>p</th><th>z</th><th>Delay</th><th>Decoder " +
            "r</th></tr></thead><tbody>");
        foreach (var c in report.Channels)
        {
            html.Append("<tr><td>").Append(H(c.Channel)).Append("</td><td>").Append(H(c.Family))
                .Append(CultureInfo.InvariantCulture, $"</td><td>{c.P:0.####}</td><td>{c.Z:0.0}</td><td>")
                .Append(c.DelayMs is { } d ? d.ToString("0", CultureInfo.InvariantCulture) + " ms" : "unanswered").Append("</td><td>")
                .Append(c.DecodeR?.ToString("0.00", CultureInfo.InvariantCulture) ?? "").Append("</td></tr>");
        }
        html.Append("</tbody></table></section>");
    }

    private static void Pairs(StringBuilder html, StimulusPlan plan, Observation seen, ProbeFindings found)
    {
        if (seen.Pictures.Count == 0)
            return;
        var renderer = new StimulusRenderer(plan.Seed, Picture.AnalysisWidth, Picture.AnalysisHeight, plan.Amplitude);
        var picture = Picture.ForAnalysis();
        var aligned = found.Map is { } map
            ? seen.Pictures.Where(s => s.Frame >= map.FirstOutput && s.Frame < map.FirstOutput + map.Input.Count).ToArray()
            : [.. seen.Pictures];
        var chosen = aligned.Where((_, k) => k % Math.Max(1, aligned.Length / 6) == 0).Take(6);
        html.Append("<section><h2>").Append(found.Map is null ? "Output at a few instants" : "Input and the output that shows it")
            .Append("</h2><div class=\"pairs\">");
        foreach (var (frame, planes) in chosen)
        {
            html.Append("<figure>");
            if (found.Map is { } m)
            {
                var j = m.Input[frame - m.FirstOutput];
                renderer.Draw(plan.Frames[j], j, picture);
                html.Append("<img alt=\"input\" src=\"")
                    .Append(Png.DataUriOfPlanes(Observation.Bytes(picture), Picture.AnalysisWidth, Picture.AnalysisHeight)).Append("\">");
            }
            html.Append("<img alt=\"output\" src=\"").Append(Png.DataUriOfPlanes(planes, Picture.AnalysisWidth, Picture.AnalysisHeight))
                .Append("\"><figcaption>")
                .Append(CultureInfo.InvariantCulture, $"{seen.Times[frame]:0.0} s").Append("</figcaption></figure>");
        }
        html.Append("</div></section>");
    }

    private static void Method(StringBuilder html, ProbeReport report)
    {
        html.Append("<section class=\"method\"><h2>How this was measured</h2><p>The probe drew secret random codes into the video that " +
            "it sent and asked whether, when and how finely the output answers. ")
            .Append("The p-values come from re-drawing the codes with the same law, which needs no model of the video. Times come from " +
                "one monotonic clock in the probe. Any response of the system's memory counts as delay.</p><p>Commitment, published " +
                "before the run: <code>")
            .Append(H(report.Run.Commitment)).Append("</code>. Configuration: <code>").Append(H(report.Run.Configuration))
            .Append("</code>. ");
        if (report.Run.Seed is { } seed)
            html.Append("Seed: <code>").Append(H(seed)).Append("</code>. ");
        html.Append("Check with <code>truelive probe verify report.json</code>.</p><p>Probe ").Append(H(report.Run.Version))
            .Append(report.Run.TimerP99Ms is { } timer
                ? string.Create(CultureInfo.InvariantCulture, $"; its timer was off by {timer:0.0} ms (p99)")
                : "")
            .Append(string.Create(CultureInfo.InvariantCulture,
                $"; {100 * report.Run.SendDrops:0.00} % of frames could not be sent in time"))
            .Append("; ").Append(H(Echo(report)))
            .Append(".</p></section>");
    }
}
