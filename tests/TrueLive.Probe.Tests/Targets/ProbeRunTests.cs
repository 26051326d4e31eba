using TrueLive.Probe.Analysis;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Tests.Targets;

[Trait("Run", "long")]
public sealed class ProbeRunTests : IDisposable
{
    private static readonly ProbeProfile Short = new()
    { Name = "test", Warmup = 1, Fast = 14, Slow = 0, Control = 0, Hold = 5, Blackout = 0, Redraws = 39 };
    private static readonly ProbeRunOptions Small = new() { Width = 160, Height = 90, Effort = new AnalysisEffort(39, 1) };
    private readonly string _folder = Directory.CreateTempSubdirectory("probe-run-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public async Task The_echo_is_found_dependent_on_its_input_at_its_own_delay()
    {
        var clock = new FastClock(2);
        await using var echo = new NullTarget(clock, TimeSpan.FromMilliseconds(300));
        var result = await new ProbeRun(echo, Short, ProbeSeed.From("echo"), clock, Small)
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.False(result.Quality.Incomplete);
        if (result.Quality.InvalidReasons().Count > 0)
        {
            // On a machine that is busy with other tests, the run may be invalid; then it must say so.
            Assert.Equal(TierLabel.Invalid, result.Verdict.Tier);
            return;
        }
        Assert.True(result.Findings.Fast.Joint.Z > 12, $"z {result.Findings.Fast.Joint.Z}");
        Assert.InRange(result.Findings.D50.Value, 0.28, 0.45);
        Assert.Equal(Nature.PassesThrough, result.Verdict.Nature?.Nature);
    }

    [Fact]
    public async Task A_session_begins_with_the_first_prompt_before_its_first_picture()
    {
        var clock = new FastClock(4);
        await using var target = new ScriptedTarget(clock, (_, frame, pool) => ScriptedTarget.Copy(frame, pool)) { TakesPrompts = true };
        await new ProbeRun(target, Short with { Fast = 2, Hold = 0 }, ProbeSeed.From("prompt"), clock, Small with { PromptA = "lines" })
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.Equal((0, "lines"), Assert.Single(target.Prompts));
    }

    [Fact]
    public async Task A_target_that_hangs_up_leaves_an_incomplete_report_that_says_why()
    {
        ScriptedTarget? target = null;
        var clock = new FastClock(4);
        await using var _ = target = new ScriptedTarget(clock, (n, frame, pool) =>
        {
            if (n == 200)
                target!.Close("the far side hung up");
            return ScriptedTarget.Copy(frame, pool);
        });
        var result = await new ProbeRun(target, Short, ProbeSeed.From("hang up"), clock, Small)
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.True(result.Quality.Incomplete);
        Assert.Equal("the far side hung up", result.Quality.EndedBecause);
        Assert.Contains(result.Verdict.Flags, f => f.Contains("the far side hung up", StringComparison.Ordinal));
        Assert.DoesNotContain(result.Verdict.Tier, new[] { TierLabel.T3F, TierLabel.T3C });
    }

    [Fact]
    public async Task A_target_that_stalls_garbles_and_changes_size_is_never_called_live()
    {
        var random = new Random(3);
        var clock = new FastClock(4);
        await using var target = new ScriptedTarget(clock, (n, frame, pool) =>
        {
            if (n % 300 > 200)
                return null;
            var (w, h) = ((n / 60) % 3) switch { 0 => (160, 90), 1 => (320, 240), _ => (2, 2) };
            var noise = pool.Rent(w, h);
            random.NextBytes(noise.Y);
            noise.U.Fill(128);
            noise.V.Fill(128);
            return noise;
        });
        var result = await new ProbeRun(target, Short, ProbeSeed.From("garbage"), clock, Small)
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.True(result.Findings.Fast.Joint.P > 0.01);
        Assert.DoesNotContain(result.Verdict.Tier, new[] { TierLabel.T3F, TierLabel.T3C, TierLabel.T3S, TierLabel.T2 });
    }

    [Fact]
    public async Task A_target_that_gives_nothing_back_is_not_proven_and_not_an_error()
    {
        var clock = new FastClock(4);
        await using var target = new ScriptedTarget(clock, (_, _, _) => null);
        var result = await new ProbeRun(target, Short, ProbeSeed.From("silence"), clock, Small)
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.True(result.Verdict.Tier is TierLabel.NotProven or TierLabel.Invalid);
        Assert.NotEmpty(result.Verdict.Sentence);
    }

    [Fact]
    public async Task A_target_that_takes_a_minute_of_video_and_sends_nothing_ends_the_run_in_words()
    {
        var clock = new FastClock(30);
        await using var target = new ScriptedTarget(clock, (_, _, _) => null);
        var result = await new ProbeRun(target, Short with { Fast = 120 }, ProbeSeed.From("minute"), clock, Small)
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.True(result.Quality.Incomplete);
        Assert.Contains("no picture came back in the first 60 s", result.Quality.EndedBecause, StringComparison.Ordinal);
        Assert.True(result.Seen.Sent.Count < 61 * 30, $"{result.Seen.Sent.Count}");
    }

    [Fact]
    public async Task A_probe_whose_processor_is_stolen_calls_its_own_run_invalid()
    {
        var clock = new StolenClock();
        await using var echo = new NullTarget(clock);
        var result = await new ProbeRun(echo, Short with { Fast = 6, Hold = 0 }, ProbeSeed.From("stolen"), clock, Small)
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.Equal(TierLabel.Invalid, result.Verdict.Tier);
        Assert.Contains("timer", result.Verdict.Sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(20, null, "failed to send")]
    [InlineData(0, "let go because this machine was too busy", "this machine was too busy")]
    public async Task What_shows_late_not_to_have_gone_or_come_in_time_makes_the_run_invalid(int unsent, string? fault, string words)
    {
        var clock = new FastClock(4);
        await using var target = new ScriptedTarget(clock, (_, frame, pool) => ScriptedTarget.Copy(frame, pool))
        { Unsent = unsent, Faults = fault is null ? [] : [fault] };
        var kept = 0;
        var result = await new ProbeRun(target, Short with { Fast = 2, Hold = 0 }, ProbeSeed.From("late"), clock,
            Small with { Keep = _ => kept++ }).RunAsync(null, TestContext.Current.CancellationToken);
        Assert.Equal(0, kept);
        Assert.Equal(TierLabel.Invalid, result.Verdict.Tier);
        Assert.Contains(words, result.Verdict.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_was_stopped_goes_on_where_it_was_and_its_report_verifies()
    {
        var clock = new FastClock(3);
        var options = new ProbeSessionOptions
        {
            Profile = Short with { Hold = 6 },
            Seed = ProbeSeed.From("resume"),
            Folder = _folder,
            Run = Small,
        };
        using var stop = new CancellationTokenSource();
        ProbeReport first;
        await using (var echo = new NullTarget(clock))
        {
            first = await ProbeSession.RunAsync(echo, options, clock, null, new StopAt(17.5, stop), stop.Token);
        }
        Assert.True(first.Run.Incomplete);
        Assert.Equal("stopped by the user", first.Run.EndedBecause);
        Assert.True(File.Exists(Path.Combine(_folder, "unfinished.json")));
        await using (var again = new NullTarget(clock))
        {
            var second = await ProbeSession.RunAsync(again, options with { Resume = true }, clock, null, null,
                TestContext.Current.CancellationToken);
            Assert.False(second.Run.Incomplete);
            Assert.Equal(2, second.Run.Sessions);
            Assert.Equal(["Warmup", "Fast", "Warmup", "Hold"], second.Plan.Select(p => p.Kind));
            Assert.Contains(second.Verdict.Flags, f => f.Contains("2 sessions", StringComparison.Ordinal));
            Assert.NotNull(second.Run.EchoD50Ms);
        }
        Assert.False(File.Exists(Path.Combine(_folder, "unfinished.json")));
        var lines = Verification.Run(Path.Combine(_folder, "report.json"), new AnalysisEffort(39, 1),
            TestContext.Current.CancellationToken);
        Assert.All(lines, l => Assert.True(l.Matches, $"{l.What}: {l.Detail}"));
        var error = Assert.Throws<FormatException>(() => RunFolder.Resume(_folder, Short, "null"));
        Assert.Contains("no unfinished run", error.Message, StringComparison.Ordinal);
    }

    private sealed class StopAt(double seconds, CancellationTokenSource stop) : IProgress<ProbeProgress>
    {
        public void Report(ProbeProgress value)
        {
            if (value.Seconds >= seconds)
                stop.Cancel();
        }
    }
}
