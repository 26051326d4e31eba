using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Fused;

/// <summary>
/// The last operators of the model in one pass: the half-size output becomes pixels, is laid over the graded frame, and is blended
/// with the previous picture as far as the model wants to hold it and the frames agree. training/network.py does the same in PyTorch
/// (from <c>shuffled</c> on). Widths are multiples of 8.
/// </summary>
/// <param name="spec">The constants of the blend.</param>
/// <param name="width">Width of the picture.</param>
/// <param name="height">Height of the picture, even.</param>
internal sealed class HeldBlend(FusedSpec spec, int width, int height)
{
    // The frames are compared over squares of this size.
    private const int Window = 5;
    private const int Reach = Window / 2;
    private const int Lanes = 8;

    // Sums of differences along a row, for the rows of the window; a row outside the picture is zero.
    private readonly float[][] _rows = [.. Enumerable.Range(0, Window).Select(_ => new float[width])];
    private readonly float[] _row = new float[width + 2 * Lanes];

    /// <summary>Fills the rows of the image from <paramref name="first"/> up to <paramref name="end"/>, which is excluded.</summary>
    /// <param name="stem">Input planes of the step (<see cref="FusedModel.StemPlanes"/>).</param>
    /// <param name="halfOutput">Output planes of the step (<see cref="FusedModel.HalfOutputPlanes"/>).</param>
    /// <param name="grade">Colour matrix minus identity.</param>
    /// <param name="hold">Upper limit of the share of the previous picture, 0..1.</param>
    /// <param name="image">Three planes.</param>
    /// <param name="first">First row.</param>
    /// <param name="end">Row after the last one.</param>
    public void Run(ReadOnlySpan<float> stem, ReadOnlySpan<float> halfOutput, ReadOnlySpan<float> grade, float hold, Span<float> image,
        int first, int end)
    {
        int pixels = width * height;
        if (stem.Length < FusedModel.StemPlanes * pixels || halfOutput.Length < FusedModel.HalfOutputPlanes / 4 * pixels
            || image.Length < 3 * pixels || grade.Length != FusedModel.GradeLength || width % Lanes != 0)
            throw new ArgumentException($"The planes do not fit a picture of {width}x{height}.");
        for (var y = first - Reach; y < first + Reach; y++)
            Compare(stem, y);
        for (var y = first; y < Math.Min(end, height); y++)
        {
            Compare(stem, y + Reach);
            Blend(stem, halfOutput, grade, hold, image, y);
        }
    }

    private float[] Row(int y) => _rows[(y + Window) % Window];

    // Sums the difference of the frames in all three colours over the window, along a row.
    private void Compare(ReadOnlySpan<float> stem, int y)
    {
        if (y < 0 || y >= height)
        {
            Row(y).AsSpan().Clear();
            return;
        }
        var pixels = width * height;
        ref var changed = ref MemoryMarshal.GetReference(stem[(3 * pixels + y * width)..]);
        ref var row = ref _row[Lanes];
        ref var sums = ref Row(y)[0];
        for (var x = 0; x < width; x += Lanes)
            Difference(ref changed, pixels, x).StoreUnsafe(ref row, (nuint)x);
        for (var x = 0; x < width; x += Lanes)
            (Load(ref row, x - 2) + Load(ref row, x - 1) + Load(ref row, x) + Load(ref row, x + 1) + Load(ref row, x + 2))
                .StoreUnsafe(ref sums, (nuint)x);
    }

    private void Blend(
        ReadOnlySpan<float> stem, ReadOnlySpan<float> halfOutput, ReadOnlySpan<float> grade, float hold, Span<float> image, int y)
    {
        int pixels = width * height, quarter = pixels / 4;
        ref var frame = ref MemoryMarshal.GetReference(stem[(y * width)..]);
        ref var changed = ref Unsafe.Add(ref frame, 3 * pixels);
        ref var last = ref Unsafe.Add(ref frame, 6 * pixels);
        ref var to = ref MemoryMarshal.GetReference(image[(y * width)..]);
        // Plane 4 c + 2 i + j of the half-size output holds colour c of the pixels in row i and column j of each square.
        ref var left = ref MemoryMarshal.GetReference(halfOutput[((2 * (y & 1) * quarter) + (y >> 1) * (width / 2))..]);
        ref var right = ref Unsafe.Add(ref left, quarter);
        ref float r0 = ref Row(y - 2)[0], r1 = ref Row(y - 1)[0], r2 = ref Row(y)[0], r3 = ref Row(y + 1)[0], r4 = ref Row(y + 2)[0];
        // keep = closing * (closed - off), clamped to 0..1: off is the mean of three colours over the window, or at the pixel if that is
        // larger.
        var closing = 1 / (spec.OffClosed - spec.OffOpen);
        var slope = Vector256.Create(-closing / (3 * Window * Window));
        var start = Vector256.Create(spec.OffClosed * closing);
        var most = Vector256.Create(spec.MaxHold * hold);
        for (var x = 0; x < width; x += Lanes)
        {
            var r = Load(ref frame, x);
            var g = Load(ref Unsafe.Add(ref frame, pixels), x);
            var b = Load(ref Unsafe.Add(ref frame, 2 * pixels), x);
            var keep = Vector256<float>.Zero;
            if (hold > 0)
            {
                var off = Load(ref r0, x) + Load(ref r1, x) + Load(ref r2, x) + Load(ref r3, x) + Load(ref r4, x);
                off = Vector256.MaxNative(off, Difference(ref changed, pixels, x) * (Window * Window));
                var wish = Squares(ref left, ref right, 12 * quarter, x) * -spec.HoldSlope;
                keep = most / (Vector256<float>.One + Vector256.Exp(wish)) * Unit(off * slope + start);
            }
            for (var c = 0; c < 3; c++)
            {
                var own = c == 0 ? r : c == 1 ? g : b;
                var fresh = Unit(own + r * grade[4 * c] + g * grade[4 * c + 1] + b * grade[4 * c + 2] + Vector256.Create(grade[4 * c + 3])
                    + Squares(ref left, ref right, 4 * c * quarter, x));
                var held = Load(ref Unsafe.Add(ref last, c * pixels), x) + own - fresh;
                held = Vector256.MinNative(Vector256.MaxNative(held, Vector256.Create(-spec.Far)), Vector256.Create(spec.Far));
                (fresh + keep * held).StoreUnsafe(ref Unsafe.Add(ref to, c * pixels), (nuint)x);
            }
        }
    }

    // The difference of eight pixels from the previous frame, summed over the three colours.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Difference(ref float changed, int pixels, int x) =>
        Vector256.Abs(Load(ref changed, x)) + Vector256.Abs(Load(ref Unsafe.Add(ref changed, pixels), x))
            + Vector256.Abs(Load(ref Unsafe.Add(ref changed, 2 * pixels), x));

    // Eight pixels of a row: the left and right columns of four squares, interleaved.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Squares(ref float left, ref float right, int plane, int x)
    {
        var a = Vector128.LoadUnsafe(ref Unsafe.Add(ref left, plane), (nuint)(x / 2));
        var b = Vector128.LoadUnsafe(ref Unsafe.Add(ref right, plane), (nuint)(x / 2));
        if (Sse.IsSupported)
            return Vector256.Create(Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b));
        return Vector256.Create(a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Load(ref float from, int at) => Vector256.LoadUnsafe(ref Unsafe.Add(ref from, at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Unit(Vector256<float> value) =>
        Vector256.MinNative(Vector256.MaxNative(value, Vector256<float>.Zero), Vector256<float>.One);
}
