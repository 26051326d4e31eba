using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// The color-space RTP header extension of WebRTC (webrtc.org, experiments/rtp-hdrext/color-space), short form: primaries,
/// transfer and matrix as in ITU-T H.273, then range (1 limited, 2 full) above chroma siting.
/// </summary>
internal static class ColourSpaceExtension
{
    internal const int Length = 4;
    private const byte Bt709 = 1;
    private const byte Bt470Bg = 5;
    private const byte Smpte170M = 6;
    private const byte Srgb = 13;

    /// <summary>Null when the value is too short, or names a matrix or range that we do not know.</summary>
    internal static ColourSpace? Read(ReadOnlySpan<byte> value)
    {
        if (value.Length < Length)
            return null;

        ColourMatrix? matrix = value[2] switch
        {
            Bt709 => ColourMatrix.Bt709,
            Bt470Bg or Smpte170M => ColourMatrix.Bt601,
            _ => null,
        };
        var range = (value[3] >> 4) & 3;
        return matrix is { } known && range is 1 or 2 ? new ColourSpace(matrix!.Value, range == 2) : null;
    }

    internal static void Write(ColourSpace colour, Span<byte> value)
    {
        var bt709 = colour.Matrix == ColourMatrix.Bt709;
        value[0] = bt709 ? Bt709 : Smpte170M;
        // Chromium marks full-range canvas pictures with the sRGB transfer function; camera video keeps that of its matrix.
        value[1] = bt709 ? (colour.FullRange ? Srgb : Bt709) : Smpte170M;
        value[2] = bt709 ? Bt709 : Smpte170M;
        value[3] = (byte)(colour.FullRange ? 0x20 : 0x10);
    }
}
