using System.Net;
using Org.BouncyCastle.Tls;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Srtp;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Transport;

namespace TrueLive.WebRtc;

/// <summary>
/// The side towards the network: addresses and checks, the handshake, and packets in and out (RFC 5764 section 3, RFC 7983).
/// </summary>
public sealed partial class PeerConnection
{
    internal static void Check(MediaPlan plan)
    {
        if (!DtlsFingerprint.IsUsable(plan.Remote.Fingerprint))
            throw new SdpException("a=fingerprint must be sha-256, sha-384 or sha-512 with a digest of its length");
    }

    internal void Begin(MediaPlan plan, IceAgent ice)
    {
        lock (_gate)
        {
            Check(plan);
            (_plan, _ice, State) = (plan, ice, PeerState.Connecting);
            _dtls = new DtlsSession(plan.DtlsClient, _endpoint.Certificate, plan.Remote.Fingerprint, datagram => ice.Route?.Send(datagram));
            Register(ice.Local.Ufrag);
        }
    }

    /// <summary>
    /// Ends the connection after a fault, including one in the owner's handlers. Never throws: it is called on the threads that serve all
    /// connections, or have nobody above them.
    /// </summary>
    internal void Fail(Exception error)
    {
        try
        {
            Close($"The connection failed: {error.Message}");
        }
        catch (Exception)
        {
            // A handler threw again while closing. The connection is closed all the same, and its reason names the first fault.
        }
    }

    /// <summary>Takes one STUN message.</summary>
    internal void ReceiveCheck(in StunMessage message, IceRoute route)
    {
        lock (_gate)
        {
            if (State == PeerState.Closed || _ice is not { } ice || !ice.Receive(message, route, _endpoint.Time.GetTimestamp()))
                return;
            if (route is TcpRoute tcp)
                Own(tcp);
            else
                Claim(UdpPort.KeyOf(route));
            BeginHandshake();
        }
    }

    /// <summary>Takes one datagram that is not STUN (RFC 7983 section 7); decrypts in place.</summary>
    internal void Receive(Span<byte> datagram)
    {
        lock (_gate)
        {
            if (State == PeerState.Closed || datagram.IsEmpty)
                return;
            switch (datagram[0])
            {
                case >= 20 and <= 63:
                    if (!_dtls!.Receive(datagram, ReceiveData))
                        Close("The far side closed the connection.");
                    break;
                case >= 128 and <= 191:
                    ReceiveMedia(datagram);
                    break;
            }
        }
    }

    internal void Tick()
    {
        lock (_gate)
        {
            if (State == PeerState.Closed || _ice is not { } ice)
                return;
            var now = _endpoint.Time.GetTimestamp();
            var wasReached = ice.Route is not null;
            if (!ice.Tick(now))
            {
                Close(wasReached
                    ? $"Nothing has come from the far side for {IceAgent.ConsentTime.TotalSeconds:0} s."
                    : "No way to the far side was found: its media port may be blocked over UDP and TCP.");
                return;
            }
            BeginHandshake();
            _rtp?.Tick(now);
            _channels?.Association.Tick(now);
        }
    }

    /// <summary>Datagrams from this address belong to this connection.</summary>
    internal void Claim(SocketAddress address)
    {
        lock (_gate)
        {
            if (!_addresses.Contains(address))
            {
                if (_addresses.Count == MaxAddresses)
                {
                    _endpoint.Unbind(_addresses[0], this);
                    _addresses.RemoveAt(0);
                }
                _addresses.Add(address);
            }
            // Another peer may have claimed the address with a forged source; each check of the rightful peer takes it back.
            _endpoint.Bind(address, this);
        }
    }

    /// <summary>This TCP connection belongs to the peer and ends with it. Of too many, the oldest that is not in use ends.</summary>
    internal void Own(TcpRoute route)
    {
        lock (_gate)
        {
            if (_connections.Contains(route))
                return;
            route.Ended = Forget;
            _endpoint.Bind(route, this);
            // A full agent opens at most one for each candidate pair.
            if (_connections.Count >= (_ice is IceFull ? IceFull.MaxPairs : MaxTaken) && _connections.Find(c => c != _ice?.Route) is { } oldest)
            {
                _connections.Remove(oldest);
                oldest.Dispose();
            }
            _connections.Add(route);
        }
    }

