using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Trials;

namespace TrueLive.Probe.Tests.Trials;

/// <summary>Bad lines and other rates, in virtual time.</summary>
public sealed class StressTests
{
    private readonly VirtualClock _clock = new();

    [Fact]
    [Trait("Run", "full")]
    public async Task A_stream_follows_again_as_soon_as_the_uplink_is_back()
    {
        var (outcome, section) = await RunAsync(new VirtualServer("stream", _clock));
        Assert.Equal("measured", section.Result);
        Assert.Equal((0, 5), (outcome.Metrics["stress.cut.unrecovered"].Value, outcome.Metrics["stress.cut.unrecovered"].N));
        Assert.InRange(outcome.Metrics["stress.cut.recovery"].Value!.Value, 0, 1);
        // The last picture is shown again and again meanwhile, so no new one came for about three seconds.
        Assert.InRange(outcome.Metrics["stress.cut.frozen"].Value!.Value, 2.8, 4);
        Assert.InRange(outcome.Metrics["stress.calm.frozen"].Value!.Value, 0, 1);
        Assert.InRange(outcome.Metrics["stress.rate60.frozen"].Value!.Value, 0, 1);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_system_that_shows_old_pictures_after_a_cut_is_late_by_as_much()
    {
        var (outcome, _) = await RunAsync(new VirtualServer("late-after-cut", _clock));
        Assert.InRange(outcome.Metrics["stress.cut.recovery"].Value!.Value, 3.5, 5.5);
        Assert.Equal(CheckResult.Fail, Check(outcome, "stress.cut.recovery", 3, "s"));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_system_that_shows_something_of_its_own_after_a_cut_has_not_recovered()
    {
        var (outcome, section) = await RunAsync(new VirtualServer("dead-after-cut", _clock));
        Assert.Equal(5, outcome.Metrics["stress.cut.unrecovered"].Value);
        Assert.Null(outcome.Metrics["stress.cut.recovery"].Value);
        Assert.Contains("did not recover", section.Sentence, StringComparison.Ordinal);
        Assert.Equal(CheckResult.Fail, Check(outcome, "stress.cut.unrecovered", 0, "1"));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_server_that_ends_the_session_in_a_cut_has_not_recovered_from_it()
    {
        // 20 s of calm, 15 s each with both losses and in good order, and the first cut with 11 s after it.
        const int SecondCut = (20 + 3 * 15 + 14) * CodeLaw.Rate;
        var (outcome, section) = await RunAsync(new VirtualServer("stream", _clock)
        {
            Rates = [30],
            Ends = (line, sent) => line.UplinkCut && sent >= SecondCut,
        });
        Assert.Equal("in part", section.Result);
        Assert.Equal((1, 2), (outcome.Metrics["stress.cut.unrecovered"].Value, outcome.Metrics["stress.cut.unrecovered"].N));
        Assert.Null(outcome.Metrics["stress.cut.recovery"].Value);
        Assert.Equal(CheckResult.Fail, Check(outcome, "stress.cut.unrecovered", 0, "1"));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Cuts_that_the_user_stopped_are_no_proof_of_recovery()
    {
        using var stop = new CancellationTokenSource();
        const int SecondCut = (20 + 3 * 15 + 14) * CodeLaw.Rate;
        var (outcome, section) = await RunAsync(new VirtualServer("stream", _clock)
        {
            Rates = [30],
            Sent = sent =>
            {
                if (sent == SecondCut)
                    stop.Cancel();
            },
        }, stop.Token);
        Assert.Equal("in part", section.Result);
        Assert.Equal(CheckResult.Inconclusive, Check(outcome, "stress.cut.unrecovered", 0, "1"));
        Assert.Contains("1 of 5 cuts", outcome.Metrics["stress.cut.unrecovered"].Method, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_system_that_stands_still_at_fifteen_pictures_a_second_is_frozen_there_and_nowhere_else()
    {
        var (outcome, _) = await RunAsync(new VirtualServer("thirsty", _clock));
        Assert.InRange(outcome.Metrics["stress.rate15.frozen"].Value!.Value, 35, 65);
        Assert.InRange(outcome.Metrics["stress.calm.frozen"].Value!.Value, 0, 1);
        Assert.Equal(CheckResult.Fail, Check(outcome, "stress.rate15.frozen", 5, "%"));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task What_a_kind_of_target_cannot_do_is_told_and_never_passed()
    {
        var (outcome, section) = await RunAsync(new VirtualServer("stream", _clock) { CanImpair = false, Rates = [15, 30] });
        Assert.Equal("measured", section.Result);
        Assert.NotNull(outcome.Metrics["stress.rate15.frozen"].Value);
        Assert.All(new[] { "rate60.frozen", "loss2.frozen", "loss5.frozen", "cut.recovery", "cut.unrecovered" }, name =>
        {
            Assert.Null(outcome.Metrics["stress." + name].Value);
            Assert.Contains("not possible", outcome.Metrics["stress." + name].Method, StringComparison.Ordinal);
            Assert.Equal(CheckResult.Inconclusive, Check(outcome, "stress." + name, 100, outcome.Metrics["stress." + name].Unit));
        });
    }

    private async Task<(TrialOutcome, TrialSection)> RunAsync(VirtualServer server, CancellationToken? stop = null) =>
        await new StressTrial(new TrialOptions { Kinds = [], Open = server.Open }, new TrialSetting(ProbeSeed.From("stress"),
            new StimulusFormat(160, 90), 1, "", 1, _clock, null, stop ?? TestContext.Current.CancellationToken)).RunAsync();

    private static CheckResult Check(TrialOutcome outcome, string metric, double most, string unit) =>
        TrialReports.Check(outcome, new RequirementRule(metric, "<=", most, [], true, unit, null));
}
