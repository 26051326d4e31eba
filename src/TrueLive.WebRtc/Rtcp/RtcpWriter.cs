using System.Buffers.Binary;
using System.Text;

namespace TrueLive.WebRtc.Rtcp;

/// <summary>
/// Writes a compound RTCP packet into a caller's buffer. A packet that does not fit is left out; its method returns false.
/// </summary>
internal ref struct RtcpWriter(Span<byte> buffer)
{
    private readonly Span<byte> _buffer = buffer;

    /// <summary>Bytes written so far.</summary>
    public int Length { get; private set; }

    /// <summary>RFC 3550 section 6.4.1.</summary>
    public bool SenderReport(uint ssrc, ulong ntp, uint rtpTime, uint packets, uint bytes, scoped ReadOnlySpan<ReportBlock> blocks)
    {
        if (!Begin(RtcpType.SenderReport, blocks.Length, 28 + blocks.Length * ReportBlock.Size, out var packet))
            return false;

        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], ssrc);
        BinaryPrimitives.WriteUInt64BigEndian(packet[8..], ntp);
        BinaryPrimitives.WriteUInt32BigEndian(packet[16..], rtpTime);
        BinaryPrimitives.WriteUInt32BigEndian(packet[20..], packets);
        BinaryPrimitives.WriteUInt32BigEndian(packet[24..], bytes);
        Blocks(packet[28..], blocks);
        return true;
    }

    /// <summary>RFC 3550 section 6.4.2.</summary>
    public bool ReceiverReport(uint ssrc, scoped ReadOnlySpan<ReportBlock> blocks)
    {
        if (!Begin(RtcpType.ReceiverReport, blocks.Length, 8 + blocks.Length * ReportBlock.Size, out var packet))
            return false;

        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], ssrc);
        Blocks(packet[8..], blocks);
        return true;
    }

    /// <summary>One CNAME chunk (RFC 3550 section 6.5).</summary>
    public bool SourceDescription(uint ssrc, string cname)
    {
        var length = Math.Min(Encoding.UTF8.GetByteCount(cname), 255);
        // Type, length, text, then at least one zero up to the next multiple of four.
        if (!Begin(RtcpType.SourceDescription, 1, 8 + ((2 + length + 4) & ~3), out var packet))
            return false;

        packet[4..].Clear();
        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], ssrc);
        packet[8] = 1;
        packet[9] = (byte)length;
        Encoding.UTF8.TryGetBytes(cname, packet[10..], out _);
        return true;
    }

    /// <summary>RFC 3550 section 6.6, for one source.</summary>
    public bool Bye(uint ssrc)
    {
        if (!Begin(RtcpType.Bye, 1, 8, out var packet))
            return false;

        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], ssrc);
        return true;
    }

    /// <summary>Generic NACK (RFC 4585 section 6.2.1); <paramref name="sequences"/> ascend.</summary>
    public bool Nack(uint sender, uint media, scoped ReadOnlySpan<ushort> sequences)
    {
        var pairs = 0;
        for (var i = 0; i < sequences.Length; pairs++)
            i = EndOfPair(sequences, i);

        if (!Begin(RtcpType.TransportFeedback, 1, 12 + 4 * pairs, out var packet))
            return false;

        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], sender);
        BinaryPrimitives.WriteUInt32BigEndian(packet[8..], media);
        var offset = 12;
        for (var i = 0; i < sequences.Length; offset += 4)
        {
            var end = EndOfPair(sequences, i);
            var mask = 0;
            for (var j = i + 1; j < end; j++)
                mask |= 1 << (ushort)(sequences[j] - sequences[i] - 1);

            BinaryPrimitives.WriteUInt16BigEndian(packet[offset..], sequences[i]);
            BinaryPrimitives.WriteUInt16BigEndian(packet[(offset + 2)..], (ushort)mask);
            i = end;
        }

        return true;
    }

    /// <summary>Picture loss indication (RFC 4585 section 6.3.1).</summary>
    public bool Pli(uint sender, uint media)
    {
        if (!Begin(RtcpType.PayloadFeedback, 1, 12, out var packet))
            return false;

        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], sender);
        BinaryPrimitives.WriteUInt32BigEndian(packet[8..], media);
        return true;
    }

    /// <summary>Full intra request (RFC 5104 section 4.3.1), for peers that agreed on no PLI.</summary>
    public bool Fir(uint sender, uint media, byte sequence)
    {
        if (!Begin(RtcpType.PayloadFeedback, 4, 20, out var packet))
            return false;

        packet[4..].Clear();
        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], sender);
        BinaryPrimitives.WriteUInt32BigEndian(packet[12..], media);
        packet[16] = sequence;
        return true;
    }

    /// <summary>Room for a packet that the caller fills in from byte 4 on; <paramref name="size"/> is a multiple of four.</summary>
    internal bool Begin(RtcpType type, int format, int size, out Span<byte> packet)
    {
        packet = default;
        if (Length + size > _buffer.Length)
            return false;

        packet = _buffer.Slice(Length, size);
        packet[0] = (byte)(0x80 | format);
        packet[1] = (byte)type;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)(size / 4 - 1));
        Length += size;
        return true;
    }

    private static int EndOfPair(ReadOnlySpan<ushort> sequences, int start)
    {
        var end = start + 1;
        while (end < sequences.Length && (ushort)(sequences[end] - sequences[start]) is > 0 and <= 16)
            end++;

        return end;
    }

    private static void Blocks(Span<byte> bytes, scoped ReadOnlySpan<ReportBlock> blocks)
    {
        foreach (var block in blocks)
        {
            block.Write(bytes);
            bytes = bytes[ReportBlock.Size..];
        }
    }
}
