namespace TrueLive.WebRtc.Packets;

/// <summary>
/// Packets that wait for whoever sends them, in order, in one buffer that grows to what is needed once: none costs an allocation. Taken out
/// after each call into whatever writes them; those beyond <see cref="Limit"/> are dropped, the newest first, and counted.
/// </summary>
/// <typeparam name="T">What is known of each packet.</typeparam>
internal sealed class PacketQueue<T>
{
    /// <summary>Free bytes behind every packet, so that SRTP can protect in place.</summary>
    public const int Headroom = 32;

    /// <summary>Bytes that may wait.</summary>
    public const int Limit = 4 << 20;

    private readonly Queue<(T About, int Offset, int Length)> _packets = new();
    private byte[] _bytes = [];
    private int _end;

    /// <summary>Packets that found the queue full.</summary>
    public long Dropped { get; private set; }

    /// <summary>Space for the next packet; <see cref="Commit"/> queues what was written there.</summary>
    public Span<byte> Reserve(int size)
    {
        if (_bytes.Length - _end < size + Headroom)
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _end + size + Headroom));
        return _bytes.AsSpan(_end, size);
    }

    /// <summary>Queues the first bytes of the reserved space.</summary>
    public void Commit(T about, int length)
    {
        if (_end + length > Limit)
        {
            Dropped++;
            return;
        }
        _packets.Enqueue((about, _end, length));
        _end += length + Headroom;
    }

    /// <summary>Queues a copy of a packet.</summary>
    public void Add(T about, ReadOnlySpan<byte> packet)
    {
        packet.CopyTo(Reserve(packet.Length));
        Commit(about, packet.Length);
    }

    /// <summary>Takes the oldest packet out; it is borrowed until the next one is written.</summary>
    public bool TryTake(out QueuedPacket<T> packet)
    {
        if (_packets.TryDequeue(out var next))
        {
            packet = new QueuedPacket<T>(next.About, _bytes.AsSpan(next.Offset, next.Length + Headroom), next.Length);
            return true;
        }
        _end = 0;
        packet = default;
        return false;
    }
}

/// <summary>A packet from a <see cref="PacketQueue{T}"/>; its bytes may be overwritten.</summary>
internal readonly ref struct QueuedPacket<T>(T about, Span<byte> space, int length)
{
    /// <summary>What is known of it.</summary>
    public T About { get; } = about;

    /// <summary>The packet and the free bytes behind it.</summary>
    public Span<byte> Space { get; } = space;

    /// <summary>Length of the packet.</summary>
    public int Length { get; } = length;

    /// <summary>The packet.</summary>
    public Span<byte> Bytes => Space[..Length];
}
