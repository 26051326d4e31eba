using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;

namespace TrueLive.Core.Tests.Sessions;

/// <summary>Live sessions of models that hand out none, one or several frames for one that they take.</summary>
public sealed class HoldingSessionTests : IDisposable
{
    private const int IntervalMs = 33;

    private readonly FakeTimeProvider _time = new();
    private readonly FramePool _pool = new("holding session");
    private readonly KeepingSink _sink = new();
    private readonly BlockingCollection<CommandApplied> _applied = [];
    private LiveSession? _session;
    private HoldingModel? _model;
    private int _inside;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _session?.Dispose();
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public async Task The_frames_of_a_chunk_name_their_own_sources_and_leave_as_far_apart_as_those()
    {
        var (source, run, _) = Connect(new Chunk(4, 4, 0));
        for (var chunk = 0; chunk < 2; chunk++)
        {
            for (var i = 0; i < 4; i++)
                await FeedAsync(source);
            for (var i = 0; i < 4; i++)
            {
                if (i > 0)
                    _time.Advance(TimeSpan.FromMilliseconds(IntervalMs));
                var (trace, luma, _, _) = await _sink.NextAsync();
                var place = 4 * chunk + i;
                Assert.Equal((place, place, TimeSpan.FromMilliseconds(IntervalMs * place)),
                    (trace.OutputSequence, trace.SourceSequence, trace.Captured));
                Assert.Equal(HoldingModel.Luma(100, place + 1), luma);
                Assert.Equal(IntervalMs * 3, _time.GetElapsedTime(0, trace.Held).TotalMilliseconds);
                Assert.Empty(_sink.Frames);
            }
        }
        await Until(() => (_session!.Stats.Received, _session.Stats.Sent) == (8L, 8L));
        await EndAsync(source, run);
    }

    [Fact]
    public async Task A_lagging_model_shows_earlier_frames_under_the_prompts_that_they_were_taken_with()
    {
        var (source, run, _) = Connect(new Chunk(1, 1, 2));
        for (var i = 0; i < 6; i++)
        {
            if (i == 3)
                _session!.Update("neon", new PromptChange("neon", null, null));
            await FeedAsync(source);
            if (i < 2)
                continue;
            var (trace, _, _, _) = await _sink.NextAsync();
            Assert.Equal((i - 2, i - 2, i - 2 < 3 ? 0 : 1), (trace.OutputSequence, trace.SourceSequence, trace.PromptRevision));
            Assert.Equal(2 * IntervalMs, _time.GetElapsedTime(0, trace.Held).TotalMilliseconds);
        }
        var applied = _applied.Take(Cancel);
        Assert.Equal(("neon", 3L), (applied.CommandId, applied.FirstFrame.SourceSequence));
        Assert.Equal(2 * IntervalMs, _session!.Stats.ByDesign.TotalMilliseconds, 1.0);
        await EndAsync(source, run);
    }

    [Fact]
    public async Task A_prompt_that_comes_while_a_chunk_fills_makes_the_whole_chunk_and_is_applied_with_its_first_frame()
    {
        var (source, run, _) = Connect(new Chunk(4, 4, 0));
        await FeedAsync(source);
        await FeedAsync(source);
        _session!.Update("neon", new PromptChange("neon", null, null));
        await FeedAsync(source);
        await FeedAsync(source);
        var (trace, _, _, _) = await _sink.NextAsync();
        Assert.Equal((0, 1), (trace.SourceSequence, trace.PromptRevision));
        Assert.Equal(0, _applied.Take(Cancel).FirstFrame.SourceSequence);
        await EndAsync(source, run);
    }

    [Fact]
    public async Task While_a_chunk_is_worked_on_the_newest_frames_wait_as_many_as_the_next_one_takes()
    {
        var (source, run, model) = Connect(new Chunk(4, 4, 0));
        model.Gate = new SemaphoreSlim(3);
        for (var i = 0; i < 3; i++)
            await FeedAsync(source);
        source.Feed();
        await Until(() => _inside == 3);
        for (var i = 0; i < 6; i++)
            source.Feed();
        // A frame counts as received before it waits.
        await Until(() => (_session!.Stats.Received, _session.Stats.Replaced) == (10L, 2L));
        model.Gate.Release(100);
        var seen = new List<long>();
        for (var i = 0; i < 8; i++)
        {
            seen.Add((await _sink.NextAsync()).Trace.SourceSequence);
            _time.Advance(TimeSpan.FromMilliseconds(2 * IntervalMs));
        }
        Assert.Equal([0, 1, 2, 3, 6, 7, 8, 9], seen);
        await Until(() => _session!.Stats.Sent == 8);
        Assert.Equal(2, _session!.Stats.Replaced);
        await EndAsync(source, run);
    }

    [Fact]
    public async Task A_chunk_longer_than_the_age_budget_loses_no_frame_to_it()
    {
        var (source, run, _) = Connect(new Chunk(12, 12, 0));
        for (var i = 0; i < 48; i++)
        {
            await FeedAsync(source);
            await Until(() => _session!.Stats.Sent == Math.Max(0, i - 10));
        }
        Assert.Equal((0L, 0L, 0L), (_session!.Stats.Stale, _session.Stats.Replaced, _session.Stats.Superseded));
        Assert.Equal(11 * IntervalMs, _session.Stats.ByDesign.TotalMilliseconds, 12.0);
        await EndAsync(source, run);
    }

