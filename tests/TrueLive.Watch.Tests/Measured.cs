using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;

namespace TrueLive.Watch.Tests;

/// <summary>Runs and reports as a probe would make them.</summary>
internal static class Measured
{
    public static readonly WatchSeries Series = new("whip https://host.test/whip", "cellar");

    public static readonly Requirement Fast = new("fast", "Fast", "E1",
        [new RequirementRule("delay.D50", "<=", 200, [], true, "ms", null), new RequirementRule("Q", "<=", 1, [], true, "s", null)]);

    public static ProbeReport Report(double delay = 100, string sentence = "TIER 3.", string validity = "VALID", bool incomplete = false) =>
        new()
        {
            Run = new RunSection
            {
                Id = "1",
                Utc = DateTimeOffset.UnixEpoch,
                Profile = "glance",
                Validity = validity,
                Evidence = "E4",
                Target = Series.Target,
                Version = "0",
                Commitment = "",
                Configuration = "",
                Incomplete = incomplete,
                EndedBecause = incomplete ? "the target ended the session" : null,
            },
            Verdict = new VerdictSection("T3", null, null, null, [], sentence, [], []),
            Metrics = new Dictionary<string, Metric> { ["delay.D50"] = new() { Value = delay, Unit = "ms", N = 20 } },
            Channels = [],
            Plan = [],
        };

    public static WatchRun Run(int k, double? delay = 100, params IReadOnlyList<RuleResult> rules) => new()
    {
        Series = Series,
        Utc = DateTimeOffset.UnixEpoch.AddMinutes(10 * k),
        Profile = "glance",
        DelayD50 = delay,
        Tier = "T3",
        Rules = rules,
    };

    public static RuleResult Passed(string rule = "delay") => new(rule, "PASS", "80 ms");

    public static RuleResult Failed(string rule = "delay") => new(rule, "FAIL", "900 ms");
}
