using System.Text;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Rtp;

/// <summary>Takes one received Opus packet (RFC 6716) and its 48 kHz RTP time. The data is borrowed.</summary>
public delegate void OpusPacketHandler(ReadOnlySpan<byte> opus, uint rtpTime);

/// <summary>Opus both ways, untouched (RFC 7587): one RTP packet is one Opus packet; order is left to the player.</summary>
internal sealed class AudioStream(AudioPlan plan, OpusPacketHandler? received)
{
    private const int MaxOpusPacket = 1100;
    private readonly RtpHeader _header = new(plan.Extensions, Encoding.UTF8.GetBytes(plan.Mid));
    private Unwrapper _sequences = new(16);
    private ushort _sequence = (ushort)Random.Shared.Next(0x8000);
    private bool _started;

    public uint LocalSsrc => plan.LocalSsrc;

    public bool Sends => plan.Send;

    /// <summary>The far side's stream; 0 before its first packet.</summary>
    public uint Ssrc { get; private set; }

    public ReceiveStatistics Statistics { get; private set; } = new(48_000);

    public long PacketsSent { get; private set; }

    public long PayloadBytesSent { get; private set; }

    public uint LastTimestamp { get; private set; }

    public bool Accepts(byte payloadType) => plan.Receive && payloadType == plan.PayloadType;

    public void Receive(in RtpPacket packet, long now)
    {
        if (packet.Ssrc != Ssrc)
        {
            Ssrc = packet.Ssrc;
            Statistics = new ReceiveStatistics(48_000);
            _sequences = new Unwrapper(16);
        }

        Statistics.Add(_sequences.Unwrap(packet.SequenceNumber), packet.Timestamp, now);
        if (!packet.Payload.IsEmpty)
        {
            received?.Invoke(packet.Payload, packet.Timestamp);
        }
    }

    /// <summary>Writes a packet and returns its length; 0 when audio is not sent in this session or the packet is too large.</summary>
    public int Write(Span<byte> packet, ReadOnlySpan<byte> opus, uint rtpTime, ushort transportSequence)
    {
        if (!plan.Send || opus.IsEmpty || opus.Length > MaxOpusPacket)
        {
            return 0;
        }

        // RFC 3551 section 4.1: the marker tells the start of a talkspurt.
        var length = _header.Write(packet, new(plan.PayloadType, !_started, _sequence++, rtpTime, plan.LocalSsrc, transportSequence, false, null));
        opus.CopyTo(packet[length..]);
        _started = true;
        LastTimestamp = rtpTime;
        PacketsSent++;
        PayloadBytesSent += opus.Length;
        return length + opus.Length;
    }
}
