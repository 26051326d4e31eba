namespace TrueLive.Probe.Tests.Trials;

/// <summary>
/// A clock that does not go by itself: whoever waits for less than an hour moves it to the end of the wait at once. So a trial of minutes
/// takes as long as its work, and its times do not depend on the machine. Only one party may wait at a time, and no limit is ever reached.
/// </summary>
internal sealed class VirtualClock : TimeProvider
{
    private static readonly TimeSpan Sleeps = TimeSpan.FromHours(1);
    private long _now = TimeSpan.TicksPerDay;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _now);

    public void Advance(double seconds) => Interlocked.Add(ref _now, (long)(seconds * TimeSpan.TicksPerSecond));

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime >= TimeSpan.Zero && dueTime < Sleeps && state is not CancellationTokenSource)
        {
            Interlocked.Add(ref _now, dueTime.Ticks);
            ThreadPool.QueueUserWorkItem(_ => callback(state));
        }
        return new Over();
    }

    private sealed class Over : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => false;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
