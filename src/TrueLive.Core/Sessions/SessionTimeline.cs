using TrueLive.Core.Frames;

namespace TrueLive.Core.Sessions;

/// <summary>
/// Puts the frames of one connection after another on one timeline: each source counts its frames and their time from its own start, but
/// the
/// model's memory, a look's transition, the stamps of viewers and the journal go on from one to the next. Time passes while nobody is
/// connected. Not thread-safe: it belongs to the receive loop of the connection that runs.
/// </summary>
internal sealed class SessionTimeline(TimeProvider time)
{
    private static readonly TimeSpan MaxInterval = TimeSpan.FromSeconds(1);

    private bool _begins;
    private long _next;
    private long _base;
    private TimeSpan _latest;
    private TimeSpan _shift;
    private long _heardAt;
    private long _interval = TimeSpan.TicksPerSecond / 30;

    /// <summary><see cref="TimeProvider.GetTimestamp"/> when the last frame came; 0 before the first. Any thread.</summary>
    public long HeardAt => Volatile.Read(ref _heardAt);

    /// <summary>Time between two frames of the source, smoothed; that of 30 frames a second before there are two. Any thread.</summary>
    public TimeSpan Interval => TimeSpan.FromTicks(Volatile.Read(ref _interval));

    /// <summary>The next frame is the first of another source.</summary>
    public void Begin() => _begins = true;

    /// <summary>Place and time of the frame among all of the session's.</summary>
    public FrameTicket Place(in FrameTicket frame)
    {
        var now = time.GetTimestamp();
        if (_begins && _next > 0)
        {
            var away = time.GetElapsedTime(_heardAt, now);
            _shift = _latest + (away > TimeSpan.Zero ? away : TimeSpan.FromTicks(1)) - frame.Captured;
            _base = _next - frame.SourceSequence;
        }
        _begins = false;
        var placed = frame with { SourceSequence = frame.SourceSequence + _base, Captured = frame.Captured + _shift };
        // Where the time away counts, or frames were lost on the way, nothing is said of the source's own pace.
        if (placed.SourceSequence == _next && placed.Captured - _latest is var apart && apart > TimeSpan.Zero && apart <= MaxInterval && _next > 0)
            Volatile.Write(ref _interval, _interval + (apart.Ticks - _interval) / 8);
        (_next, _latest) = (placed.SourceSequence + 1, placed.Captured);
        Volatile.Write(ref _heardAt, now);
        return placed;
    }
}
