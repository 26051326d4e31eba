using System.Text;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Rtp;

/// <summary>One received Opus packet (RFC 6716). The data is borrowed.</summary>
/// <param name="data">The packet.</param>
/// <param name="rtpTime">48 kHz RTP time.</param>
/// <param name="sequence">RTP sequence number, unwrapped: it tells of loss and order within one <paramref name="ssrc"/>.</param>
/// <param name="ssrc">The stream.</param>
public readonly ref struct OpusPacket(ReadOnlySpan<byte> data, uint rtpTime, long sequence, uint ssrc)
{
    /// <summary>The packet.</summary>
    public ReadOnlySpan<byte> Data { get; } = data;

    /// <summary>48 kHz RTP time.</summary>
    public uint RtpTime { get; } = rtpTime;

    /// <summary>RTP sequence number, unwrapped.</summary>
    public long Sequence { get; } = sequence;

    /// <summary>The stream.</summary>
    public uint Ssrc { get; } = ssrc;
}

/// <summary>
/// Opus both ways, untouched (RFC 7587): one RTP packet is one Opus packet; order is left to the player. Either way may come and go.
/// </summary>
internal sealed class AudioStream(MediaEvents events)
{
    private const int MaxOpusPacket = 1100;
    private AudioPlan? _receive;
    private AudioPlan? _send;
    private RtpHeader _header;
    private Unwrapper _sequences = new(16);
    private readonly long _first = Random.Shared.Next(0x8000);
    private long _next;
    private long? _shift;

    /// <summary>Our stream; 0 before audio was ever sent.</summary>
    public uint LocalSsrc { get; private set; }

    /// <summary>The far side's stream; 0 before its first packet.</summary>
    public uint Ssrc { get; private set; }

    public ReceiveStatistics Statistics { get; private set; } = new(48_000);

    public long PacketsSent { get; private set; }

    public long PayloadBytesSent { get; private set; }

    /// <summary>RTP time of the packet with the highest number.</summary>
    public uint LastTimestamp { get; private set; }

    /// <summary>The packet written last has the highest number.</summary>
    public bool WroteNewest { get; private set; }

    /// <summary>Follows what was agreed on.</summary>
    public void Update(AudioPlan? receive, AudioPlan? send)
    {
        (_receive, _send) = (receive, send);
        if (send is null)
            return;
        _header = new RtpHeader(send.Extensions, Encoding.UTF8.GetBytes(send.Mid));
        LocalSsrc = send.LocalSsrc;
    }

    public bool Accepts(byte payloadType) => payloadType == _receive?.PayloadType;

    public void Receive(in RtpPacket packet, Instant now)
    {
        if (packet.Ssrc != Ssrc)
        {
            Ssrc = packet.Ssrc;
            Statistics = new ReceiveStatistics(48_000);
            _sequences = new Unwrapper(16);
        }

        var sequence = _sequences.Unwrap(packet.SequenceNumber);
        Statistics.Add(sequence, packet.Timestamp, now);
        if (!packet.Payload.IsEmpty)
            events.Add(MediaEvent.Of(new OpusPacket(packet.Payload, packet.Timestamp, sequence, packet.Ssrc)));
    }

    /// <summary>
    /// Writes a packet and returns its length; 0 when audio is not sent in this session or the packet is too large or comes before the
    /// first one. Numbers given leave the gaps and the order of a stream that is passed on visible; without one the packet is the next.
    /// </summary>
    public int Write(Span<byte> packet, ReadOnlySpan<byte> opus, uint rtpTime, long? sequence, ushort transportSequence)
    {
        if (_send is not { } plan || opus.IsEmpty || opus.Length > MaxOpusPacket)
            return 0;

        var number = sequence is { } given ? given + (_shift ??= _next - given) : _next;
        if (number < 0)
            return 0;

        // RFC 3551 section 4.1: the marker tells the start of a talkspurt.
        var length = _header.Write(packet, new(plan.PayloadType, PacketsSent == 0, (ushort)(_first + number), rtpTime, plan.LocalSsrc,
            transportSequence, false, null));
        opus.CopyTo(packet[length..]);
        WroteNewest = number >= _next;
        if (WroteNewest)
        {
            _next = number + 1;
            LastTimestamp = rtpTime;
        }

        PacketsSent++;
        PayloadBytesSent += opus.Length;
        return length + opus.Length;
    }
}
