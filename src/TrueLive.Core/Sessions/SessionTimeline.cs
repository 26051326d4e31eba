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
    private long _latest;
    private TimeSpan _shift;
    private long _heardAt;
    private long _interval = TimeSpan.TicksPerSecond / 30;

    /// <summary><see cref="TimeProvider.GetTimestamp"/> when the last frame came; 0 before the first. Any thread.</summary>
    public long HeardAt => Volatile.Read(ref _heardAt);

    /// <summary>Time between two frames of the source, smoothed; 1/30 s before there are two. Any thread.</summary>
    public TimeSpan Interval => TimeSpan.FromTicks(Volatile.Read(ref _interval));

    /// <summary>Number of the next frame and time of the last one. Any thread.</summary>
    public (long Next, TimeSpan Latest) Position => (Volatile.Read(ref _next), TimeSpan.FromTicks(Volatile.Read(ref _latest)));

    /// <summary>Continues a timeline of another machine.</summary>
    /// <param name="next">Number of its next frame.</param>
    /// <param name="latest">Time of its last frame.</param>
    /// <param name="ago">How long ago that frame came.</param>
    public void Continue(long next, TimeSpan latest, TimeSpan ago)
    {
        (_next, _latest) = (next, latest.Ticks);
        _heardAt = time.GetTimestamp() - (long)(ago.TotalSeconds * time.TimestampFrequency);
    }

    /// <summary>The next frame is the first of another source.</summary>
    public void Begin() => _begins = true;

    /// <summary>The ticket with the frame's number and time on the session's timeline.</summary>
    public FrameTicket Place(in FrameTicket frame)
    {
        var now = time.GetTimestamp();
        if (_begins && _next > 0)
        {
            var away = time.GetElapsedTime(_heardAt, now);
            _shift = TimeSpan.FromTicks(_latest) + (away > TimeSpan.Zero ? away : TimeSpan.FromTicks(1)) - frame.Captured;
            _base = _next - frame.SourceSequence;
        }
        _begins = false;
        var placed = frame with { SourceSequence = frame.SourceSequence + _base, Captured = frame.Captured + _shift };
        // A gap, from lost frames or time away, says nothing about the source's frame interval.
        if (placed.SourceSequence == _next && placed.Captured - TimeSpan.FromTicks(_latest) is var apart && apart > TimeSpan.Zero
            && apart <= MaxInterval
            && _next > 0)
            Volatile.Write(ref _interval, _interval + (apart.Ticks - _interval) / 8);
        Volatile.Write(ref _latest, placed.Captured.Ticks);
        Volatile.Write(ref _next, placed.SourceSequence + 1);
        Volatile.Write(ref _heardAt, now);
        return placed;
    }
}
