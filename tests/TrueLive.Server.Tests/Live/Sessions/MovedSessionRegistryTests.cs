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

/// <summary>Sessions that are handed out to another machine.</summary>
public sealed class MovedSessionRegistryTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly SessionRegistry _registry;
    private readonly HostedSession _hosted;

    public MovedSessionRegistryTests()
    {
        _registry = new SessionRegistry(new ModelStore([new PassthroughModel()]), new Admission(cores: 2, targetRate: 30, maxSessions: 0),
            new ServerOptions(), _time, NullLogger<SessionRegistry>.Instance);
        _hosted = _registry.Create(new SessionRequest(null, null, null, null));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _registry.DisposeAsync();

    [Fact]
    public async Task A_hold_that_is_over_does_not_end_the_next_one()
    {
        await _registry.HoldAsync(_hosted, now: false, Cancel);
        _time.Advance(TimeSpan.FromSeconds(10));
        SessionRegistry.Resume(_hosted);
        await _registry.HoldAsync(_hosted, now: false, Cancel);
        _time.Advance(TimeSpan.FromSeconds(35));
        Assert.True(_hosted.Session.IsHeld);
        // Nobody says what became of it.
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.False(_hosted.Session.IsHeld);
    }

    [Fact]
    public async Task A_session_that_departs_has_moved_and_was_not_ended_by_the_server()
    {
        var ended = new TaskCompletionSource<SessionEnd?>();
        _hosted.Session.Moved += (_, step) => ended.TrySetResult(step.End);
        await _registry.HoldAsync(_hosted, now: false, Cancel);
        _registry.Depart(_hosted);
        Assert.Equal(EndCause.ControlMoved, (await ended.Task)!.Cause);
        Assert.Equal(0, _registry.Count);
    }

    [Fact]
    public async Task A_memory_that_cannot_be_copied_stays_until_its_machine_must_go()
    {
        using var pool = new OnePicture();
        using var model = new HoldingModel(pool.Frames, new Chunk(1, 1, 0)) { CaptureFails = new NotSupportedException() };
        await using var registry = new SessionRegistry(new ModelStore([model]), new Admission(cores: 2, targetRate: 30, maxSessions: 0),
            new ServerOptions(), _time, NullLogger<SessionRegistry>.Instance);
        var hosted = registry.Create(new SessionRequest(null, null, null, null));
        var run = registry.RunAsync(hosted, "test", pool, pool, Cancel);
        await pool.Back.WaitAsync(Cancel);
        hosted.Tells(begins: true);
        Assert.Equal(409, (await Assert.ThrowsAsync<RequestRefusedException>(() => registry.HoldAsync(hosted, now: false, Cancel))).Status);
        Assert.False(hosted.Session.IsHeld);
        Assert.Null((await registry.HoldAsync(hosted, now: true, Cancel)).Memory.Model);
        registry.Depart(hosted);
        Assert.Equal(EndCause.ControlMoved, (await run).Cause);
    }

    /// <summary>A client that sends one picture.</summary>
    private sealed class OnePicture : IVideoSource, IVideoSink, IDisposable
    {
        private readonly TaskCompletionSource _back = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool _sent;

        public FramePool Frames { get; } = new("one picture");

        public Task Back => _back.Task;

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            if (_sent)
                await new TaskCompletionSource().Task.WaitAsync(cancel);
            _sent = true;
            return Frames.Rent(64, 64);
        }

        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            _back.TrySetResult();
            return new(true);
        }

        public void Dispose() => Assert.Equal(0, Frames.Rented);
    }
}
