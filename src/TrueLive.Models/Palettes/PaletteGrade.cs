using TrueLive.Core.Models;
using TrueLive.Models.Grading;

namespace TrueLive.Models.Palettes;

/// <summary>
/// The grade that gives a picture's colours the mean and the covariance of another's and moves them least (the optimal
/// transport between two normal distributions). It is bounded: nothing is amplified more than <see cref="MostGain"/> times, and light and
/// dark stay apart where the palette has one colour only.
/// </summary>
internal static class PaletteGrade
{
    /// <summary>The most that a difference between two colours grows, so that noise stays noise.</summary>
    public const double MostGain = 2.5;

    // Share of its contrast that a picture keeps at least.
    private const double LeastContrast = 0.5;

    // What is no more than rounding to samples is no spread of colours: a standard deviation of half a sample.
    private const double Floor = 0.002 * 0.002;

    /// <summary>The twelve numbers of the grade.</summary>
    /// <param name="source">Moments of what is graded.</param>
    /// <param name="palette">Moments to give it.</param>
    /// <param name="strength">0..1.</param>
    /// <param name="rows">Gets the rows of a <see cref="ColourGrade"/>.</param>
    public static void Fill(in ColourMoments source, in ColourMoments palette, double strength, double[] rows)
    {
        var has = source.Covariance + Matrix3.Scale(Floor);
        var wanted = palette.Covariance;
        wanted = wanted with { A = Math.Max(wanted.A, LeastContrast * LeastContrast * has.A) };
        var (root, inverse) = (has.Map(Math.Sqrt), has.Map(static v => 1 / Math.Sqrt(Math.Max(v, Floor))));
        var map = (inverse * (root * wanted * root).Map(Math.Sqrt) * inverse).Map(static gain => Math.Min(gain, MostGain));
        var mean = map * source.Mean;
        map = (1 - strength) * Matrix3.Identity + strength * map;
        var shift = (strength * (palette.Y - mean.X), strength * (palette.Cb - mean.Y), strength * (palette.Cr - mean.Z));

        var rgb = Opponents.ToRgb(Core.Frames.ColourMatrix.Bt709);
        var whole = rgb * map * Opponents.FromRgb;
        var (red, green, blue) = rgb * shift;
        ReadOnlySpan<double> twelve =
            [whole.A, whole.B, whole.C, red, whole.D, whole.E, whole.F, green, whole.G, whole.H, whole.I, blue];
        twelve.CopyTo(rows);
    }
}
