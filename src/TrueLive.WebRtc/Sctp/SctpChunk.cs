using System.Buffers.Binary;

namespace TrueLive.WebRtc.Sctp;

/// <summary>Chunk types (RFC 9260 section 3.2, RFC 3758, RFC 6525).</summary>
internal enum SctpChunkType : byte
{
    Data = 0,
    Init = 1,
    InitAck = 2,
    Sack = 3,
    Heartbeat = 4,
    HeartbeatAck = 5,
    Abort = 6,
    Shutdown = 7,
    ShutdownAck = 8,
    Error = 9,
    CookieEcho = 10,
    CookieAck = 11,
    ShutdownComplete = 14,
    Reconfig = 130,
    ForwardTsn = 192,
}

/// <summary>One chunk inside a packet; <see cref="Value"/> follows the four-byte header.</summary>
internal readonly ref struct SctpChunk(SctpChunkType type, byte flags, ReadOnlySpan<byte> value)
{
    public SctpChunkType Type { get; } = type;

    public byte Flags { get; } = flags;

    public ReadOnlySpan<byte> Value { get; } = value;

    /// <summary>
    /// Takes the next type-length-value item (a chunk, or a parameter with <paramref name="type"/> of 16 bits); false at the end or at a
    /// broken length.
    /// </summary>
    public static bool TryNext(ref ReadOnlySpan<byte> rest, out ushort type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (rest.Length < 4)
            return false;
        type = BinaryPrimitives.ReadUInt16BigEndian(rest);
        var length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
        if (length < 4 || length > rest.Length)
            return false;
        value = rest[4..length];
        rest = rest[Math.Min(rest.Length, (length + 3) & ~3)..];
        return true;
    }

    /// <summary>Takes the next chunk.</summary>
    public static bool TryNext(ref ReadOnlySpan<byte> rest, out SctpChunk chunk)
    {
        if (!TryNext(ref rest, out var head, out var value))
        {
            chunk = default;
            return false;
        }
        chunk = new SctpChunk((SctpChunkType)(head >> 8), (byte)head, value);
        return true;
    }
}
