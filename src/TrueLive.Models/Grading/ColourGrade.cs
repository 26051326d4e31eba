using System.Runtime.CompilerServices;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Grading;

/// <summary>
/// Twelve numbers that turn the colour of each pixel, red, green and blue in 0..1, into another: three rows of three factors and a shift.
/// A frame is changed in place, on its own Y'CbCr samples and in fixed point, so the result is the same on every machine.
/// </summary>
internal readonly struct ColourGrade
{
    // Weights of BT.709, in which looks and adjustments think of brightness whatever the frame's own matrix is.
    private const double Red = 0.2126;
    private const double Blue = 0.0722;
    private const double Green = 1 - Red - Blue;

    private const int Bits = 14;

    // How far full warmth moves red and blue.
    private const double WarmthReach = 0.4;

    // The darkest picture still shows something.
    private const double LeastGain = 0.1;

    private readonly double[] _rows;

    /// <param name="rows">The three rows, twelve numbers.</param>
    public ColourGrade(double[] rows) => _rows = rows;

    /// <summary>The grade for amounts of adjustments, in the order of <see cref="AdjustmentKind"/>.</summary>
    public static ColourGrade Of(ReadOnlySpan<float> amounts)
    {
        var warmth = WarmthReach * amounts[(int)AdjustmentKind.Warmth];
        var saturation = 1 + amounts[(int)AdjustmentKind.Saturation];
        var contrast = 1 + amounts[(int)AdjustmentKind.Contrast];
        var gain = Math.Max(LeastGain, 1 + amounts[(int)AdjustmentKind.Brightness]);
        double[] balance = [1 + warmth, 1, 1 - warmth];
        double[] weights = [Red, Green, Blue];
        var rows = new double[12];
        for (var to = 0; to < 3; to++)
        {
            for (var from = 0; from < 3; from++)
                rows[4 * to + from] = ((1 - saturation) * weights[from] + (to == from ? saturation : 0)) * balance[from] * contrast * gain;
            rows[4 * to + 3] = 0.5 * (1 - contrast) * gain;
        }
        return new ColourGrade(rows);
    }

    /// <summary>Changes a frame in place.</summary>
    public void Apply(VideoFrame frame) => Apply(frame, frame);

    /// <summary>
    /// Fills a frame of the same size and colour space with the changed picture of another, or of itself. Chroma is changed with the mean
    /// luma of its pixels.
    /// </summary>
    public void Apply(VideoFrame frame, VideoFrame into)
    {
        Span<int> k = stackalloc int[12];
        InSamples(frame.Colour, k);
        var (lowest, highest, most) = frame.Colour.FullRange ? (0, 255, 255) : (16, 235, 240);
        ReadOnlySpan<byte> yPlane = frame.Y, uPlane = frame.U, vPlane = frame.V;
        Span<byte> yInto = into.Y, uInto = into.U, vInto = into.V;
        for (var row = 0; row < frame.ChromaHeight; row++)
        {
            var (first, second) = (2 * row * frame.StrideY, Math.Min(2 * row + 1, frame.Height - 1) * frame.StrideY);
            var top = yPlane.Slice(first, frame.Width);
            var below = yPlane.Slice(second, frame.Width);
            var u = uPlane.Slice(row * frame.StrideC, frame.ChromaWidth);
            var v = vPlane.Slice(row * frame.StrideC, frame.ChromaWidth);
            var topInto = yInto.Slice(first, frame.Width);
            var belowInto = yInto.Slice(second, frame.Width);
            var uRow = uInto.Slice(row * frame.StrideC, frame.ChromaWidth);
            var vRow = vInto.Slice(row * frame.StrideC, frame.ChromaWidth);
            for (var x = 0; x < u.Length; x++)
            {
                int left = 2 * x, right = Math.Min(left + 1, top.Length - 1), cb = u[x], cr = v[x];
                int a = top[left], b = top[right], c = below[left], d = below[right];
                var luma = k[1] * cb + k[2] * cr + k[3];
                var mean = a + b + c + d;
                // Where a side is odd, the last row or column is written twice, with the same.
                topInto[left] = Sample(k[0] * a + luma, lowest, highest);
                topInto[right] = Sample(k[0] * b + luma, lowest, highest);
                belowInto[left] = Sample(k[0] * c + luma, lowest, highest);
                belowInto[right] = Sample(k[0] * d + luma, lowest, highest);
                uRow[x] = Sample((k[4] * mean >> 2) + k[5] * cb + k[6] * cr + k[7], lowest, most);
                vRow[x] = Sample((k[8] * mean >> 2) + k[9] * cb + k[10] * cr + k[11], lowest, most);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte Sample(int value, int lowest, int highest) => (byte)Math.Clamp(value >> Bits, lowest, highest);

    // The same twelve numbers for samples: encode * grade * decode, with the half that rounds.
    private void InSamples(ColourSpace colour, Span<int> into)
    {
        var (kr, kb) = colour.Matrix == ColourMatrix.Bt709 ? (0.2126, 0.0722) : (0.299, 0.114);
        var kg = 1 - kr - kb;
        double luma = colour.FullRange ? 255 : 219, chroma = colour.FullRange ? 255 : 224, black = colour.FullRange ? 0 : 16;
        ReadOnlySpan<double> encode =
        [
            kr * luma, kg * luma, kb * luma,
            -kr / (2 * (1 - kb)) * chroma, -kg / (2 * (1 - kb)) * chroma, 0.5 * chroma,
            0.5 * chroma, -kg / (2 * (1 - kr)) * chroma, -kb / (2 * (1 - kr)) * chroma,
        ];
        ReadOnlySpan<double> decode =
        [
            1 / luma, 0, 2 * (1 - kr) / chroma,
            1 / luma, -2 * (1 - kb) * kb / kg / chroma, -2 * (1 - kr) * kr / kg / chroma,
            1 / luma, 2 * (1 - kb) / chroma, 0,
        ];
        ReadOnlySpan<double> zero = [black, 128, 128];
        Span<double> graded = stackalloc double[3];
        for (var from = 0; from < 4; from++)
        {
            for (var i = 0; i < 3; i++)
                graded[i] = from == 3
                    ? _rows[4 * i + 3]
                    : _rows[4 * i] * decode[from] + _rows[4 * i + 1] * decode[3 + from] + _rows[4 * i + 2] * decode[6 + from];
            for (var to = 0; to < 3; to++)
            {
                var value = encode[3 * to] * graded[0] + encode[3 * to + 1] * graded[1] + encode[3 * to + 2] * graded[2];
                into[4 * to + from] = from < 3 ? Fixed(value) : Fixed(value + zero[to] + 0.5) - Shift(into, 4 * to, zero);
            }
        }

        static int Fixed(double value) => (int)Math.Round(value * (1 << Bits));

        static int Shift(Span<int> k, int row, ReadOnlySpan<double> zero) =>
            (int)(k[row] * zero[0] + k[row + 1] * zero[1] + k[row + 2] * zero[2]);
    }
}
