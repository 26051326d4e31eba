using System.Globalization;
using TrueLive.Probe.Reports;

namespace TrueLive.Probe.Requirements;

/// <summary>The three outcomes of a check; the number is the exit code.</summary>
public enum CheckResult
{
    /// <summary>The interval satisfies the rule.</summary>
    Pass = 0,

    /// <summary>The interval violates the rule.</summary>
    Fail = 1,

    /// <summary>The interval straddles the limit, the metric is missing, or the evidence is too low.</summary>
    Inconclusive = 2,
}

/// <summary>Checks a report against a requirement.</summary>
public static class RequirementCheck
{
    /// <summary>
    /// FAIL if any must fails, else INCONCLUSIVE if any must is open, else PASS. "Should" rules are listed but never decide.
    /// </summary>
    public static (CheckResult Result, RequirementSection Section) Run(Requirement requirement, ProbeReport report)
    {
        var rows = requirement.Rules.Select(rule => (rule, Outcome: Check(rule, requirement, report))).ToArray();
        var musts = rows.Where(r => r.rule.Must).Select(r => r.Outcome.Result).ToArray();
        var overall = musts.Contains(CheckResult.Fail) ? CheckResult.Fail : musts.Contains(CheckResult.Inconclusive)
            ? CheckResult.Inconclusive
            : CheckResult.Pass;
        return (overall, new RequirementSection(requirement.Id, requirement.Title, Text(overall),
            [.. rows.Select(r => new RequirementRow(r.rule.Metric, r.rule.Text, r.rule.Must ? "must" : "should", Text(r.Outcome.Result),
                r.Outcome.Reason))]));
    }

    /// <summary>The outcome as printed.</summary>
    public static string Text(CheckResult result) =>
        result switch { CheckResult.Pass => "PASS", CheckResult.Fail => "FAIL", _ => "INCONCLUSIVE" };

    // A long session after the run may have been watched for longer than the run itself.
    private static string Longer(string metric, ProbeReport report) => metric == "continuity.max_session"
        && report.Metrics.GetValueOrDefault("soak.session")?.Value > report.Metrics.GetValueOrDefault(metric)?.Value
            ? "soak.session"
            : metric;

    private static (CheckResult Result, string Reason) Check(RequirementRule rule, Requirement requirement, ProbeReport report)
    {
        if (string.CompareOrdinal(report.Run.Evidence, requirement.Evidence) < 0)
            return (CheckResult.Inconclusive, $"evidence {report.Run.Evidence} is below {requirement.Evidence}");
        if (report.Run.Validity != "VALID")
            return (CheckResult.Inconclusive, "the run is invalid");
        if (rule.Op == "in")
        {
            var said = rule.Metric == "tier" ? report.Verdict.Tier : report.Verdict.Nature ?? "cannot be told";
            return rule.Among.Contains(said) ? (CheckResult.Pass, $"verdict {said}")
                : said is "not proven" or "invalid" or "cannot be told"
                    ? (CheckResult.Inconclusive, $"verdict {said}: {string.Join(" ", report.Verdict.WhatWouldSettleIt)}")
                : (CheckResult.Fail, $"verdict {said}");
        }
        var watched = Longer(rule.Metric, report);
        if (!report.Metrics.TryGetValue(watched, out var metric) || metric.Value is not { } value)
            return (CheckResult.Inconclusive, metric?.Method ?? "not in the report");
        // The time watched is only a lower bound on the session, unless the target itself ended it.
        var ended = watched == "soak.session" ? report.Metrics.GetValueOrDefault("soak.ended")?.Value > 0 : report.Run.Incomplete;
        if (rule is { Metric: "continuity.max_session" or "soak.session", Op: ">=" } && value < rule.Value && !ended)
            return (CheckResult.Inconclusive, string.Create(CultureInfo.InvariantCulture,
                $"watched for {value:0} s only, without a break; run longer"));
        if (rule.Unit is { } unit && unit != metric.Unit)
            return (CheckResult.Inconclusive, $"the rule is in {unit}, the report in {metric.Unit}");
        var (low, high) = metric.Ci95 is { Length: 2 } ci ? (ci[0], ci[1]) : (value, value);
        if (rule.Op == "abs<=")
            (low, high) = (low <= 0 && high >= 0 ? 0 : Math.Min(Math.Abs(low), Math.Abs(high)), Math.Max(Math.Abs(low), Math.Abs(high)));
        var reason = string.Create(CultureInfo.InvariantCulture,
            $"{value:0.####} {(metric.Unit == "1" ? "" : metric.Unit + " ")}({(metric.Ci95 is null ? "no interval" : $"95 %: {metric.Ci95[0]:0.####} to {metric.Ci95[1]:0.####}")}{(metric.N is { } n ? $", n = {n}" : "")})");
        var (satisfied, violated) = rule.Op == ">=" ? (low >= rule.Value, high < rule.Value) : (high <= rule.Value, low > rule.Value);
        return (satisfied ? CheckResult.Pass : violated ? CheckResult.Fail : CheckResult.Inconclusive, reason);
    }
}
