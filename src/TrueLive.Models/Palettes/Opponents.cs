using TrueLive.Core.Frames;

namespace TrueLive.Models.Palettes;

/// <summary>Luma and two differences of colour, and red, green and blue in 0..1.</summary>
internal static class Opponents
{
    /// <summary>Of BT.709, from red, green and blue.</summary>
    public static Matrix3 FromRgb { get; } = Encode(ColourMatrix.Bt709);

    /// <summary>To red, green and blue.</summary>
    public static Matrix3 ToRgb(ColourMatrix matrix)
    {
        var (kr, kg, kb) = Weights(matrix);
        return new(1, 0, 2 * (1 - kr), 1, -2 * (1 - kb) * kb / kg, -2 * (1 - kr) * kr / kg, 1, 2 * (1 - kb), 0);
    }

    private static Matrix3 Encode(ColourMatrix matrix)
    {
        var (kr, kg, kb) = Weights(matrix);
        return new(kr, kg, kb, -kr / (2 * (1 - kb)), -kg / (2 * (1 - kb)), 0.5, 0.5, -kg / (2 * (1 - kr)), -kb / (2 * (1 - kr)));
    }

    private static (double Red, double Green, double Blue) Weights(ColourMatrix matrix) =>
        matrix == ColourMatrix.Bt709 ? (0.2126, 1 - 0.2126 - 0.0722, 0.0722) : (0.299, 1 - 0.299 - 0.114, 0.114);
}
