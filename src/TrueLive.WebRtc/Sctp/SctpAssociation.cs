using System.Buffers.Binary;
using System.Security.Cryptography;

namespace TrueLive.WebRtc.Sctp;

/// <summary>The state of an association (RFC 9260 section 4, simplified).</summary>
public enum SctpState
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

/// <summary>Callbacks of an association to its owner; called from <c>Receive</c> and <c>Tick</c>.</summary>
public sealed record SctpCallbacks
{
    /// <summary>Data may be sent from now on.</summary>
    public Action? Established { get; init; }

    /// <summary>A whole message: stream, payload protocol, bytes.</summary>
    public Action<ushort, uint, byte[]>? Message { get; init; }

    /// <summary>The peer has closed its side of a stream.</summary>
    public Action<ushort>? StreamReset { get; init; }

    /// <summary>The association is over.</summary>
    public Action? Ended { get; init; }
}

/// <summary>
/// One SCTP association over DTLS (RFC 8261), as much of RFC 9260 as data channels need (RFC 8831): four-way start with a signed
/// cookie, both sides may begin; DATA with SACK; partial reliability (RFC 3758); stream reset (RFC 6525). Input is hostile: broken
/// packets are dropped, never thrown on. No clock and no lock inside: the owner passes the time and calls one at a time.
/// </summary>
public sealed class SctpAssociation
{
    /// <summary>Largest message either way, in bytes.</summary>
    public const int MaxMessage = 256 << 10;

    /// <summary>Streams each way, data channels at most (RFC 8832 section 6 numbers them from 0).</summary>
    internal const ushort Streams = 1024;

    private static readonly TimeSpan CookieLife = TimeSpan.FromSeconds(60);

    private readonly SctpCallbacks _callbacks;
    private readonly long _frequency;
    private readonly SctpPacketWriter _writer;
    private readonly SctpSender _sender;
    private readonly SctpReceiver _receiver = new();
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private readonly uint _localTag = Random32();
    private readonly uint _localTsn = Random32();
    private readonly Queue<ushort> _resets = new();
    private byte[] _cookie = [];
    private long _handshakeDue;
    private int _handshakes;
    private uint _peerResetSequence;
    private uint _resetSequence;
    private long? _resetDue;
    private uint? _resetLast;

    /// <param name="output">Takes each packet; the bytes are borrowed.</param>
    /// <param name="callbacks">Called on events.</param>
    /// <param name="time">Only its frequency is used.</param>
    public SctpAssociation(PacketOut output, SctpCallbacks callbacks, TimeProvider time)
    {
        (_callbacks, _frequency, _resetSequence) = (callbacks, time.TimestampFrequency, _localTsn);
        _writer = new SctpPacketWriter(output);
        _sender = new SctpSender(_writer, _frequency);
        _sender.Begin(_localTsn);
    }

    /// <summary>The state of the association.</summary>
    public SctpState State { get; private set; }

    internal uint LocalTag => _localTag;

    internal uint NextTsn => _sender.NextTsn;

    /// <summary>Bytes of the peer's that wait for their missing parts or their turn.</summary>
    internal int Held => _receiver.Held;

    /// <summary>Bytes that were sent or wait, and are not acknowledged.</summary>
    public int Buffered => _sender.Buffered;

    /// <summary>Begins; harmless when the peer begins as well.</summary>
    public void Connect(long now)
    {
        if (State != SctpState.Closed)
            return;
        State = SctpState.CookieWait;
        SendHandshake(now);
    }

    /// <summary>
    /// Queues and sends a message of 1 to <see cref="MaxMessage"/> bytes. False when not connected, too large, or the buffer is full.
    /// </summary>
    public bool Send(ushort stream, uint protocol, ReadOnlySpan<byte> data, bool ordered, int? maxRepeats, long now)
    {
        if (State != SctpState.Established || data.Length is 0 or > MaxMessage || !_sender.Queue(stream, protocol, data, ordered, maxRepeats))
            return false;
        _sender.Send(now);
        return true;
    }

