using TrueLive.WebRtc.Rtp;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>
/// Renumbers the sound of a session as one continuous stream: the numbers and times of the first sender are continued when another sender
/// takes over or a stream jumps. Within a stream nothing changes: a lost packet leaves a gap, a late one keeps its number. Not thread-safe.
/// </summary>
internal sealed class SoundLine(TimeProvider time)
{
    private const int Rate = 48_000;
    private const int Packet = Rate / 50;
    private const int MaxJump = 1000;
    private static readonly TimeSpan Ahead = TimeSpan.FromSeconds(2);

    private object? _source;
    private uint _ssrc;
    private long _newest;
    private uint _newestTime;
    private long _newestAt;
    private long _shift;
    private uint _timeShift;

    /// <summary>Sequence number and 48 kHz RTP time of a packet in the continuous stream.</summary>
    /// <param name="source">The connection that it came over.</param>
    /// <param name="packet">The packet as received.</param>
    /// <param name="now">When it was received, by <see cref="TimeProvider.GetTimestamp"/>.</param>
    public (long Sequence, uint RtpTime) Next(object source, in OpusPacket packet, long now)
    {
        var passed = _source is null ? TimeSpan.Zero : time.GetElapsedTime(_newestAt, now);
        if (_source is null)
        {
            (_source, _ssrc, _newest, _newestTime) = (source, packet.Ssrc, packet.Sequence - 1, packet.RtpTime);
        }
        else if (!Follows(source, packet, passed))
        {
            (_source, _ssrc) = (source, packet.Ssrc);
            _shift = _newest + 1 - packet.Sequence;
            _timeShift = _newestTime + (uint)Math.Max(Packet, (long)(passed.TotalSeconds * Rate)) - packet.RtpTime;
        }
        var (number, at) = (packet.Sequence + _shift, packet.RtpTime + _timeShift);
        if (number > _newest)
            (_newest, _newestTime, _newestAt) = (number, at, now);
        return (number, at);
    }

    private bool Follows(object source, in OpusPacket packet, TimeSpan passed)
    {
        if (source != _source || packet.Ssrc != _ssrc)
            return false;
        var ahead = packet.Sequence + _shift - _newest;
        var step = (int)(packet.RtpTime + _timeShift - _newestTime);
        return Math.Abs(ahead) <= MaxJump && (ahead <= 0
            ? step <= 0 && step > -MaxJump * Packet
            : step > 0 && step <= (passed + Ahead).TotalSeconds * Rate);
    }
}
