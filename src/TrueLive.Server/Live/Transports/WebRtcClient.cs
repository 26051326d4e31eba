using System.Security.Cryptography;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.Server.Live.Transports;

/// <summary>
/// The client of a session over WebRTC: it sends its camera and receives the made pictures; commands and traces use its channel
/// <c>control</c>, and other protocols of the server use channels of their own.
/// </summary>
internal sealed partial class WebRtcClient : IDisposable
{
    /// <summary>Name of the data channel of the control protocol.</summary>
    public const string ControlLabel = "control";

    private static readonly TimeSpan FlushTime = TimeSpan.FromMilliseconds(500);

    // A sender may change its settings at any rate, so the log is limited.
    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly AdmittedClient _admitted;
    private readonly SessionRegistry _registry;
    private readonly Action<DataChannel> _serveOther;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly PeerVideo _video;
    private readonly PeerReceiver _receiver;
    private readonly RtcPeer _peer;
    private volatile bool _ran;
    private DataChannel? _channel;
    private ControlConnection? _control;
    private string? _logged;
    private long _loggedAt;

    /// <param name="admitted">The client and its session.</param>
    /// <param name="peer">The connection to the client, just answered.</param>
    /// <param name="makeDecoder">Makes what decodes the client's video, once it is connected.</param>
    /// <param name="registry">Runs the session.</param>
    /// <param name="serveOther">Takes channels of other names.</param>
    /// <param name="time">Clock.</param>
    /// <param name="logger">Log.</param>
    public WebRtcClient(
        AdmittedClient admitted, RtcPeer peer, Func<ILiveDecoder> makeDecoder, SessionRegistry registry, Action<DataChannel> serveOther,
        TimeProvider time, ILogger logger)
    {
        (_admitted, _peer, _registry, _serveOther, _time, _logger) = (admitted, peer, registry, serveOther, time, logger);
        _video = new PeerVideo(peer, makeDecoder, time) { TroubleChanged = Told };
        _receiver = new PeerReceiver(peer, isClient: true);
        var broadcaster = admitted.Hosted.Broadcaster;
        admitted.Hosted.Senders[Id] = new Sender(peer, Stop);
        peer.Start(new PeerHandlers
        {
            VideoReceived = _video.Take,
            AudioReceived = (in OpusPacket packet) => broadcaster.SendAudio(this, packet, time.GetTimestamp()),
            KeyFrameRequested = _receiver.AskForKeyFrame,
            FrameSent = admitted.Hosted.Session.Left,
            ChannelOpened = Opened,
        });
    }

    /// <summary>Name in the address of the connection.</summary>
    public string Id { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    /// <summary>The connection.</summary>
    public RtcPeer Peer => _peer;

    /// <summary>
    /// Whether the session was made for this connection rather than beforehand under an address of its own: then it ends when its client
    /// says that it stops.
    /// </summary>
    public required bool OwnsSession { get; init; }

    /// <summary>
    /// The client says that it stops, over HTTP. A session with an address of its own is kept, as when its client is lost.
    /// </summary>
    public void Stop()
    {
        if (OwnsSession && (RanLast || _admitted.Hosted.Session.State == SessionState.Created))
            _registry.End(_admitted.Hosted, EndCause.ControlClient);
        _peer.Close("The sender stopped.");
    }

    /// <summary>Runs the session over this connection until either ends.</summary>
    /// <param name="newSession">Whether the session was made for this connection and ends with it when it never opens.</param>
    /// <param name="stop">The server ends.</param>
    public async Task RunAsync(bool newSession, CancellationToken stop)
    {
        var hosted = _admitted.Hosted;
        var span = SessionTrace.Part("ICE and DTLS");
        try
        {
            await _peer.Opened.WaitAsync(stop).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            span.Fail(error.Message);
            var reason = error is IOException ? error.Message : null;
            if (reason is not null)
                LogNeverOpened(_logger, hosted.Session.Id, reason);
            // A newer connection may have been admitted to it meanwhile.
            if (newSession && hosted.Session.State == SessionState.Created && hosted.LastNumber == _admitted.Number)
                _registry.End(hosted, EndCause.ReceiveClient, reason);
            return;
        }
        finally
        {
            span?.Dispose();
        }
        _ = EndVideoAsync();
        hosted.Broadcaster.Add(_receiver);
        hosted.Broadcaster.Hear(this);
        _ran = true;
        try
        {
            await _registry.RunAsync(hosted, _peer.Path is { IsTcp: true } ? "webrtc-tcp" : "webrtc", _video, hosted.Broadcaster, stop,
                _admitted.Number).ConfigureAwait(false);
        }
        finally
        {
            hosted.Broadcaster.Remove(_receiver);
            hosted.Input.Tell(null);
        }
        if (_control is { } control && _channel is { } channel)
        {
            control.Dispose();
            await control.Finished.ConfigureAwait(false);
            // The reason is sent before the connection is closed.
            for (var began = _time.GetTimestamp(); channel.BufferedAmount > 0 && channel.IsOpen && _time.GetElapsedTime(began) < FlushTime;)
                await Task.Delay(TimeSpan.FromMilliseconds(5), _time, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (OwnsSession && RanLast)
            _admitted.Hosted.LeftBy = Id;
        _admitted.Hosted.Senders.TryRemove(Id, out _);
        _peer.Close("The session's connection ended.");
        _control?.Dispose();
        _video.Dispose();
    }

    private bool RanLast => _ran && _admitted.Hosted.Number == _admitted.Number;

    private async Task EndVideoAsync() => _video.End(await _peer.Closed.ConfigureAwait(false));

    private void Told(string? problem)
    {
        if (!_admitted.Hosted.Input.Tell(problem) || problem is null || problem == _logged
            || (_logged is not null && _time.GetElapsedTime(_loggedAt) < LogInterval))
            return;
        (_logged, _loggedAt) = (problem, _time.GetTimestamp());
        LogInput(_logger, _admitted.Hosted.Session.Id, problem);
    }

    private void Opened(DataChannel channel)
    {
        if (channel.Label != ControlLabel)
        {
            _serveOther(channel);
            return;
        }
        if (_channel is not null)
            return;
        _channel = _receiver.Traces = channel;
        var control = new ControlConnection(
            _admitted, _registry, "webrtc", utf8 =>
            {
                // Answers are never dropped silently: a client that takes none loses its connection.
                if (!channel.SendText(utf8.Span) && channel.IsOpen)
                    _peer.Close("The client reads no messages.");
            }, _time);
        _control = control;
        channel.MessageReceived = (_, data, _) => control.Receive(data);
    }

    [LoggerMessage(EventId = 2008, EventName = "input_undecodable", Level = LogLevel.Warning, Message = "Session {Session}: {Problem}")]
    private static partial void LogInput(ILogger logger, string session, string problem);

    [LoggerMessage(EventId = 2004, EventName = "webrtc_never_opened", Level = LogLevel.Warning,
        Message = "Session {Session}: a WebRTC connection to it never opened. {Why}")]
    private static partial void LogNeverOpened(ILogger logger, string session, string why);
}
