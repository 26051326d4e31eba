using System.Security.Cryptography;
using System.Text.Json;
using TrueLive.Core.Sessions;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.WebRtc;

namespace TrueLive.Server.Live.Transports;

/// <summary>A viewer of a session (WHEP): receives its pictures, sound, traces and state, and cannot send commands.</summary>
internal sealed class WebRtcViewer : IDisposable
{
    private readonly HostedSession _hosted;
    private readonly PeerReceiver _receiver;

    // The state that a channel is greeted with is never told after a newer one.
    private readonly Lock _telling = new();

    /// <param name="hosted">The session that is watched.</param>
    /// <param name="peer">The connection to the viewer, just answered.</param>
    public WebRtcViewer(HostedSession hosted, RtcPeer peer)
    {
        (_hosted, Peer, _receiver) = (hosted, peer, new PeerReceiver(peer, isClient: false));
        // A channel may open at once.
        hosted.Session.Moved += OnMoved;
        peer.Start(new PeerHandlers { KeyFrameRequested = _receiver.AskForKeyFrame, ChannelOpened = Opened });
        hosted.Viewers[Id] = Peer;
    }

    /// <summary>Name in the address of the viewer's connection.</summary>
    public string Id { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    public RtcPeer Peer { get; }

    /// <summary>Shows the session's pictures until the viewer or the session goes.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await Peer.Opened.WaitAsync(stop).ConfigureAwait(false);
            _hosted.Broadcaster.Add(_receiver);
            await Peer.Closed.WaitAsync(stop).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // Either the viewer never connected, or the server is shutting down.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _hosted.Session.Moved -= OnMoved;
        _hosted.Broadcaster.Remove(_receiver);
        _hosted.Viewers.TryRemove(Id, out _);
        Peer.Close("The viewer left.");
    }

    private void Opened(DataChannel channel)
    {
        if (_receiver.Traces is not null)
            return;
        lock (_telling)
        {
            _receiver.Traces = channel;
            Tell(channel, _hosted.Session.Last is { } last ? StateMessage.From(last) : new StateMessage("created", null, null));
        }
        // The broadcaster's lock is held while a picture is encoded, and the thread that serves all connections must not wait for that.
        _ = Task.Run(() => _hosted.Broadcaster.TellLast(_receiver));
    }

    private void OnMoved(LiveSession session, SessionTransition step)
    {
        lock (_telling)
        {
            if (_receiver.Traces is { IsOpen: true } channel)
                Tell(channel, StateMessage.From(step));
        }
    }

    private static void Tell(DataChannel channel, StateMessage state) =>
        channel.SendText(JsonSerializer.SerializeToUtf8Bytes(state, ControlJson.Default.StateMessage));
}
