using System.Buffers.Binary;

namespace TrueLive.WebRtc.Sctp;

/// <summary>A whole message.</summary>
internal readonly record struct SctpMessage(ushort Stream, uint Protocol, byte[] Data);

/// <summary>
/// The receiving half: keeps what came out of order, says so in SACKs (RFC 9260 sections 3.3.4 and 6.2), puts fragments together and
/// delivers ordered streams in order (6.5, 6.9). Holds at most <see cref="Window"/> bytes.
/// </summary>
internal sealed class SctpReceiver
{
    /// <summary>Receive buffer in bytes; what does not fit is dropped and comes again.</summary>
    public const int Window = 1 << 20;

    private const int MaxGapBlocks = 64;
    private const int MaxStreams = 4096;

    private readonly SortedDictionary<long, Fragment> _fragments = [];
    private readonly SortedSet<long> _beyond = [];
    private readonly Dictionary<ushort, Inbound> _streams = [];
    private readonly Queue<SctpMessage> _ready = new();
    private long _cumulative;
    private int _held;
    private int _duplicates;

    /// <summary>A SACK is due.</summary>
    public bool SackDue { get; private set; }

    /// <summary>Everything up to here has arrived; unwrapped.</summary>
    public uint Cumulative => (uint)_cumulative;

    private int Free => Math.Max(0, Window - _held);

    public void Begin(uint initialTsn) => _cumulative = initialTsn - 1L;

    public void Receive(byte flags, ReadOnlySpan<byte> value)
    {
        if (value.Length < 13)
            return;
        SackDue = true;
        var tsn = Unwrap(BinaryPrimitives.ReadUInt32BigEndian(value));
        var data = value[12..];
        if (tsn <= _cumulative || _beyond.Contains(tsn))
        {
            _duplicates++;
            return;
        }
        // The next expected fragment is always taken, or a full buffer could never empty.
        if (tsn - _cumulative > 1 << 16 || (data.Length > Free && tsn != _cumulative + 1) || _held > Window + (1 << 18))
            return;
        _beyond.Add(tsn);
        Advance();
        _fragments[tsn] = new Fragment(BinaryPrimitives.ReadUInt16BigEndian(value[4..]), BinaryPrimitives.ReadUInt16BigEndian(value[6..]), BinaryPrimitives.ReadUInt32BigEndian(value[8..]), flags, data.ToArray());
        _held += data.Length;
        Assemble(tsn);
    }

    /// <summary>RFC 3758 section 3.6: the sender has given up everything up to a point.</summary>
    public void Forward(ReadOnlySpan<byte> value)
    {
        if (value.Length < 4)
            return;
        SackDue = true;
        var to = Unwrap(BinaryPrimitives.ReadUInt32BigEndian(value));
        if (to <= _cumulative || to - _cumulative > 1 << 16)
            return;
        foreach (var (tsn, fragment) in _fragments.TakeWhile(f => f.Key <= to).ToArray())
        {
            _held -= fragment.Data.Length;
            _fragments.Remove(tsn);
        }
        _beyond.RemoveWhere(t => t <= to);
        _cumulative = to;
        Advance();
        for (var rest = value[4..]; rest.Length >= 4; rest = rest[4..])
        {
            if (Stream(BinaryPrimitives.ReadUInt16BigEndian(rest)) is not { } stream)
                continue;
            var skipped = (ushort)(BinaryPrimitives.ReadUInt16BigEndian(rest[2..]) + 1);
            if ((short)(skipped - stream.Next) > 0)
            {
                foreach (var old in stream.Waiting.Keys.Where(k => (short)(k - skipped) < 0).ToArray())
                    stream.Waiting.Remove(old);
                stream.Next = skipped;
                Deliver(stream);
            }
        }
    }

    /// <summary>The next whole message, in the order of its stream.</summary>
    public bool TryTake(out SctpMessage message) => _ready.TryDequeue(out message);

