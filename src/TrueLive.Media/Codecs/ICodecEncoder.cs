using TrueLive.Core.Frames;

namespace TrueLive.Media.Codecs;

/// <summary>One native encoder at one size and colour: H.264 or VP8.</summary>
internal interface ICodecEncoder : IDisposable
{
    /// <summary>Bits per second from the next frame on.</summary>
    void SetBitrate(int bitrate);

    /// <summary>Encodes a picture; the bytes stay valid until the next call. False when the encoder produced none.</summary>
    bool TryEncode(VideoFrame frame, bool forceKey, uint rtpTime, out ReadOnlySpan<byte> data, out bool keyFrame);
}
