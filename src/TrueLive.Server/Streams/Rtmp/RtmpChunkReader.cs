using System.Buffers.Binary;

namespace TrueLive.Server.Streams.Rtmp;

/// <summary>
/// Puts the chunks of an RTMP connection together to messages (Adobe's RTMP 1.0, section 5.3), whatever pieces its bytes come in. Memory is
/// taken as bytes come, not as they are announced. Not thread-safe.
/// </summary>
internal sealed class RtmpChunkReader
{
    /// <summary>Most chunk streams of one connection; encoders use four or five, relays a few more.</summary>
    public const int MaxStreams = 32;

    private const uint Extended = 0xFFFFFF;
    private const int MaxChunk = 0xFFFFFF;

    // Bytes of a message's head by the two bits of its form.
    private static readonly int[] Lengths = [11, 7, 3, 0];

    private readonly Dictionary<int, ChunkStream> _streams = [];
    private ChunkStream? _current;
    private int _left;
    private int _chunkSize = 128;

    /// <summary>Longest message; twice as much is held in all.</summary>
    public int MaxMessage { get; set; } = 64 << 10;

    /// <summary>Takes bytes up to the end of the next message. False when there is none yet: more bytes are needed.</summary>
    /// <param name="bytes">What came and has not been used.</param>
    /// <param name="used">How many of them are done with; the rest is to be given again, with more behind it.</param>
    /// <param name="message">The message.</param>
    /// <exception cref="RtmpException">It is no RTMP, or larger than is taken.</exception>
    public bool Read(ReadOnlySpan<byte> bytes, out int used, out RtmpMessage message)
    {
        (used, message) = (0, default);
        while (true)
        {
            if (_current is null)
            {
                var head = Head(bytes[used..]);
                if (head == 0)
                    return false;
                used += head;
            }
            var part = Math.Min(_left, bytes.Length - used);
            _current!.Add(bytes.Slice(used, part), this);
            used += part;
            _left -= part;
            if (_left > 0)
                return false;
            var whole = _current;
            _current = null;
            if (!whole.IsWhole)
                continue;
            message = whole.Take();
            if (message.Type == RtmpType.SetChunkSize)
                _chunkSize = Number(message) is >= 1 and var size
                    ? Math.Min(size, MaxChunk) : throw new RtmpException("A chunk has no size.");
            else if (message.Type == RtmpType.Abort)
                _streams.GetValueOrDefault(Number(message))?.Drop();
            else
                return true;
        }
    }

    // Returns the length of a chunk's head, or 0 while it is not there as a whole.
    private int Head(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return 0;
        var (form, id, at) = (bytes[0] >> 6, bytes[0] & 0x3F, 1);
        if (id < 2)
        {
            at += id + 1;
            if (bytes.Length < at)
                return 0;
            id = 64 + bytes[1] + (at == 3 ? bytes[2] << 8 : 0);
        }
        if (bytes.Length < at + Lengths[form])
            return 0;
        var stream = _streams.GetValueOrDefault(id);
        if (stream is null && (form > 1 || _streams.Count >= MaxStreams))
            throw new RtmpException("Its chunks are not RTMP.");
        var fields = bytes[at..];
        at += Lengths[form];
        var time = form < 3 ? ThreeBytes(fields) : 0;
        var isExtended = form < 3 ? time == Extended : stream!.IsExtended;
        if (isExtended)
        {
            if (bytes.Length < at + 4)
                return 0;
            time = BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
            // Some senders leave it out where a chunk only goes on.
            if (form < 3 || time == stream!.ExtendedTime)
                at += 4;
        }
        stream ??= _streams[id] = new ChunkStream();
        if (form < 3)
        {
            // A message that is not whole is given up by a sender that begins another.
            stream.Drop();
            (stream.IsExtended, stream.ExtendedTime) = (isExtended, isExtended ? time : 0);
            stream.Delta = time;
        }
        if (form < 2)
        {
            var length = (int)ThreeBytes(fields[3..]);
            if (length > MaxMessage)
                throw new RtmpException($"A message of {length:N0} bytes is more than the {MaxMessage:N0} that are taken.");
            (stream.Length, stream.Type) = (length, (RtmpType)fields[6]);
        }
        if (form == 0)
            stream.MessageStream = BinaryPrimitives.ReadUInt32LittleEndian(fields[7..]);
        if (stream.IsNew)
            stream.Begin(restarts: form == 0);
        (_current, _left) = (stream, Math.Min(_chunkSize, stream.Missing));
        return at;
    }

    private static uint ThreeBytes(ReadOnlySpan<byte> bytes) => (uint)((bytes[0] << 16) | (bytes[1] << 8) | bytes[2]);

    private static int Number(in RtmpMessage message) => message.Body.Length >= 4
        ? BinaryPrimitives.ReadInt32BigEndian(message.Body.Span) : throw new RtmpException("A control message is too short.");

    private long Held => _streams.Values.Sum(s => (long)s.Capacity);

    private sealed class ChunkStream
    {
        private byte[] _body = [];
        private int _filled;
        private uint _time;

        public RtmpType Type { get; set; }

        public int Length { get; set; }

        public uint MessageStream { get; set; }

        public uint Delta { get; set; }

        public bool IsExtended { get; set; }

        public uint ExtendedTime { get; set; }

        public bool IsNew { get; private set; } = true;

        public int Capacity => _body.Length;

        public int Missing => Length - _filled;

        public bool IsWhole => _filled == Length;

        // The first delta behind a whole time is that time itself (section 5.3.1.2.4).
        public void Begin(bool restarts)
        {
            _time = restarts ? Delta : _time + Delta;
            IsNew = false;
        }

        public void Add(ReadOnlySpan<byte> bytes, RtmpChunkReader reader)
        {
            if (_body.Length < _filled + bytes.Length)
            {
                var larger = Math.Min(Math.Max(_filled + bytes.Length, 2 * _body.Length), reader.MaxMessage);
                if (reader.Held - _body.Length + larger > 2L * reader.MaxMessage)
                    throw new RtmpException("Too many large messages at once.");
                Array.Resize(ref _body, larger);
            }
            bytes.CopyTo(_body.AsSpan(_filled));
            _filled += bytes.Length;
        }

        public void Drop() => (_filled, IsNew) = (0, true);

        public RtmpMessage Take()
        {
            var message = new RtmpMessage(Type, MessageStream, _time, _body.AsMemory(0, _filled));
            Drop();
            return message;
        }
    }
}
