using System.Diagnostics.CodeAnalysis;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Srtp;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Peers;

/// <summary>A datagram to send over a way; borrowed until the next call on the connection that it came from.</summary>
internal readonly ref struct Datagram(IceRoute route, ReadOnlySpan<byte> bytes)
{
    /// <summary>Where to.</summary>
    public IceRoute Route { get; } = route;

    /// <summary>What.</summary>
    public ReadOnlySpan<byte> Bytes { get; } = bytes;
}

/// <summary>
/// One WebRTC connection as an engine: ICE finds the way, DTLS agrees on keys, SRTP and SCTP run over them (RFC 5764 section 3, RFC 7983).
/// No socket, clock, timer, lock or callback inside. Its owner calls one method at a time, with the time; after each call it takes out the
/// datagrams, and then, whenever it likes, what happened. It calls <see cref="Handle(Instant)"/> by <see cref="Deadline"/>.
/// </summary>
internal sealed partial class PeerConnection : IDisposable
{
    // RTP that arrives before our handshake is over (the far side's ends half a round trip earlier) waits for the keys.
    private const int MaxEarly = 64;
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(5);

    private readonly PeerSettings _settings;
    private readonly PacketQueue<IceRoute?> _datagrams = new();
    private readonly IceAgent _ice;
    private readonly DtlsSession _dtls;
    private readonly Queue<byte[]> _early = new();
    // One delegate for all records.
    private readonly DtlsSession.ApplicationDataIn _receiveData;
    private Instant _recordAt;
    private bool _handshakeBegun;
    private SrtpSession? _srtp;
    private SentPackets? _sent;
    private uint _sentSsrc;
    private RtpSession? _rtp;
    private DataChannels? _channels;
    private RtpSessionStats _lastStats = new();

    /// <exception cref="SdpException">The far side's fingerprint cannot be checked.</exception>
    public PeerConnection(PeerSettings settings, Instant now)
    {
        (_settings, Plan, Deadline) = (settings, settings.Plan, now);
        Check(Plan);
        _receiveData = data => _channels?.Receive(data, _recordAt);
        var remote = new IceCredentials(Plan.Remote.IceUfrag, Plan.Remote.IcePassword);
        _ice = settings.Lite
            ? new IceLite(settings.Local, remote, _datagrams, now)
            : new IceFull(settings.Local, remote, controlling: true, _datagrams, now);
        _dtls = new DtlsSession(Plan.DtlsClient, settings.Certificate, Plan.Remote.Fingerprint, datagram => _datagrams.Add(null, datagram));
    }

    /// <summary>The state of the connection.</summary>
    public PeerState State { get; private set; } = PeerState.Connecting;

    /// <summary>Why the connection is over, in words; null while it is not.</summary>
    public string? Reason { get; private set; }

    /// <summary>What was agreed on.</summary>
    public MediaPlan Plan { get; private set; }

    /// <summary>When <see cref="Handle(Instant)"/> must be called.</summary>
    public Instant Deadline { get; private set; }

    /// <summary>The way in use; null until one works.</summary>
    public IceRoute? Route => _ice.Route;

    /// <summary>Credentials of this side; changed by a restart.</summary>
    public IceCredentials Local => _ice.Local;

    /// <summary>Credentials of the far side.</summary>
    public IceCredentials Remote => _ice.Remote;

    /// <exception cref="SdpException">The far side's fingerprint cannot be checked.</exception>
    public static void Check(MediaPlan plan)
    {
        if (!DtlsFingerprint.IsUsable(plan.Remote.Fingerprint))
            throw new SdpException("a=fingerprint must be sha-256, sha-384 or sha-512 with a digest of its length");
    }

    /// <summary>Takes one STUN message. True when it was authentic: then datagrams from there are of this connection.</summary>
    public bool Handle(in StunMessage message, IceRoute route, Instant now) =>
        State != PeerState.Closed && _ice.Receive(message, route, now);

    /// <summary>Takes one datagram that is not STUN (RFC 7983 section 7); decrypts in place.</summary>
    public void Handle(Span<byte> datagram, Instant now)
    {
        if (State == PeerState.Closed || datagram.IsEmpty)
            return;
        switch (datagram[0])
        {
            case >= 20 and <= 63:
                ReceiveRecord(datagram, now);
                break;
            case >= 128 and <= 191:
                ReceiveMedia(datagram, now);
                break;
        }
    }

    /// <summary>Does what is due.</summary>
    public void Handle(Instant now)
    {
        if (State == PeerState.Closed)
            return;
        Deadline = now + TickInterval;
        var wasReached = Route is not null;
        if (!_ice.Tick(now))
        {
            Close(
                wasReached
                    ? $"Nothing has come from the far side for {IceAgent.ConsentTime.TotalSeconds:0} s."
                    : "No way to the far side was found: its media port may be blocked over UDP and TCP.",
                now);
            return;
        }
        _rtp?.Tick(now);
        _channels?.Tick(now);
    }

    /// <summary>
    /// The handshake, once, when it can begin. The owner runs it on a thread of its own, gives each of its datagrams to <see cref="Relay"/>
    /// and how it ended to <see cref="Handle(HandshakeResult, Instant)"/>.
    /// </summary>
    public bool TryTakeHandshake([NotNullWhen(true)] out DtlsSession? session)
    {
        session = _handshakeBegun || Route is null || State == PeerState.Closed ? null : _dtls;
        _handshakeBegun |= session is not null;
        return session is not null;
    }

    /// <summary>Takes a datagram of the handshake to send.</summary>
    public void Relay(ReadOnlySpan<byte> datagram) => _datagrams.Add(null, datagram);

