using System.Buffers.Binary;

namespace TrueLive.WebRtc.Srtp;

/// <summary>
/// Copies of the newest protected packets of one stream, to be sent again where no retransmission stream was agreed on. A packet index
/// protects one packet only (RFC 3711 section 9.1): a packet is resent with the same bits, its transport sequence number included.
/// </summary>
internal sealed class SentPackets(uint ssrc)
{
    /// <summary>Packets kept: 0.8 s at 6 Mbit/s.</summary>
    public const int Capacity = 512;

    private readonly (ushort Sequence, int Length, byte[] Bytes)[] _slots = new (ushort, int, byte[])[Capacity];

    /// <summary>Keeps a packet of the stream; others are none of its business.</summary>
    public void Keep(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 12 || packet.Length > SrtpSession.MaxPacket || BinaryPrimitives.ReadUInt32BigEndian(packet[8..]) != ssrc)
            return;
        var sequence = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        ref var slot = ref _slots[sequence % Capacity];
        if (slot.Bytes is null || slot.Bytes.Length < packet.Length)
            slot.Bytes = new byte[Math.Max(packet.Length, 1280)];
        (slot.Sequence, slot.Length) = (sequence, packet.Length);
        packet.CopyTo(slot.Bytes);
    }

    /// <summary>The packet as it went out; empty when it is no longer kept.</summary>
    public ReadOnlySpan<byte> Find(ushort sequence)
    {
        ref var slot = ref _slots[sequence % Capacity];
        return slot.Length > 0 && slot.Sequence == sequence ? slot.Bytes.AsSpan(0, slot.Length) : default;
    }
}
