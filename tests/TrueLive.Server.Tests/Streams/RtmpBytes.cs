using System.Buffers.Binary;
using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Writes messages as chunks, in every form that the protocol has for them.</summary>
internal sealed class RtmpBytes(bool repeatsExtended = true)
{
    private readonly Dictionary<int, (uint Time, uint Delta, int Length, RtmpType Type, uint Stream)> _last = [];

    public int ChunkSize { get; set; } = 128;

    /// <summary>The chunks of a message, one by one.</summary>
    /// <param name="id">Chunk stream.</param>
    /// <param name="message">The message.</param>
    /// <param name="shortest">Take the shortest head that can say it, instead of the longest.</param>
    public List<byte[]> Chunks(int id, RtmpMessage message, bool shortest = true)
    {
        var (body, form, value) = (message.Body, 0, message.Time);
        if (shortest && _last.TryGetValue(id, out var last) && last.Stream == message.Stream)
        {
            value = message.Time - last.Time;
            form = last.Length != body.Length || last.Type != message.Type ? 1 : value != last.Delta ? 2 : 3;
        }
        _last[id] = (message.Time, value, body.Length, message.Type, message.Stream);
        var chunks = new List<byte[]>();
        for (var at = 0; at == 0 || at < body.Length; at += ChunkSize)
        {
            chunks.Add([.. Head(at == 0 ? form : 3, id, message, value, first: at == 0),
                .. body.Span[at..Math.Min(at + ChunkSize, body.Length)]]);
        }
        return chunks;
    }

    /// <summary>A whole message in one piece.</summary>
    public byte[] Message(int id, RtmpMessage message, bool shortest = true) => [.. Chunks(id, message, shortest).SelectMany(c => c)];

    public static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    private byte[] Head(int form, int id, RtmpMessage message, uint value, bool first)
    {
        var (isExtended, length) = (value >= 0xFFFFFF, message.Body.Length);
        byte[] basic = id < 64 ? [(byte)(form << 6 | id)]
            : id < 320 ? [(byte)(form << 6), (byte)(id - 64)] : [(byte)(form << 6 | 1), (byte)(id - 64), (byte)((id - 64) >> 8)];
        return
        [
            .. basic,
            .. form < 3 ? Number(isExtended ? 0xFFFFFF : value)[1..] : [],
            .. form < 2 ? [.. Number((uint)length)[1..], (byte)message.Type] : Array.Empty<byte>(),
            .. form < 1 ? Number(message.Stream).Reverse() : [],
            .. isExtended && (first || repeatsExtended) ? Number(value) : [],
        ];
    }
}
