using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Trials;

namespace TrueLive.Probe.Tests.Trials;

/// <summary>What is tried after a run, in virtual time: a slow machine only takes longer.</summary>
[Trait("Run", "long")]
public sealed class TrialTests
{
    private readonly VirtualClock _clock = new();

    [Fact]
    public async Task Starts_are_timed_one_after_the_other_and_each_session_is_closed_before_the_next()
    {
        var server = new VirtualServer("stream", _clock) { Opening = number => number + 1 };
        var (outcome, section) = await new StartTrial(Options(server) with { Starts = 5 }, Setting("start"), coded: 1).RunAsync();
        Assert.Equal("measured", section.Result);
        var first = outcome.Metrics["start.warm.first"];
        Assert.Equal(5, first.N);
        // Opening takes 1 to 5 s and the answer at most three ticks more.
        Assert.InRange(first.Value!.Value, 3, 3.1);
        Assert.InRange(first.Ci95![0], 1, 1.1);
        Assert.InRange(first.Ci95[1], 5, 5.1);
        Assert.Equal(3, outcome.Metrics["start.warm.connect"].Value);
        Assert.Equal(0, outcome.Metrics["start.failed"].Value);
        Assert.Contains("not tested", outcome.Metrics["start.cold.first"].Method, StringComparison.Ordinal);
        Assert.Equal((1, 0), (server.MostAtOnce, server.OpenNow));
    }