    /// <summary>Closes this side of a stream after the messages that are already queued on it.</summary>
    public void Reset(ushort stream, long now)
    {
        // One entry for each stream: a peer that opens and closes streams and never answers would otherwise make the queue grow without
        // limit.
        if (State != SctpState.Established || _resets.Skip(_resetLast is null ? 0 : 1).Contains(stream))
            return;
        _resets.Enqueue(stream);
        SendReset(now);
    }

    /// <summary>Streams whose end the peer has not acknowledged.</summary>
    internal int WaitingResets => _resets.Count;

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
    public void Receive(ReadOnlySpan<byte> packet, long now)
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
        while (_receiver.TryTake(out var message))
            _callbacks.Message?.Invoke(message.Stream, message.Protocol, message.Data);
        if (_receiver.SackDue && State == SctpState.Established)
            _receiver.WriteSack(_writer);
        if (State == SctpState.Established)
            _sender.Send(now);
        _writer.Flush();
    }

    /// <summary>Runs the timers; call about every 10 ms.</summary>
    public void Tick(long now)
    {
        if (State is SctpState.CookieWait or SctpState.CookieEchoed && now >= _handshakeDue)
            SendHandshake(now);
        if (State != SctpState.Established)
            return;
        _sender.Tick(now);
        if (_resetDue is { } due && now >= due)
            SendReset(now);
        if (_sender.Timeouts > SctpSender.MaxTimeouts)
            Abort();
    }

    private void Handle(SctpChunk chunk, long now)
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
                TakeReconfig(chunk.Value, now);
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

    private void SendHandshake(long now)
    {
        if (++_handshakes > 12)
        {
            End();
            return;
        }
        _handshakeDue = now + (long)(_frequency * Math.Min(0.25 * Math.Pow(1.7, _handshakes - 1), 5));
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

    private void AnswerInit(ReadOnlySpan<byte> value, long now)
    {
        if (value.Length < 16 || State == SctpState.Established)
            return;
        var peerTag = BinaryPrimitives.ReadUInt32BigEndian(value);
        if (peerTag == 0)
            return;
        // The signed cookie holds the peer's state, so that nothing is stored before it comes back (RFC 9260 section 5.1.3).
        Span<byte> cookie = stackalloc byte[20 + 32];
        BinaryPrimitives.WriteInt64BigEndian(cookie, now);
        BinaryPrimitives.WriteUInt32BigEndian(cookie[8..], peerTag);
        value.Slice(12, 4).CopyTo(cookie[12..]);
        value.Slice(4, 4).CopyTo(cookie[16..]);
        HMACSHA256.HashData(_secret, cookie[..20], cookie[20..]);
        var answer = _writer.Chunk(SctpChunkType.InitAck, 0, InitLength + 4 + cookie.Length, peerTag);
        WriteInit(answer);
        BinaryPrimitives.WriteUInt16BigEndian(answer[InitLength..], 7);
        BinaryPrimitives.WriteUInt16BigEndian(answer[(InitLength + 2)..], (ushort)(4 + cookie.Length));
        cookie.CopyTo(answer[(InitLength + 4)..]);
        _writer.Flush();
    }

    private void TakeInitAck(ReadOnlySpan<byte> value, long now)
    {
        if (value.Length < 16 || BinaryPrimitives.ReadUInt32BigEndian(value) == 0)
            return;
        var parameters = value[16..];
        while (SctpChunk.TryNext(ref parameters, out var type, out var content))
        {
            if (type != 7 || content.Length is 0 or > 1024)
                continue;
            Learn(BinaryPrimitives.ReadUInt32BigEndian(value), BinaryPrimitives.ReadUInt32BigEndian(value[12..]), BinaryPrimitives.ReadUInt32BigEndian(value[4..]));
            (_cookie, State, _handshakes) = (content.ToArray(), SctpState.CookieEchoed, 0);
            SendHandshake(now);
            return;
        }
    }

    private void TakeCookie(ReadOnlySpan<byte> cookie, long now)
    {
        Span<byte> signature = stackalloc byte[32];
        if (cookie.Length != 20 + 32)
            return;
        HMACSHA256.HashData(_secret, cookie[..20], signature);
        if (!CryptographicOperations.FixedTimeEquals(signature, cookie[20..]) || now - BinaryPrimitives.ReadInt64BigEndian(cookie) > CookieLife.TotalSeconds * _frequency)
            return;
        var peerTag = BinaryPrimitives.ReadUInt32BigEndian(cookie[8..]);
        // A repeated cookie is acknowledged again. Another peer's would mean a restart, which DTLS rules out.
        if (State == SctpState.Established && peerTag != _writer.PeerTag)
            return;
        if (State != SctpState.Established)
            Learn(peerTag, BinaryPrimitives.ReadUInt32BigEndian(cookie[12..]), BinaryPrimitives.ReadUInt32BigEndian(cookie[16..]));
        _writer.Chunk(SctpChunkType.CookieAck, 0, 0);
        Establish();
    }

    private void Learn(uint tag, uint tsn, uint window)
    {
        _writer.PeerTag = tag;
        _peerResetSequence = tsn - 1;
        _receiver.Begin(tsn);
        _sender.PeerWindow(window);
    }

    private void Establish()
    {
        if (State == SctpState.Established)
            return;
        State = SctpState.Established;
        _writer.Flush();
        _callbacks.Established?.Invoke();
    }

    private void SendReset(long now)
    {
        if (_resets.Count == 0)
        {
            _resetDue = null;
            return;
        }
        if (_resetLast is null)
        {
            // The request names the last TSN of the stream; messages still waiting for the window have none yet.
            if (_sender.HoldsUnsent(_resets.Peek()))
            {
                _resetDue = now;
                return;
            }
            _sender.ResetStream(_resets.Peek());
            _resetLast = _sender.NextTsn - 1;
        }
        // One request at a time; it is repeated until the answer takes it off the queue (RFC 6525 section 5.1.2).
        var value = _writer.Chunk(SctpChunkType.Reconfig, 0, 18);
        BinaryPrimitives.WriteUInt16BigEndian(value, 13);
        BinaryPrimitives.WriteUInt16BigEndian(value[2..], 18);
        BinaryPrimitives.WriteUInt32BigEndian(value[4..], _resetSequence);
        BinaryPrimitives.WriteUInt32BigEndian(value[8..], _peerResetSequence);
        BinaryPrimitives.WriteUInt32BigEndian(value[12..], _resetLast.Value);
        BinaryPrimitives.WriteUInt16BigEndian(value[16..], _resets.Peek());
        _writer.Flush();
        _resetDue = now + _frequency;
    }

    private void TakeReconfig(ReadOnlySpan<byte> value, long now)
    {
        while (SctpChunk.TryNext(ref value, out var type, out var content))
        {
            if (type == 13 && content.Length >= 12)
            {
                var sequence = BinaryPrimitives.ReadUInt32BigEndian(content);
                var waits = (int)(BinaryPrimitives.ReadUInt32BigEndian(content[8..]) - _receiver.Cumulative) > 0;
                if (!waits && sequence == _peerResetSequence + 1)
                {
                    _peerResetSequence = sequence;
                    while (_receiver.TryTake(out var message))
                        _callbacks.Message?.Invoke(message.Stream, message.Protocol, message.Data);
                    for (var streams = content[12..]; streams.Length >= 2; streams = streams[2..])
                    {
                        var stream = BinaryPrimitives.ReadUInt16BigEndian(streams);
                        _receiver.ResetStream(stream);
                        _callbacks.StreamReset?.Invoke(stream);
                    }
                }
                var answer = _writer.Chunk(SctpChunkType.Reconfig, 0, 12);
                BinaryPrimitives.WriteUInt16BigEndian(answer, 16);
                BinaryPrimitives.WriteUInt16BigEndian(answer[2..], 12);
                BinaryPrimitives.WriteUInt32BigEndian(answer[4..], sequence);
                BinaryPrimitives.WriteUInt32BigEndian(answer[8..], waits ? 6u : 1u);
            }
            else if (type == 16 && content.Length >= 8 && BinaryPrimitives.ReadUInt32BigEndian(content) == _resetSequence && BinaryPrimitives.ReadUInt32BigEndian(content[4..]) != 6)
            {
                _resets.TryDequeue(out _);
                _resetLast = null;
                _resetSequence++;
                SendReset(now);
            }
        }
    }

    private void End()
    {
        if (State == SctpState.Ended)
            return;
        State = SctpState.Ended;
        _callbacks.Ended?.Invoke();
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
