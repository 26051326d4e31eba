using System.Buffers.Binary;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Sctp;

/// <summary>
/// The sending half: cuts messages into DATA chunks, keeps them until acknowledged, sends again after three missing reports or a
/// timeout, and bounds what is in flight by the congestion window (RFC 9260 sections 6.1 to 6.3 and 7.2). A message whose repeats
/// are used up is given up and skipped with FORWARD-TSN (RFC 3758). At most <see cref="MaxBuffered"/> bytes wait.
/// </summary>
internal sealed class SctpSender(SctpPacketWriter writer)
{
    /// <summary>Bytes that may wait for the network.</summary>
    public const int MaxBuffered = 1 << 20;

    /// <summary>Consecutive timeouts after which the association is dead.</summary>
    public const int MaxTimeouts = 10;

    private const int MaxData = SctpPacketWriter.MaxPacket - 12 - 16;
    private const int MaxIdle = 16;

    private readonly SctpWindow _window = new();
    private readonly LinkedList<SctpOutgoingChunk> _queue = new();
    private readonly Stack<LinkedListNode<SctpOutgoingChunk>> _idle = new(MaxIdle);
    private readonly Dictionary<ushort, ushort> _sequences = [];
    private readonly Dictionary<ushort, ushort> _skipped = [];
    private uint _next;
    private uint _acked;
    private uint _advanced;
    private int _inFlight;
    private uint _peerWindow;
    private Instant? _timer;
    private bool _forwardDue;

    /// <summary>Bytes not yet acknowledged, sent or not.</summary>
    public int Buffered { get; private set; }

    /// <summary>Timeouts in a row.</summary>
    public int Timeouts { get; private set; }

    /// <summary>Next TSN to be used.</summary>
    public uint NextTsn => _next;

    public void Begin(uint initialTsn) => (_next, _acked, _advanced) = (initialTsn, initialTsn - 1, initialTsn - 1);

    public void PeerWindow(uint bytes) => _peerWindow = bytes;

    public void ResetStream(ushort stream) => _sequences.Remove(stream);

    /// <summary>Whether something of a stream still waits for its first sending.</summary>
    public bool HoldsUnsent(ushort stream)
    {
        for (var node = _queue.Last; node is not null && !node.Value.Sent; node = node.Previous)
        {
            if (node.Value.Message.Stream == stream && !node.Value.Message.GivenUp)
                return true;
        }
        return false;
    }

    /// <summary>Queues a message. False when the buffer is full.</summary>
    public bool Queue(ushort stream, uint protocol, ReadOnlySpan<byte> data, bool ordered, int? maxRepeats)
    {
        if (Buffered + data.Length > MaxBuffered)
            return false;
        var message = new SctpOutgoingMessage(stream, protocol, ordered, maxRepeats);
        for (var at = 0; at < data.Length; at += MaxData)
        {
            var length = Math.Min(MaxData, data.Length - at);
            var flags = (byte)((at == 0 ? 2 : 0) | (at + length == data.Length ? 1 : 0) | (ordered ? 0 : 4));
            _queue.AddLast(Take(message, flags, data.Slice(at, length)));
            Buffered += length;
        }
        return true;
    }

    /// <summary>Sends as much as the windows allow.</summary>
    public void Send(Instant now)
    {
        if (_forwardDue)
        {
            WriteForward();
            _timer ??= now + _window.TimeoutUs;
        }
        var burst = 0;
        for (var node = _queue.First; node is not null; node = node.Next)
        {
            var chunk = node.Value;
            if (chunk.Message.GivenUp || (chunk.Sent && !chunk.Resend))
                continue;
            // One chunk may always be in flight, or a closed window would never open (zero window probe).
            if (_inFlight > 0 && (_inFlight + chunk.Data.Length > _window.Bytes
                || (!chunk.Sent && _inFlight + chunk.Data.Length > _peerWindow)))
                break;
            if (!chunk.Sent)
            {
                chunk.Tsn = _next++;
                if ((chunk.Flags & 2) != 0 && chunk.Message.Ordered)
                {
                    chunk.Message.Sequence = _sequences.GetValueOrDefault(chunk.Message.Stream);
                    _sequences[chunk.Message.Stream] = (ushort)(chunk.Message.Sequence + 1);
                }
            }
            else
            {
                chunk.Repeats++;
            }
            (chunk.Sent, chunk.Resend, chunk.InFlight, chunk.SentAt, chunk.Missing) = (true, false, true, now, 0);
            _inFlight += chunk.Data.Length;
            Write(chunk);
            _timer ??= now + _window.TimeoutUs;
            if (++burst == 64)
                break;
        }
        writer.Flush();
    }

    public void Sack(ReadOnlySpan<byte> value, Instant now)
    {
        if (value.Length < 12)
            return;
        var cumulative = BinaryPrimitives.ReadUInt32BigEndian(value);
        var gaps = BinaryPrimitives.ReadUInt16BigEndian(value[8..]);
        if ((int)(cumulative - _acked) < 0 || (int)(cumulative - _next) >= 0 || value.Length < 12 + gaps * 4)
            return;
        var full = _window.IsUsed(_inFlight);
        var advanced = cumulative != _acked;
        var newly = 0;
        _acked = cumulative;
        if ((int)(_advanced - cumulative) <= 0)
        {
            _advanced = cumulative;
            _skipped.Clear();
        }
        var highest = cumulative;
        for (var node = _queue.First; node is not null;)
        {
            var next = node.Next;
            var chunk = node.Value;
            if (!chunk.Sent)
                break;
            if ((int)(chunk.Tsn - cumulative) <= 0)
            {
                newly += Acknowledge(chunk, now);
                Buffered -= chunk.Data.Length;
                _queue.Remove(node);
                Keep(node);
            }
            else if (InGap(value, gaps, (ushort)(chunk.Tsn - cumulative), chunk.Tsn - cumulative))
            {
                newly += Acknowledge(chunk, now);
                highest = chunk.Tsn;
            }
            node = next;
        }
        // The receiver's window does not count what is still in flight.
        _peerWindow = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
        if (newly > 0)
            Timeouts = 0;
        if (advanced && full)
            _window.Grow(newly);
        if (LoseMissing(highest))
            _window.Lost(_next - 1);
        _window.Arrived(cumulative);
        if (_inFlight == 0 && _advanced == _acked)
            _timer = null;
        else if (advanced)
            _timer = now + _window.TimeoutUs;
        AdvancePeer();
        Send(now);
    }

