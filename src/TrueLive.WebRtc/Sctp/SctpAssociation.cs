using System.Buffers.Binary;
using System.Security.Cryptography;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Sctp;

/// <summary>The state of an association (RFC 9260 section 4, simplified).</summary>
internal enum SctpState
{
    /// <summary>Nothing sent yet.</summary>
    Closed,

    /// <summary>INIT sent.</summary>
    CookieWait,

    /// <summary>COOKIE ECHO sent.</summary>
    CookieEchoed,

    /// <summary>Data flows.</summary>
    Established,

    /// <summary>Ended, by either side or by too many timeouts.</summary>
    Ended,
}

/// <summary>
/// One SCTP association over DTLS (RFC 8261), as much of RFC 9260 as data channels need (RFC 8831): four-way start with a signed
/// cookie, both sides may begin; DATA with SACK; partial reliability (RFC 3758); stream reset (RFC 6525). Input is hostile: broken
/// packets are dropped, never thrown on. No clock and no lock inside: the owner passes the time, calls one at a time, and then takes the
/// events out.
/// </summary>
internal sealed class SctpAssociation
{
    /// <summary>Largest message either way, in bytes.</summary>
    public const int MaxMessage = 256 << 10;

    /// <summary>Streams each way, data channels at most (RFC 8832 section 6 numbers them from 0).</summary>
    internal const ushort Streams = 1024;

    private readonly Queue<SctpEvent> _events = new();
    private readonly SctpPacketWriter _writer;
    private readonly SctpSender _sender;
    private readonly SctpReceiver _receiver = new();
    private readonly SctpStreamResets _resets;
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private readonly uint _localTag = Random32();
    private readonly uint _localTsn = Random32();
    private byte[] _cookie = [];
    private Instant _handshakeDue;
    private int _handshakes;

    /// <param name="output">Takes each packet; the bytes are borrowed.</param>
    public SctpAssociation(PacketOut output)
    {
        _writer = new SctpPacketWriter(output);
        _sender = new SctpSender(_writer);
        _sender.Begin(_localTsn);
        _resets = new SctpStreamResets(_writer, _sender, _receiver, _localTsn);
    }

    /// <summary>The state of the association.</summary>
    public SctpState State { get; private set; }

    internal uint LocalTag => _localTag;

    internal uint NextTsn => _sender.NextTsn;

    /// <summary>Bytes of the peer's that wait for their missing parts or their turn.</summary>
    internal int Held => _receiver.Held;

    /// <summary>Bytes that were sent or wait, and are not acknowledged.</summary>
    public int Buffered => _sender.Buffered;

    /// <summary>The next thing that happened.</summary>
    public bool TryTake(out SctpEvent happened) => _events.TryDequeue(out happened);

    /// <summary>Begins; harmless when the peer begins as well.</summary>
    public void Connect(Instant now)
    {
        if (State != SctpState.Closed)
            return;
        State = SctpState.CookieWait;
        SendHandshake(now);
    }

    /// <summary>
    /// Queues and sends a message of 1 to <see cref="MaxMessage"/> bytes. False when not connected, too large, or the buffer is full.
    /// </summary>
    public bool Send(ushort stream, uint protocol, ReadOnlySpan<byte> data, bool ordered, int? maxRepeats, Instant now)
    {
        if (State != SctpState.Established || data.Length is 0 or > MaxMessage
            || !_sender.Queue(stream, protocol, data, ordered, maxRepeats))
            return false;
        _sender.Send(now);
        return true;
    }

    /// <summary>Closes this side of a stream after the messages that are already queued on it.</summary>
    public void Reset(ushort stream, Instant now)
    {
        if (State == SctpState.Established)
            _resets.Add(stream, now);
    }

    /// <summary>Streams whose end the peer has not acknowledged.</summary>
    internal int WaitingResets => _resets.Waiting;

    /// <summary>Ends at once and tells the peer.</summary>
    public void Abort()
    {
        if (State is SctpState.Established or SctpState.CookieEchoed)
        {
            _writer.Chunk(SctpChunkType.Abort, 0, 0);
            _writer.Flush();
        }
        End();
    }

