using TrueLive.Core.Frames;

namespace TrueLive.Server.Transports;

/// <summary>Turns 32-bit 90 kHz stamps, which wrap and may come from anyone, into a timeline that starts at 0 and never goes back.</summary>
internal sealed class MediaClock
{
    private long _unwrapped;
    private long _latest;
    private uint _last;
    private long _sequence;

    /// <summary>Place and time of the next frame.</summary>
    public FrameTime Next(uint mediaTime, long arrived)
    {
        if (_sequence > 0)
            _unwrapped += (int)(mediaTime - _last);
        _last = mediaTime;
        _latest = Math.Max(_latest, _unwrapped);
        return new FrameTime(_sequence++, TimeSpan.FromTicks(_latest * 1000 / 9), arrived, mediaTime);
    }
}
