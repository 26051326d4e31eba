using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>The colours that may be shown beside a look.</summary>
internal static class MaskColours
{
    private static readonly FramePool Pool = new("mask colour", 1);

    /// <summary>Fills a frame, in its own colour space.</summary>
    public static void Fill(VideoFrame frame, MaskRest colour)
    {
        var (r, g, b) = Of(colour);
        using var spot = Pool.Rent(2, 2);
        spot.Colour = frame.Colour;
        Span<float> red = stackalloc float[4], green = stackalloc float[4], blue = stackalloc float[4];
        red.Fill(r / 255f);
        green.Fill(g / 255f);
        blue.Fill(b / 255f);
        ColourConversion.FromPlanarRgb(red, green, blue, spot, TensorScale.Unit);
        frame.Y.Fill(spot.Y[0]);
        frame.U.Fill(spot.U[0]);
        frame.V.Fill(spot.V[0]);
    }

    private static (byte R, byte G, byte B) Of(MaskRest colour) => colour switch
    {
        MaskRest.Black => (0, 0, 0),
        MaskRest.White => (255, 255, 255),
        MaskRest.Grey => (128, 128, 128),
        MaskRest.Green => (0, 177, 64),
        MaskRest.Blue => (0, 71, 187),
        MaskRest.Red => (200, 30, 40),
        MaskRest.Yellow => (250, 210, 50),
        MaskRest.Orange => (240, 130, 30),
        MaskRest.Purple => (110, 50, 160),
        MaskRest.Pink => (240, 150, 190),
        _ => throw new ArgumentOutOfRangeException(nameof(colour), colour, "This is no colour."),
    };
}
