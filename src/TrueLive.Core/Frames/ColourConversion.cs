using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TrueLive.Core.Frames;

/// <summary>
/// How the numbers of a tensor relate to colour in 0..1: <c>value = colour * Scale + Bias</c>, per channel in R, G, B order.
/// </summary>
public readonly record struct TensorScale(float ScaleR, float ScaleG, float ScaleB, float BiasR, float BiasG, float BiasB)
{
    /// <summary>Values are colours in 0..1.</summary>
    public static TensorScale Unit => new(1, 1, 1, 0, 0, 0);
}

/// <summary>
/// Between I420 frames and RGB, as planes of floats or as pixels of three bytes, in one pass each way, for BT.601 and BT.709, limited and
/// full range (ITU-R BT.601-7 2.5, BT.709-6 item 3). To RGB, each chroma sample is repeated; from RGB, chroma is averaged over 2x2 pixels.
/// In both directions colours are clamped to 0..1, and NaN becomes black.
/// </summary>
public static partial class ColourConversion
{
    /// <summary>Fills three planes of <c>frame.Width * frame.Height</c> floats, rows without padding.</summary>
    /// <exception cref="ArgumentException">A plane is too short.</exception>
    public static void ToPlanarRgb(VideoFrame frame, Span<float> red, Span<float> green, Span<float> blue, in TensorScale scale) =>
        ToPlanarRgb(frame, red, green, blue, scale, 0, frame.Height);