    /// <summary>A stream begins again at zero (RFC 6525).</summary>
    public void ResetStream(ushort stream) => _streams.Remove(stream);

    public void WriteSack(SctpPacketWriter writer)
    {
        SackDue = false;
        Span<(ushort Start, ushort End)> gaps = stackalloc (ushort, ushort)[MaxGapBlocks];
        var count = 0;
        long start = -1, last = -1;
        foreach (var tsn in _beyond)
        {
            if (tsn - _cumulative > ushort.MaxValue)
                break;
            if (start >= 0 && tsn == last + 1)
            {
                last = tsn;
                continue;
            }
            if (start >= 0 && count < MaxGapBlocks)
                gaps[count++] = ((ushort)(start - _cumulative), (ushort)(last - _cumulative));
            (start, last) = (tsn, tsn);
        }
        if (start >= 0 && count < MaxGapBlocks)
            gaps[count++] = ((ushort)(start - _cumulative), (ushort)(last - _cumulative));
        var value = writer.Chunk(SctpChunkType.Sack, 0, 12 + count * 4);
        BinaryPrimitives.WriteUInt32BigEndian(value, Cumulative);
        BinaryPrimitives.WriteUInt32BigEndian(value[4..], (uint)Free);
        BinaryPrimitives.WriteUInt16BigEndian(value[8..], (ushort)count);
        _duplicates = 0;
        for (var i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(value[(12 + i * 4)..], gaps[i].Start);
            BinaryPrimitives.WriteUInt16BigEndian(value[(14 + i * 4)..], gaps[i].End);
        }
    }

    private void Advance()
    {
        while (_beyond.Count > 0 && _beyond.Min == _cumulative + 1)
        {
            _beyond.Remove(_cumulative + 1);
            _cumulative++;
        }
    }

    private void Assemble(long tsn)
    {
        var first = tsn;
        while (!_fragments[first].Begins)
        {
            if (!_fragments.ContainsKey(first - 1))
                return;
            first--;
        }
        var last = tsn;
        while (!_fragments[last].Ends)
        {
            if (!_fragments.ContainsKey(last + 1))
                return;
            last++;
        }
        var head = _fragments[first];
        var size = 0;
        for (var t = first; t <= last; t++)
            size += _fragments[t].Data.Length;
        var data = new byte[size];
        var at = 0;
        for (var t = first; t <= last; t++)
        {
            var part = _fragments[t].Data;
            part.CopyTo(data, at);
            at += part.Length;
            _fragments.Remove(t);
        }
        _held -= size;
        var message = new SctpMessage(head.Stream, head.Protocol, data);
        if (head.Unordered)
        {
            _ready.Enqueue(message);
            return;
        }
        if (Stream(head.Stream) is not { } stream || (short)(head.Sequence - stream.Next) < 0 || stream.Waiting.Count > 1 << 14)
            return;
        stream.Waiting[head.Sequence] = message;
        Deliver(stream);
    }

    private void Deliver(Inbound stream)
    {
        while (stream.Waiting.Remove(stream.Next, out var message))
        {
            _ready.Enqueue(message);
            stream.Next++;
        }
    }

    private Inbound? Stream(ushort id)
    {
        if (!_streams.TryGetValue(id, out var stream) && _streams.Count < MaxStreams)
            _streams[id] = stream = new Inbound();
        return stream;
    }

    private long Unwrap(uint tsn) => _cumulative + (int)(tsn - (uint)_cumulative);

    private sealed class Inbound
    {
        public ushort Next { get; set; }

        public Dictionary<ushort, SctpMessage> Waiting { get; } = [];
    }

    private sealed record Fragment(ushort Stream, ushort Sequence, uint Protocol, byte Flags, byte[] Data)
    {
        public bool Unordered => (Flags & 4) != 0;

        public bool Begins => (Flags & 2) != 0;

        public bool Ends => (Flags & 1) != 0;
    }
}
