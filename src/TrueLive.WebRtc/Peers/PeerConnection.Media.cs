using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Peers;

/// <summary>What the owner sends, and asks of media and channels.</summary>
internal sealed partial class PeerConnection
{
    /// <summary>Coding that <see cref="SendVideo"/> takes; null when video is not sent or the connection is not open.</summary>
    public VideoCodec? SendCodec => _rtp?.SendCodec;

    /// <summary>Bitrate that video may use now, bit/s.</summary>
    public int TargetBitrate => _rtp?.TargetBitrate ?? _settings.Media.StartBitrate;

    /// <summary>Bytes on data channels that are not acknowledged.</summary>
    public int Buffered => _channels?.Buffered ?? 0;

    /// <summary>
    /// Sends a frame. False when it did not go: not open, another coding, a key frame must come first (it is asked for), or the way is
    /// choked.
    /// </summary>
    public bool SendVideo(in EncodedFrame frame, Instant now) => _rtp?.SendVideo(frame, now) ?? false;

    /// <summary>False while the way is choked.</summary>
    public bool CanSendVideo(Instant now) => _rtp?.CanSendVideo(now) ?? false;

    /// <summary>Sends one Opus packet; false when audio is not sent here.</summary>
    public bool SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, long? sequence, long? arrived, Instant now) =>
        _rtp?.SendAudio(opus, rtpTime, now, sequence, arrived) ?? false;

    /// <summary>Asks the far side for a key frame.</summary>
    public void RequestKeyFrame(Instant now) => _rtp?.RequestKeyFrame(now);

    /// <summary>Opens a data channel.</summary>
    /// <exception cref="InvalidOperationException">Not connected, no channels were agreed on, or too many.</exception>
    public Channel OpenChannel(string label, bool ordered, int? maxRepeats, Instant now) =>
        State == PeerState.Connected && _channels is not null
            ? _channels.Open(label, ordered, maxRepeats, now)
            : throw new InvalidOperationException("The connection has no data channels.");

    /// <summary>Sends a message; false when the channel is not open, the message is too long, or the buffer is full.</summary>
    public bool Send(Channel channel, ReadOnlySpan<byte> data, bool isText, Instant now) =>
        _channels?.Send(channel, data, isText, now) ?? false;

    /// <summary>Closes a channel.</summary>
    public void Close(Channel channel, Instant now) => _channels?.Close(channel, now);

    /// <summary>Counters and estimates of the media; those of the last moment once the connection is over.</summary>
    public RtpSessionStats Stats(Instant now) => _rtp?.Stats(now) ?? _lastStats;
}
