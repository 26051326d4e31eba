using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>The native client against a real WHIP server: codec, SRTP and congestion control are in the loop.</summary>
public sealed class WhipTargetTests
{
    private static readonly ProbeProfile Short = new() { Name = "test", Warmup = 1, Fast = 14, Slow = 0, Control = 0, Hold = 0, Blackout = 0, Redraws = 19 };
    private static readonly ProbeRunOptions Small = new() { Width = 160, Height = 90, Effort = new AnalysisEffort(19, 1) };

    [Fact]
    [Trait("Run", "long")]
    public async Task A_stream_over_real_webrtc_answers_the_codes()
    {
        using var server = new WhipSimulator(LiveBehaviour.All.First(b => b.Name == "stream"), TimeProvider.System);
        await using var target = new WhipTarget(server.Address, true, null, TimeProvider.System);
        var result = await new ProbeRun(target, Short, ProbeSeed.From("whip"), TimeProvider.System, Small).RunAsync(null, TestContext.Current.CancellationToken);
        Assert.True(target.TakesPrompts);
        Assert.True(result.Seen.Count > 0, $"{result.Quality.EndedBecause}");
        // On a machine that is busy with other tests the run does not count, and says so.
        Assert.True(result.Findings.Fast.Joint.Z > 12 || result.Quality.InvalidReasons().Count > 0, $"z {result.Findings.Fast.Joint.Z}");
    }

    [Fact]
    [Trait("Run", "alone")]
    public async Task Two_hundred_milliseconds_inserted_over_real_webrtc_are_found_again()
    {
        // Both at once: whatever the machine does meanwhile, it does to both.
        var delays = await Task.WhenAll(MedianAsync(TimeSpan.Zero), MedianAsync(TimeSpan.FromMilliseconds(200)));
        if (delays.Any(d => d is null))
            Assert.Skip("The machine was too busy for a valid run.");
        Assert.InRange(delays[1]!.Value - delays[0]!.Value, 0.19, 0.21);

        static async Task<double?> MedianAsync(TimeSpan inserted)
        {
            using var server = new WhipSimulator(LiveBehaviour.All.First(b => b.Name == "stream"), TimeProvider.System);
            await using var target = new WhipTarget(server.Address, true, null, TimeProvider.System, inserted);
            var result = await new ProbeRun(target, Short, ProbeSeed.From("inserted"), TimeProvider.System, Small).RunAsync(null, TestContext.Current.CancellationToken);
            return result.Quality.InvalidReasons().Count > 0 ? null : result.Findings.D50.Value;
        }
    }

    [Fact]
    public async Task A_server_that_goes_away_leaves_an_incomplete_run()
    {
        var server = new WhipSimulator(LiveBehaviour.All.First(b => b.Name == "canned"), TimeProvider.System);
        await using var target = new WhipTarget(server.Address, true, null, TimeProvider.System);
        var progress = new EndAt(2, server);
        var result = await new ProbeRun(target, Short, ProbeSeed.From("gone"), TimeProvider.System, Small).RunAsync(progress, TestContext.Current.CancellationToken);
        Assert.True(result.Quality.Incomplete);
        Assert.NotNull(result.Quality.EndedBecause);
    }

    [Fact]
    public async Task An_address_where_nobody_answers_is_a_clear_error()
    {
        await using var target = new WhipTarget(new Uri("http://127.0.0.1:9/whip"), false, null, TimeProvider.System);
        var error = await Assert.ThrowsAsync<TargetException>(() => target.ConnectAsync(new StimulusFormat(160, 90), TestContext.Current.CancellationToken));
        Assert.Contains("127.0.0.1:9", error.Message, StringComparison.Ordinal);
    }

    private sealed class EndAt(double seconds, WhipSimulator server) : IProgress<ProbeProgress>
    {
        public void Report(ProbeProgress value)
        {
            if (value.Seconds >= seconds)
                server.Dispose();
        }
    }
}
