using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;

namespace TrueLive.Core.Tests.Sessions;

public sealed class LiveSessionTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly FramePool _pool = new("test frames");
    private readonly CountingModel _model;
    private readonly KeepingSink _sink = new();
    private readonly LiveSession _session;
    private readonly BlockingCollection<CommandApplied> _applied = [];

    public LiveSessionTests()
    {
        _model = new CountingModel(_pool);
        _session = Session(_model);
        _session.Applied += (_, applied) => _applied.Add(applied);
    }

    public void Dispose()
    {
        _session.Dispose();
        Assert.Equal(0, _pool.Rented);
        Assert.Equal(0, _model.Alive);
    }

    [Fact]
    public async Task Every_output_names_the_input_frame_and_prompt_that_made_it()
    {
        var (source, run) = Connect();
        for (var i = 0; i < 5; i++)
        {
            source.Feed();
            var (trace, _, _, _) = await _sink.NextAsync();
            Assert.Equal((i, i, (uint)(3000 * i)), (trace.OutputSequence, trace.SourceSequence, trace.MediaTime));
            Assert.Equal((0, 0, FrameOrigin.Generated), (trace.PromptRevision, trace.Epoch, trace.Origin));
        }
        await EndOfStream(source, run);
        Assert.Equal((5, 5), (_session.Stats.Received, _session.Stats.Sent));
    }

    [Fact]
    public async Task A_command_is_accepted_before_it_is_applied_even_when_its_picture_is_faster_than_the_answer()
    {
        var (source, run) = Connect();
        CommandApplied? early = null;
        await Task.Run(() => _session.Update("c", new PromptChange("ink", null, TimeSpan.Zero), _ =>
        {
            source.Feed();
            Assert.Equal(1, _sink.NextAsync().GetAwaiter().GetResult().Trace.PromptRevision);
            if (_applied.TryTake(out var first, TimeSpan.FromMilliseconds(200)))
                early = first;
        }), Cancel);
        Assert.Null(early);
        Assert.True(_applied.TryTake(out var applied, TimeSpan.FromMinutes(5)));
        Assert.Equal("c", applied.CommandId);
        await EndOfStream(source, run);
    }

    [Fact]
    public void A_session_may_be_freed_the_moment_it_has_ended()
    {
        var session = Session(_model);
        session.Moved += (_, _) => session.Dispose();
        session.End(EndCause.ControlClient);
        Assert.Equal(EndCause.ControlClient, session.Ended!.Cause);
    }

    [Fact]
    public async Task Pass_through_says_that_no_model_touched_the_frame()
    {
        using var session = Session(new PassthroughModel());
        var source = new HandFedSource(_pool, _time);
        var run = session.RunAsync(source, _sink, Cancel);
        source.Feed(luma: 77);
        var (trace, luma, _, _) = await _sink.NextAsync();
        Assert.Equal((FrameOrigin.PassedThrough, 77), (trace.Origin, luma));
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task Input_faster_than_the_model_is_thinned_to_the_newest_frame()
    {
        _model.Gate = new SemaphoreSlim(0);
        var (source, run) = Connect();
        source.Feed();
        await _model.Entered.WaitAsync(Cancel);
        for (var i = 0; i < 9; i++)
            source.Feed();
        // A frame counts as received before it waits.
        await Until(() => (_session.Stats.Received, _session.Stats.Replaced) == (10L, 8L));
        _model.Gate.Release(10);
        Assert.Equal(0, (await _sink.NextAsync()).Trace.SourceSequence);
        Assert.Equal(9, (await _sink.NextAsync()).Trace.SourceSequence);
        Assert.Equal(8, _session.Stats.Replaced);
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task A_frame_over_its_age_budget_is_dropped_and_counted()
    {
        _model.Gate = new SemaphoreSlim(0);
        var (source, run) = Connect();
        source.Feed();
        await _model.Entered.WaitAsync(Cancel);
        source.Feed();
        await Until(() => _session.Stats.Received == 2);
        _time.Advance(TimeSpan.FromMilliseconds(251));
        _model.Gate.Release(10);
        Assert.Equal(0, (await _sink.NextAsync()).Trace.SourceSequence);
        await Until(() => _session.Stats.Stale == 1);
        source.Feed();
        Assert.Equal(2, (await _sink.NextAsync()).Trace.SourceSequence);
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task A_prompt_is_accepted_at_once_and_applied_with_its_first_frame()
    {
        var (source, run) = Connect();
        source.Feed();
        await _sink.NextAsync();
        var receipt = _session.Update("c1", new PromptChange("ink", 0.5f, null));
        Assert.Null(receipt.Rejected);
        Assert.Equal("counting read ink", receipt.Settings.Prompt.Reading.Note);
        Assert.Empty(_applied);
        _time.Advance(TimeSpan.FromMilliseconds(20));
        source.Feed();
        Assert.Equal(1, (await _sink.NextAsync()).Trace.PromptRevision);
        var applied = _applied.Take(Cancel);
        Assert.Equal(("c1", 1L, 1L), (applied.CommandId, applied.FirstFrame.PromptRevision, applied.FirstFrame.SourceSequence));
        Assert.Equal(TimeSpan.FromMilliseconds(20), applied.Waited);
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task A_command_that_a_later_one_overtook_is_still_answered()
    {
        var (source, run) = Connect();
        _session.Update("first", new PromptChange("ink", null, null));
        _session.Update("second", new PromptChange("oil", null, null));
        source.Feed();
        Assert.Equal(2, (await _sink.NextAsync()).Trace.PromptRevision);
        Assert.Equal(["first", "second"], new[] { _applied.Take(Cancel).CommandId, _applied.Take(Cancel).CommandId });
        await EndOfStream(source, run);
    }

    [Fact]
    public void Commands_without_a_picture_are_bounded_and_the_excess_is_rejected_with_a_reason()
    {
        for (var i = 0; i < 64; i++)
            Assert.Null(_session.Update($"{i}", new PromptChange("ink", null, null)).Rejected);
        Assert.Contains("64", _session.Update("65", new PromptChange("ink", null, null)).Rejected, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(501, 1f, 0)]
    [InlineData(1, 1.01f, 0)]
    [InlineData(1, float.NaN, 0)]
    [InlineData(1, 1f, 11)]
    public void A_prompt_out_of_range_is_rejected_and_changes_nothing(int length, float strength, int seconds)
    {
        var receipt = _session.Update("c", new PromptChange(new string('a', length), strength, TimeSpan.FromSeconds(seconds)));
        Assert.NotNull(receipt.Rejected);
        Assert.Equal(0, _session.Settings.Prompt.Revision);
    }

    [Fact]
    public async Task A_client_that_comes_back_finds_prompt_and_memory_under_a_new_epoch()
    {
        var (source, run) = Connect();
        _session.Update("c", new PromptChange("ink", null, null));
        for (var i = 1; i <= 3; i++)
        {
            source.Feed();
            Assert.Equal(i, (await _sink.NextAsync()).Luma);
        }
        await EndOfStream(source, run);
        Assert.Equal(SessionState.Detached, _session.State);

        (source, run) = Connect();
        source.Feed();
        var (trace, luma, _, _) = await _sink.NextAsync();
        Assert.Equal((4, 1L, 1), (luma, trace.PromptRevision, trace.Epoch));
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task Frames_of_all_connections_lie_on_one_timeline_which_goes_on_while_nobody_is_connected()
    {
        var times = new BlockingCollection<FrameTicket>();
        _session.Received += (_, frame) => times.Add(frame.Ticket);
        for (var connection = 0; connection < 3; connection++)
        {
            var (source, run) = Connect();
            for (var i = 0; i < 3; i++)
            {
                source.Feed();
                Assert.Equal(3 * connection + i, (await _sink.NextAsync()).Trace.SourceSequence);
                Assert.Equal((long)(3000 * i), times.Last().MediaTime);
            }
            await EndOfStream(source, run);
            _time.Advance(TimeSpan.FromSeconds(40));
        }
        Assert.Equal([0, 33, 66, 40_066, 40_099, 40_132, 80_132, 80_165, 80_198], times.Select(t => t.Captured.TotalMilliseconds));
    }

    [Fact]
    public async Task Another_connection_at_the_same_moment_never_turns_the_time_back()
    {
        var times = new BlockingCollection<TimeSpan>();
        _session.Received += (_, frame) => times.Add(frame.Ticket.Captured);
        for (var connection = 0; connection < 4; connection++)
        {
            var (source, run) = Connect();
            source.Feed();
            await _sink.NextAsync();
            await EndOfStream(source, run);
        }
        Assert.Equal(times.Distinct().Order(), times);
    }

    [Theory]
    [InlineData("reconnect")]
    [InlineData("pause")]
    [InlineData("silence")]
    public async Task The_rate_after_an_interruption_is_not_spread_over_it(string interruption)
    {
        var (source, run) = Connect();
        await RunAsync(60);
        Assert.InRange(_session.Stats.GeneratedPerSecond, 29.5, 30.5);
        if (interruption == "reconnect")
            await EndOfStream(source, run);
        else if (interruption == "pause")
            await PausedAsync();
        _time.Advance(TimeSpan.FromSeconds(60));
        if (interruption == "reconnect")
            (source, run) = Connect();
        await RunAsync(20);
        Assert.InRange(_session.Stats.GeneratedPerSecond, 29.5, 30.5);
        Assert.Equal((20, 80), (_session.Stats.Window, _session.Stats.Sent));
        Assert.Null(_session.Stats.DegradedTo);
        await EndOfStream(source, run);

        Task RunAsync(int frames) => FeedAsync(source, frames);

        async Task PausedAsync()
        {
            _session.Pause(true);
            source.Feed();
            await Until(() => _session.Stats.Paused == 1);
            _session.Pause(false);
        }
    }

    // At 30 frames a second of the session's clock.
    private async Task FeedAsync(HandFedSource source, int frames)
    {
        for (var i = 0; i < frames; i++)
        {
            var sent = _session.Stats.Sent;
            source.Feed();
            await _sink.NextAsync();
            await Until(() => _session.Stats.Sent > sent);
            _time.Advance(TimeSpan.FromSeconds(1 / 30.0));
        }
    }

    [Fact]
    public async Task Repeats_of_a_model_keep_the_promised_rate_and_are_not_counted_as_generated()
    {
        _model.Repeats = true;
        var (source, run) = Connect();
        await FeedAsync(source, 240);
        var stats = _session.Stats;
        Assert.InRange(stats.GeneratedPerSecond, 14.5, 15.5);
        Assert.Equal((240L, (double?)null), (stats.Sent, stats.DegradedTo));
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task A_picture_of_another_shape_begins_a_new_memory_in_a_new_epoch_and_says_so()
    {
        var forgot = new BlockingCollection<int>();
        _session.Forgot += (_, epoch) => forgot.Add(epoch);
        Assert.False(_session.KeepsMemory);
        var (source, run) = Connect();
        for (var i = 1; i <= 2; i++)
        {
            source.Feed();
            Assert.Equal(i, (await _sink.NextAsync()).Luma);
        }
        Assert.True(_session.KeepsMemory);
        Assert.Empty(forgot);
        source.Feed(width: 36, height: 64);
        var (trace, luma, width, height) = await _sink.NextAsync();
        Assert.Equal((1, 1), (trace.Epoch, luma));
        Assert.True(height > width, $"{width}x{height}");
        Assert.Equal(1, forgot.Take(Cancel));
        source.Feed(width: 36, height: 64);
        (trace, luma, _, _) = await _sink.NextAsync();
        Assert.Equal((1, 2), (trace.Epoch, luma));
        await EndOfStream(source, run);
        // A reset while nobody is connected takes effect too.
        Assert.True(_session.KeepsMemory);
        _session.Reset("r");
        Assert.False(_session.KeepsMemory);
    }

    [Fact]
    public async Task A_link_that_broke_says_why_in_the_words_of_the_end()
    {
        var (source, run) = Connect();
        source.End(new IOException("Nothing has come from the far side for 30 s."));
        var end = await run;
        Assert.Equal((EndCause.ReceiveClient, "The client's video stopped. Nothing has come from the far side for 30 s."),
            (end.Cause, end.Words));
    }

    [Fact]
    public async Task A_reset_forgets_the_memory_and_flushes_the_frame_in_the_making()
    {
        _model.Gate = new SemaphoreSlim(0);
        var (source, run) = Connect();
        source.Feed();
        await _model.Entered.WaitAsync(Cancel);
        _session.Reset("r");
        _model.Gate.Release(10);
        await Until(() => _session.Stats.Flushed == 1);
        source.Feed();
        var (trace, luma, _, _) = await _sink.NextAsync();
        Assert.Equal((1, 1), (trace.Epoch, luma));
        Assert.Equal("r", _applied.Take(Cancel).CommandId);
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task Another_model_takes_over_with_the_prompt_read_anew()
    {
        var other = new CountingModel(_pool, "other");
        var (source, run) = Connect();
        _session.Update("c", new PromptChange("ink", null, null));
        source.Feed();
        await _sink.NextAsync();
        var receipt = _session.Switch("s", other, 32, 18);
        Assert.Equal("other read ink", receipt.Settings.Prompt.Reading.Note);
        source.Feed();
        var (trace, luma, width, height) = await _sink.NextAsync();
        Assert.Equal((1, 2L, 1), (trace.Epoch, trace.PromptRevision, luma));
        Assert.Equal((32, 16), (width, height));
        Assert.Equal(0, _model.Alive);
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task A_turned_phone_gets_a_new_network_size_and_a_scaled_down_one_does_not()
    {
        var (source, run) = Connect();
        source.Feed(width: 128, height: 72);
        Assert.Equal((64, 36), Size(await _sink.NextAsync()));
        source.Feed(width: 64, height: 36);
        var scaled = await _sink.NextAsync();
        Assert.Equal((64, 36), Size(scaled));
        Assert.Equal(2, scaled.Luma);
        source.Feed(width: 72, height: 128);
        Assert.Equal((36, 64), Size(await _sink.NextAsync()));
        await EndOfStream(source, run);

        static (int, int) Size((FrameTicket, byte, int Width, int Height) frame) => (frame.Width, frame.Height);
    }

    [Fact]
    public async Task Pause_stops_making_frames_and_resume_goes_on_with_the_memory()
    {
        var (source, run) = Connect();
        source.Feed();
        await _sink.NextAsync();
        _session.Pause(true);
        Assert.Equal(SessionState.Paused, _session.State);
        source.Feed();
        await Until(() => _session.Stats.Paused == 1);
        _session.Pause(false);
        source.Feed();
        Assert.Equal((2L, 2), ((await _sink.NextAsync()) is var f ? (f.Trace.SourceSequence, f.Luma) : default));
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task A_failed_step_costs_its_frame_and_many_in_a_row_end_the_connection()
    {
        var (source, run) = Connect();
        _model.Fails = new ModelStepException("no");
        for (var i = 0; i < 30; i++)
        {
            source.Feed();
            await _model.Entered.WaitAsync(Cancel);
            if (i < 29)
                await Until(() => _session.Stats.StepFailed == i + 1);
        }
        var end = await run;
        Assert.Equal(EndCause.StepServer, end.Cause);
        Assert.Same(_model.Fails, end.Error);
    }

    [Fact]
    public async Task Each_way_to_end_is_named_by_stage_and_side()
    {
        var (source, run) = Connect();
        source.End(new InvalidDataException("broken"));
        Assert.Equal(EndCause.ReceiveServer, (await run).Cause);

        (source, run) = Connect();
        _sink.Fails = new IOException("gone");
        source.Feed();
        Assert.Equal(EndCause.SendClient, (await run).Cause);

        (source, run) = Connect();
        _sink.Fails = new InvalidOperationException("encoder");
        source.Feed();
        Assert.Equal(EndCause.SendServer, (await run).Cause);

        (_, run) = Connect();
        _session.End(EndCause.ControlClient);
        Assert.Equal(EndCause.ControlClient, (await run).Cause);
        Assert.Equal(SessionState.Ended, _session.State);
        await Assert.ThrowsAsync<InvalidOperationException>(() => _session.RunAsync(source, _sink, Cancel));
    }

    [Fact]
    public async Task A_frame_that_the_sink_lets_go_is_counted_and_does_not_settle_a_command()
    {
        var (source, run) = Connect();
        _sink.Takes = false;
        _session.Update("c", new PromptChange("ink", null, null));
        source.Feed();
        await _sink.NextAsync();
        await Until(() => _session.Stats.SinkFull == 1);
        Assert.Empty(_applied);
        _sink.Takes = true;
        source.Feed();
        await _sink.NextAsync();
        Assert.Equal("c", _applied.Take(Cancel).CommandId);
        await EndOfStream(source, run);
    }

    [Fact]
    public async Task A_session_that_makes_fewer_pictures_than_it_promises_says_to_how_many_it_fell()
    {
        var (source, run) = Connect();
        async Task RunFor(int frames, Func<int, bool> takes)
        {
            for (var i = 0; i < frames; i++)
            {
                _sink.Takes = takes(i);
                var (sent, full) = (_session.Stats.Sent, _session.Stats.SinkFull);
                source.Feed();
                await _sink.NextAsync();
                await Until(() => _session.Stats.Sent > sent || _session.Stats.SinkFull > full);
                _time.Advance(TimeSpan.FromMilliseconds(1000 / 30.0));
            }
        }
        // During the warm-up a session does not count as degraded.
        await RunFor(145, i => i % 3 == 0);
        Assert.Null(_session.Stats.DegradedTo);
        await RunFor(90, _ => true);
        Assert.Null(_session.Stats.DegradedTo);
        await RunFor(90, i => i % 3 == 0);
        Assert.Equal("degraded: 10 fps", TierWords.Degraded(_session.Stats.DegradedTo!.Value));
        _session.Pause(true);
        Assert.Null(_session.Stats.DegradedTo);
        _session.Pause(false);
        // A low rate of the input does not count as degraded.
        await RunFor(90, _ => true);
        for (var i = 0; i < 5; i++)
        {
            await RunFor(1, _ => true);
            _time.Advance(TimeSpan.FromMilliseconds(500));
        }
        Assert.Null(_session.Stats.DegradedTo);
        await EndOfStream(source, run);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private LiveSession Session(IVideoModel model) =>
        new("s", new SessionSettings(model, 64, 36, Prompt.None, 0, 0, false), new LiveSessionOptions(), _time);

    private (HandFedSource, Task<SessionEnd>) Connect()
    {
        var source = new HandFedSource(_pool, _time);
        return (source, _session.RunAsync(source, _sink, Cancel));
    }

    private static async Task EndOfStream(HandFedSource source, Task<SessionEnd> run)
    {
        source.End();
        Assert.Equal(EndCause.ReceiveClient, (await run).Cause);
    }

    private static async Task Until(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (!condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
