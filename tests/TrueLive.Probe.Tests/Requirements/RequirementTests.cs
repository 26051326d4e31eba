using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;

namespace TrueLive.Probe.Tests.Requirements;

public sealed class RequirementTests
{
    public static TheoryData<string> Presets => [.. RequirementPresets.Names];

    [Theory]
    [MemberData(nameof(Presets))]
    public void Every_preset_can_be_read(string name) => Assert.NotEmpty(RequirementYaml.Read(name, RequirementPresets.Yaml(name)!).Rules);

    [Fact]
    public void There_are_nine_presets() => Assert.Equal(9, RequirementPresets.Names.Count);

    [Theory]
    [InlineData("- {metric: delay.D59, op: \"<=\", value: 1}", 4, "metric", "delay.D95")]
    [InlineData("- {metric: delay.D95, op: \"<\", value: 1}", 4, "op", "<=, >=, abs<=, in")]
    [InlineData("- {metric: delay.D95, op: \"<=\", value: soon}", 4, "value", "must be a number")]
    [InlineData("- {metric: delay.D95, op: \"<=\", value: 1, unit: miles}", 4, "unit", "ms")]
    [InlineData("- {metric: delay.D95, op: \"<=\", value: 1, levl: must}", 4, "levl", "level")]
    [InlineData("- {metric: delay.D95, op: \"<=\", value: 1, level: shall}", 4, "level", "must, should")]
    [InlineData("- {metric: tier, op: in, value: [T4]}", 4, "value", "T3-F")]
    [InlineData("- {metric: tier, op: \"<=\", value: 3}", 4, "op", "a tier takes: in")]
    [InlineData("- just a text", 4, "rules", "mapping")]
    [InlineData("- {metric: delay.D95, op: [, value: 1}", 4, "(syntax)", "")]
    public void A_bad_rule_is_named_by_file_line_key_and_what_is_allowed(string rule, int line, string key, string allowed)
    {
        var error = Assert.Throws<RequirementException>(() =>
            RequirementYaml.Read("mine.yaml", $"schema: {RequirementYaml.Schema}\nid: x\nrules:\n  {rule}\n"));
        Assert.StartsWith($"mine.yaml:{line}: {key}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(allowed, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("schema: other/2\nid: x\nrules: [{metric: Q, op: \"<=\", value: 1}]")]
    [InlineData("schema: live-ai-video-requirement/1\nid: x\nrules: []")]
    [InlineData("schema: live-ai-video-requirement/1\nid: x\nevidence: E9\nrules: [{metric: Q, op: \"<=\", value: 1}]")]
    [InlineData("schema: live-ai-video-requirement/1\nid: &a [*a]\nrules: 1")]
    public void A_bad_file_is_refused(string text) => Assert.Throws<RequirementException>(() => RequirementYaml.Read("mine.yaml", text));

    [Theory]
    [InlineData(180, 190, CheckResult.Pass)]
    [InlineData(210, 230, CheckResult.Fail)]
    [InlineData(190, 210, CheckResult.Inconclusive)]
    public void A_rule_is_decided_by_the_interval_and_not_by_the_point(double low, double high, CheckResult expected) =>
        Assert.Equal(expected, Check(Report("T3-F", low, high)).Result);

    [Fact]
    public void A_metric_that_is_missing_an_invalid_run_and_weak_evidence_decide_nothing()
    {
        var good = Report("T3-F", 10, 20);
        Assert.Equal(CheckResult.Inconclusive, Check(good with { Metrics = new Dictionary<string, Metric>() }).Result);
        Assert.Equal(CheckResult.Inconclusive, Check(good with { Run = good.Run with { Validity = "INVALID" } }).Result);
        Assert.Equal(CheckResult.Inconclusive, Check(good with { Run = good.Run with { Evidence = "E2" } }).Result);
    }

    [Fact]
    public void A_session_that_was_not_watched_long_enough_is_open_and_one_that_broke_fails()
    {
        var requirement = RequirementYaml.Read("r.yaml",
            "schema: live-ai-video-requirement/1\nid: r\nrules:\n  - {metric: continuity.max_session, op: \">=\", value: 3600, unit: s}\n");
        var report = Report("T3-F", 10, 20) with
        {
            Metrics = new Dictionary<string, Metric>
            { ["continuity.max_session"] = new() { Value = 180, Unit = "s" } }
        };
        Assert.Equal(CheckResult.Inconclusive, RequirementCheck.Run(requirement, report).Result);
        Assert.Equal(CheckResult.Fail, RequirementCheck.Run(requirement,
            report with { Run = report.Run with { Incomplete = true } }).Result);
    }

    [Fact]
    public void A_wrong_tier_fails_and_an_unproven_one_is_open()
    {
        Assert.Equal(CheckResult.Fail, Check(Report("T2", 10, 20)).Result);
        Assert.Equal(CheckResult.Inconclusive, Check(Report("not proven", 10, 20)).Result);
    }

    [Theory]
    [InlineData("restyles or generates", CheckResult.Pass)]
    [InlineData("filters colours", CheckResult.Fail)]
    [InlineData("cannot be told", CheckResult.Inconclusive)]
    [InlineData(null, CheckResult.Inconclusive)]
    public void A_rule_on_the_nature_is_checked_apart_from_the_tier(string? nature, CheckResult result) =>
        Assert.Equal(result,
            RequirementCheck.Run(RequirementYaml.Read("r.yaml",
            "schema: live-ai-video-requirement/1\nid: r\nrules:\n  - {metric: nature, op: in, value: [restyles or generates]}\n"),
            Report("T3-F", 10, 20, nature)).Result);

    private static (CheckResult Result, RequirementSection Section) Check(ProbeReport report) =>
        RequirementCheck.Run(RequirementYaml.Read("r.yaml", """
        schema: live-ai-video-requirement/1
        id: r
        rules:
          - {metric: tier, op: in, value: [T3-F]}
          - {metric: delay.D95, op: "<=", value: 200, unit: ms}
        """), report);

    private static ProbeReport Report(string tier, double low, double high, string? nature = null) => new()
    {
        Run = new RunSection
        {
            Id = "r",
            Utc = default,
            Profile = "quick",
            Validity = "VALID",
            Evidence = "E4",
            Target = "t",
            Version = "0",
            Commitment = "c",
            Configuration = "c",
        },
        Verdict = new VerdictSection(tier, nature, "B", "good", [], "sentence", [], ["a longer run"]),
        Metrics = new Dictionary<string, Metric>
        {
            ["delay.D95"] = new()
            { Value = (low + high) / 2, Unit = "ms", Ci95 = [low, high], N = 100 }
        },
        Channels = [],
        Plan = [],
    };
}