    private void Forget(TcpRoute route)
    {
        _endpoint.Unbind(route);
        lock (_gate)
            _connections.Remove(route);
    }

    private void Register(string ufrag)
    {
        _ufrags.Add(ufrag);
        _endpoint.Register(ufrag, this);
        // The previous fragment stays registered, since the far side may still send checks with it.
        if (_ufrags.Count > 2)
        {
            _endpoint.Unregister(_ufrags[0]);
            _ufrags.RemoveAt(0);
        }
    }

    private void BeginHandshake()
    {
        if (_ice!.Route is not null && !_dtls!.IsStarted)
            _dtls.Start(HandshakeEnded);
    }

    private void HandshakeEnded(DtlsTransport? transport, SrtpKeys? keys, IOException? error)
    {
        try
        {
            Open(transport, keys, error);
        }
        catch (Exception fault)
        {
            // Nothing catches exceptions on the handshake's thread: what the owner's handlers throw would end the process.
            Fail(fault);
        }
    }

    private void Open(DtlsTransport? transport, SrtpKeys? keys, IOException? error)
    {
        lock (_gate)
        {
            if (State == PeerState.Closed)
                return;
            var media = _plan!.ReceiveVideo is not null || _plan.SendVideo is not null || _plan.Audio is not null;
            if (error is not null || transport is null || (media && keys is null))
            {
                Close(error is null ? "The far side does not speak DTLS-SRTP." : $"The DTLS handshake failed: {error.Message}");
                return;
            }
            _dtls!.Open(transport);
            _srtp = keys is null ? null : new SrtpSession(keys);
            _sent = _plan.SendVideo is { } video && video.Formats[0].RtxPayloadType is null ? new SentPackets(video.LocalSsrc) : null;
            _rtp = new RtpSession(_plan, Callbacks(), _endpoint.Time, _options.Media);
            if (_plan.Data is not null)
            {
                _channels = new DataChannels(_gate, _plan.DtlsClient, packet => _dtls.Send(packet), channel => _options.ChannelOpened?.Invoke(channel), _endpoint.Time);
                _channels.Association.Connect(_endpoint.Time.GetTimestamp());
            }
            State = PeerState.Connected;
            _opened.TrySetResult();
            if (!_dtls.Receive([], ReceiveData))
                Close("The far side closed the connection.");
            while (State == PeerState.Connected && _early.TryDequeue(out var packet))
                ReceiveMedia(packet);
        }
    }

    private RtpSessionCallbacks Callbacks() => new()
    {
        SendRtp = SendRtp,
        SendAgain = SendAgain,
        SendRtcp = (buffer, length) => Send(buffer, _srtp?.ProtectRtcp(buffer, length) ?? 0),
        VideoReceived = _options.VideoReceived,
        AudioReceived = _options.AudioReceived,
        FrameSent = _options.FrameSent,
        KeyFrameRequested = _options.KeyFrameRequested,
    };

    private void SendRtp(Span<byte> buffer, int length)
    {
        var sent = _srtp?.ProtectRtp(buffer, length) ?? 0;
        _sent?.Keep(buffer[..sent]);
        Send(buffer, sent);
    }

    private int SendAgain(ushort sequence)
    {
        var packet = _sent is null ? default : _sent.Find(sequence);
        if (!packet.IsEmpty)
            _ice!.Route?.Send(packet);
        return packet.Length;
    }

    private void Send(ReadOnlySpan<byte> buffer, int length)
    {
        if (length > 0)
            _ice!.Route?.Send(buffer[..length]);
    }

    private void ReceiveMedia(Span<byte> packet)
    {
        if (_rtp is not { } rtp || _srtp is not { } srtp)
        {
            if (_early.Count < MaxEarly && State == PeerState.Connecting)
                _early.Enqueue(packet.ToArray());
            return;
        }
        var now = _endpoint.Time.GetTimestamp();
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

    private void ReceiveData(ReadOnlySpan<byte> data) => _channels?.Association.Receive(data, _endpoint.Time.GetTimestamp());
}
