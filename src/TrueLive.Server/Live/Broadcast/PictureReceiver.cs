using TrueLive.Core.Frames;
using TrueLive.WebRtc;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>One connection that gets a session's pictures: the client that sends the input, or a viewer.</summary>
internal sealed class PictureReceiver(RtcPeer peer, bool isClient)
{
    // A late trace is of little use; a client that reads none must not fill the buffer for the answers to its commands.
    private const int MaxTraceBacklog = 32 * 1024;

    private volatile bool _needsKeyFrame = true;
    private bool _broken;

    /// <summary>The client whose link sets the bitrate; else a viewer.</summary>
    public bool IsClient { get; } = isClient;

    /// <summary>When it was added, by <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long Since { get; set; }

    /// <summary>The connection.</summary>
    public RtcPeer Peer => peer;

    /// <summary>Where traces go; null without a data channel.</summary>
    public DataChannel? Traces { get; set; }

    /// <summary>Coding that the connection takes; null before it is open.</summary>
    public VideoCodec? Codec => peer.SendCodec;

    /// <summary>The connection can take the picture at hand; only the broadcaster uses it.</summary>
    public bool IsReady { get; set; }

    /// <summary>Nothing can be shown there before a key frame.</summary>
    public bool NeedsKeyFrame => _needsKeyFrame || _broken;

    /// <summary>The connection asks for a key frame; any thread.</summary>
    public void AskForKeyFrame() => _needsKeyFrame = true;

    /// <summary>Sends a coded picture. One that is missed breaks the chain until a key frame.</summary>
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

    /// <summary>Tells how a picture came about.</summary>
    public void Tell(ReadOnlySpan<byte> trace)
    {
        if (Traces is { IsOpen: true } traces && traces.BufferedAmount < MaxTraceBacklog)
            traces.SendText(trace);
    }
}
