using TrueLive.Probe.Analysis;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Tests.Targets;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Tests.Verdicts;

/// <summary>A glance states what is clear within half a minute, and never claims too much.</summary>
public sealed class GlanceTests : IDisposable
{
    private static readonly AnalysisEffort Effort = new(999, 1, true);
    private readonly string _folder = Directory.CreateTempSubdirectory("probe-glance-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    public static TheoryData<string> Fakes => [.. SimulatedSystem.All.Where(s => s.Fake).Select(s => s.Name)];

    [Theory]
    [InlineData("filter", "filters colours", Traits = ["Run", "full"])]
    [InlineData("echo", "passes through")]
    [Trait("Run", "long")]
    public void A_plain_system_is_called_live_long_before_the_half_minute(string system, string nature)
    {
        var row = Glance(system, "relief", 0);
        Assert.StartsWith("TIER 3", row.Sentence, StringComparison.Ordinal);
        Assert.Equal(nature, row.Nature);
        Assert.True(row.Seconds <= 17, row.Sentence);
        Assert.Contains("not tested: prompts, clip boundaries under still input, loops longer than", row.Sentence,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("laid50-batch-4s", "hybrid", Traits = ["Run", "full"])]
    [InlineData("canned-x-luma", "partial-luma or not proven")]
    [InlineData("loop", "replay")]
    [InlineData("clips-1s", "not proven")]
    [Trait("Run", "long")]
    public void What_only_seems_live_waits_for_the_last_look(string system, string tier)
    {
        var row = Glance(system, "relief", 1);
        Assert.True(tier.Split(" or ").Contains(row.Tier), row.Sentence);
        Assert.Equal(30, row.Seconds);
        Assert.True(row.Tier != "not proven" || row.Sentence.Contains("176 more seconds", StringComparison.Ordinal), row.Sentence);
    }

    [Theory]
    [MemberData(nameof(Fakes))]
    [Trait("Run", "full")]
    public void No_fake_is_called_tier_3(string system)
    {
        for (var k = 0; k < 12; k++)
        {
            var row = Glance(system, Look.HeldOut[k % 6], k);
            Assert.False(row.FalseProof, row.Sentence);
        }
    }

    [Fact]
    public void The_looks_together_spend_no_more_than_was_set_aside()
    {
        var (looks, limits) = (ProbeProfile.Glance.Looks, Thresholds.Glance);
        Assert.Equal(5, looks.Count);
        Assert.True(limits.DependenceP * looks.Count <= 0.0005 && limits.PictureP <= limits.DependenceP);
        Assert.True(1.0 / (GlanceRules.Redraws + 1) <= limits.DependenceP, "the re-draws cannot reach the level");
    }

    [Fact]
    public void A_look_that_does_not_decide_says_what_is_open_and_how_many_seconds_it_takes()
    {
        using var run = new SimulatedRun(SimulatedSystem.Named("echo"), "relief", ProbeSeed.From("growing"));
        run.Plan.Append(PhaseKind.Warmup, ProbeProfile.Glance.Warmup);
        run.Plan.Append(PhaseKind.Fast, ProbeProfile.Glance.Fast);
        run.Seen.KeepPictures(ProbeProfile.Glance.Warmup, ProbeProfile.Glance.Seconds);
        run.Advance((int)(ProbeProfile.Glance.Looks[0] * CodeLaw.Rate), TestContext.Current.CancellationToken);
        var (found, verdict) = GlanceRules.Take(run.Plan, run.Seen, new RunQuality { TakesPrompts = false, Look = 1 }, Effort,
            TestContext.Current.CancellationToken);
        var growing = GlanceRules.Growing(found, verdict, 1);
        Assert.Equal(TierLabel.NotProven, verdict.Tier);
        Assert.Contains($"After {ProbeProfile.Glance.Looks[0]:0} s this is open: ", growing, StringComparison.Ordinal);
        Assert.EndsWith($"Needs {ProbeProfile.Glance.Looks[1] - ProbeProfile.Glance.Looks[0]:0} more seconds.", growing,
            StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_real_run_ends_with_its_verdict_and_verifies()
    {
        var clock = new FastClock(2);
        await using var echo = new NullTarget(clock, TimeSpan.FromMilliseconds(200));
        var progress = new Heard();
        var report = await ProbeSession.RunAsync(echo, new ProbeSessionOptions
        {
            Profile = ProbeProfile.Glance,
            Seed = ProbeSeed.From("glance"),
            Folder = _folder,
            Run = new ProbeRunOptions { Width = 160, Height = 90, Effort = new AnalysisEffort(Threads: 2) },
        }, clock, null, progress, TestContext.Current.CancellationToken);
        Assert.False(report.Run.Incomplete);
        Assert.All(progress.All, p => Assert.StartsWith("data:image/png;base64,", p.Picture, StringComparison.Ordinal));
        Assert.All(progress.All, p => Assert.True(p.Picture!.Length < 3000, $"{p.Picture.Length}"));
        // On a machine that is busy with other tests, the run may be invalid; then it must say so.
        if (report.Run.Validity == "VALID")
        {
            Assert.StartsWith("TIER 3", report.Verdict.Sentence, StringComparison.Ordinal);
            Assert.Equal("passes through", report.Verdict.Nature);
            // Looks are four seconds apart and more; the picture that came last before one may be late.
            Assert.Equal(ProbeProfile.Glance.Looks[report.Run.Look!.Value - 1], report.Metrics["continuity.max_session"].Value!.Value, 1.5);
        }
        else
        {
            Assert.Equal("invalid", report.Verdict.Tier);
        }
        var lines = Verification.Run(Path.Combine(_folder, "report.json"), new AnalysisEffort(Threads: 2),
            TestContext.Current.CancellationToken);
        Assert.All(lines, l => Assert.True(l.Matches, $"{l.What}: {l.Detail}"));
    }

    private static GlanceRow Glance(string system, string look, int number) =>
        GlanceSelfTest.Run(system, look, "test glance", number, Effort, TestContext.Current.CancellationToken);

    private sealed class Heard : IProgress<ProbeProgress>
    {
        public List<ProbeProgress> All { get; } = [];

        public void Report(ProbeProgress value) => All.Add(value);
    }
}
