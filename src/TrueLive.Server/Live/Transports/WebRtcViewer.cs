using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using TrueLive.Core.Sessions;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sctp;

namespace TrueLive.Server.Live.Transports;

/// <summary>
/// Someone who watches a session (WHEP): gets its pictures, sound and traces, is told where the session stands, and commands nothing.
/// </summary>
internal sealed class WebRtcViewer : IDisposable
{
    private readonly HostedSession _hosted;
    private readonly PictureReceiver _receiver = new(isClient: false);

    /// <param name="hosted">What is watched.</param>
    /// <param name="who">Whose connections that are not open yet are counted together.</param>
    /// <param name="offer">The viewer's offer.</param>
    /// <param name="codec">The coding that it wants; null takes either.</param>
    /// <param name="reached">Address of ours that the viewer reached.</param>
    /// <param name="port">Where media goes.</param>
    /// <param name="answer">For the viewer.</param>
    /// <exception cref="WebRtc.Sdp.SdpException">The offer cannot be answered.</exception>
    /// <exception cref="InvalidOperationException">No WebRTC here, or too many connections.</exception>
    public WebRtcViewer(HostedSession hosted, string who, string offer, string? codec, IPAddress? reached, WebRtcPort port, out string answer)
    {
        _hosted = hosted;
        Peer = port.Answer(
            who, offer, receive: false, codec, new PeerOptions
            {
                Reached = reached,
                KeyFrameRequested = _receiver.AskForKeyFrame,
                ChannelOpened = Opened,
            }, out answer);
        _receiver.Peer = Peer;
        hosted.Viewers[Id] = Peer;
        hosted.Session.Moved += OnMoved;
    }

    /// <summary>Name in the address of the viewer's connection.</summary>
    public string Id { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    public PeerConnection Peer { get; }

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
        _receiver.Traces = channel;
        Tell(channel, _hosted.Session.Last is { } last ? StateMessage.From(last) : new StateMessage("created", null, null));
        // The caller holds the lock of the peer connection, which the broadcaster takes after its own.
        _ = Task.Run(() => _hosted.Broadcaster.TellLast(_receiver));
    }

    private void OnMoved(LiveSession session, SessionTransition step)
    {
        if (_receiver.Traces is { IsOpen: true } channel)
            Tell(channel, StateMessage.From(step));
    }

    private static void Tell(DataChannel channel, StateMessage state) => channel.SendText(JsonSerializer.SerializeToUtf8Bytes(state, ControlJson.Default.StateMessage));
}
