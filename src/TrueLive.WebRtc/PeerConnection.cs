using System.Net;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Srtp;
using TrueLive.WebRtc.Transport;

namespace TrueLive.WebRtc;

/// <summary>
/// One WebRTC connection: ICE finds the way, DTLS agrees on keys, SRTP and SCTP run over them. Made by <see cref="RtcEndpoint"/>.
/// One lock guards all of it; no call blocks beyond that. Thread-safe.
/// </summary>
public sealed partial class PeerConnection : IDisposable
{
    // RTP that arrives before our handshake is over (the far side's ends half a round trip earlier) waits for the keys.
    private const int MaxEarly = 64;
    private const int MaxAddresses = 16;

    // A browser opens one for each of our addresses; more suggests an attempt to exhaust sockets.
    internal const int MaxTaken = 8;

    private readonly object _gate = new();
    private readonly RtcEndpoint _endpoint;
    private readonly PeerOptions _options;
    private readonly SdpOffer? _offer;
    private readonly IceCredentials? _offered;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<byte[]> _early = new();
    private readonly List<SocketAddress> _addresses = [];
    private readonly List<TcpRoute> _connections = [];
    private readonly List<string> _ufrags = [];
    private MediaPlan? _plan;
    private IceAgent? _ice;
    private DtlsSession? _dtls;
    private SrtpSession? _srtp;
    private SentPackets? _sent;
    private RtpSession? _rtp;
    private DataChannels? _channels;
    private RtpSessionStats _lastStats = new();

    internal PeerConnection(RtcEndpoint endpoint, PeerOptions options, SdpOffer? offer = null, IceCredentials? offered = null)
    {
        (_endpoint, _options, _offer, _offered) = (endpoint, options, offer, offered);
        // Observe the exception here: callers may await only one of the two tasks.
        _ = _opened.Task.ContinueWith(t => t.Exception, TaskScheduler.Default);
    }

    /// <summary>The state of the connection.</summary>
    public PeerState State { get; private set; } = PeerState.Offered;

    /// <summary>Completes when media can flow.</summary>
    /// <exception cref="IOException">The connection ended before; the message says why.</exception>
    public Task Opened => _opened.Task;

    /// <summary>Completes with the reason, in words, when the connection is over.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>The negotiated plan; null while an offer waits for its answer.</summary>
    public MediaPlan? Plan => _plan;

    /// <summary>Coding that <see cref="SendVideo"/> takes; null when video is not sent or the connection is not open yet.</summary>
    public VideoCodec? SendCodec => _rtp?.SendCodec;

    /// <summary>Bitrate that video may use now, bit/s.</summary>
    public int TargetBitrate => _rtp?.TargetBitrate ?? _options.Media.StartBitrate;

    /// <summary>The far address in use and whether TCP carries it; null before there is one.</summary>
    public (IPEndPoint Remote, bool IsTcp)? Path => _ice?.Route is { } route ? (route.Remote, route.IsTcp) : null;

    /// <summary>ICE user fragment of this side; null before there is one.</summary>
    public string? LocalUfrag => _ice?.Local.Ufrag;

    /// <summary>ICE user fragment of the far side; null before there is one.</summary>
    public string? RemoteUfrag => _ice?.Remote.Ufrag;

    /// <summary>Takes the answer to the offer and begins to connect.</summary>
    /// <exception cref="SdpException">The answer cannot be used; the message says why.</exception>
    /// <exception cref="InvalidOperationException">The connection made no offer, or has its answer.</exception>
    public void Accept(string answer)
    {
        if (_offer is null || State != PeerState.Offered)
            throw new InvalidOperationException("This connection does not wait for an answer.");
        var plan = _offer.Complete(answer);
        var remote = new IceCredentials(plan.Remote.IceUfrag, plan.Remote.IcePassword);
        var ice = new IceFull(_offered!, remote, controlling: true, (address, tcp) => _endpoint.RouteTo(address, tcp, this), _endpoint.Time);
        Begin(plan, ice);
        foreach (var candidate in plan.Remote.Candidates)
            AddCandidate(candidate);
    }

    /// <summary>
    /// Adds a candidate that arrived after the far side's description (trickle ICE, RFC 8838). Unreadable ones, and those that may not be
    /// reached, are ignored.
    /// </summary>
    public void AddCandidate(string candidate)
    {
        lock (_gate)
        {
            if (State != PeerState.Closed && _ice is IceFull full && IceCandidate.TryParse(candidate, out var parsed)
                && _options.MayReach?.Invoke(parsed.Address.Address) is not false)
                full.Add(parsed);
        }
    }

