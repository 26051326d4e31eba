using TrueLive.Core.Frames;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>
/// Turns 32-bit 90 kHz timestamps, which wrap and cannot be trusted, into a timeline that starts at 0 and never goes back: where timestamps
/// restart or jump, the time between arrivals is used.
/// </summary>
internal sealed class MediaClock(TimeProvider time)
{
    // Frames delayed on the way arrive in a burst, with timestamps that run ahead of their arrival.
    private static readonly TimeSpan Ahead = TimeSpan.FromSeconds(2);

    private long _place;
    private uint _last;
    private long _arrived;
    private long _sequence;

    /// <summary>How often the timestamps restarted or jumped.</summary>
    public long Jumps { get; private set; }

    /// <summary>The ticket of the next frame in display order.</summary>
    public FrameTicket Next(uint mediaTime, long arrived)
    {
        if (_sequence > 0)
        {
            var passed = time.GetElapsedTime(_arrived, arrived);
            var step = (int)(mediaTime - _last);
            var follows = step > 0 && TimeSpan.FromTicks(step * 1000L / 9) <= passed + Ahead;
            _place += follows ? step : Math.Max(0, passed.Ticks * 9 / 1000);
            Jumps += follows ? 0 : 1;
        }
        (_last, _arrived) = (mediaTime, arrived);
        return new FrameTicket(_sequence++, TimeSpan.FromTicks(_place * 1000 / 9), arrived, mediaTime);
    }
}
