using TrueLive.Probe.Analysis;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Tests.Simulation;

/// <summary>Tier and nature of systems that take no prompts, in runs of less than a minute.</summary>
public sealed class TierAndNatureTests
{
    private static readonly ProbeProfile Short = new()
    { Name = "short", Warmup = 9, Fast = 40, Slow = 0, Control = 0, Hold = 8, Blackout = 0 };

    [Theory]
    [InlineData(0.15, "edge", TierLabel.T3)]
    [InlineData(0.04, "relief", TierLabel.T3F)]
    [Trait("Run", "long")]
    public void A_live_system_without_prompts_is_tier_3_and_its_grain_is_bounded_by_its_delay(double delay, string look, TierLabel tier)
    {
        var run = Run(SimulatedSystem.StreamOf(delay) with { TakesPrompts = false }, look);
        Assert.True(run.Judged.Tier == tier, run.Judged.Sentence);
        Assert.InRange(run.Findings.Grain.Seconds, delay, 2 * (delay + 0.12));
        Assert.Contains("prompts were not tried", run.Judged.Flags);
        Assert.Contains("grain at most", run.Judged.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "long")]
    public void A_queue_that_grows_by_two_per_cent_is_told_without_prompts()
    {
        var run = Run(Named("queue-mute"), "relief");
        Assert.True(run.Judged.Tier == TierLabel.T3Unstable, run.Judged.Sentence);
        Assert.InRange(run.Findings.SlopeMsPerS.Value, 15, 25);
    }

    [Fact]
    [Trait("Run", "long")]
    public void Live_light_over_old_batches_is_a_hybrid_at_the_lag_of_the_batches() => IsHybrid("luma-batch-4s");

    [Theory]
    [InlineData("laid30-batch-4s")]
    [InlineData("laid50-batch-4s")]
    [InlineData("laid70-batch-4s")]
    [Trait("Run", "full")]
    public void Something_live_over_old_batches_is_a_hybrid_at_the_lag_of_the_batches(string system) => IsHybrid(system);

    [Theory]
    [InlineData("batch-1.6s-mute")]
    [InlineData("predicting-mute", Traits = ["Run", "full"])]
    [Trait("Run", "long")]
    public void Batches_beyond_the_limit_are_never_tier_3_by_their_delay(string system)
    {
        var run = Run(Named(system), "edge");
        Assert.False(run.FalseProof, run.Judged.Sentence);
        Assert.False(run.Findings.Grain.Seconds <= 1.5, $"bound {run.Findings.Grain}");
    }

    [Fact]
    [Trait("Run", "long")]
    public void Canned_pictures_under_live_edges_are_not_called_made_from_the_input()
    {
        var run = Run(Named("edges-canned"), "relief");
        Assert.True(run.Nature is null or Nature.CannotTell or Nature.FiltersStructure, run.Judged.Sentence);
    }

    private static void IsHybrid(string system)
    {
        var run = Run(Named(system), "relief");
        Assert.False(run.FalseProof, run.Judged.Sentence);
        Assert.True(run.Judged.Tier == TierLabel.Hybrid, run.Judged.Sentence);
    }

    private static SimulatedSystem Named(string name) => SimulatedSystem.Named(name);

    private static SelfTestRun Run(SimulatedSystem system, string look) =>
        SelfTest.Run(system, look, $"tier and nature {system.Name} {look}", Short, new AnalysisEffort(999, 2, true),
            cancel: TestContext.Current.CancellationToken);
}
