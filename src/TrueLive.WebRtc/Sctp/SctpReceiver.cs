using System.Buffers.Binary;

namespace TrueLive.WebRtc.Sctp;

/// <summary>A whole message.</summary>
internal readonly record struct SctpMessage(ushort Stream, uint Protocol, byte[] Data);

/// <summary>
/// The receiving half: keeps what came out of order, says so in SACKs (RFC 9260 sections 3.3.4 and 6.2), puts fragments together and
/// delivers ordered streams in order (6.5, 6.6, 6.9). All that waits, fragments and whole messages alike, counts against
/// <see cref="Window"/> with what it costs to keep it; work for a chunk does not grow with what waits.
/// </summary>
internal sealed class SctpReceiver
{
    /// <summary>Receive buffer in bytes; chunks that do not fit are dropped and will be retransmitted.</summary>
    public const int Window = 1 << 20;

    /// <summary>
    /// Memory overhead of a fragment or a waiting message, in bytes: tiny ones would otherwise hardly count.
    /// </summary>
    public const int Overhead = 128;

    private const int MaxGapBlocks = 64;
    private const int MaxAhead = 1 << 16;

    private readonly ReceivedTsns _received = new();
    private readonly SortedDictionary<long, Fragment> _fragments = [];

    // Runs of adjacent fragments, found by either end, so that reassembly never walks over fragments that came earlier.
    private readonly Dictionary<long, Run> _byFirst = [];
    private readonly Dictionary<long, Run> _byLast = [];
    private readonly Dictionary<ushort, Inbound> _streams = [];
    private readonly Queue<SctpMessage> _ready = new();

    /// <summary>A SACK is due.</summary>
    public bool SackDue { get; private set; }

    /// <summary>The far side sent a message larger than the limit we announced (RFC 8841 section 6).</summary>
    public bool TooLarge { get; private set; }

    /// <summary>Everything up to here has arrived; unwrapped.</summary>
    public uint Cumulative => (uint)_received.Cumulative;

    /// <summary>Bytes that wait for missing parts or for their turn, <see cref="Overhead"/> included.</summary>
    public int Held { get; private set; }

    private int Free => Math.Max(0, Window - Held);

    public void Begin(uint initialTsn)
    {
        _received.Begin(initialTsn - 1L);
        _fragments.Clear();
        _byFirst.Clear();
        _byLast.Clear();
        _streams.Clear();
        _ready.Clear();
        Held = 0;
    }

    public void Receive(byte flags, ReadOnlySpan<byte> value)
    {
        if (value.Length < 13)
            return;
        SackDue = true;
        var tsn = Unwrap(BinaryPrimitives.ReadUInt32BigEndian(value));
        var cost = value.Length - 12 + Overhead;
        if (tsn - _received.Cumulative > MaxAhead || _received.Contains(tsn))
            return;
        // The next expected fragment is always accepted, or a full buffer could never drain.
        if (cost > Free && (tsn != _received.Cumulative + 1 || Held > Window + 2 * SctpAssociation.MaxMessage))
            return;
        if (!_received.Add(tsn))
            return;
        var stream = BinaryPrimitives.ReadUInt16BigEndian(value[4..]);
        // Section 6.5: data on a stream that was not negotiated is acknowledged and discarded.
        if (stream >= SctpAssociation.Streams)
            return;
        var fragment = new Fragment(stream, BinaryPrimitives.ReadUInt16BigEndian(value[6..]),
            BinaryPrimitives.ReadUInt32BigEndian(value[8..]), flags, value[12..].ToArray());
        _fragments[tsn] = fragment;
        Held += cost;
        var run = Join(tsn, fragment);
        if (run.Bytes > SctpAssociation.MaxMessage)
            TooLarge = true;
        else if (run.Begins && run.Ends)
            Assemble(run);
    }

    /// <summary>RFC 3758 section 3.6: the sender has given up everything up to a point.</summary>
    public void Forward(ReadOnlySpan<byte> value)
    {
        if (value.Length < 4)
            return;
        SackDue = true;
        var to = Unwrap(BinaryPrimitives.ReadUInt32BigEndian(value));
        if (to <= _received.Cumulative || to - _received.Cumulative > MaxAhead)
            return;
        foreach (var (tsn, fragment) in _fragments.TakeWhile(f => f.Key <= to).ToArray())
        {
            Held -= fragment.Data.Length + Overhead;
            _fragments.Remove(tsn);
            // The rest of a message whose first fragment is gone never completes; it is kept until the sender abandons it too.
            if (_byFirst.Remove(tsn, out var run))
                _byLast.Remove(run.Last);
        }
        _received.Forward(to);
        for (var rest = value[4..]; rest.Length >= 4; rest = rest[4..])
        {
            if (Stream(BinaryPrimitives.ReadUInt16BigEndian(rest)) is { } stream)
                Skip(stream, (ushort)(BinaryPrimitives.ReadUInt16BigEndian(rest[2..]) + 1));
        }
    }