    /// <summary>Takes the end of the handshake: media can flow, or the connection is over.</summary>
    public void Handle(HandshakeResult handshake, Instant now)
    {
        if (State == PeerState.Closed)
            return;
        if (handshake is not { Transport: { } transport, Error: null } || (Plan.HasMedia && handshake.Keys is null))
        {
            var failed = handshake.Error is { } error ? $"The DTLS handshake failed: {error.Message}" : null;
            Close(failed ?? "The far side does not speak DTLS-SRTP.", now);
            return;
        }
        _dtls.Open(transport);
        _srtp = handshake.Keys is { } keys ? new SrtpSession(keys) : null;
        _rtp = new RtpSession(Plan, _settings.Media, _settings.Clock, now);
        State = PeerState.Connected;
        Follow(now);
        ReceiveRecord([], now);
        while (State == PeerState.Connected && _early.TryDequeue(out var packet))
            ReceiveMedia(packet, now);
    }

    /// <summary>Follows a new agreement with the same far side; the certificate is the same.</summary>
    public void Update(MediaPlan plan, Instant now)
    {
        Plan = plan;
        _rtp?.Update(plan, now);
        if (State == PeerState.Connected)
            Follow(now);
    }

    /// <summary>The next datagram to send.</summary>
    public bool TryTake(out Datagram datagram)
    {
        while (_datagrams.TryTake(out var next))
        {
            if ((next.About ?? Route) is { } to)
            {
                datagram = new Datagram(to, next.Bytes);
                return true;
            }
        }
        while (_rtp is { } rtp && rtp.TryTake(out QueuedPacket<RtpPacketKind> packet))
        {
            if (Protect(packet) is { IsEmpty: false } bytes && Route is { } way)
            {
                datagram = new Datagram(way, bytes);
                return true;
            }
        }
        datagram = default;
        return false;
    }

    /// <summary>The next event of the media; its bytes must be released.</summary>
    public bool TryTake(out MediaEvent happened)
    {
        happened = default;
        return _rtp?.TryTake(out happened) ?? false;
    }

    /// <summary>The next event of a data channel.</summary>
    public bool TryTake(out ChannelEvent happened)
    {
        happened = default;
        return _channels?.TryTake(out happened) ?? false;
    }

    /// <summary>Whether a candidate of the far side is worth a way of its own.</summary>
    public bool Wants(IceCandidate candidate) => State != PeerState.Closed && _ice is IceFull full && full.Wants(candidate);

    /// <summary>Adds the way to a candidate that <see cref="Wants"/> took.</summary>
    public void Add(IceCandidate candidate, IceRoute route) => (_ice as IceFull)?.Add(candidate, route);

    /// <summary>
    /// Restarts ICE (RFC 8445 section 9). Keys, media and channels go on; the old way is used until the new one works.
    /// </summary>
    public void Restart(IceCredentials local, IceCredentials remote) => _ice.Restart(local, remote);

    /// <summary>Says goodbye and ends the connection; does nothing the second time.</summary>
    public void Close(string reason, Instant now)
    {
        if (State == PeerState.Closed)
            return;
        (State, Reason) = (PeerState.Closed, reason);
        if (_rtp is { } rtp)
        {
            _lastStats = rtp.Stats(now);
            rtp.SendBye(now);
            // Ahead of what ends DTLS: nobody listens after that.
            while (rtp.TryTake(out QueuedPacket<RtpPacketKind> packet))
                _datagrams.Add(null, Protect(packet));
            _rtp = null;
            rtp.Dispose();
            _channels?.Abort(now);
        }
        _dtls.Close();
        _srtp?.Dispose();
        _early.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => Close("Closed on this side.", Deadline);

    private void Follow(Instant now)
    {
        if (Plan.SendVideo is { } video && video.LocalSsrc != _sentSsrc)
        {
            _sentSsrc = video.LocalSsrc;
            _sent = video.Formats[0].RtxPayloadType is null ? new SentPackets(video.LocalSsrc) : null;
        }
        if (Plan.Data is not null && _channels is null)
        {
            _channels = new DataChannels(Plan.DtlsClient, packet => _dtls.Send(packet));
            _channels.Connect(now);
        }
    }

    private ReadOnlySpan<byte> Protect(QueuedPacket<RtpPacketKind> packet)
    {
        switch (packet.About)
        {
            case RtpPacketKind.Rtp:
                var bytes = packet.Space[..(_srtp?.ProtectRtp(packet.Space, packet.Length) ?? 0)];
                _sent?.Keep(bytes);
                return bytes;
            case RtpPacketKind.Rtcp:
                return packet.Space[..(_srtp?.ProtectRtcp(packet.Space, packet.Length) ?? 0)];
            default:
                return _sent is null ? default : _sent.Find(System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(packet.Bytes));
        }
    }

    private void ReceiveRecord(ReadOnlySpan<byte> datagram, Instant now)
    {
        _recordAt = now;
        if (!_dtls.Receive(datagram, _receiveData))
            Close(_dtls.Error is { } error ? $"The DTLS connection broke: {error.Message}" : "The far side closed the connection.", now);
    }

    private void ReceiveMedia(Span<byte> packet, Instant now)
    {
        if (_rtp is not { } rtp || _srtp is not { } srtp)
        {
            if (_early.Count < MaxEarly && State == PeerState.Connecting)
                _early.Enqueue(packet.ToArray());
            return;
        }
        // RFC 5761 section 4: payload types 64..95 are not RTP's when both share a port.
        var isRtcp = packet.Length > 1 && packet[1] is >= 192 and <= 223;
        var length = isRtcp ? srtp.UnprotectRtcp(packet) : srtp.UnprotectRtp(packet);
        if (length == 0)
            return;
        if (isRtcp)
            rtp.ReceiveRtcp(packet[..length], now);
        else
            rtp.ReceiveRtp(packet[..length], now);
    }
}