    [Fact]
    public async Task What_lay_in_the_model_through_a_silence_of_the_input_is_not_shown_as_new()
    {
        var (source, run, _) = Connect(new Chunk(4, 4, 0));
        await FeedAsync(source);
        await FeedAsync(source);
        _time.Advance(TimeSpan.FromSeconds(20));
        await FeedAsync(source);
        await FeedAsync(source);
        Assert.Equal(2, (await _sink.NextAsync()).Trace.SourceSequence);
        Assert.Equal(2, _session!.Stats.Stale);
        await EndAsync(source, run);
    }

    [Fact]
    public async Task A_reset_lets_go_what_is_inside_and_what_waits_to_leave_and_counts_both()
    {
        var (source, run, _) = Connect(new Chunk(4, 4, 0));
        for (var i = 0; i < 4; i++)
            await FeedAsync(source, advance: false);
        await _sink.NextAsync();
        await FeedAsync(source, advance: false);
        await FeedAsync(source, advance: false);
        _session!.Reset("anew");
        for (var i = 0; i < 4; i++)
            await FeedAsync(source, advance: false);
        var (trace, luma, _, _) = await _sink.NextAsync();
        Assert.Equal((6, 1, HoldingModel.Luma(100, 1)), (trace.SourceSequence, trace.Epoch, luma));
        await Until(() => _session.Stats.Flushed == 5);
        await EndAsync(source, run);
    }

    [Fact]
    public async Task A_client_that_comes_back_is_never_shown_what_its_old_connection_sent()
    {
        var (source, run, _) = Connect(new Chunk(1, 1, 3));
        for (var i = 0; i < 5; i++)
            await FeedAsync(source);
        await _sink.NextAsync();
        await _sink.NextAsync();
        await EndAsync(source, run);
        var again = new HandFedSource(_pool, _time);
        run = _session!.RunAsync(again, _sink, Cancel);
        for (var i = 0; i < 4; i++)
            await FeedAsync(again);
        var (trace, _, _, _) = await _sink.NextAsync();
        Assert.Equal((5, 1), (trace.SourceSequence, trace.Epoch));
        Assert.Equal(3, _session.Stats.Flushed);
        await EndAsync(again, run);
    }

    [Fact]
    public async Task A_model_that_chunks_keeps_its_promise_and_one_that_takes_over_from_it_goes_on_at_once()
    {
        var (source, run, _) = Connect(new Chunk(12, 12, 0));
        for (var i = 0; i < 300; i++)
        {
            await FeedAsync(source);
            await Until(() => _session!.Stats.Sent == Math.Max(0, i - 10));
            Assert.Null(_session!.Stats.DegradedTo);
        }
        _session!.Pause(true);
        source.Feed();
        await Until(() => _session.Stats.Paused == 1);
        _session.Pause(false);
        for (var i = 0; i < 90; i++)
        {
            await FeedAsync(source);
            await Until(() => _session.Stats.Sent == 290 + i);
            Assert.Null(_session.Stats.DegradedTo);
        }
        var sent = _session.Stats.Sent;
        _session.Switch("plain", new PassthroughModel(), 64, 36);
        source.Feed();
        await Until(() => _session.Stats.Sent > sent);
        Assert.Equal("plain", _applied.Take(Cancel).CommandId);
        await EndAsync(source, run);
    }

    [Fact]
    public async Task A_link_that_breaks_between_two_frames_of_a_chunk_ends_the_connection_with_that_reason()
    {
        var (source, run, _) = Connect(new Chunk(4, 4, 0));
        for (var i = 0; i < 4; i++)
            await FeedAsync(source, advance: false);
        await _sink.NextAsync();
        _sink.Fails = new IOException("gone");
        _time.Advance(TimeSpan.FromMilliseconds(IntervalMs));
        Assert.Equal(EndCause.SendClient, (await run).Cause);
        source.End();
    }

    private (HandFedSource Source, Task<SessionEnd> Run, HoldingModel Model) Connect(Chunk chunk)
    {
        var model = _model = new HoldingModel(_pool, chunk) { OnStep = inside => Volatile.Write(ref _inside, inside) };
        _session = new LiveSession("s", new SessionSettings(model, 64, 36, Prompt.None, 0, 0, false), new LiveSessionOptions(), _time);
        _session.Applied += (_, applied) => _applied.Add(applied);
        var source = new HandFedSource(_pool, _time);
        return (source, _session.RunAsync(source, _sink, Cancel), model);
    }

    // Feeds a frame, one interval after the last, and waits for the step that takes it.
    private async Task FeedAsync(HandFedSource source, bool advance = true)
    {
        var stepped = Interlocked.Read(ref _model!.Stepped);
        if (advance)
            _time.Advance(TimeSpan.FromMilliseconds(IntervalMs));
        source.Feed();
        await Until(() => Interlocked.Read(ref _model.Stepped) > stepped);
    }

    private static async Task EndAsync(HandFedSource source, Task<SessionEnd> run)
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
