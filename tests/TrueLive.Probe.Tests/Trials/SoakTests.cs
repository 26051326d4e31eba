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
        Assert.InRange(outcome.Metrics["soak.frozen"].Value!.Value, 0, 2);
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
        // Whoever stops a session has not shown that it could not have been longer.
        Assert.Equal(CheckResult.Inconclusive, Lasts(outcome, "soak.session"));
        Assert.Contains("not tested", outcome.Metrics["soak.scene_p"].Method, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_picture_that_stands_still_and_is_sent_again_and_again_is_frozen()
    {
        Picture? last = null;
        var (outcome, section) = await RunAsync(
            (v, n) => new(n * Tick - v.Began < Cycle ? last = v.At(n * Tick) : last, 0), cycles: 4);
        // All but the first of four cycles.
        Assert.InRange(outcome.Metrics["soak.frozen"].Value!.Value, 74, 76);
        Assert.Contains(section.Notes, note => note.StartsWith("In 3 of 4 cycles", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_target_that_ends_a_long_session_fails_rules_on_its_length()
    {
        var (outcome, section) = await RunAsync((v, n) => new(v.At(n * Tick), 0), cycles: 100,
            ends: (_, sent) => sent >= 1.5 * Cycle * CodeLaw.Rate);
        Assert.Equal("in part", section.Result);
        Assert.Equal(1, outcome.Metrics["soak.ended"].Value);
        outcome.Metrics["continuity.max_session"] = new Metric { Value = 10, Unit = "s", Method = "the run before" };
        Assert.Equal((CheckResult.Fail, CheckResult.Fail), (Lasts(outcome, "soak.session"), Lasts(outcome, "continuity.max_session")));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Too_few_references_after_one_of_the_scenes_prove_nothing()
    {
        // Eight of ten after one scene leave 45 permutations, of which none reaches p 0.01.
        var seed = Enumerable.Range(0, 1000).Select(k => $"soak {k}").First(text =>
        {
            var scenes = Setting(text, default).SeedOf("soak scenes").Stream("scenes");
            return Enumerable.Range(0, 10).Count(_ => scenes.NextBit()) is 2 or 8;
        });
        var (outcome, section) = await RunAsync((v, n) => new(v.At(n * Tick), 0) { Under = v.At(n * Tick - 8), UnderShare = 0.25f },
            cycles: 10, seed: seed);
        Assert.Contains("not tested", outcome.Metrics["soak.scene_p"].Method, StringComparison.Ordinal);
        Assert.Contains("was not tested", section.Sentence, StringComparison.Ordinal);
    }

    private static CheckResult Lasts(TrialOutcome outcome, string metric) =>
        TrialReports.Check(outcome, new RequirementRule(metric, ">=", 1800, [], true, "s", null));

    private async Task<(TrialOutcome, TrialSection)> RunAsync(
        Func<ReceivedVideo, int, LiveShown?> shows, int cycles, CancellationToken? stop = null, Action<int>? sent = null,
        Func<LineState, int, bool>? ends = null, string seed = "soak")
    {
        var server = new VirtualServer(new LiveBehaviour("test", [], shows), _clock) { Sent = sent, Ends = ends ?? ((_, _) => false) };
        return await new SoakTrial(
            new TrialOptions { Kinds = [], Open = server.Open, SoakFor = TimeSpan.FromSeconds(Cycle * cycles - 1) },
            Setting(seed, stop ?? TestContext.Current.CancellationToken), Cycle).RunAsync();
    }

    private TrialSetting Setting(string seed, CancellationToken stop) =>
        new(ProbeSeed.From(seed), new StimulusFormat(160, 90), 1, "", 1, _clock, null, stop);
}
