using System.Security.Cryptography;
using TrueLive.Server.Sessions;
using TrueLive.WebRtc;

namespace TrueLive.Server.Transports;

/// <summary>Someone who watches a session (WHEP): gets its pictures, sound and traces, and commands nothing.</summary>
internal sealed class WebRtcViewer : IDisposable
{
    private readonly SessionSeat _seat;
    private readonly PictureReceiver _receiver = new(isClient: false);

    /// <param name="seat">What is watched.</param>
    /// <param name="who">Whose connections that are not open yet are counted together.</param>
    /// <param name="offer">The viewer's offer.</param>
    /// <param name="codec">The coding that it wants; null takes either.</param>
    /// <param name="port">Where media goes.</param>
    /// <param name="answer">For the viewer.</param>
    /// <exception cref="WebRtc.Sdp.SdpException">The offer cannot be answered.</exception>
    /// <exception cref="InvalidOperationException">No WebRTC here, or too many connections.</exception>
    public WebRtcViewer(SessionSeat seat, string who, string offer, string? codec, WebRtcPort port, out string answer)
    {
        _seat = seat;
        Peer = port.Answer(
            who, offer, receive: false, codec, new PeerOptions
            {
                KeyFrameRequested = _receiver.AskForKeyFrame,
                ChannelOpened = channel => _receiver.Traces ??= channel,
            }, out answer);
        _receiver.Peer = Peer;
        seat.Viewers[Id] = Peer;
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
            _seat.Fan.Add(_receiver);
            await Peer.Closed.WaitAsync(stop).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // Either it never came, or the server ends.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _seat.Fan.Remove(_receiver);
        _seat.Viewers.TryRemove(Id, out _);
        Peer.Close("The viewer left.");
    }
}