    /// <summary>The next whole message, in the order of its stream.</summary>
    public bool TryTake(out SctpMessage message) => _ready.TryDequeue(out message);

    /// <summary>A stream begins again at zero (RFC 6525 section 5.2.2).</summary>
    public void ResetStream(ushort id)
    {
        if (!_streams.Remove(id, out var stream))
            return;
        foreach (var message in stream.Waiting.Values)
            Held -= message.Data.Length + Overhead;
    }

    public void WriteSack(SctpPacketWriter writer)
    {
        SackDue = false;
        var cumulative = _received.Cumulative;
        var gaps = _received.Beyond;
        gaps = gaps[..Math.Min(gaps.Length, MaxGapBlocks)];
        var value = writer.Chunk(SctpChunkType.Sack, 0, 12 + gaps.Length * 4);
        BinaryPrimitives.WriteUInt32BigEndian(value, Cumulative);
        BinaryPrimitives.WriteUInt32BigEndian(value[4..], (uint)Free);
        BinaryPrimitives.WriteUInt16BigEndian(value[8..], (ushort)gaps.Length);
        for (var i = 0; i < gaps.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(value[(12 + i * 4)..], (ushort)(gaps[i].First - cumulative));
            BinaryPrimitives.WriteUInt16BigEndian(value[(14 + i * 4)..], (ushort)Math.Min(gaps[i].Last - cumulative, ushort.MaxValue));
        }
    }

    /// <summary>Makes the fragment a run, together with its neighbours of the same message (section 6.9).</summary>
    private Run Join(long tsn, Fragment fragment)
    {
        var run = new Run(tsn, tsn, fragment.Data.Length, fragment.Begins, fragment.Ends);
        if (!run.Begins && _byLast.TryGetValue(tsn - 1, out var before) && !before.Ends)
        {
            _byLast.Remove(before.Last);
            run = new Run(before.First, run.Last, before.Bytes + run.Bytes, before.Begins, run.Ends);
        }
        if (!run.Ends && _byFirst.TryGetValue(tsn + 1, out var after) && !after.Begins)
        {
            _byFirst.Remove(after.First);
            run = new Run(run.First, after.Last, run.Bytes + after.Bytes, run.Begins, after.Ends);
        }
        _byFirst[run.First] = _byLast[run.Last] = run;
        return run;
    }

    private void Assemble(Run run)
    {
        _byFirst.Remove(run.First);
        _byLast.Remove(run.Last);
        var head = _fragments[run.First];
        var data = new byte[run.Bytes];
        var at = 0;
        for (var tsn = run.First; tsn <= run.Last; tsn++)
        {
            _fragments.Remove(tsn, out var part);
            part!.Data.CopyTo(data, at);
            at += part.Data.Length;
            Held -= part.Data.Length + Overhead;
        }
        var message = new SctpMessage(head.Stream, head.Protocol, data);
        if (head.Unordered)
        {
            _ready.Enqueue(message);
            return;
        }
        var stream = Stream(head.Stream)!;
        if ((short)(head.Sequence - stream.Next) < 0 || !stream.Waiting.TryAdd(head.Sequence, message))
            return;
        Held += data.Length + Overhead;
        Deliver(stream);
    }

    private void Skip(Inbound stream, ushort next)
    {
        var distance = (short)(next - stream.Next);
        if (distance <= 0)
            return;
        // The shorter of the two: a chunk may name a stream many times.
        var passed = distance <= stream.Waiting.Count
            ? Enumerable.Range(stream.Next, distance).Select(n => (ushort)n)
            : [.. stream.Waiting.Keys.Where(k => (short)(k - next) < 0)];
        foreach (var sequence in passed)
        {
            if (stream.Waiting.Remove(sequence, out var message))
                Held -= message.Data.Length + Overhead;
        }
        stream.Next = next;
        Deliver(stream);
    }

    private void Deliver(Inbound stream)
    {
        while (stream.Waiting.Remove(stream.Next, out var message))
        {
            Held -= message.Data.Length + Overhead;
            _ready.Enqueue(message);
            stream.Next++;
        }
    }

    private Inbound? Stream(ushort id)
    {
        if (id >= SctpAssociation.Streams)
            return null;
        if (!_streams.TryGetValue(id, out var stream))
            _streams[id] = stream = new Inbound();
        return stream;
    }

    private long Unwrap(uint tsn) => _received.Cumulative + (int)(tsn - (uint)_received.Cumulative);

    private readonly record struct Run(long First, long Last, int Bytes, bool Begins, bool Ends);

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
