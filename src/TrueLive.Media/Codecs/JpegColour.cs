using TrueLive.Core.Frames;

namespace TrueLive.Media.Codecs;

/// <summary>
/// Converts frames to the colour space of JPEG (BT.601, full range), so that colours are the same over every transport. Tickets are kept.
/// </summary>
public sealed class JpegColour
{
    private readonly FramePool _pool = new("JPEG colour", 2);
    private float[] _planes = [];

    /// <summary>The frame itself with one more reference, or a converted copy. The caller disposes it.</summary>
    public VideoFrame Convert(VideoFrame frame)
    {
        if (frame.Colour == ColourSpace.Bt601Full)
            return frame.Retain();
        var pixels = frame.Width * frame.Height;
        if (_planes.Length < 3 * pixels)
            _planes = new float[3 * pixels];
        var red = _planes.AsSpan(0, pixels);
        var green = _planes.AsSpan(pixels, pixels);
        var blue = _planes.AsSpan(2 * pixels, pixels);
        ColourConversion.ToPlanarRgb(frame, red, green, blue, TensorScale.Unit);
        var converted = _pool.Rent(frame.Width, frame.Height);
        (converted.Colour, converted.Ticket) = (ColourSpace.Bt601Full, frame.Ticket);
        ColourConversion.FromPlanarRgb(red, green, blue, converted, TensorScale.Unit);
        return converted;
    }
}
