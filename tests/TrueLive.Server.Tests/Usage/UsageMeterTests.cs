using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Tests.Usage;

/// <summary>What sessions are charged with, over reconnects, moves, failures and odd clocks; in virtual time.</summary>
public sealed class UsageMeterTests : IAsyncDisposable
{
    private readonly UsageLedgerTests.SetClock _time = new();
    private readonly UsageLedger _ledger;
    private readonly SessionRegistry _registry;
    private readonly UsageMeter _meter;
    private readonly Camera _camera = new();

    public UsageMeterTests()
    {
        _ledger = new UsageLedger(_time);
        (_registry, _meter) = Machine();
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        _meter.Dispose();
    }

    [Fact]
    public async Task A_session_that_never_had_a_picture_costs_nothing_and_one_that_reconnects_is_charged_for_its_pictures_alone()
    {
        _registry.End(_registry.Create(Ask), EndCause.KeepExpired);
        var hosted = _registry.Create(Ask);
        _time.Advance(TimeSpan.FromMinutes(5));
        _meter.Look();
        Assert.Empty(Rows());
        var run = _registry.RunAsync(hosted, "test", _camera, _camera, Cancel);
        await _camera.SendAsync(hosted, 1);
        Live(hosted, seconds: 3);
        // Away for a while, then back.
        _camera.Leave();
        await run;
        _meter.Look();
        for (var i = 0; i < 20; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            _meter.Look();
        }
        var again = new Camera();
        run = _registry.RunAsync(hosted, "test", again, again, Cancel);
        await again.SendAsync(hosted, 2);
        _meter.Look();
        Live(hosted, seconds: 2);
        _registry.End(hosted, EndCause.ControlClient);
        await run;
        await _registry.DisposeAsync();
        // Looked at once a second: each connection is a second off at most.
        Assert.Equal((1L, 2L), (Rows().Sum(r => r.Sessions), Rows().Sum(r => r.Frames)));
        Assert.InRange(Rows().Sum(r => r.Seconds), 5, 7);
    }

    [Fact]
    public async Task A_machine_that_stood_still_and_a_clock_that_is_set_charge_nobody_for_it()
    {
        var hosted = _registry.Create(Ask);
        var run = _registry.RunAsync(hosted, "test", _camera, _camera, Cancel);
        await _camera.SendAsync(hosted, 1);
        _meter.Look();
        _time.Ahead = TimeSpan.FromDays(-400);
        Live(hosted, seconds: 1);
        _time.Ahead = TimeSpan.FromDays(400);
        Live(hosted, seconds: 1);
        _time.Advance(TimeSpan.FromHours(8));
        _meter.Look();
        _registry.End(hosted, EndCause.ControlClient);
        await run;
        Assert.InRange(Rows().Sum(r => r.Seconds), 2, 7);
    }

    [Fact]
    public async Task A_session_that_moves_to_another_machine_is_one_session_and_none_of_its_pictures_counts_twice()
    {
        var hosted = _registry.Create(Ask);
        var run = _registry.RunAsync(hosted, "test", _camera, _camera, Cancel);
        hosted.Tells(begins: true);
        await _camera.SendAsync(hosted, 1);
        _meter.Look();
        var (session, memory) = await _registry.HoldAsync(hosted, now: false, Cancel);
        var (there, meter) = Machine();
        await using (there)
        using (meter)
        {
            var camera = new Camera();
            await there.RestoreAsync(session, memory, TimeSpan.Zero, Cancel);
            _registry.Depart(hosted);
            await run;
            var arrived = there.Find(session.Id)!;
            run = there.RunAsync(arrived, "test", camera, camera, Cancel);
            await camera.SendAsync(arrived, 1);
            await camera.SendAsync(arrived, 2);
            meter.Look();
            there.End(arrived, EndCause.ControlClient);
            await run;
        }
        Assert.Equal((1L, 3L), (Rows().Sum(r => r.Sessions), Rows().Sum(r => r.Frames)));
    }

    private static SessionRequest Ask => new(null, null, null, null) { Owner = "key-a" };

    private (SessionRegistry, UsageMeter) Machine()
    {
        var options = new ServerOptions { DataFolder = Path.Combine(Path.GetTempPath(), "truelive-no-such-folder"), KeepSeconds = 3600 };
        var registry = new SessionRegistry(new ModelStore([new PassthroughModel()]), new Admission(2, 30, maxSessions: 9), options, _time,
            NullLogger<SessionRegistry>.Instance);
        return (registry, new UsageMeter(registry, _ledger, new ApiKeyRing(options, _time, NullLogger<ApiKeyRing>.Instance), _time));
    }

    private IReadOnlyList<UsageRow> Rows() => _ledger.Between(DateOnly.MinValue, DateOnly.MaxValue);

    private void Live(HostedSession hosted, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            Assert.Equal(SessionState.Live, hosted.Session.State);
            _time.Advance(TimeSpan.FromSeconds(1));
            _meter.Look();
        }
    }

    /// <summary>A client that sends a picture when it is told to, and gets it back.</summary>
    private sealed class Camera : IVideoSource, IVideoSink
    {
        private readonly FramePool _pool = new("camera");
        private readonly Channel<VideoFrame> _frames = Channel.CreateUnbounded<VideoFrame>();

        /// <summary>Sends one, and waits until the session has made as many in all.</summary>
        public async Task SendAsync(HostedSession hosted, int made)
        {
            _frames.Writer.TryWrite(_pool.Rent(64, 64));
            await NativeClient.UntilAsync(() => Task.FromResult(hosted.Session.Summary.Made == made));
        }

        public void Leave() => _frames.Writer.Complete();

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel) =>
            await _frames.Reader.WaitToReadAsync(cancel) && _frames.Reader.TryRead(out var frame) ? frame : null;

        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel) => new(true);
    }
}
