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
    private const int Mtu = SctpPacketWriter.MaxPacket;
    private const double MinRto = 0.3;
    private const double MaxRto = 10;

    private const int MaxIdle = 16;

    private readonly LinkedList<Chunk> _queue = new();
    private readonly Stack<LinkedListNode<Chunk>> _idle = new(MaxIdle);
    private readonly Dictionary<ushort, ushort> _sequences = [];
    private readonly Dictionary<ushort, ushort> _skipped = [];
    private uint _next;
    private uint _acked;
    private uint _advanced;
    private int _inFlight;
    private int _window = 4 * Mtu;
    private int _threshold = int.MaxValue;
    private int _partial;
    private uint _peerWindow;
    private uint? _recoverTo;
    private double _srtt;
    private double _rttvar;
    private double _rto = 1;
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
        var message = new Message(stream, protocol, ordered, maxRepeats);
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
            _timer ??= now + (long)(_rto * 1e6);
        }
        var burst = 0;
        for (var node = _queue.First; node is not null; node = node.Next)
        {
            var chunk = node.Value;
            if (chunk.Message.GivenUp || (chunk.Sent && !chunk.Resend))
                continue;
            // One chunk may always be in flight, or a closed window would never open (zero window probe).
            if (_inFlight > 0 && (_inFlight + chunk.Data.Length > _window || (!chunk.Sent && _inFlight + chunk.Data.Length > _peerWindow)))
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
            _timer ??= now + (long)(_rto * 1e6);
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
        var full = _inFlight >= _window - Mtu;
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
        Grow(advanced, full, newly);
        FastRetransmit(highest);
        if (_recoverTo is { } to && (int)(cumulative - to) >= 0)
            _recoverTo = null;
        if (_inFlight == 0 && _advanced == _acked)
            _timer = null;
        else if (advanced)
            _timer = now + (long)(_rto * 1e6);
        AdvancePeer();
        Send(now);
    }

    /// <summary>Looks at the retransmission timer (T3-rtx, RFC 9260 section 6.3.3).</summary>
    public void Tick(Instant now)
    {
        if (_timer is not { } due || now < due)
            return;
        Timeouts++;
        _threshold = Math.Max(_window / 2, 4 * Mtu);
        (_window, _partial, _recoverTo) = (Mtu, 0, null);
        _rto = Math.Min(_rto * 2, MaxRto);
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
            _timer = now + (long)(_rto * 1e6);
        Send(now);
    }

    private LinkedListNode<Chunk> Take(Message message, byte flags, ReadOnlySpan<byte> data)
    {
        if (!_idle.TryPop(out var node))
            node = new LinkedListNode<Chunk>(new Chunk());
        node.Value.Begin(message, flags, data);
        return node;
    }

    // Chunk nodes are reused: a trace goes out with every picture.
    private void Keep(LinkedListNode<Chunk> node)
    {
        if (_idle.Count < MaxIdle)
            _idle.Push(node);
    }

    private int Acknowledge(Chunk chunk, Instant now)
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
                Measure((now - chunk.SentAt) / 1e6);
        }
        return chunk.Data.Length;
    }

    private void Measure(double rtt)
    {
        if (_srtt == 0)
            (_srtt, _rttvar) = (rtt, rtt / 2);
        else
            (_rttvar, _srtt) = (0.75 * _rttvar + 0.25 * Math.Abs(_srtt - rtt), 0.875 * _srtt + 0.125 * rtt);
        _rto = Math.Clamp(_srtt + 4 * _rttvar, MinRto, MaxRto);
    }

    private void Grow(bool advanced, bool full, int newly)
    {
        if (!advanced || _recoverTo is not null || !full)
            return;
        if (_window <= _threshold)
        {
            _window += Math.Min(newly, Mtu);
            return;
        }
        _partial += newly;
        if (_partial >= _window)
        {
            _partial -= _window;
            _window += Mtu;
        }
    }

    private void FastRetransmit(uint highest)
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
        if (!lost || _recoverTo is not null)
            return;
        _threshold = Math.Max(_window / 2, 4 * Mtu);
        (_window, _partial, _recoverTo) = (_threshold, 0, _next - 1);
    }

    private void Lose(Chunk chunk)
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

    private void Write(Chunk chunk)
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

    private sealed class Message(ushort stream, uint protocol, bool ordered, int? maxRepeats)
    {
        public ushort Stream => stream;

        public uint Protocol => protocol;

        public bool Ordered => ordered;

        public int? MaxRepeats => maxRepeats;

        public ushort Sequence { get; set; }

        public bool GivenUp { get; set; }
    }

    private sealed class Chunk
    {
        private byte[] _bytes = [];

        public Message Message { get; private set; } = null!;

        public byte Flags { get; private set; }

        public ReadOnlyMemory<byte> Data { get; private set; }

        public uint Tsn { get; set; }

        public bool Sent { get; set; }

        public bool InFlight { get; set; }

        public bool Acked { get; set; }

        public bool Resend { get; set; }

        public int Repeats { get; set; }

        public int Missing { get; set; }

        public Instant SentAt { get; set; }

        public void Begin(Message message, byte flags, ReadOnlySpan<byte> data)
        {
            if (_bytes.Length < data.Length)
                _bytes = new byte[data.Length];
            data.CopyTo(_bytes);
            (Message, Flags, Data) = (message, flags, _bytes.AsMemory(0, data.Length));
            (Tsn, Sent, InFlight, Acked, Resend, Repeats, Missing, SentAt) = (0, false, false, false, false, 0, 0, default);
        }
    }
}
