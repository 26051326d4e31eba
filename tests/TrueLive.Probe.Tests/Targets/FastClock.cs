namespace TrueLive.Probe.Tests.Targets;

/// <summary>A clock that runs faster than real time, so that a run of many seconds takes few; timers follow it.</summary>
internal class FastClock(double factor) : TimeProvider
{
    public override long GetTimestamp() => (long)(System.GetTimestamp() * factor);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, Scaled(dueTime), Scaled(period));

    protected TimeSpan Scaled(TimeSpan time) => time <= TimeSpan.Zero || time == Timeout.InfiniteTimeSpan ? time : time / factor;
}

/// <summary>Simulates a machine of which another program takes a fifth: now and then a timer is 60 ms late.</summary>
internal sealed class StolenClock() : FastClock(1)
{
    private int _calls;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, Interlocked.Increment(ref _calls) % 5 == 0 && dueTime > TimeSpan.Zero
            ? dueTime + TimeSpan.FromMilliseconds(60)
            : dueTime, period);
}