    /// <summary>
    /// Restarts ICE for a far side that has moved (RFC 8445 section 9) and returns our new side. Keys, media and channels go on; the
    /// old way is used until the new one works.
    /// </summary>
    /// <exception cref="InvalidOperationException">The connection is over.</exception>
    public TransportDescription RestartIce(string remoteUfrag, string remotePassword)
    {
        var credentials = IceCredentials.New();
        lock (_gate)
        {
            // A closed connection is never unregistered again: the fragment would be held for ever.
            if (State == PeerState.Closed)
                throw new InvalidOperationException("The connection is over.");
            _ice?.Restart(credentials, new IceCredentials(remoteUfrag, remotePassword));
            Register(credentials.Ufrag);
        }
        return _endpoint.Describe(credentials, _ice is IceLite, _options.Reached);
    }

    /// <summary>
    /// Sends a frame. False when it did not go: not open, another coding, a key frame must come first (it is asked for), or the way is
    /// choked.
    /// </summary>
    public bool SendVideo(in EncodedFrame frame)
    {
        lock (_gate)
            return State == PeerState.Connected && _rtp!.SendVideo(frame, _endpoint.Time.GetTimestamp());
    }

    /// <summary>False while the way is choked: a frame that is left out before it is coded costs nothing later.</summary>
    public bool CanSendVideo
    {
        get
        {
            lock (_gate)
                return State == PeerState.Connected && _rtp!.CanSendVideo(_endpoint.Time.GetTimestamp());
        }
    }

    /// <summary>
    /// Sends one Opus packet. Numbers tell the receiver of gaps and order; without one the packet is the next. False when audio is not sent
    /// here.
    /// </summary>
    public bool SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, long? sequence = null)
    {
        lock (_gate)
            return State == PeerState.Connected && _rtp!.SendAudio(opus, rtpTime, _endpoint.Time.GetTimestamp(), sequence);
    }

    /// <summary>Asks the far side for a key frame.</summary>
    public void RequestKeyFrame()
    {
        lock (_gate)
        {
            if (State == PeerState.Connected)
                _rtp!.RequestKeyFrame(_endpoint.Time.GetTimestamp());
        }
    }

    /// <summary>Opens a data channel; <see cref="PeerOptions.ChannelOpened"/> is called once it can be used.</summary>
    /// <param name="label">Name that the other side is told.</param>
    /// <param name="received">Takes the messages, the first one too: it can arrive before this method returns.</param>
    /// <param name="ordered">Messages arrive in the order sent.</param>
    /// <param name="maxRepeats">Retransmissions after which a message is abandoned; null retransmits until it arrives.</param>
    /// <exception cref="InvalidOperationException">Not connected, or no channels were agreed on.</exception>
    public DataChannel OpenChannel(string label, DataChannelMessage? received = null, bool ordered = true, int? maxRepeats = null)
    {
        lock (_gate)
            return State == PeerState.Connected && _channels is { } channels
                ? channels.Open(label, received, ordered, maxRepeats) : throw new InvalidOperationException("The connection has no data channels.");
    }

    /// <summary>Counters and estimates of the media; those of the last moment once the connection is over.</summary>
    public RtpSessionStats Stats
    {
        get
        {
            lock (_gate)
                return _rtp?.Stats(_endpoint.Time.GetTimestamp()) ?? _lastStats;
        }
    }

    /// <summary>Says goodbye and ends the connection; does nothing the second time.</summary>
    public void Close(string reason = "Closed on this side.")
    {
        lock (_gate)
        {
            if (State == PeerState.Closed)
                return;
            var wasConnected = State == PeerState.Connected;
            State = PeerState.Closed;
            try
            {
                if (wasConnected)
                    SayGoodbye(_endpoint.Time.GetTimestamp());
            }
            finally
            {
                // Saying goodbye calls the owner's handlers: one that throws must not leave the connection half open.
                Release();
                _opened.TrySetException(new IOException(reason));
                _closed.TrySetResult(reason);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Close();

    private void SayGoodbye(long now)
    {
        _lastStats = _rtp!.Stats(now);
        _rtp.SendBye(now);
        _channels?.Association.Abort();
    }

    private void Release()
    {
        _dtls?.Close();
        _rtp?.Dispose();
        _rtp = null;
        _srtp?.Dispose();
        _early.Clear();
        foreach (var ufrag in _ufrags)
            _endpoint.Unregister(ufrag);
        foreach (var address in _addresses)
            _endpoint.Unbind(address, this);
        foreach (var connection in _connections)
            connection.Dispose();
    }
}
