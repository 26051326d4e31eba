using System.Net;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.WebRtc;

/// <summary>Settings of one <see cref="RtcPeer"/>.</summary>
public sealed record PeerOptions
{
    /// <summary>
    /// Address of this machine that the far side has reached already, as with its offer; announced first where there are many.
    /// </summary>
    public IPAddress? Reached { get; init; }

    /// <summary>Whether checks may go to an address that the far side named; null takes all.</summary>
    public Func<IPAddress, bool>? MayReach { get; init; }

    /// <summary>
    /// Asked for each datagram over UDP, with true for one that leaves: whether it is lost on purpose, as in a bad network. Called under
    /// the connection's lock; null loses none.
    /// </summary>
    public Func<bool, bool>? Loses { get; init; }

    /// <summary>Bitrates and delays.</summary>
    public RtpSessionOptions Media { get; init; } = new();
}

/// <summary>
/// What a <see cref="RtcPeer"/> tells its owner. Called one at a time, in order, with no lock held, on threads of the endpoint that serve
/// all connections: return quickly. One may still be running when <see cref="RtcPeer.Close"/> returns; those that wait when the endpoint is
/// disposed are called by whoever disposes it. A handler that throws ends its connection.
/// </summary>
public sealed record PeerHandlers
{
    /// <summary>A complete video frame arrived.</summary>
    public VideoFrameHandler? VideoReceived { get; init; }

    /// <summary>An Opus packet arrived.</summary>
    public OpusPacketHandler? AudioReceived { get; init; }

    /// <summary>
    /// The last packet of a frame was sent, so long after the last packet of its input arrived (<see cref="FrameTicket.Arrived"/>); not
    /// told of frames without one.
    /// </summary>
    public Action<FrameTicket, TimeSpan>? FrameSent { get; init; }

    /// <summary>The far side, or the way to it, needs a key frame.</summary>
    public Action? KeyFrameRequested { get; init; }

    /// <summary>A data channel can be used.</summary>
    public Action<DataChannel>? ChannelOpened { get; init; }
}

/// <summary>Takes one whole received frame. Its data is borrowed: valid only during the call.</summary>
public delegate void VideoFrameHandler(in EncodedFrame frame);

/// <summary>Takes one received Opus packet.</summary>
public delegate void OpusPacketHandler(in OpusPacket packet);
