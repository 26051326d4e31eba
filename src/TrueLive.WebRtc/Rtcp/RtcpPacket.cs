using System.Buffers.Binary;

namespace TrueLive.WebRtc.Rtcp;

/// <summary>RTCP packet types in use (RFC 3550 section 12.1, RFC 4585 section 6.1).</summary>
internal enum RtcpType : byte
{
    SenderReport = 200,
    ReceiverReport = 201,
    SourceDescription = 202,
    Bye = 203,
    TransportFeedback = 205,
    PayloadFeedback = 206,
}

/// <summary>One packet of a compound RTCP packet, with bounds-checked readers for the fields that this stack uses.</summary>
internal readonly ref struct RtcpPacket
{
    private RtcpPacket(ReadOnlySpan<byte> bytes) => Bytes = bytes;

    /// <summary>The packet with its four-byte header, without padding.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    public RtcpType Type => (RtcpType)Bytes[1];

    /// <summary>Report count or feedback message type.</summary>
    public int Format => Bytes[0] & 0x1F;

    public uint SenderSsrc => Bytes.Length >= 8 ? BinaryPrimitives.ReadUInt32BigEndian(Bytes[4..]) : 0;

    /// <summary>Feedback packets: the stream that the feedback is about.</summary>
    public uint MediaSsrc => Bytes.Length >= 12 ? BinaryPrimitives.ReadUInt32BigEndian(Bytes[8..]) : 0;

    public bool IsNack => Type == RtcpType.TransportFeedback && Format == 1;

    public bool IsTransportCc => Type == RtcpType.TransportFeedback && Format == 15;

    public bool IsPli => Type == RtcpType.PayloadFeedback && Format == 1;

    public bool IsFir => Type == RtcpType.PayloadFeedback && Format == 4;

    public bool IsRemb =>
        Type == RtcpType.PayloadFeedback && Format == 15 && Bytes.Length >= 20 && Bytes.Slice(12, 4).SequenceEqual("REMB"u8);

    /// <summary>Sender report: NTP time; 0 when the packet is too short.</summary>
    public ulong NtpTime => Bytes.Length >= 28 ? BinaryPrimitives.ReadUInt64BigEndian(Bytes[8..]) : 0;

    /// <summary>Sender report: RTP time of the same moment.</summary>
    public uint RtpTime => Bytes.Length >= 28 ? BinaryPrimitives.ReadUInt32BigEndian(Bytes[16..]) : 0;

    /// <summary>Takes the next packet off <paramref name="compound"/>; false at its end or where it is malformed.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> compound, out RtcpPacket packet)
    {
        packet = default;
        if (compound.Length < 4 || compound[0] >> 6 != 2)
            return false;

        var length = 4 * (BinaryPrimitives.ReadUInt16BigEndian(compound[2..]) + 1);
        if (length > compound.Length)
            return false;

        var end = length;
        if ((compound[0] & 0x20) != 0)
        {
            var padding = compound[length - 1];
            if (padding == 0 || padding > length - 4)
                return false;

            end -= padding;
        }

        packet = new RtcpPacket(compound[..end]);
        compound = compound[length..];
        return true;
    }

    /// <summary>Sender or receiver report: block <paramref name="index"/>, false beyond the last one.</summary>
    public bool TryGetReport(int index, out ReportBlock block)
    {
        var offset = (Type == RtcpType.SenderReport ? 28 : 8) + index * ReportBlock.Size;
        var there = index < Format && Bytes.Length >= offset + ReportBlock.Size;
        block = there ? ReportBlock.Read(Bytes[offset..]) : default;
        return there;
    }

    /// <summary>
    /// NACK: pair <paramref name="index"/> of first lost packet and bit mask of the 16 after it (RFC 4585 section 6.2.1).
    /// </summary>
    public bool TryGetNack(int index, out ushort packetId, out ushort mask)
    {
        var offset = 12 + 4 * index;
        var there = Bytes.Length >= offset + 4;
        packetId = there ? BinaryPrimitives.ReadUInt16BigEndian(Bytes[offset..]) : (ushort)0;
        mask = there ? BinaryPrimitives.ReadUInt16BigEndian(Bytes[(offset + 2)..]) : (ushort)0;
        return there;
    }

    /// <summary>FIR: entry <paramref name="index"/> (RFC 5104 section 4.3.1.1).</summary>
    public bool TryGetFir(int index, out uint ssrc, out byte sequence)
    {
        var offset = 12 + 8 * index;
        var there = Bytes.Length >= offset + 8;
        ssrc = there ? BinaryPrimitives.ReadUInt32BigEndian(Bytes[offset..]) : 0;
        sequence = there ? Bytes[offset + 4] : (byte)0;
        return there;
    }

    /// <summary>REMB: the receiver's limit in bit/s (draft-alvestrand-rmcat-remb-03 section 2.2).</summary>
    public long RembBitrate() =>
        (long)Math.Min((ulong)(((Bytes[17] & 3) << 16) | (Bytes[18] << 8) | Bytes[19]) << Math.Min(Bytes[17] >> 2, 40), int.MaxValue);
}
