using System.Net;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;

namespace TrueLive.WebRtc;

/// <summary>
/// Callbacks of a <see cref="PeerConnection"/> to its owner. All are called under the connection's lock, mostly on the thread that
/// reads the network for all connections: return quickly, and do not wait for anything.
/// </summary>
public sealed record PeerOptions
{
    /// <summary>
    /// Address of this machine that the far side has reached already, as with its offer; announced first where there are many.
    /// </summary>
    public IPAddress? Reached { get; init; }

    /// <summary>A complete video frame arrived.</summary>
    public VideoFrameHandler? VideoReceived { get; init; }

    /// <summary>An Opus packet arrived.</summary>
    public OpusPacketHandler? AudioReceived { get; init; }

    /// <summary>The last packet of a frame was sent, so long after the last packet of its input arrived.</summary>
    public Action<FrameTicket, TimeSpan>? FrameSent { get; init; }

    /// <summary>The far side, or the way to it, needs a key frame.</summary>
    public Action? KeyFrameRequested { get; init; }

    /// <summary>A data channel can be used.</summary>
    public Action<DataChannel>? ChannelOpened { get; init; }

    /// <summary>Whether checks may go to an address that the far side named; null takes all.</summary>
    public Func<IPAddress, bool>? MayReach { get; init; }

    /// <summary>Bitrates and delays.</summary>
    public RtpSessionOptions Media { get; init; } = new();
}

/// <summary>The state of a connection.</summary>
public enum PeerState
{
    /// <summary>An offer waits for its answer.</summary>
    Offered,

    /// <summary>Looking for a way and agreeing on keys.</summary>
    Connecting,

    /// <summary>Media and data flow.</summary>
    Connected,

    /// <summary>Over.</summary>
    Closed,
}
