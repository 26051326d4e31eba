using TrueLive.Core.Frames;
using TrueLive.WebRtc;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>A WebRTC connection that gets a session's pictures: the client that sends the input, or a viewer.</summary>
internal sealed class PeerReceiver(RtcPeer peer, bool isClient) : PictureReceiver
{
    // A late trace is of little use, and a client that reads none must not fill the buffer that answers to commands need.
    private const int MaxTraceBacklog = 32 * 1024;

    /// <inheritdoc/>
    public override bool IsClient { get; } = isClient;

    /// <summary>Where traces go; null without a data channel.</summary>
    public DataChannel? Traces { get; set; }

    /// <inheritdoc/>
    public override VideoCodec? Codec => peer.SendCodec;

    /// <inheritdoc/>
    public override bool CanTake => peer.CanSendVideo;

    /// <inheritdoc/>
    public override int Bitrate => peer.TargetBitrate;

    /// <inheritdoc/>
    public override void SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, long sequence, long arrived) =>
        peer.SendAudio(opus, rtpTime, sequence, arrived);

    /// <inheritdoc/>
    public override void Tell(ReadOnlySpan<byte> trace)
    {
        if (Traces is { IsOpen: true } traces && traces.BufferedAmount < MaxTraceBacklog)
            traces.SendText(trace);
    }

    /// <inheritdoc/>
    protected override bool Take(in EncodedFrame frame) => peer.SendVideo(frame);
}