    /// <summary>Looks at the retransmission timer (T3-rtx, RFC 9260 section 6.3.3).</summary>
    public void Tick(Instant now)
    {
        if (_timer is not { } due || now < due)
            return;
        Timeouts++;
        _window.TimedOut();
        foreach (var chunk in _queue)
        {
            if (!chunk.Sent)
                break;
            if (!chunk.Acked)
                Lose(chunk);
        }
        _timer = null;
        AdvancePeer();
        _forwardDue = _advanced != _acked;
        if (_queue.Count > 0 || _forwardDue)
            _timer = now + _window.TimeoutUs;
        Send(now);
    }

    private LinkedListNode<SctpOutgoingChunk> Take(SctpOutgoingMessage message, byte flags, ReadOnlySpan<byte> data)
    {
        if (!_idle.TryPop(out var node))
            node = new LinkedListNode<SctpOutgoingChunk>(new SctpOutgoingChunk());
        node.Value.Begin(message, flags, data);
        return node;
    }

    // Chunk nodes are reused: a trace goes out with every picture.
    private void Keep(LinkedListNode<SctpOutgoingChunk> node)
    {
        if (_idle.Count < MaxIdle)
            _idle.Push(node);
    }

    private int Acknowledge(SctpOutgoingChunk chunk, Instant now)
    {
        if (chunk.Acked)
            return 0;
        chunk.Acked = true;
        chunk.Resend = false;
        if (chunk.InFlight)
        {
            chunk.InFlight = false;
            _inFlight -= chunk.Data.Length;
            if (chunk.Repeats == 0)
                _window.Measure((now - chunk.SentAt) / 1e6);
        }
        return chunk.Data.Length;
    }

    // Fast retransmit (RFC 9260 section 7.2.4).
    private bool LoseMissing(uint highest)
    {
        var lost = false;
        foreach (var chunk in _queue)
        {
            if (!chunk.Sent || (int)(chunk.Tsn - highest) >= 0)
                break;
            if (chunk.Acked || chunk.Resend || chunk.Message.GivenUp || ++chunk.Missing != 3)
                continue;
            Lose(chunk);
            lost = true;
        }
        return lost;
    }

    private void Lose(SctpOutgoingChunk chunk)
    {
        if (chunk.InFlight)
        {
            chunk.InFlight = false;
            _inFlight -= chunk.Data.Length;
        }
        if (chunk.Message.MaxRepeats is { } most && chunk.Repeats >= most)
            chunk.Message.GivenUp = true;
        chunk.Resend = true;
    }

    // RFC 3758 section 3.5: the advanced acknowledgement point skips messages that were abandoned as a whole.
    private void AdvancePeer()
    {
        var skipped = false;
        while (_queue.First is { } node && node.Value is var chunk && (chunk.Message.GivenUp || (skipped && chunk.Acked)))
        {
            if (!chunk.Sent)
                chunk.Tsn = _next++;
            if (chunk.InFlight)
                _inFlight -= chunk.Data.Length;
            _advanced = chunk.Tsn;
            Buffered -= chunk.Data.Length;
            if (chunk.Message is { GivenUp: true, Ordered: true })
                _skipped[chunk.Message.Stream] = chunk.Message.Sequence;
            skipped = true;
            _queue.RemoveFirst();
            Keep(node);
        }
        _forwardDue |= skipped;
    }

    private void WriteForward()
    {
        _forwardDue = false;
        var value = writer.Chunk(SctpChunkType.ForwardTsn, 0, 4 + Math.Min(_skipped.Count, 100) * 4);
        BinaryPrimitives.WriteUInt32BigEndian(value, _advanced);
        var at = 4;
        foreach (var (stream, sequence) in _skipped.Take(100))
        {
            BinaryPrimitives.WriteUInt16BigEndian(value[at..], stream);
            BinaryPrimitives.WriteUInt16BigEndian(value[(at + 2)..], sequence);
            at += 4;
        }
    }

    private void Write(SctpOutgoingChunk chunk)
    {
        var value = writer.Chunk(SctpChunkType.Data, chunk.Flags, 12 + chunk.Data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(value, chunk.Tsn);
        BinaryPrimitives.WriteUInt16BigEndian(value[4..], chunk.Message.Stream);
        BinaryPrimitives.WriteUInt16BigEndian(value[6..], chunk.Message.Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(value[8..], chunk.Message.Protocol);
        chunk.Data.Span.CopyTo(value[12..]);
    }

    private static bool InGap(ReadOnlySpan<byte> sack, int gaps, ushort offset, uint distance)
    {
        if (distance > ushort.MaxValue)
            return false;
        for (var i = 0; i < gaps; i++)
        {
            var block = sack.Slice(12 + i * 4, 4);
            if (offset >= BinaryPrimitives.ReadUInt16BigEndian(block) && offset <= BinaryPrimitives.ReadUInt16BigEndian(block[2..]))
                return true;
        }
        return false;
    }
}
