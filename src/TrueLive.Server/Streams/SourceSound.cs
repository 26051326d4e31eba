using TrueLive.Server.Live.Broadcast;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.Server.Streams;

/// <summary>Takes one Opus packet.</summary>
/// <param name="packet">The packet, valid only during the call.</param>
/// <param name="arrived">When a picture of the same moment arrives, by <see cref="TimeProvider.GetTimestamp"/>.</param>
internal delegate void HeardSound(in OpusPacket packet, long arrived);

/// <summary>
/// Puts the sound of a source beside its pictures: both have the time of the source's clock, and come out of its child at other moments
/// (sound often in bursts). A packet counts as having arrived when a picture of its time would have. Thread-safe.
/// </summary>
internal sealed class SourceSound(TimeProvider time)
{
    // Sound that far from the pictures has another clock, or none.
    private const int Apart = 10 * 90_000;

    private readonly Lock _gate = new();
    private readonly LeastDelay _pictures = new();
    private uint _newest;
    private long _place;
    private long _sequence;

    /// <summary>Takes what is heard; what is heard before anybody does is dropped.</summary>
    public HeardSound? Heard { get; set; }

    /// <summary>Packets that came.</summary>
    public long Packets => Volatile.Read(ref _sequence);

    /// <summary>A picture arrived.</summary>
    /// <param name="mediaTime">Its time by the source's clock, in 1/90,000 s.</param>
    /// <param name="arrived">When.</param>
    /// <param name="jumped">The clock began anew with it.</param>
    public void Picture(uint mediaTime, long arrived, bool jumped)
    {
        lock (_gate)
        {
            if (jumped || !_pictures.IsKnown)
                (_place, _newest) = (mediaTime, mediaTime);
            if (jumped)
                _pictures.Reset();
            _place += (int)(mediaTime - _newest);
            _newest = mediaTime;
            var at = LeastDelay.Ticks(arrived, time);
            _pictures.Add(at, at - _place);
        }
    }

    /// <summary>Sound came.</summary>
    public void Packet(ReadOnlySpan<byte> opus, TimeSpan at)
    {
        long arrived;
        lock (_gate)
        {
            var apart = (int)((uint)(ulong)((Int128)at.Ticks * 9 / 1000) - _newest);
            if (!_pictures.IsKnown || Math.Abs((long)apart) > Apart)
                return;
            _sequence++;
            arrived = LeastDelay.Timestamp(_place + apart + _pictures.Value, time);
        }
        Heard?.Invoke(new OpusPacket(opus, (uint)(ulong)((Int128)at.Ticks * 48 / 10_000), _sequence, ssrc: 1), arrived);
    }
}