    /// <summary>
    /// The same for the rows from <paramref name="first"/> up to, not including, <paramref name="end"/>; the planes hold the whole frame.
    /// </summary>
    public static void ToPlanarRgb(
        VideoFrame frame, Span<float> red, Span<float> green, Span<float> blue, in TensorScale scale, int first, int end)
    {
        int width = frame.Width, height = Math.Min(end, frame.Height);
        Check(red.Length, green.Length, blue.Length, width * frame.Height);
        var k = Decode.For(frame.Colour);
        ReadOnlySpan<byte> yPlane = frame.Y, uPlane = frame.U, vPlane = frame.V;
        for (var row = first; row < height; row++)
        {
            ref var y = ref MemoryMarshal.GetReference(yPlane.Slice(row * frame.StrideY, width));
            ref var u = ref MemoryMarshal.GetReference(uPlane.Slice((row >> 1) * frame.StrideC, frame.ChromaWidth));
            ref var v = ref MemoryMarshal.GetReference(vPlane.Slice((row >> 1) * frame.StrideC, frame.ChromaWidth));
            ref var r = ref MemoryMarshal.GetReference(red[(row * width)..]);
            ref var g = ref MemoryMarshal.GetReference(green[(row * width)..]);
            ref var b = ref MemoryMarshal.GetReference(blue[(row * width)..]);
            var x = 0;
            for (; x <= width - 8; x += 8)
            {
                var luma = Widen(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref y, x))) * k.Luma + Vector256.Create(k.LumaBias);
                var cb = WidenTwice(Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref u, x >> 1))) - Vector256.Create(128f);
                var cr = WidenTwice(Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref v, x >> 1))) - Vector256.Create(128f);
                Store(luma + cr * k.RedCr, scale.ScaleR, scale.BiasR, ref Unsafe.Add(ref r, x));
                Store(luma + cb * k.GreenCb + cr * k.GreenCr, scale.ScaleG, scale.BiasG, ref Unsafe.Add(ref g, x));
                Store(luma + cb * k.BlueCb, scale.ScaleB, scale.BiasB, ref Unsafe.Add(ref b, x));
            }
            for (; x < width; x++)
            {
                var luma = Unsafe.Add(ref y, x) * k.Luma + k.LumaBias;
                var cb = Unsafe.Add(ref u, x >> 1) - 128f;
                var cr = Unsafe.Add(ref v, x >> 1) - 128f;
                Unsafe.Add(ref r, x) = Math.Clamp(luma + cr * k.RedCr, 0, 1) * scale.ScaleR + scale.BiasR;
                Unsafe.Add(ref g, x) = Math.Clamp(luma + cb * k.GreenCb + cr * k.GreenCr, 0, 1) * scale.ScaleG + scale.BiasG;
                Unsafe.Add(ref b, x) = Math.Clamp(luma + cb * k.BlueCb, 0, 1) * scale.ScaleB + scale.BiasB;
            }
        }
    }

    /// <summary>
    /// Fills a frame from three planes of <c>frame.Width * frame.Height</c> floats, in the frame's own colour space. The scale says how
    /// the planes relate to 0..1, as in <see cref="ToPlanarRgb"/>.
    /// </summary>
    /// <exception cref="ArgumentException">A plane is too short.</exception>
    public static void FromPlanarRgb(
        ReadOnlySpan<float> red, ReadOnlySpan<float> green, ReadOnlySpan<float> blue, VideoFrame frame, in TensorScale scale) =>
        FromPlanarRgb(red, green, blue, frame, scale, 0, frame.Height);

    /// <summary>
    /// The same for the rows from <paramref name="first"/>, which is even, up to, not including, <paramref name="end"/>; the planes hold
    /// the whole frame.
    /// </summary>
    public static void FromPlanarRgb(ReadOnlySpan<float> red, ReadOnlySpan<float> green, ReadOnlySpan<float> blue, VideoFrame frame,
        in TensorScale scale, int first, int end)
    {
        int width = frame.Width, height = frame.Height;
        Check(red.Length, green.Length, blue.Length, width * height);
        var k = Encode.For(frame.Colour);
        var s = Inverse(scale);
        Span<byte> yPlane = frame.Y, uPlane = frame.U, vPlane = frame.V;
        for (var row = first; row < Math.Min(end, height); row += 2)
        {
            // Where the height is odd, the last row is used twice.
            var below = row + 1 < height ? width : 0;
            ref var r = ref MemoryMarshal.GetReference(red[(row * width)..]);
            ref var g = ref MemoryMarshal.GetReference(green[(row * width)..]);
            ref var b = ref MemoryMarshal.GetReference(blue[(row * width)..]);
            ref var y = ref MemoryMarshal.GetReference(yPlane[(row * frame.StrideY)..]);
            ref var y2 = ref Unsafe.Add(ref y, below == 0 ? 0 : frame.StrideY);
            ref var u = ref MemoryMarshal.GetReference(uPlane[((row >> 1) * frame.StrideC)..]);
            ref var v = ref MemoryMarshal.GetReference(vPlane[((row >> 1) * frame.StrideC)..]);
            var x = 0;
            for (; x <= width - 8; x += 8)
            {
                var r0 = Load(ref Unsafe.Add(ref r, x), s.ScaleR, s.BiasR);
                var g0 = Load(ref Unsafe.Add(ref g, x), s.ScaleG, s.BiasG);
                var b0 = Load(ref Unsafe.Add(ref b, x), s.ScaleB, s.BiasB);
                var r1 = Load(ref Unsafe.Add(ref r, x + below), s.ScaleR, s.BiasR);
                var g1 = Load(ref Unsafe.Add(ref g, x + below), s.ScaleG, s.BiasG);
                var b1 = Load(ref Unsafe.Add(ref b, x + below), s.ScaleB, s.BiasB);
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref y, x),
                    Bytes(r0 * k.RedY + g0 * k.GreenY + b0 * k.BlueY + Vector256.Create(k.OffsetY)));
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref y2, x),
                    Bytes(r1 * k.RedY + g1 * k.GreenY + b1 * k.BlueY + Vector256.Create(k.OffsetY)));
                var rr = Pairs(r0 + r1);
                var gg = Pairs(g0 + g1);
                var bb = Pairs(b0 + b1);
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref u, x >> 1),
                    (uint)Bytes(Vector256.Create(rr * k.RedCb + gg * k.GreenCb + bb * k.BlueCb + Vector128.Create(128.5f),
                    Vector128<float>.Zero)));
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref v, x >> 1),
                    (uint)Bytes(Vector256.Create(rr * k.BlueCb + gg * k.GreenCr + bb * k.BlueCr + Vector128.Create(128.5f),
                    Vector128<float>.Zero)));
            }
            for (; x < width; x += 2)
            {
                float rr = 0, gg = 0, bb = 0;
                for (var dx = 0; dx < 2; dx++)
                {
                    var at = Math.Min(x + dx, width - 1);
                    for (var line = 0; line < 2; line++)
                    {
                        var from = at + line * below;
                        var red1 = Clean(Unsafe.Add(ref r, from) * s.ScaleR + s.BiasR);
                        var green1 = Clean(Unsafe.Add(ref g, from) * s.ScaleG + s.BiasG);
                        var blue1 = Clean(Unsafe.Add(ref b, from) * s.ScaleB + s.BiasB);
                        ref var to = ref line == 0 ? ref y : ref y2;
                        Unsafe.Add(ref to, at) = (byte)(red1 * k.RedY + green1 * k.GreenY + blue1 * k.BlueY + k.OffsetY);
                        (rr, gg, bb) = (rr + red1, gg + green1, bb + blue1);
                    }
                }
                Unsafe.Add(ref u, x >> 1) = (byte)Math.Clamp(rr * k.RedCb + gg * k.GreenCb + bb * k.BlueCb + 128.5f, 0, 255);
                Unsafe.Add(ref v, x >> 1) = (byte)Math.Clamp(rr * k.BlueCb + gg * k.GreenCr + bb * k.BlueCr + 128.5f, 0, 255);
            }
        }
    }

    private static TensorScale Inverse(in TensorScale s) =>
        new(1 / s.ScaleR, 1 / s.ScaleG, 1 / s.ScaleB, -s.BiasR / s.ScaleR, -s.BiasG / s.ScaleG, -s.BiasB / s.ScaleB);

    private static float Clean(float value) => value > 0 ? Math.Min(value, 1) : 0;

    private static void Check(int red, int green, int blue, int pixels)
    {
        if (red < pixels || green < pixels || blue < pixels)
            throw new ArgumentException($"Each plane needs {pixels} values; they have {red}, {green} and {blue}.");
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen(ulong eight)
    {
        var words = Vector128.WidenLower(Vector128.CreateScalarUnsafe(eight).AsByte());
        return Vector256.ConvertToSingle(Vector256.WidenLower(words.ToVector256Unsafe()).AsInt32());
    }

    // Four chroma samples, each repeated for two pixels.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> WidenTwice(uint four)
    {
        var words = Vector128.WidenLower(Vector128.CreateScalarUnsafe((ulong)four).AsByte());
        var twice = Vector128.WidenLower(words).AsInt32();
        return Vector256.ConvertToSingle(Vector256.Create(Vector128.Shuffle(twice, Vector128.Create(0, 0, 1, 1)),
            Vector128.Shuffle(twice, Vector128.Create(2, 2, 3, 3))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> colour, float scale, float bias, ref float to) =>
        (Vector256.MinNative(Vector256.MaxNative(colour, Vector256<float>.Zero), Vector256<float>.One) * scale + Vector256.Create(bias))
            .StoreUnsafe(ref to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Load(ref float from, float scale, float bias) =>
        // MaxNative gives its second operand for NaN, so NaN turns into black here.
        Vector256.MinNative(Vector256.MaxNative(Vector256.LoadUnsafe(ref from) * scale + Vector256.Create(bias), Vector256<float>.Zero),
            Vector256<float>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Pairs(Vector256<float> row)
    {
        var even = Vector256.Shuffle(row, Vector256.Create(0, 2, 4, 6, 0, 2, 4, 6));
        var odd = Vector256.Shuffle(row, Vector256.Create(1, 3, 5, 7, 1, 3, 5, 7));
        return (even + odd).GetLower();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bytes(Vector256<float> values)
    {
        var whole = Vector256.Min(Vector256.Max(Vector256.ConvertToInt32Native(values), Vector256<int>.Zero), Vector256.Create(255))
            .AsUInt32();
        var words = Vector128.Narrow(whole.GetLower(), whole.GetUpper());
        return Vector128.Narrow(words, words).AsUInt64().ToScalar();
    }

    private readonly record struct Decode(float Luma, float LumaBias, float RedCr, float GreenCb, float GreenCr, float BlueCb)
    {
        public static Decode For(ColourSpace colour)
        {
            var (kr, kb) = Weights(colour.Matrix);
            var kg = 1 - kr - kb;
            var luma = 1f / (colour.FullRange ? 255 : 219);
            var chroma = 1f / (colour.FullRange ? 255 : 224);
            return new(luma, colour.FullRange ? 0 : -16 * luma, 2 * (1 - kr) * chroma, -2 * (1 - kb) * kb / kg * chroma,
                -2 * (1 - kr) * kr / kg * chroma, 2 * (1 - kb) * chroma);
        }

        /// <summary>For colours in 0..255, to be rounded by truncation.</summary>
        public Decode Times255() => new(Luma * 255, LumaBias * 255 + 0.5f, RedCr * 255, GreenCb * 255, GreenCr * 255, BlueCb * 255);
    }

    // Chroma factors include the quarter of the 2x2 mean. The red weight of Cr equals the blue weight of Cb.
    private readonly record struct Encode(
        float RedY, float GreenY, float BlueY, float OffsetY, float RedCb, float GreenCb, float BlueCb, float GreenCr, float BlueCr)
    {
        public static Encode For(ColourSpace colour)
        {
            var (kr, kb) = Weights(colour.Matrix);
            var kg = 1 - kr - kb;
            float luma = colour.FullRange ? 255 : 219, chroma = colour.FullRange ? 255 : 224;
            var cb = chroma / (2 * (1 - kb)) / 4;
            var cr = chroma / (2 * (1 - kr)) / 4;
            return new(kr * luma, kg * luma, kb * luma, (colour.FullRange ? 0 : 16) + 0.5f, -kr * cb, -kg * cb, (1 - kb) * cb,
                -kg * cr, -kb * cr);
        }

        /// <summary>For colours in 0..255.</summary>
        public Encode Over255() => new(RedY / 255, GreenY / 255, BlueY / 255, OffsetY, RedCb / 255, GreenCb / 255, BlueCb / 255,
            GreenCr / 255, BlueCr / 255);
    }

    private static (float Red, float Blue) Weights(ColourMatrix matrix) =>
        matrix == ColourMatrix.Bt709 ? (0.2126f, 0.0722f) : (0.299f, 0.114f);
}
