using TrueLive.Core.Frames;
using TrueLive.Media.Native;

namespace TrueLive.Media.Codecs;

/// <summary>
/// Encodes one stream in real time: H.264 constrained baseline or VP8, no delay, key frames only when asked (and for the first frame). A
/// frame of another size or colour space starts with a key frame; a change of bit rate takes effect with the next frame. Not thread-safe.
/// </summary>
public sealed class VideoEncoder(VideoCodec codec, int bitrate, double frameRate = 30) : IDisposable
{
    private ICodecEncoder? _encoder;
    private (int Width, int Height, ColourSpace Colour) _format;

    /// <summary>Codec of the stream.</summary>
    public VideoCodec Codec { get; } = codec is VideoCodec.H264 or VideoCodec.Vp8
        ? codec
        : throw new ArgumentException($"{codec} is not encoded here.");

    /// <summary>Target bit rate, in bits per second.</summary>
    public int Bitrate { get; private set; } = Math.Clamp(bitrate, MinBitrate, MaxBitrate);

    /// <summary>Lowest bit rate, in bits per second.</summary>
    public const int MinBitrate = 30_000;

    /// <summary>Highest bit rate, in bits per second.</summary>
    public const int MaxBitrate = 50_000_000;

    /// <summary>Changes the target bit rate; values out of range are clamped.</summary>
    public void SetBitrate(int bitrate)
    {
        bitrate = Math.Clamp(bitrate, MinBitrate, MaxBitrate);
        if (bitrate == Bitrate)
            return;
        Bitrate = bitrate;
        _encoder?.SetBitrate(bitrate);
    }

    /// <summary>
    /// Encodes a frame. The data of <paramref name="encoded"/> stays valid until the next call. False when the encoder produced nothing for
    /// this frame.
    /// </summary>
    /// <exception cref="ArgumentException">The codec does not support the size: H.264 needs even sides of at least 16.</exception>
    /// <exception cref="MissingNativeLibraryException">The library is not installed.</exception>
    public bool TryEncode(VideoFrame frame, bool forceKey, uint rtpTime, out EncodedFrame encoded)
    {
        var format = (frame.Width, frame.Height, frame.Colour);
        if (_encoder is null || format != _format)
        {
            _encoder?.Dispose();
            _encoder = null;
            _encoder = Codec == VideoCodec.H264
                ? new H264Encoder(frame.Width, frame.Height, frame.Colour, Bitrate, frameRate)
                : new Vp8Encoder(frame.Width, frame.Height, Bitrate);
            _format = format;
            forceKey = true;
        }
        var made = _encoder.TryEncode(frame, forceKey, rtpTime, out var data, out var keyFrame);
        encoded = new EncodedFrame { Codec = Codec, Data = data, RtpTime = rtpTime, KeyFrame = keyFrame, Colour = frame.Colour };
        return made;
    }

    /// <inheritdoc/>
    public void Dispose() => _encoder?.Dispose();
}
