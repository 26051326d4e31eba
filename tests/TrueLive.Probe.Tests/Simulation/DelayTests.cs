using TrueLive.Probe.Analysis;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Tests.Simulation;

public sealed class DelayTests
{
    [Theory]
    [InlineData(0.05, "relief")]
    [InlineData(0.123, "mosaic")]
    [InlineData(0.4, "wave")]
    [InlineData(1.7, "halftone")]
    [InlineData(7.3, "relief")]
    public void The_delay_of_a_stream_is_found_within_a_frame(double delay, string look)
    {
        var found = Measure(delay, look);
        var truth = delay + 0.004 * 0.67;
        Assert.InRange(found.D50.Value, truth - SelfTestSummary.Frame, truth + SelfTestSummary.Frame);
        Assert.InRange(truth, found.D50.Low, found.D50.High);
    }

    [Fact]
    public void Inserted_delay_is_found_within_ten_milliseconds()
    {
        var before = Measure(0.15, "relief").D50.Value;
        Assert.InRange(1000 * (Measure(0.35, "relief").D50.Value - before), 190, 210);
        Assert.InRange(1000 * (Measure(0.95, "relief").D50.Value - before), 790, 810);
    }

    private static ProbeFindings Measure(double delay, string look)
    {
        using var run = new SimulatedRun(SimulatedSystem.StreamOf(delay), look, ProbeSeed.From($"test delay {delay} {look}"));
        run.Plan.Append(PhaseKind.Warmup, 2);
        run.Plan.Append(PhaseKind.Fast, 30);
        run.Advance(TestContext.Current.CancellationToken);
        return ProbeAnalysis.Analyse(run.Plan, run.Seen, new AnalysisEffort(64, 1, true) { WithNature = false },
            TestContext.Current.CancellationToken);
    }
}
