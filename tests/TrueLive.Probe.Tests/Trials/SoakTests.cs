using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Trials;

namespace TrueLive.Probe.Tests.Trials;

/// <summary>Long sessions in virtual time, with cycles of 20 s.</summary>
public sealed class SoakTests
{
    private const double Tick = 1.0 / CodeLaw.Rate;
    private const double Cycle = 20;
    private readonly VirtualClock _clock = new();

    [Fact]
    [Trait("Run", "full")]
    public async Task A_steady_stream_drifts_in_nothing_and_forgets_old_scenes()
    {
        var (outcome, section) = await RunAsync((v, n) => new(v.At(n * Tick), 0), cycles: 10);
        Assert.Equal("measured", section.Result);
        Assert.Equal(10, outcome.Metrics["soak.session"].N);
        Assert.InRange(outcome.Metrics["soak.return"].Value!.Value, 0, 2);
        var colour = outcome.Metrics["soak.colour.slope"];
        Assert.InRange(colour.Ci95![0], -60, 60);
        Assert.True(outcome.Metrics["soak.scene_p"].Value > 0.01, $"p {outcome.Metrics["soak.scene_p"].Value}");
        // Within half a frame over the three minutes.
        Assert.InRange(outcome.Metrics["soak.delay.slope"].Value!.Value, -300, 300);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Colours_that_fade_are_found_with_their_rate()
    {
        var (outcome, _) = await RunAsync((v, n) => new(v.At(n * Tick), 0) { Fade = (float)(0.1 * (n * Tick - v.Began)) }, cycles: 8);
        var colour = outcome.Metrics["soak.colour.slope"];
        // A tenth of a level a second is 360 an hour.
        Assert.InRange(colour.Value!.Value, 250, 450);
        Assert.Equal(CheckResult.Fail,
            TrialReports.Check(outcome, new RequirementRule("soak.colour.slope", "abs<=", 20, [], true, "levels/h", null)));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Old_scenes_that_stay_visible_are_found()
    {
        var (outcome, section) = await RunAsync((v, n) => new(v.At(n * Tick), 0) { Under = v.At(n * Tick - 8), UnderShare = 0.25f },
            cycles: 12);
        Assert.True(outcome.Metrics["soak.scene_p"].Value <= 0.01, $"p {outcome.Metrics["soak.scene_p"].Value}");
        Assert.Contains("Old scenes stay visible", section.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_session_that_is_stopped_gives_what_was_measured_so_far()
    {
        using var stop = new CancellationTokenSource();
        var (outcome, section) = await RunAsync((v, n) => new(v.At(n * Tick), 0), cycles: 100, stop.Token, frame =>
        {
            if (frame == 3.5 * Cycle * CodeLaw.Rate)
                stop.Cancel();
        });
        Assert.Equal("in part", section.Result);
        Assert.Equal(3, outcome.Metrics["soak.session"].N);
        Assert.Equal(70, outcome.Metrics["soak.session"].Value!.Value, 0.5);
        Assert.Contains("stopped by the user", section.Notes[0], StringComparison.Ordinal);
        Assert.Contains("not tested", outcome.Metrics["soak.scene_p"].Method, StringComparison.Ordinal);
    }

    private async Task<(TrialOutcome, TrialSection)> RunAsync(
        Func<ReceivedVideo, int, LiveShown?> shows, int cycles, CancellationToken? stop = null, Action<int>? sent = null)
    {
        var server = new VirtualServer(new LiveBehaviour("test", [], shows), _clock) { Sent = sent };
        return await new SoakTrial(
            new TrialOptions { Kinds = [], Open = server.Open, SoakFor = TimeSpan.FromSeconds(Cycle * cycles - 1) },
            new TrialSetting(ProbeSeed.From("soak"), new StimulusFormat(160, 90), 1, "", 1, _clock, null,
                stop ?? TestContext.Current.CancellationToken), Cycle).RunAsync();
    }
}