    /// <summary>Takes one packet.</summary>
    public void Receive(ReadOnlySpan<byte> packet, Instant now)
    {
        if (packet.Length is < 16 or > 65536 || State == SctpState.Ended || !ChecksumFits(packet))
            return;
        var tag = BinaryPrimitives.ReadUInt32BigEndian(packet[4..]);
        var rest = packet[12..];
        var first = true;
        while (SctpChunk.TryNext(ref rest, out SctpChunk chunk))
        {
            if (chunk.Type == SctpChunkType.Init ? tag != 0 || !first : tag != _localTag)
                return;
            first = false;
            Handle(chunk, now);
            if (_receiver.TooLarge)
                Abort();
            if (State == SctpState.Ended)
                return;
        }
        // Data may come ahead of our establishment; nobody could answer it before.
        if (State == SctpState.Established)
            TakeMessages();
        if (_receiver.SackDue && State == SctpState.Established)
            _receiver.WriteSack(_writer);
        if (State == SctpState.Established)
            _sender.Send(now);
        _writer.Flush();
    }

    /// <summary>Runs the timers; call about every 10 ms.</summary>
    public void Tick(Instant now)
    {
        if (State is SctpState.CookieWait or SctpState.CookieEchoed && now >= _handshakeDue)
            SendHandshake(now);
        if (State != SctpState.Established)
            return;
        _sender.Tick(now);
        _resets.Tick(now);
        if (_sender.Timeouts > SctpSender.MaxTimeouts)
            Abort();
    }

    private void Handle(SctpChunk chunk, Instant now)
    {
        switch (chunk.Type)
        {
            case SctpChunkType.Init:
                AnswerInit(chunk.Value, now);
                break;
            case SctpChunkType.InitAck when State == SctpState.CookieWait:
                TakeInitAck(chunk.Value, now);
                break;
            case SctpChunkType.CookieEcho:
                TakeCookie(chunk.Value, now);
                break;
            case SctpChunkType.CookieAck when State == SctpState.CookieEchoed:
                Establish();
                break;
            case SctpChunkType.Data when State is SctpState.Established or SctpState.CookieEchoed:
                _receiver.Receive(chunk.Flags, chunk.Value);
                break;
            case SctpChunkType.Sack when State == SctpState.Established:
                _sender.Sack(chunk.Value, now);
                break;
            case SctpChunkType.ForwardTsn when State == SctpState.Established:
                _receiver.Forward(chunk.Value);
                break;
            case SctpChunkType.Heartbeat when chunk.Value.Length <= 1024:
                chunk.Value.CopyTo(_writer.Chunk(SctpChunkType.HeartbeatAck, 0, chunk.Value.Length));
                break;
            case SctpChunkType.Reconfig when State == SctpState.Established:
                _resets.Receive(chunk.Value, now, TakeMessages, Closed);
                break;
            case SctpChunkType.Shutdown:
                _writer.Chunk(SctpChunkType.ShutdownAck, 0, 0);
                _writer.Flush();
                End();
                break;
            case SctpChunkType.Abort or SctpChunkType.ShutdownComplete or SctpChunkType.ShutdownAck:
                End();
                break;
        }
    }

    private void SendHandshake(Instant now)
    {
        if (++_handshakes > 12)
        {
            End();
            return;
        }
        _handshakeDue = now + (long)(1e6 * Math.Min(0.25 * Math.Pow(1.7, _handshakes - 1), 5));
        if (State == SctpState.CookieWait)
            WriteInit(_writer.Chunk(SctpChunkType.Init, 0, InitLength, 0));
        else
            _cookie.CopyTo(_writer.Chunk(SctpChunkType.CookieEcho, 0, _cookie.Length));
        _writer.Flush();
    }

    // Fixed part, then: FORWARD-TSN supported (RFC 3758 3.3.1), supported chunk types (RFC 5061 4.2.7).
    private const int InitLength = 16 + 4 + 8;

    private void WriteInit(Span<byte> value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(value, _localTag);
        BinaryPrimitives.WriteUInt32BigEndian(value[4..], SctpReceiver.Window);
        BinaryPrimitives.WriteUInt16BigEndian(value[8..], Streams);
        BinaryPrimitives.WriteUInt16BigEndian(value[10..], Streams);
        BinaryPrimitives.WriteUInt32BigEndian(value[12..], _localTsn);
        BinaryPrimitives.WriteUInt32BigEndian(value[16..], 0xC0000004);
        ReadOnlySpan<byte> supported = [0x80, 0x08, 0, 6, (byte)SctpChunkType.Reconfig, (byte)SctpChunkType.ForwardTsn, 0, 0];
        supported.CopyTo(value[20..]);
    }

