using TrueLive.Core.Frames;

namespace TrueLive.Core.Sessions;

/// <summary>
/// Puts the frames of successive connections on one timeline. Each source numbers and times its frames from its own start, but the model's
/// memory, look transitions, viewers' timestamps and the journal continue across connections. Time also passes while nobody is connected.
/// Not thread-safe: used only by the receive loop of the running connection.
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

    /// <summary>Time between two frames of the source, smoothed; 1/30 s before there are two. Any thread.</summary>
    public TimeSpan Interval => TimeSpan.FromTicks(Volatile.Read(ref _interval));

    /// <summary>The next frame is the first of another source.</summary>
    public void Begin() => _begins = true;

    /// <summary>The ticket with the frame's number and time on the session's timeline.</summary>
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
        // A gap, from lost frames or time away, says nothing about the source's frame interval.
        if (placed.SourceSequence == _next && placed.Captured - _latest is var apart && apart > TimeSpan.Zero && apart <= MaxInterval
            && _next > 0)
            Volatile.Write(ref _interval, _interval + (apart.Ticks - _interval) / 8);
        (_next, _latest) = (placed.SourceSequence + 1, placed.Captured);
        Volatile.Write(ref _heardAt, now);
        return placed;
    }
}