    [Fact]
    public async Task Cold_starts_come_after_their_pause_and_are_told_apart_from_warm_ones()
    {
        // Sessions that begin five minutes after the last one load the model for eight seconds.
        var last = double.NegativeInfinity;
        VirtualServer? server = null;
        server = new VirtualServer("stream", _clock)
        {
            Opening = _ => _clock.GetTimestamp() / 1e7 - last >= 300 ? 8 : 0.5,
            Sent = _ => last = _clock.GetTimestamp() / 1e7,
        };
        var (outcome, section) = await new StartTrial(
            Options(server) with { Starts = 5, ColdAfter = TimeSpan.FromMinutes(5) }, Setting("cold"), coded: 1).RunAsync();
        Assert.Equal("measured", section.Result);
        Assert.InRange(outcome.Metrics["start.cold.first"].Value!.Value, 8, 8.1);
        Assert.InRange(outcome.Metrics["start.warm.first"].Value!.Value, 0.5, 0.6);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_placeholder_counts_as_first_picture_and_not_as_live()
    {
        var (outcome, _) = await new StartTrial(
            Options(new VirtualServer("placeholder", _clock)) with { Starts = 5 }, Setting("placeholder")).RunAsync();
        Assert.InRange(outcome.Metrics["start.warm.first"].Value!.Value, 0.5, 0.6);
        var live = outcome.Metrics["start.warm.live"];
        Assert.Equal(5, live.N);
        Assert.InRange(live.Value!.Value, 5.5, 7.5);
    }

    [Fact]
    public async Task Sessions_that_are_refused_or_show_nothing_are_counted()
    {
        var refusing = new VirtualServer(LiveBehaviour.All[0] with { Places = 0 }, _clock);
        var (outcome, section) = await new StartTrial(Options(refusing) with { Starts = 5 }, Setting("refused"), coded: 1).RunAsync();
        Assert.Equal("not measured", section.Result);
        Assert.Equal((5, 5), (outcome.Metrics["start.failed"].Value, outcome.Metrics["start.failed"].N));
        Assert.Null(outcome.Metrics["start.warm.first"].Value);
        Assert.Contains("503", section.Notes[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_that_failed_is_not_left_out_of_a_median()
    {
        var asked = 0;
        var server = new VirtualServer("stream", _clock) { Opening = _ => ++asked == 3 ? throw new TargetException("No place.") : 0.5 };
        var (outcome, _) = await new StartTrial(Options(server), Setting("one of six"), coded: 1).RunAsync();
        Assert.Equal((1, 6), (outcome.Metrics["start.failed"].Value, outcome.Metrics["start.failed"].N));
        Assert.Null(outcome.Metrics["start.warm.first"].Value);
        Assert.Contains("missing in 1 of 6 sessions; the median of the others is 0.5", outcome.Metrics["start.warm.first"].Method,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Starts_that_the_user_stopped_are_no_proof_that_none_fails()
    {
        using var stop = new CancellationTokenSource();
        var server = new VirtualServer("stream", _clock) { Sent = _ => stop.Cancel() };
        var (outcome, section) = await new StartTrial(
            Options(server), Setting("stopped") with { Stop = stop.Token }, coded: 1).RunAsync();
        Assert.Equal(("in part", 1, 0), (section.Result, server.Opened, server.OpenNow));
        Assert.Equal(CheckResult.Inconclusive,
            TrialReports.Check(outcome, new RequirementRule("start.failed", "<=", 0, [], true, "1", null)));
    }

    [Fact]
    public async Task A_session_that_cannot_be_read_is_closed_all_the_same()
    {
        var server = new VirtualServer("stream", _clock) { Broken = new IOException("No picture can be read.") };
        await Assert.ThrowsAsync<IOException>(new StartTrial(Options(server), Setting("broken"), coded: 1).RunAsync);
        await Assert.ThrowsAsync<IOException>(new PairTrial(Options(server), Setting("broken")).RunAsync);
        Assert.Equal((3, 0), (server.Opened, server.OpenNow));
    }

    [Fact]
    public async Task What_the_run_showed_is_written_before_its_trials()
    {
        var folder = Directory.CreateTempSubdirectory("probe-trials-").FullName;
        try
        {
            await Assert.ThrowsAsync<IOException>(() => MeasureAsync(folder, new VirtualServer("stream", _clock), new TrialOptions
            {
                Kinds = [TrialKind.Soak],
                Open = () => throw new IOException("The probe fails in its trials."),
            }));
            var report = ProbeReport.Read(await File.ReadAllBytesAsync(Path.Combine(folder, "report.json"),
                TestContext.Current.CancellationToken));
            Assert.Equal("not tested", Assert.Single(report.Trials).Result);
            Assert.Equal("INCONCLUSIVE", report.Requirements[0].Result);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    [Theory]
    [InlineData("stream", 0)]
    [InlineData("leak", 2)]
    public async Task The_codes_of_one_session_in_the_output_of_the_other_are_a_leak(string behaviour, int leaks)
    {
        var server = new VirtualServer(behaviour, _clock);
        var (outcome, section) = await new PairTrial(Options(server), Setting("pair")).RunAsync();
        Assert.Equal("measured", section.Result);
        var p = outcome.Metrics["pair.leak_p"];
        Assert.True(leaks == outcome.Metrics["pair.leak"].Value, $"p {p.Value}, z {p.Z}, K {p.K}");
        Assert.Equal(leaks > 0, section.Sentence.Contains("A leak", StringComparison.Ordinal));
        Assert.NotNull(outcome.Metrics["pair.delay.D50"].Value);
        Assert.Equal((2, 0), (server.MostAtOnce, server.OpenNow));
    }

    [Fact]
    public async Task A_target_without_a_second_place_is_told_as_such_and_not_failed_for_it()
    {
        var server = new VirtualServer("one-place", _clock);
        var (outcome, section) = await new PairTrial(Options(server), Setting("one")).RunAsync();
        Assert.Equal("not tested", section.Result);
        Assert.Contains("no second place", section.Sentence, StringComparison.Ordinal);
        Assert.Null(outcome.Metrics["pair.leak"].Value);
        Assert.Equal(0, server.OpenNow);
    }

    [Fact]
    public async Task Never_more_sessions_are_open_than_are_allowed()
    {
        var server = new VirtualServer("stream", _clock);
        var (_, section) = await new PairTrial(Options(server) with { MostSessions = 1 }, Setting("allowed")).RunAsync();
        Assert.Equal(("not tested", 0), (section.Result, server.Opened));
    }

    [Fact]
    public async Task Outputs_that_answer_nothing_cannot_be_cleared_of_a_leak()
    {
        var (outcome, _) = await new PairTrial(Options(new VirtualServer("canned", _clock)), Setting("canned")).RunAsync();
        Assert.Null(outcome.Metrics["pair.leak"].Value);
        Assert.Contains("cannot be told", outcome.Metrics["pair.leak"].Method, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_report_of_a_run_has_its_trials_on_the_page_and_in_the_file_and_rules_use_their_numbers()
    {
        var folder = Directory.CreateTempSubdirectory("probe-trials-").FullName;
        try
        {
            var server = new VirtualServer("one-place", _clock);
            var report = await MeasureAsync(folder, server,
                new TrialOptions { Kinds = [TrialKind.Pair, TrialKind.Start], Open = server.Open, Starts = 5 });
            // The only place is that of the run, so starts show that its session was closed before them.
            Assert.Equal([("start", "measured"), ("pair", "not tested")], report.Trials.Select(t => (t.Trial, t.Result)));
            Assert.Equal(1, server.MostAtOnce);
            Assert.Equal("FAIL", report.Requirements[0].Result);
            var again = ProbeReport.Read(await File.ReadAllBytesAsync(Path.Combine(folder, "report.json"),
                TestContext.Current.CancellationToken));
            Assert.Equal(report.Trials.Select(t => t.Sentence), again.Trials.Select(t => t.Sentence));
            var page = await File.ReadAllTextAsync(Path.Combine(folder, "report.html"), TestContext.Current.CancellationToken);
            Assert.Contains("pair: not tested", page, StringComparison.Ordinal);
            Assert.Single(System.Text.RegularExpressions.Regex.Matches(page, "<code>start.warm.first</code></td><td>"));
            Assert.Contains("<h2>start.warm.first</h2>", Comparison.Of([("a", report), ("b", report)]).Page(), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    [Fact]
    public void A_requirement_limits_the_sessions_that_are_open_at_once()
    {
        var requirement = RequirementPresets.Yaml(RequirementPresets.Names[0])!;
        Assert.Null(RequirementYaml.Read("preset", requirement).Sessions);
        var limited = RequirementYaml.Read("limited", requirement + "\nsessions: 1\n");
        Assert.Equal(1, limited.Sessions);
        Assert.Equal(1, RequirementYaml.Read("again", RequirementYaml.Write(limited)).Sessions);
        Assert.Throws<RequirementException>(() => RequirementYaml.Read("none", requirement + "\nsessions: 0\n"));
    }

    private Task<ProbeReport> MeasureAsync(string folder, VirtualServer server, TrialOptions trials) =>
        ProbeSession.RunAsync(server.Open(), new ProbeSessionOptions
        {
            Profile = new() { Name = "test", Warmup = 1, Fast = 14, Slow = 0, Control = 0, Hold = 0, Blackout = 0, Redraws = 19 },
            Seed = ProbeSeed.From("whole"),
            Folder = folder,
            Run = new ProbeRunOptions { Width = 160, Height = 90, Effort = new(19, 1) },
            Trials = trials,
            Requirements = [new Requirement("quick", "Starts at once", "E4",
                [new RequirementRule("start.warm.first", "<=", 0.1, [], true, "s", null)])],
        }, _clock, null, null, TestContext.Current.CancellationToken);

    private static TrialOptions Options(VirtualServer server) =>
        new() { Kinds = [], Open = server.Open };

    private TrialSetting Setting(string seed) => new(ProbeSeed.From(seed), new StimulusFormat(160, 90), 1, "", 1, _clock, null,
        TestContext.Current.CancellationToken);
}
