using System.Buffers.Binary;

namespace TrueLive.WebRtc.Congestion;

/// <summary>
/// Walks one transport-wide feedback packet (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1): for each packet
/// number in order, whether it arrived and when, on the receiver's clock.
/// </summary>
internal ref struct TransportFeedback
{
    // As many as the send log holds. Otherwise a few bytes of run lengths could ask for 65535 steps, many times in one datagram.
    private const int MaxStatuses = 8192;

    private readonly ReadOnlySpan<byte> _packet;
    private int _chunkOffset;
    private int _deltaOffset;
    private int _chunk;
    private int _inChunk;
    private int _left;
    private long _clock;

    private TransportFeedback(ReadOnlySpan<byte> packet, int deltaStart)
    {
        _packet = packet;
        _deltaOffset = deltaStart;
        _chunkOffset = 20;
        _left = BinaryPrimitives.ReadUInt16BigEndian(packet[14..]);
        Sequence = (ushort)(BinaryPrimitives.ReadUInt16BigEndian(packet[12..]) - 1);
    }

    /// <summary>Transport-wide number of the current packet.</summary>
    public ushort Sequence { get; private set; }

    public bool Received { get; private set; }

    /// <summary>Arrival in microseconds after <see cref="ReferenceTime"/>; valid when <see cref="Received"/>.</summary>
    public readonly long ArrivalOffset => _clock * 250;

    /// <summary>24 bits, in units of 64 ms; wraps.</summary>
    public readonly uint ReferenceTime => (uint)BinaryPrimitives.ReadInt32BigEndian(_packet[16..]) >> 8;

    public static bool TryParse(ReadOnlySpan<byte> packet, out TransportFeedback feedback)
    {
        feedback = default;
        if (packet.Length < 22)
            return false;

        // The deltas begin after the chunks that cover all packets.
        int count = BinaryPrimitives.ReadUInt16BigEndian(packet[14..]);
        if (count > MaxStatuses)
            return false;

        var offset = 20;
        for (var covered = 0; covered < count; offset += 2)
        {
            if (offset + 2 > packet.Length)
                return false;

            var chunk = BinaryPrimitives.ReadUInt16BigEndian(packet[offset..]);
            var length = Length(chunk);
            if (length == 0)
                return false;

            covered += length;
        }

        feedback = new TransportFeedback(packet, offset);
        return count > 0;
    }

    /// <summary>Goes to the next packet; false at the end, or where the deltas are cut short.</summary>
    public bool MoveNext()
    {
        if (_left == 0)
            return false;

        if (_inChunk == 0)
        {
            _chunk = BinaryPrimitives.ReadUInt16BigEndian(_packet[_chunkOffset..]);
            _chunkOffset += 2;
            _inChunk = Length(_chunk);
        }

        var symbol = (_chunk >> 14) switch
        {
            0 or 1 => (_chunk >> 13) & 3,
            2 => (_chunk >> (_inChunk - 1)) & 1,
            _ => (_chunk >> (2 * _inChunk - 2)) & 3,
        };
        _inChunk--;
        _left--;
        Sequence++;
        Received = symbol is 1 or 2;
        if (!Received)
            return true;

        if (_deltaOffset + symbol > _packet.Length)
        {
            _left = 0;
            return false;
        }

        _clock += symbol == 1 ? _packet[_deltaOffset] : BinaryPrimitives.ReadInt16BigEndian(_packet[_deltaOffset..]);
        _deltaOffset += symbol;
        return true;
    }

    private static int Length(int chunk) => (chunk >> 14) switch
    {
        0 or 1 => chunk & 0x1FFF,
        2 => 14,
        _ => 7,
    };
}
