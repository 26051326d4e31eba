using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Live.Sessions;

public sealed class SessionRegistryTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly ServerOptions _options = new();
    private readonly Admission _admission = new(cores: 2, targetRate: 30, maxSessions: 0);
    private readonly SessionRegistry _registry;

    public SessionRegistryTests()
    {
        _registry = new SessionRegistry(new ModelStore([new PassthroughModel()]), _admission, _options, _time,
            NullLogger<SessionRegistry>.Instance);
    }

    public ValueTask DisposeAsync() => _registry.DisposeAsync();

    [Fact]
    public async Task Nothing_is_loaded_or_measured_for_a_key_that_may_have_no_further_session()
    {
        var measured = 0;
        await using var registry = new SessionRegistry(new ModelStore([new PassthroughModel()]), _admission, _options, _time,
            NullLogger<SessionRegistry>.Instance)
        {
            Places =
            {
                Measured = (_, _, _, _) =>
                {
                    measured++;
                    return Task.CompletedTask;
                },
                Quota = (_, running) => running > 0 ? new RequestRefusedException(429, "enough") : null,
            },
        };
        await registry.CreateAsync(new SessionRequest(null, null, null, null) { Owner = "key-a" }, TestContext.Current.CancellationToken);
        Assert.Equal(429, (await Assert.ThrowsAsync<RequestRefusedException>(() => registry.CreateAsync(
            new SessionRequest(null, "64x64", null, null) { Owner = "key-a" }, TestContext.Current.CancellationToken))).Status);
        Assert.Equal(1, measured);
    }

    [Fact]
    public async Task A_vanished_client_finds_its_session_by_token_within_the_minute()
    {
        var hosted = Create(prompt: "ink");
        var client = new StillVideo();
        var run = Run(hosted, client);
        client.Vanish();
        Assert.Equal(EndCause.ReceiveClient, (await run).Cause);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Same(hosted, _registry.FindByToken(hosted.Token));
        run = Run(hosted, client = new StillVideo());
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal((SessionState.Live, "ink", 1), (hosted.Session.State, hosted.Session.Settings.Prompt.Text,
            hosted.Session.Settings.Epoch));
        client.Vanish();
        await run;
    }

    [Fact]
    public async Task After_the_minute_the_session_is_over_and_its_place_is_free()
    {
        var hosted = Create();
        var client = new StillVideo();
        var run = Run(hosted, client);
        client.Vanish();
        await run;
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Null(_registry.FindByToken(hosted.Token));
        Assert.Equal(EndCause.KeepExpired, hosted.Session.Ended!.Cause);
        Assert.Equal(0, _registry.Count);
    }

    [Fact]
    public void A_session_that_nobody_comes_for_does_not_hold_its_place()
    {
        Create();
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(0, _registry.Count);
    }

    [Fact]
    public async Task A_second_connection_of_the_same_client_takes_over_from_the_first()
    {
        var hosted = Create();
        var first = Run(hosted, new StillVideo());
        var client = new StillVideo();
        var second = Run(hosted, client);
        Assert.Equal(EndCause.ControlReplaced, (await first).Cause);
        Assert.Null(hosted.Away);
        client.Vanish();
        Assert.Equal(EndCause.ReceiveClient, (await second).Cause);
    }

    [Fact]
    public void A_full_machine_refuses_with_figures_and_when_to_come_back()
    {
        // 25 ms of processor time at 30 fps is 0.75 of a core; 1.8 cores hold two.
        _admission.Learn(new FrameCost("passthrough", 512, 288, StepMs: 20, CpuMs: 25, Frames: 30));
        Create();
        Create();
        var refused = Assert.Throws<RequestRefusedException>(() => Create());
        Assert.Equal((503, 2, 2), (refused.Status, refused.Refusal!.Capacity, refused.Refusal.Running));
        Assert.Contains("2 live session(s)", refused.Message, StringComparison.Ordinal);
        Assert.True(refused.Refusal.RetryAfter > TimeSpan.Zero);
        Assert.Equal(2, _registry.Count);
    }

    [Fact]
    public async Task A_model_that_takes_chunks_is_admitted_by_what_its_frames_cost()
    {
        await using var registry = new SessionRegistry(
            new ModelStore([new HoldingModel(new FramePool("chunks"), new Chunk(4, 4, 0))]), _admission, _options, _time,
            NullLogger<SessionRegistry>.Instance);
        // Each frame of a chunk that takes 100 ms costs a quarter of it: as much as a frame of 25 ms without chunks.
        _admission.Learn(new FrameCost("holding", 512, 288, StepMs: 20, CpuMs: 25, Frames: 24));
        var request = new SessionRequest(null, null, null, null);
        registry.Create(request);
        registry.Create(request);
        var refused = Assert.Throws<RequestRefusedException>(() => registry.Create(request));
        Assert.Equal((503, 2, 2), (refused.Status, refused.Refusal!.Capacity, refused.Refusal.Running));
        Assert.Contains("Holding at 512x288", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_session_counts_for_what_was_measured_after_it_was_made()
    {
        var early = Create();
        _admission.Learn(new FrameCost("passthrough", 512, 288, StepMs: 20, CpuMs: 25, Frames: 30));
        Assert.Equal(1.25 / 3, _admission.ShareOf(early.Session.Settings), 6);
        Create();
        var refused = Assert.Throws<RequestRefusedException>(() => Create());
        Assert.Equal((503, 2, 2), (refused.Status, refused.Refusal!.Capacity, refused.Refusal.Running));
    }

    [Fact]
    public void A_model_that_could_not_be_measured_runs_alone()
    {
        Create();
        var refused = Assert.Throws<RequestRefusedException>(() => Create());
        Assert.Equal((503, 1, 1), (refused.Status, refused.Refusal!.Capacity, refused.Refusal.Running));
        Assert.Contains("could not be measured", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_session_waits_for_its_first_connection_however_short_clients_are_kept()
    {
        _options.KeepSeconds = 0;
        var hosted = Create();
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(1, _registry.Count);
        var client = new StillVideo();
        var run = Run(hosted, client);
        _time.Advance(TimeSpan.FromMinutes(1));
        client.Vanish();
        await run;
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(EndCause.KeepExpired, hosted.Session.Ended!.Cause);
    }

    [Fact]
    public async Task A_client_that_has_shown_its_token_gets_the_time_to_connect()
    {
        _options.KeepSeconds = 5;
        var hosted = Create();
        var client = new StillVideo();
        var run = Run(hosted, client);
        client.Vanish();
        await run;
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.Same(hosted, Back(hosted).Hosted);
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(SessionState.Detached, hosted.Session.State);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(SessionState.Ended, hosted.Session.State);
    }

    [Fact]
    public async Task A_client_that_comes_back_is_told_what_was_kept_and_what_there_was_nothing_of()
    {
        var hosted = Create(prompt: "ink");
        var client = new StillVideo();
        var run = Run(hosted, client);
        client.Vanish();
        await run;
        _time.Advance(TimeSpan.FromSeconds(2));
        var resumed = Back(hosted).Resumed!;
        Assert.Equal((2000, false, 1), (resumed.AwayMs, resumed.MemoryKept, resumed.PromptRevision));
        Assert.Equal("Frames of the 2.0 s away are lost; the prompt is kept (Pass-through has no memory).", resumed.Lost);
    }

    [Fact]
    public void A_machine_too_slow_for_the_rate_still_takes_one()
    {
        _admission.Learn(new FrameCost("passthrough", 512, 288, StepMs: 400, CpuMs: 700, Frames: 12));
        Create();
        Assert.Equal(503, Assert.Throws<RequestRefusedException>(() => Create()).Status);
    }

    [Fact]
    public void A_size_that_does_not_fit_beside_the_others_is_rejected_and_the_session_goes_on()
    {
        _admission.Learn(new FrameCost("passthrough", 512, 288, StepMs: 20, CpuMs: 25, Frames: 30));
        var hosted = Create();
        Create();
        var receipt = _registry.Switch(hosted, "c", null, "1280x720");
        Assert.Contains("1280x720", receipt.Rejected, StringComparison.Ordinal);
        Assert.Equal(512, hosted.Session.Settings.Width);
        Assert.Null(_registry.Switch(hosted, "d", null, "384x216").Rejected);
    }

    [Theory]
    [InlineData("nope", null, "There is no model 'nope'")]
    [InlineData(null, "512", "'512' is not a size")]
    [InlineData(null, "99999x1", "is not a size")]
    public void A_wrong_request_is_told_what_would_be_right(string? model, string? size, string words)
    {
        var refused = Assert.Throws<RequestRefusedException>(() => _registry.Create(new SessionRequest(model, size, null, null)));
        Assert.Equal(400, refused.Status);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whoever_hears_that_a_session_is_over_finds_its_place_free(bool drains)
    {
        var hosted = Create();
        (int Count, HostedSession? Found)? then = null;
        hosted.Session.Moved += (session, _) => then = (_registry.Count, _registry.Find(session.Id));
        if (drains)
            await _registry.DrainAsync();
        else
            _registry.End(hosted, EndCause.ControlClient);
        Assert.Equal((0, null), then);
    }

    [Fact]
    public async Task A_session_is_over_and_released_even_if_somebody_fails_to_hear_of_it()
    {
        var hosted = Create();
        var run = Run(hosted, new StillVideo());
        hosted.Session.Moved += (_, _) => throw new NotSupportedException();
        Assert.Throws<NotSupportedException>(() => _registry.End(hosted, EndCause.ControlClient));
        Assert.Equal(EndCause.ControlClient, (await run.WaitAsync(TestContext.Current.CancellationToken)).Cause);
        await _registry.DrainAsync();
        Assert.False(hosted.Observer.Record(() => throw new NotSupportedException()));
    }

    [Fact]
    public async Task A_session_that_gets_the_id_of_one_that_is_ending_outlives_its_connection()
    {
        var request = new SessionRequest(null, null, null, null) { Id = "again" };
        var older = _registry.Create(request);
        var run = Run(older, new StillVideo());
        HostedSession? newer = null;
        older.Session.Moved += (_, _) => newer = _registry.Create(request);
        _registry.End(older, EndCause.ControlClient);
        await run.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Same(newer, _registry.Find("again"));
    }

    [Fact]
    public async Task A_drain_waits_for_a_session_that_was_ended_before()
    {
        var hosted = Create();
        var held = new TaskCompletionSource();
        hosted.Released = held.Task;
        _registry.End(hosted, EndCause.ControlClient);
        var drained = _registry.DrainAsync();
        Assert.False(drained.IsCompleted);
        held.SetResult();
        await drained;
    }

    [Fact]
    public async Task A_drain_ends_every_session_and_takes_no_more()
    {
        var hosted = Create();
        var run = Run(hosted, new StillVideo());
        await _registry.DrainAsync();
        Assert.Equal(EndCause.ControlServer, (await run).Cause);
        Assert.Equal(0, _registry.Count);
        Assert.Equal(503, Assert.Throws<RequestRefusedException>(() => Create()).Status);
    }

    [Fact]
    public void A_session_ends_when_its_time_is_up()
    {
        _options.SessionMinutes = 5;
        var hosted = Create();
        _ = Run(hosted, new StillVideo());
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("The server ended the session. It reached the 5 minutes that a session may have.", hosted.Session.Ended!.Words);
    }

    [Fact]
    public async Task Of_two_pages_with_one_token_the_older_gives_way_for_good()
    {
        var hosted = Create();
        var older = Back(hosted).Number;
        var first = Run(hosted, new StillVideo(), older);
        // The copy of the page knows the token and the number of the page that it was copied from.
        var newer = Back(hosted, older).Number;
        var client = new StillVideo();
        var second = Run(hosted, client, newer);
        Assert.Equal(EndCause.ControlReplaced, (await first).Cause);
        while (hosted.Session.State != SessionState.Live)
            await Task.Yield();
        for (var i = 0; i < 3; i++)
        {
            var refused = Assert.Throws<RequestRefusedException>(() => Back(hosted, older));
            Assert.Equal(409, refused.Status);
            Assert.Contains("newer connection", refused.Message, StringComparison.Ordinal);
            _time.Advance(TimeSpan.FromSeconds(30));
        }
        Assert.Equal((SessionState.Live, newer), (hosted.Session.State, hosted.Number));
        // The page that has the session can reconnect whenever its network breaks.
        client.Vanish();
        await second;
        var again = Run(hosted, client = new StillVideo(), Back(hosted, newer).Number);
        Assert.Equal(SessionState.Live, hosted.Session.State);
        client.Vanish();
        await again;
    }

    [Fact]
    public async Task A_page_whose_own_connection_is_still_taken_for_alive_comes_back()
    {
        var hosted = Create();
        var number = Back(hosted).Number;
        var first = Run(hosted, new StillVideo(), number);
        var client = new StillVideo();
        var second = Run(hosted, client, Back(hosted, number).Number);
        Assert.Equal(EndCause.ControlReplaced, (await first).Cause);
        client.Vanish();
        await second;
    }

    [Fact]
    public async Task Of_two_senders_that_begin_anew_for_ever_the_second_keeps_the_address_while_it_sends()
    {
        var hosted = Create();
        using var pool = new Camera(_time);
        _registry.Contest(hosted);
        var first = Run(hosted, new StillVideo());
        _registry.Contest(hosted);
        var second = _registry.RunAsync(hosted, "test", pool, pool, TestContext.Current.CancellationToken);
        Assert.Equal(EndCause.ControlReplaced, (await first).Cause);
        for (var i = 0; i < 5; i++)
        {
            await pool.SendAsync();
            Assert.Equal(409, Assert.Throws<RequestRefusedException>(() => _registry.Contest(hosted)).Status);
            _time.Advance(TimeSpan.FromSeconds(100));
        }
        // The sender has been silent since, so it counts as gone although its connection is open.
        _registry.Contest(hosted);
        await pool.SendAsync();
        _time.Advance(SessionRegistry.ContestTime + TimeSpan.FromSeconds(1));
        await pool.SendAsync();
        // Nobody has tried for a while, so the next sender may take over.
        _registry.Contest(hosted);
        pool.Vanish();
        await second;
    }

    private HostedSession Create(string? prompt = null) => _registry.Create(new SessionRequest(null, null, prompt, null));

    // With a token the call completes at once.
    private AdmittedClient Back(HostedSession hosted, long? had = null) =>
        AdmittedClient.OfAsync(_registry, hosted.Token, had, new SessionRequest(null, null, null, null), _time, CancellationToken.None)
            .GetAwaiter().GetResult();

    private Task<SessionEnd> Run(HostedSession hosted, StillVideo client, long number = 0) =>
        _registry.RunAsync(hosted, "test", client, client, TestContext.Current.CancellationToken, number);

    /// <summary>A client that sends a picture on request.</summary>
    private sealed class Camera(TimeProvider time) : IVideoSource, IVideoSink, IDisposable
    {
        private readonly FramePool _pool = new("camera");
        private readonly Channel<VideoFrame> _frames = Channel.CreateUnbounded<VideoFrame>();
        private readonly SemaphoreSlim _back = new(0);
        private long _sent;

        public async Task SendAsync()
        {
            var frame = _pool.Rent(64, 64);
            frame.Ticket = new FrameTicket(_sent, TimeSpan.FromSeconds(_sent++), time.GetTimestamp(), 0);
            _frames.Writer.TryWrite(frame);
            Assert.True(await _back.WaitAsync(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken), "no picture came back");
        }

        public void Vanish() => _frames.Writer.Complete();

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel) =>
            await _frames.Reader.WaitToReadAsync(cancel) && _frames.Reader.TryRead(out var frame) ? frame : null;

        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            _back.Release();
            return new(true);
        }

        public void Dispose() => Assert.Equal(0, _pool.Rented);
    }
}
