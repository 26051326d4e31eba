using System.Net;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc;

/// <summary>
/// A connection at an <see cref="RtcEndpoint"/>, for its owner. No call blocks beyond the connection's own lock, and none calls the owner
/// back: handlers are called by the endpoint's threads, a few milliseconds later at most. Thread-safe.
/// </summary>
public sealed partial class RtcPeer : IDisposable
{
    // The engine and all that belongs to it; never held while a handler runs.
    private readonly object _gate = new();
    private readonly RtcEndpoint _endpoint;
    private readonly PeerOptions _options;
    private readonly SdpOffer? _offer;
    private readonly IceCredentials _credentials;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SdpAnswerer? _answerer;
    private volatile PeerConnection? _connection;

    private RtcPeer(RtcEndpoint endpoint, PeerOptions options, IceCredentials credentials, string description)
    {
        (_endpoint, _options, _credentials, LocalDescription) = (endpoint, options, credentials, description);
        // Observe the exception here: callers may await only one of the two tasks.
        _ = _opened.Task.ContinueWith(t => t.Exception, TaskScheduler.Default);
    }

    /// <summary>The state of the connection.</summary>
    public PeerState State => _isOver ? PeerState.Closed : _connection?.State ?? PeerState.Offered;

    /// <summary>Completes when media can flow.</summary>
    /// <exception cref="IOException">The connection ended before; the message says why.</exception>
    public Task Opened => _opened.Task;

    /// <summary>Completes with the reason, in words, when the connection is over.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>The offer or answer of this side, for the far side.</summary>
    public string LocalDescription { get; private set; }

    /// <summary>The negotiated plan; null while an offer waits for its answer.</summary>
    public MediaPlan? Plan => _connection?.Plan;

    /// <summary>Coding that <see cref="SendVideo"/> takes; null when video is not sent or the connection is not open yet.</summary>
    public VideoCodec? SendCodec => _connection?.SendCodec;

    /// <summary>Bitrate that video may use now, bit/s.</summary>
    public int TargetBitrate => _connection?.TargetBitrate ?? _options.Media.StartBitrate;

    /// <summary>The far address in use and whether TCP carries it; null before there is one.</summary>
    public (IPEndPoint Remote, bool IsTcp)? Path => _connection?.Route is { } route ? (route.Remote, route.IsTcp) : null;

    /// <summary>ICE user fragment of this side; null before there is one.</summary>
    public string? LocalUfrag => _connection?.Local.Ufrag;

    /// <summary>ICE user fragment of the far side; null before there is one.</summary>
    public string? RemoteUfrag => _connection?.Remote.Ufrag;

    /// <summary>False while the way is choked: a frame that is left out before it is coded costs nothing later.</summary>
    public bool CanSendVideo => Ask(static (connection, now) => connection.CanSendVideo(now));

    /// <summary>Counters and estimates of the media; those of the last moment once the connection is over.</summary>
    public RtpSessionStats Stats => Ask(static (connection, now) => connection.Stats(now)) ?? new RtpSessionStats();

    internal int Buffered => Ask(static (connection, _) => connection.Buffered);

    internal static RtcPeer Answering(
        RtcEndpoint endpoint, PeerOptions options, IceCredentials credentials, SdpAnswerer answerer, MediaPlan plan, string answer)
    {
        var peer = new RtcPeer(endpoint, options, credentials, answer) { _answerer = answerer };
        peer.Begin(plan, lite: true);
        return peer;
    }

    internal static RtcPeer Offering(RtcEndpoint endpoint, PeerOptions options, IceCredentials credentials, SdpOffer offer) =>
        new(endpoint, options, credentials, offer);

    private RtcPeer(RtcEndpoint endpoint, PeerOptions options, IceCredentials credentials, SdpOffer offer)
        : this(endpoint, options, credentials, offer.Text) => _offer = offer;

    /// <summary>
    /// Begins to tell the owner. What happens before is told to nobody: start before the far side gets <see cref="LocalDescription"/>.
    /// </summary>
    /// <returns>This peer.</returns>
    public RtcPeer Start(PeerHandlers handlers)
    {
        _handlers = handlers;
        return this;
    }

    /// <summary>Takes the answer to the offer and begins to connect.</summary>
    /// <exception cref="SdpException">The answer cannot be used; the message says why.</exception>
    /// <exception cref="InvalidOperationException">The connection made no offer, or has its answer.</exception>
    public void Accept(string answer)
    {
        if (_offer is null || State != PeerState.Offered)
            throw new InvalidOperationException("This connection does not wait for an answer.");
        var plan = _offer.Complete(answer);
        Begin(plan, lite: false);
        foreach (var candidate in plan.Remote.Candidates)
            AddCandidate(candidate);
    }

    /// <summary>
    /// Answers a further offer of the far side: sections come and go, media is stopped and goes on, and new ICE credentials restart ICE.
    /// Keys, channels, and streams that stay go on meanwhile. The answer is the new <see cref="LocalDescription"/>.
    /// </summary>
    /// <exception cref="SdpException">The offer cannot be answered; the message says why, and nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The connection is over, or the offer was ours.</exception>
    public string Answer(string offer)
    {
        lock (_gate)
        {
            if (_answerer is null || _connection is not { State: not PeerState.Closed } connection)
                throw new InvalidOperationException("This connection takes no further offer.");
            IceCredentials? restarted = null;
            var plan = _answerer.Answer(offer, theirs =>
            {
                var (ufrag, password) = connection.Remote;
                restarted = (theirs.IceUfrag, theirs.IcePassword) == (ufrag, password) ? null : IceCredentials.New();
                return _endpoint.Describe(restarted ?? connection.Local, lite: true, _options.Reached);
            }, out var answer);
            if (restarted is not null)
            {
                connection.Restart(restarted, new IceCredentials(plan.Remote.IceUfrag, plan.Remote.IcePassword));
                Register(restarted.Ufrag);
            }
            connection.Update(plan, _endpoint.Clock.Now);
            Settle();
            return LocalDescription = answer;
        }
    }

