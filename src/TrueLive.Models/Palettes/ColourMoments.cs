using TrueLive.Core.Frames;

namespace TrueLive.Models.Palettes;

/// <summary>
/// Mean and covariance of the colours of a picture, in luma 0..1 and two differences of colour of -0.5..0.5 by BT.709, in which colours
/// depend on each other less than in red, green and blue. A colour is that of a chroma sample with the mean luma of its pixels.
/// </summary>
internal readonly record struct ColourMoments(
    double Y, double Cb, double Cr, double YY, double YCb, double YCr, double CbCb, double CbCr, double CrCr)
{
    /// <summary>How many numbers these are.</summary>
    public const int Count = 9;

    // More rows of chroma than these are thinned out, which leaves the mean as it is but for noise.
    private const int MaxRows = 180;

    public (double Y, double Cb, double Cr) Mean => (Y, Cb, Cr);

    public Matrix3 Covariance => new(YY, YCb, YCr, YCb, CbCb, CbCr, YCr, CbCr, CrCr);

    /// <summary>The moments of a picture; the sums are whole numbers, so they are the same on every machine.</summary>
    public static ColourMoments Of(VideoFrame frame)
    {
        long y = 0, u = 0, v = 0, yy = 0, yu = 0, yv = 0, uu = 0, uv = 0, vv = 0, n = 0;
        var step = (frame.ChromaHeight + MaxRows - 1) / MaxRows;
        ReadOnlySpan<byte> yPlane = frame.Y, uPlane = frame.U, vPlane = frame.V;
        for (var row = 0; row < frame.ChromaHeight; row += step)
        {
            var top = yPlane.Slice(2 * row * frame.StrideY, frame.Width);
            var below = yPlane.Slice(Math.Min(2 * row + 1, frame.Height - 1) * frame.StrideY, frame.Width);
            var us = uPlane.Slice(row * frame.StrideC, frame.ChromaWidth);
            var vs = vPlane.Slice(row * frame.StrideC, frame.ChromaWidth);
            n += us.Length;
            for (var x = 0; x < us.Length; x++)
            {
                int left = 2 * x, right = Math.Min(left + 1, top.Length - 1), cb = us[x], cr = vs[x];
                var luma = top[left] + top[right] + below[left] + below[right];
                y += luma;
                u += cb;
                v += cr;
                yy += luma * luma;
                yu += luma * cb;
                yv += luma * cr;
                uu += cb * cb;
                uv += cb * cr;
                vv += cr * cr;
            }
        }
        return InColour(frame.Colour, new(
            y / 4.0 / n, (double)u / n, (double)v / n, Spread(yy, y, y, n) / 16, Spread(yu, y, u, n) / 4, Spread(yv, y, v, n) / 4,
            Spread(uu, u, u, n), Spread(uv, u, v, n), Spread(vv, v, v, n)));
    }

    /// <summary>Between two, number by number.</summary>
    public static ColourMoments Between(in ColourMoments a, in ColourMoments b, double share)
    {
        return new(Mix(a.Y, b.Y), Mix(a.Cb, b.Cb), Mix(a.Cr, b.Cr), Mix(a.YY, b.YY), Mix(a.YCb, b.YCb), Mix(a.YCr, b.YCr),
            Mix(a.CbCb, b.CbCb), Mix(a.CbCr, b.CbCr), Mix(a.CrCr, b.CrCr));

        double Mix(double from, double to) => from + share * (to - from);
    }

    private static double Spread(long product, long a, long b, long n) => ((double)product - (double)a * b / n) / n;

    private static ColourMoments InColour(ColourSpace colour, ColourMoments samples)
    {
        var (luma, chroma, black) = colour.FullRange ? (255.0, 255.0, 0) : (219.0, 224.0, 16);
        var scale = new Matrix3(1 / luma, 0, 0, 0, 1 / chroma, 0, 0, 0, 1 / chroma);
        if (colour.Matrix != ColourMatrix.Bt709)
            scale = Opponents.FromRgb * (Opponents.ToRgb(colour.Matrix) * scale);
        var (y, cb, cr) = scale * (samples.Y - black, samples.Cb - 128, samples.Cr - 128);
        var c = scale * samples.Covariance * scale.Transposed;
        return new(y, cb, cr, c.A, c.B, c.C, c.E, c.F, c.I);
    }
}
