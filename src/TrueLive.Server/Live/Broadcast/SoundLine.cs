using TrueLive.WebRtc.Rtp;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>
/// One unbroken line of numbers and times for the sound of a session: those of its first sender, on which others go on, and what jumps.
/// Within one stream all stays as it came: a lost packet leaves its number out, a late one keeps its own. Not thread-safe.
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

    /// <summary>Number and 48 kHz time of a packet on the line.</summary>
    /// <param name="source">The connection that it came over.</param>
    /// <param name="packet">As it came.</param>
    public (long Sequence, uint RtpTime) Next(object source, in OpusPacket packet)
    {
        var now = time.GetTimestamp();
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
        return Math.Abs(ahead) <= MaxJump && (ahead <= 0 ? step <= 0 && step > -MaxJump * Packet : step > 0 && step <= (passed + Ahead).TotalSeconds * Rate);
    }
}
