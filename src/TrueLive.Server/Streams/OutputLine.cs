using TrueLive.Server.Live.Broadcast;

namespace TrueLive.Server.Streams;

/// <summary>
/// Lays the pictures and the sound of one connection of an output on one line. Their stamps have nothing in common, but each says when its
/// input arrived: sound lies where the picture is that arrived with it, however long that took to make. Not thread-safe.
/// </summary>
internal sealed class OutputLine(TimeProvider time)
{
    // Jitter of arrivals must not become jitter of the sound.
    private const int Tolerance = 90_000 / 100;

    private readonly LeastDelay _pictures = new();
    private readonly LeastDelay _sounds = new();
    private long _offset = long.MaxValue;
    private long _sound;
    private uint _newest;

    /// <summary>A picture is at this place, in 1/90,000 s.</summary>
    /// <param name="place">Place on the line.</param>
    /// <param name="arrived">When its input arrived.</param>
    /// <param name="anew">Those before have nothing to do with it.</param>
    public void Picture(long place, long arrived, bool anew)
    {
        if (anew)
            _pictures.Reset();
        var at = LeastDelay.Ticks(arrived, time);
        _pictures.Add(at, at - place);
    }

    /// <summary>Place of a sound, in 1/90,000 s.</summary>
    /// <param name="rtpTime">Its 48 kHz time.</param>
    /// <param name="arrived">When its input arrived.</param>
    public long Sound(uint rtpTime, long arrived)
    {
        if (!_sounds.IsKnown)
            _newest = rtpTime;
        _sound += (int)(rtpTime - _newest);
        _newest = rtpTime;
        var (at, place) = (LeastDelay.Ticks(arrived, time), _sound * 15 / 8);
        _sounds.Add(at, at - place);
        var offset = _sounds.Value - _pictures.Value;
        // What one of the two has not seen yet must not move the other.
        if (_offset == long.MaxValue || (_sounds.Since == _pictures.Since && Math.Abs(offset - _offset) > Tolerance))
            _offset = offset;
        return place + _offset;
    }
}
