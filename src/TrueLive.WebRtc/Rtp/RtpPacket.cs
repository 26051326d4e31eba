using System.Buffers.Binary;

namespace TrueLive.WebRtc.Rtp;

/// <summary>A view of one received RTP packet (RFC 3550 section 5.1) with its header extensions (RFC 8285).</summary>
public readonly ref struct RtpPacket
{
    private const int FixedHeader = 12;
    private readonly ReadOnlySpan<byte> _extensions;
    private readonly bool _twoByte;

    private RtpPacket(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> extensions, bool twoByte, ReadOnlySpan<byte> payload)
    {
        Marker = (packet[1] & 0x80) != 0;
        PayloadType = (byte)(packet[1] & 0x7F);
        SequenceNumber = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        Timestamp = BinaryPrimitives.ReadUInt32BigEndian(packet[4..]);
        Ssrc = BinaryPrimitives.ReadUInt32BigEndian(packet[8..]);
        _extensions = extensions;
        _twoByte = twoByte;
        Payload = payload;
    }

    /// <summary>Marker bit; for video the last packet of a frame.</summary>
    public bool Marker { get; }

    /// <summary>0 to 127.</summary>
    public byte PayloadType { get; }

    /// <summary>Wraps at 65536.</summary>
    public ushort SequenceNumber { get; }

    /// <summary>Media time; 90 kHz for video, 48 kHz for Opus. Wraps.</summary>
    public uint Timestamp { get; }

    /// <summary>Synchronization source.</summary>
    public uint Ssrc { get; }

    /// <summary>Payload without padding; empty for a padding-only packet.</summary>
    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Reads a packet; false when the bytes are not one.</summary>
    public static bool TryParse(ReadOnlySpan<byte> packet, out RtpPacket result)
    {
        result = default;
        if (packet.Length < FixedHeader || packet[0] >> 6 != 2)
            return false;

        var offset = FixedHeader + 4 * (packet[0] & 0x0F);
        ReadOnlySpan<byte> extensions = default;
        var twoByte = false;
        if ((packet[0] & 0x10) != 0)
        {
            if (packet.Length < offset + 4)
                return false;

            var profile = BinaryPrimitives.ReadUInt16BigEndian(packet[offset..]);
            var length = 4 * BinaryPrimitives.ReadUInt16BigEndian(packet[(offset + 2)..]);
            offset += 4;
            if (packet.Length < offset + length)
                return false;

            twoByte = (profile & 0xFFF0) == 0x1000;
            extensions = twoByte || profile == 0xBEDE ? packet.Slice(offset, length) : default;
            offset += length;
        }

        var end = packet.Length;
        if ((packet[0] & 0x20) != 0)
        {
            var padding = packet[^1];
            if (padding == 0 || offset + padding > packet.Length)
                return false;

            end -= padding;
        }

        if (offset > end)
            return false;

        result = new RtpPacket(packet, extensions, twoByte, packet[offset..end]);
        return true;
    }

    /// <summary>Value of a header extension; empty when the packet does not carry it. Malformed extensions end the search.</summary>
    public ReadOnlySpan<byte> Extension(byte id)
    {
        var rest = _extensions;
        while (id != 0 && !rest.IsEmpty)
        {
            if (rest[0] == 0)
            {
                rest = rest[1..];
                continue;
            }

            int found, length, header;
            if (_twoByte)
            {
                if (rest.Length < 2)
                    break;

                (found, length, header) = (rest[0], rest[1], 2);
            }
            else
            {
                (found, length, header) = (rest[0] >> 4, (rest[0] & 0x0F) + 1, 1);
                if (found == 15)
                    break;
            }

            if (rest.Length < header + length)
                break;

            if (found == id)
                return rest.Slice(header, length);

            rest = rest[(header + length)..];
        }

        return default;
    }
}
