using TrueLive.Core.Frames;

namespace TrueLive.Core.Sessions;

/// <summary>
/// Puts the frames of one connection after another on one timeline: each source counts its frames and their time from its own start, but the
/// model's memory, a look's transition, the stamps of viewers and the journal go on from one to the next. Time passes while nobody is
/// connected. Not thread-safe: it belongs to the receive loop of the connection that runs.
/// </summary>
internal sealed class SessionTimeline(TimeProvider time)
{
    private bool _begins;
    private long _next;
    private long _base;
    private TimeSpan _latest;
    private TimeSpan _shift;
    private long _heardAt;

    /// <summary><see cref="TimeProvider.GetTimestamp"/> when the last frame came; 0 before the first. Any thread.</summary>
    public long HeardAt => Volatile.Read(ref _heardAt);

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
        (_next, _latest) = (placed.SourceSequence + 1, placed.Captured);
        Volatile.Write(ref _heardAt, now);
        return placed;
    }
}
