using System.Buffers.Binary;

namespace TrueLive.WebRtc.Sctp;

/// <summary>
/// Gathers chunks into packets of at most <see cref="MaxPacket"/> bytes and hands each out with its checksum (RFC 9260 section 3).
/// </summary>
internal sealed class SctpPacketWriter(PacketOut output)
{
    /// <summary>Fits a DTLS record in a 1200-byte datagram.</summary>
    public const int MaxPacket = 1160;

    private const int Head = 12;

    private readonly byte[] _buffer = new byte[MaxPacket + 512];
    private int _length;

    public uint PeerTag { get; set; }

    /// <summary>Reserves space for a chunk's value; a packet without room for it is sent first.</summary>
    public Span<byte> Chunk(SctpChunkType type, byte flags, int valueLength, uint? tag = null)
    {
        var size = (4 + valueLength + 3) & ~3;
        if (_length > 0 && (_length + size > MaxPacket || tag is not null))
            Flush();
        if (_length == 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_buffer, 5000);
            BinaryPrimitives.WriteUInt16BigEndian(_buffer.AsSpan(2), 5000);
            BinaryPrimitives.WriteUInt32BigEndian(_buffer.AsSpan(4), tag ?? PeerTag);
            _length = Head;
        }
        var chunk = _buffer.AsSpan(_length, size);
        chunk.Clear();
        (chunk[0], chunk[1]) = ((byte)type, flags);
        BinaryPrimitives.WriteUInt16BigEndian(chunk[2..], (ushort)(4 + valueLength));
        _length += size;
        return chunk.Slice(4, valueLength);
    }

    /// <summary>Sends the pending packet.</summary>
    public void Flush()
    {
        if (_length == 0)
            return;
        var packet = _buffer.AsSpan(0, _length);
        _length = 0;
        packet.Slice(8, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(packet[8..], Crc32c.Compute(packet));
        output(packet);
    }
}
