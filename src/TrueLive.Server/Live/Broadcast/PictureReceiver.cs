using TrueLive.Core.Frames;
using TrueLive.WebRtc;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>One connection that gets a session's pictures: the client that sends the input, or a viewer.</summary>
internal sealed class PictureReceiver(RtcPeer peer, bool isClient)
{
    // A late trace is of little use, and a client that reads none must not fill the buffer that answers to commands need.
    private const int MaxTraceBacklog = 32 * 1024;

    private volatile bool _needsKeyFrame = true;
    private bool _broken;

    /// <summary>Whether it is the client, whose link sets the bitrate; otherwise a viewer.</summary>
    public bool IsClient { get; } = isClient;

    /// <summary>When it was added, by <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long Since { get; set; }

    /// <summary>The connection.</summary>
    public RtcPeer Peer => peer;

    /// <summary>Where traces go; null without a data channel.</summary>
    public DataChannel? Traces { get; set; }

    /// <summary>Codec that the connection takes; null before it is open.</summary>
    public VideoCodec? Codec => peer.SendCodec;

    /// <summary>Whether the connection can take the current picture; used only by the broadcaster.</summary>
    public bool IsReady { get; set; }

    /// <summary>Whether the receiver can show nothing before a key frame.</summary>
    public bool NeedsKeyFrame => _needsKeyFrame || _broken;

    /// <summary>The connection asks for a key frame; any thread.</summary>
    public void AskForKeyFrame() => _needsKeyFrame = true;

    /// <summary>Sends a coded picture. After one was left out, all are left out until a key frame.</summary>
    public bool Send(in EncodedFrame frame)
    {
        if (frame.KeyFrame && IsReady)
            _needsKeyFrame = _broken = false;
        if (!IsReady || _broken)
        {
            _broken = true;
            return false;
        }
        return Peer.SendVideo(frame);
    }

    /// <summary>Sends the trace of a picture; left out when too many wait.</summary>
    public void Tell(ReadOnlySpan<byte> trace)
    {
        if (Traces is { IsOpen: true } traces && traces.BufferedAmount < MaxTraceBacklog)
            traces.SendText(trace);
    }
}
