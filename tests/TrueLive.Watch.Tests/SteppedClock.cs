using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace TrueLive.Watch.Tests;

/// <summary>A clock that stands still until a test moves it: to the end of the wait that a watch has begun.</summary>
/// <param name="isWait">Which timers are waits; others are limits.</param>
internal sealed class SteppedClock(Func<TimeSpan, bool> isWait) : FakeTimeProvider(new DateTimeOffset(2026, 10, 25, 0, 0, 0, TimeSpan.Zero))
{
    private readonly SemaphoreSlim _waits = new(0);
    private TimeSpan _wait;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        if (isWait(dueTime))
        {
            _wait = dueTime;
            _waits.Release();
        }
        return timer;
    }

    /// <summary>Returns when the watch waits.</summary>
    public async Task<TimeSpan> WaitsAsync()
    {
        await _waits.WaitAsync(TestContext.Current.CancellationToken);
        return _wait;
    }

    /// <summary>How far the wall clock is off: what somebody set, or what a machine slept, which no timer notices.</summary>
    public TimeSpan Set { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Set;

    public override long GetTimestamp() => base.GetUtcNow().UtcTicks;

    /// <summary>Moves to the end of one wait after the other until the watch ends.</summary>
    public async Task FinishAsync(Task<int> watching, int lost = 0)
    {
        var over = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        _ = watching.ContinueWith(_ => over.Cancel(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        try
        {
            while (true)
            {
                await _waits.WaitAsync(over.Token);
                Advance(_wait);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Equal(lost, await watching);
        }
    }
}

/// <summary>A clock whose timers fire when their owners have long disposed of them, as those of a busy pool may.</summary>
internal sealed class LateClock : FakeTimeProvider
{
    private readonly ConcurrentQueue<Action> _late = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime > TimeSpan.Zero)
            _late.Enqueue(() => callback(state));
        return base.CreateTimer(callback, state, dueTime, period);
    }

    public void FireAll()
    {
        Assert.NotEmpty(_late);
        foreach (var fire in _late)
            fire();
    }
}
