using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;

namespace TrueLive.Core.Tests.Sessions;

/// <summary>A session that is held for a move of which nothing comes.</summary>
public sealed class HeldLiveSessionTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly FramePool _pool = new("held session");
    private readonly KeepingSink _sink = new();
    private readonly CountingModel _model;
    private readonly HandFedSource _source;
    private readonly LiveSession _session;
    private Task<SessionEnd> _run = null!;

    public HeldLiveSessionTests()
    {
        _model = new CountingModel(_pool);
        _source = new HandFedSource(_pool, _time);
        _session = new LiveSession("s", new SessionSettings(_model, 64, 36, Prompt.None, 0, 0, false), new LiveSessionOptions(), _time);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _run = _session.RunAsync(_source, _sink, Cancel);
        await NextAsync(1);
    }

    public async ValueTask DisposeAsync()
    {
        _source.End();
        Assert.Equal(EndCause.ReceiveClient, (await _run).Cause);
        _session.Dispose();
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public async Task One_that_is_told_to_go_on_before_its_step_was_over_is_not_handed_out()
    {
        await _model.Entered.WaitAsync(Cancel);
        using var gate = _model.Gate = new SemaphoreSlim(0);
        _source.Feed();
        await _model.Entered.WaitAsync(Cancel);
        var first = _session.HoldAsync(Cancel);
        _session.Resume();
        Assert.False(_session.IsHeld);
        Assert.False(first.IsCompleted);
        // Another move of it begins meanwhile.
        var second = _session.HoldAsync(Cancel);
        _model.Gate = null;
        gate.Release();
        await Assert.ThrowsAsync<InvalidOperationException>(() => first);
        Assert.Equal(2, (await second).Model!.Bytes.Span[0]);
        Assert.True(_session.IsHeld);
        await _sink.NextAsync();
        _session.Resume();
        await NextAsync(3);
    }

    [Fact]
    public async Task One_whose_memory_cannot_be_copied_for_an_unknown_reason_goes_on()
    {
        _model.CaptureFails = new IOException("The device is gone.");
        await Assert.ThrowsAsync<IOException>(() => _session.HoldAsync(Cancel));
        Assert.False(_session.IsHeld);
        await NextAsync(2);
        _model.CaptureFails = null;
        Assert.Equal(2, (await _session.HoldAsync(Cancel)).Model!.Bytes.Span[0]);
        _session.Resume();
    }

    private async Task NextAsync(byte steps)
    {
        _source.Feed();
        Assert.Equal(steps, (await _sink.NextAsync()).Luma);
    }
}
