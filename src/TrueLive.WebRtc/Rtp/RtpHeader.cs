using System.Buffers.Binary;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Rtp;

/// <summary>Writes RTP headers with one-byte header extensions (RFC 3550 section 5.1, RFC 8285 section 4.2).</summary>
internal readonly struct RtpHeader(ExtensionIds ids, byte[] mid)
{
    /// <summary>The fields that vary from packet to packet.</summary>
    internal readonly record struct Fields(byte PayloadType, bool Marker, ushort Sequence, uint Timestamp, uint Ssrc,
        ushort TransportSequence, bool LowDelay, ColourSpace? Colour);

    /// <summary>Longest header that <see cref="Write"/> makes.</summary>
    public int MaxLength => 16 + ((1 + mid.Length + 3 + 4 + 1 + ColourSpaceExtension.Length + 3) & ~3);

    /// <summary>Writes the header and returns its length.</summary>
    public int Write(Span<byte> packet, in Fields fields)
    {
        packet[0] = 0x80;
        packet[1] = (byte)(fields.PayloadType | (fields.Marker ? 0x80 : 0));
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], fields.Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], fields.Timestamp);
        BinaryPrimitives.WriteUInt32BigEndian(packet[8..], fields.Ssrc);
        var offset = 16;
        if (ids.TransportSequence != 0)
        {
            packet[offset] = (byte)((ids.TransportSequence << 4) | 1);
            BinaryPrimitives.WriteUInt16BigEndian(packet[(offset + 1)..], fields.TransportSequence);
            offset += 3;
        }

        if (ids.Mid != 0 && mid.Length is > 0 and <= 16)
        {
            packet[offset] = (byte)((ids.Mid << 4) | (mid.Length - 1));
            mid.CopyTo(packet[(offset + 1)..]);
            offset += 1 + mid.Length;
        }

        if (ids.PlayoutDelay != 0 && fields.LowDelay)
        {
            // Minimum and maximum 0: show at once. On every packet, since a receiver applies the last value it saw.
            packet[offset] = (byte)((ids.PlayoutDelay << 4) | 2);
            packet.Slice(offset + 1, 3).Clear();
            offset += 4;
        }

        if (ids.ColourSpace != 0 && fields.Colour is { } colour)
        {
            packet[offset] = (byte)((ids.ColourSpace << 4) | (ColourSpaceExtension.Length - 1));
            ColourSpaceExtension.Write(colour, packet[(offset + 1)..]);
            offset += 1 + ColourSpaceExtension.Length;
        }

        if (offset == 16)
            return 12;

        while ((offset & 3) != 0)
            packet[offset++] = 0;

        packet[0] |= 0x10;
        BinaryPrimitives.WriteUInt16BigEndian(packet[12..], 0xBEDE);
        BinaryPrimitives.WriteUInt16BigEndian(packet[14..], (ushort)((offset - 16) / 4));
        return offset;
    }
}