    /// <summary>
    /// Adds a candidate that arrived after the far side's description (trickle ICE, RFC 8838). Unreadable ones, and those that may not be
    /// reached, are ignored.
    /// </summary>
    public void AddCandidate(string candidate)
    {
        if (!IceCandidate.TryParse(candidate, out var parsed) || _options.MayReach?.Invoke(parsed.Address.Address) is false)
            return;
        lock (_gate)
        {
            if (_connection is { } connection && connection.Wants(parsed))
                connection.Add(parsed, _endpoint.RouteTo(parsed.Address, parsed.IsTcp, this));
        }
    }

    /// <summary>
    /// Restarts ICE for a far side that has moved (RFC 8445 section 9) and returns our new side. Keys, media and channels go on; the
    /// old way is used until the new one works.
    /// </summary>
    /// <exception cref="InvalidOperationException">The connection is over, or waits for its answer.</exception>
    public TransportDescription RestartIce(string remoteUfrag, string remotePassword)
    {
        var credentials = IceCredentials.New();
        lock (_gate)
        {
            // A closed connection is never unregistered again: the fragment would be held for ever.
            if (_connection is not { State: not PeerState.Closed } connection)
                throw new InvalidOperationException("The connection is over.");
            connection.Restart(credentials, new IceCredentials(remoteUfrag, remotePassword));
            Register(credentials.Ufrag);
        }
        return _endpoint.Describe(credentials, lite: _offer is null, _options.Reached);
    }

    /// <summary>
    /// Sends a frame. False when it did not go: not open, another coding, a key frame must come first (it is asked for), or the way is
    /// choked.
    /// </summary>
    public bool SendVideo(in EncodedFrame frame)
    {
        lock (_gate)
        {
            var sent = _connection is { } connection && connection.SendVideo(frame, _endpoint.Clock.Now);
            Settle();
            return sent;
        }
    }

    /// <summary>
    /// Sends one Opus packet. Numbers tell the receiver of gaps and order; without one the packet is the next. Players synchronise it with
    /// the picture by its arrival (see <see cref="EncodedFrame.Ticket"/>), which is now if not given. False when audio is not sent here.
    /// </summary>
    public bool SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, long? sequence = null, long? arrived = null)
    {
        lock (_gate)
        {
            var sent = _connection is { } connection && connection.SendAudio(opus, rtpTime, sequence, arrived, _endpoint.Clock.Now);
            Settle();
            return sent;
        }
    }

    /// <summary>Asks the far side for a key frame.</summary>
    public void RequestKeyFrame()
    {
        lock (_gate)
        {
            _connection?.RequestKeyFrame(_endpoint.Clock.Now);
            Settle();
        }
    }

    /// <summary>Opens a data channel; <see cref="PeerHandlers.ChannelOpened"/> is called once it can be used.</summary>
    /// <param name="label">Name that the other side is told.</param>
    /// <param name="received">Takes the messages, the first one too: it can arrive before this method returns.</param>
    /// <param name="ordered">Messages arrive in the order sent.</param>
    /// <param name="maxRepeats">Retransmissions after which a message is abandoned; null retransmits until it arrives.</param>
    /// <exception cref="InvalidOperationException">Not connected, or no channels were agreed on.</exception>
    public DataChannel OpenChannel(string label, DataChannelMessage? received = null, bool ordered = true, int? maxRepeats = null)
    {
        lock (_gate)
        {
            var opened = _connection?.OpenChannel(label, ordered, maxRepeats, _endpoint.Clock.Now)
                ?? throw new InvalidOperationException("The connection has no data channels.");
            var channel = ChannelOf(opened);
            channel.MessageReceived = received;
            Settle();
            return channel;
        }
    }

    /// <summary>Says goodbye and ends the connection; does nothing the second time.</summary>
    public void Close(string reason = "Closed on this side.")
    {
        lock (_gate)
        {
            if (State == PeerState.Closed)
                return;
            // The clock of a connection that never opened is of no use any more.
            if (_connection is { } connection)
                connection.Close(reason, connection.State == PeerState.Connected ? _endpoint.Clock.Now : connection.Deadline);
            Settle();
            Leave(reason);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Close();

    internal bool Send(Channel channel, ReadOnlySpan<byte> data, bool isText)
    {
        lock (_gate)
        {
            var sent = _connection!.Send(channel, data, isText, _endpoint.Clock.Now);
            Settle();
            return sent;
        }
    }

    internal void Close(Channel channel)
    {
        lock (_gate)
        {
            _connection!.Close(channel, _endpoint.Clock.Now);
            Settle();
        }
    }

    private T? Ask<T>(Func<PeerConnection, Timing.Instant, T> question)
    {
        lock (_gate)
            return _connection is { } connection ? question(connection, _endpoint.Clock.Now) : default;
    }
}
