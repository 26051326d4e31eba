using TrueLive.Probe.Analysis;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Tests.Simulation;

/// <summary>
/// The probe against systems whose nature is known, each measured once with a look and a seed that nothing was tuned on. The full test (20
/// seeds x all systems x six looks) is <c>truelive probe selftest --full</c>.
/// </summary>
public abstract class SimulatorTests(SimulatorRuns runs)
{
    [Fact]
    public void The_verdict_on_nearly_every_system_is_right() =>
        Assert.True(runs.Rows.Count(r => r.Right) >= 0.9 * runs.Rows.Count, Misses(r => !r.Right));

    [Fact]
    public void No_fake_is_called_tier_3() => Assert.True(runs.Rows.All(r => !r.FalseProof), Misses(r => r.FalseProof));

    [Fact]
    public void No_honest_system_is_accused() => Assert.True(!runs.Rows.Any(SelfTestSummary.Accused), Misses(SelfTestSummary.Accused));

    [Fact]
    public void No_picture_is_said_to_be_made_from_the_input_that_is_not() =>
        Assert.True(!runs.Rows.Any(SelfTestSummary.NaturePromoted), Misses(SelfTestSummary.NaturePromoted));

    [Fact]
    public void The_median_delay_is_found_within_a_frame_and_its_interval_covers_the_truth()
    {
        var rows = SelfTestSummary.WithDelay(runs.Rows).ToArray();
        Assert.True(rows.Length >= 4, $"only {rows.Length} delays were measured");
        // With one seed each, one median with a wide interval may be off by a little more than a frame; the self-test measures the share.
        double[] errors = [.. rows.Select(r => Math.Abs(r.D50!.Value - r.TrueD50!.Value)).Order()];
        Assert.True(errors[^2] <= SelfTestSummary.Frame && errors[^1] <= 2 * SelfTestSummary.Frame,
            string.Join("\n", rows.Select(r => $"{r.System} {r.Look}: {r.D50} against {r.TrueD50}")));
        // Three of seven 95 % intervals miss with probability 0.004; the self-test measures the share.
        Assert.True(rows.Count(r => r.TrueD50 < r.D50Low || r.TrueD50 > r.D50High) <= 2,
            string.Join("\n", rows.Select(r => $"{r.System} {r.Look}: {r.TrueD50} in {r.D50Low} to {r.D50High}")));
    }

    private string Misses(Func<SelfTestRow, bool> which) =>
        string.Join("\n", runs.Rows.Where(which).Select(r => $"{r.System} {r.Look} {r.Seed}: {r.Verdict}: {string.Join(" | ", r.Gates)}"));
}

/// <summary>One of each kind; systems for glances and for runs without prompts have their own tests.</summary>
[Trait("Run", "long")]
public sealed class SomeSimulatorTests(SomeSimulatorRuns runs) : SimulatorTests(runs), IClassFixture<SomeSimulatorRuns>;

/// <summary>All of them.</summary>
[Trait("Run", "full")]
public sealed class EverySimulatorTests(EverySimulatorRuns runs) : SimulatorTests(runs), IClassFixture<EverySimulatorRuns>;

/// <summary>One run of each system, looks in turn.</summary>
public abstract class SimulatorRuns(Func<SimulatedSystem, bool> which)
{
    /// <summary>The runs.</summary>
    public IReadOnlyList<SelfTestRow> Rows { get; } = SelfTestSuite.Run(
        [.. SimulatedSystem.All.Select((s, k) => (System: s, Number: k)).Where(s => which(s.System))
            .Select(s => new SelfTestCase(s.System.Name, Look.HeldOut[s.Number % Look.HeldOut.Count], $"test {7100 + s.Number}"))],
        ProbeProfile.Selftest, new AnalysisEffort(999, 1, true), 2, null, TimeProvider.System, null, TestContext.Current.CancellationToken);
}

/// <summary>One of each kind.</summary>
public sealed class SomeSimulatorRuns()
    : SimulatorRuns(s => s.Name is "stream" or "stream+1.2s" or "chunk-burst" or "latest12" or "clips-3s" or "warp" or "canned"
    or "run-ahead");

/// <summary>All of them.</summary>
public sealed class EverySimulatorRuns() : SimulatorRuns(_ => true);