    private void AnswerInit(ReadOnlySpan<byte> value, Instant now)
    {
        if (value.Length < 16 || State == SctpState.Established)
            return;
        var peerTag = BinaryPrimitives.ReadUInt32BigEndian(value);
        if (peerTag == 0)
            return;
        var cookie = new SctpCookie(peerTag, BinaryPrimitives.ReadUInt32BigEndian(value[12..]),
            BinaryPrimitives.ReadUInt32BigEndian(value[4..]));
        var answer = _writer.Chunk(SctpChunkType.InitAck, 0, InitLength + 4 + SctpCookie.Length, peerTag);
        WriteInit(answer);
        BinaryPrimitives.WriteUInt16BigEndian(answer[InitLength..], 7);
        BinaryPrimitives.WriteUInt16BigEndian(answer[(InitLength + 2)..], (ushort)(4 + SctpCookie.Length));
        cookie.Write(answer[(InitLength + 4)..], _secret, now);
        _writer.Flush();
    }

    private void TakeInitAck(ReadOnlySpan<byte> value, Instant now)
    {
        if (value.Length < 16 || BinaryPrimitives.ReadUInt32BigEndian(value) == 0)
            return;
        var parameters = value[16..];
        while (SctpChunk.TryNext(ref parameters, out var type, out var content))
        {
            if (type != 7 || content.Length is 0 or > 1024)
                continue;
            Learn(BinaryPrimitives.ReadUInt32BigEndian(value), BinaryPrimitives.ReadUInt32BigEndian(value[12..]),
                BinaryPrimitives.ReadUInt32BigEndian(value[4..]));
            (_cookie, State, _handshakes) = (content.ToArray(), SctpState.CookieEchoed, 0);
            SendHandshake(now);
            return;
        }
    }

    private void TakeCookie(ReadOnlySpan<byte> value, Instant now)
    {
        // A repeated cookie is acknowledged again. Another peer's would mean a restart, which DTLS rules out.
        if (SctpCookie.Read(value, _secret, now) is not { } cookie
            || State == SctpState.Established && cookie.PeerTag != _writer.PeerTag)
            return;
        if (State != SctpState.Established)
            Learn(cookie.PeerTag, cookie.PeerTsn, cookie.PeerWindow);
        _writer.Chunk(SctpChunkType.CookieAck, 0, 0);
        Establish();
    }

    private void Learn(uint tag, uint tsn, uint window)
    {
        _writer.PeerTag = tag;
        _resets.Begin(tsn);
        _receiver.Begin(tsn);
        _sender.PeerWindow(window);
    }

    private void Establish()
    {
        if (State == SctpState.Established)
            return;
        State = SctpState.Established;
        _writer.Flush();
        _events.Enqueue(new SctpEvent(SctpEventKind.Established));
    }

    private void Closed(ushort stream) => _events.Enqueue(new SctpEvent(SctpEventKind.StreamReset, stream));

    private void TakeMessages()
    {
        while (_receiver.TryTake(out var message))
            _events.Enqueue(new SctpEvent(SctpEventKind.Message, message.Stream, message.Protocol, message.Data));
    }

    private void End()
    {
        if (State == SctpState.Ended)
            return;
        State = SctpState.Ended;
        _events.Enqueue(new SctpEvent(SctpEventKind.Ended));
    }

    private static bool ChecksumFits(ReadOnlySpan<byte> packet)
    {
        Span<byte> copy = packet.Length <= 2048 ? stackalloc byte[packet.Length] : new byte[packet.Length];
        packet.CopyTo(copy);
        copy.Slice(8, 4).Clear();
        return Crc32c.Compute(copy) == BinaryPrimitives.ReadUInt32LittleEndian(packet[8..]);
    }

    private static uint Random32()
    {
        Span<byte> bytes = stackalloc byte[4];
        RandomNumberGenerator.Fill(bytes);
        return Math.Max(1, BinaryPrimitives.ReadUInt32BigEndian(bytes));
    }
}
