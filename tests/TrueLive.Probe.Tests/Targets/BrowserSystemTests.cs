using TrueLive.Probe.Analysis;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>Glances at the programs of samples/probe/systems in a real Chromium.</summary>
[Trait("Run", "full")]
public sealed class BrowserSystemTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "systems");

    public static TheoryData<string> Systems =>
        [.. Directory.GetFiles(Folder, "*-*.js").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Systems))]
    public async Task What_lives_is_called_tier_3_and_what_pretends_never_is(string program)
    {
        await using var target = new PageTarget(Path.Combine(Folder, program),
            new BrowserOptions { Patience = TimeSpan.FromMinutes(5), WithoutSandbox = Environment.UserName == "root" },
            new Dictionary<string, string>(), TimeProvider.System);
        var options = new ProbeRunOptions { Width = 320, Height = 180, Effort = new AnalysisEffort(Threads: 2) };
        var result = await new ProbeRun(target, ProbeProfile.Glance, ProbeSeed.From($"systems {program}"), TimeProvider.System, options)
            .RunAsync(null, TestContext.Current.CancellationToken);
        var tier = TierVerdict.Text(result.Verdict.Tier);
        TestContext.Current.TestOutputHelper?.WriteLine($"{program}: {result.Verdict.Sentence}");
        Assert.True(result.Quality.EndedBecause is null, result.Quality.EndedBecause);
        if (program.EndsWith("-fake.js", StringComparison.Ordinal))
            Assert.False(SelfTest.Tier3.Contains(tier), result.Verdict.Sentence);
        Assert.SkipWhen(tier == "invalid", $"A machine that is busy with other work makes no valid run: {result.Verdict.Sentence}");
        if (program.EndsWith("-live.js", StringComparison.Ordinal))
            Assert.False(SelfTestSummary.Accusations.Contains(tier), result.Verdict.Sentence);
        // Line drawings hide the balance of light that a glance requires, so the pencil may need a longer run.
        if (program is "painter-live.js" or "codec-live.js" or "chunks-live.js")
            Assert.True(SelfTest.Tier3.Contains(tier), result.Verdict.Sentence);
    }
}
