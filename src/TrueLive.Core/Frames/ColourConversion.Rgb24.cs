using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TrueLive.Core.Frames;

/// <content>Pixels of three bytes in R, G, B order, rows without padding: 16 pixels at a time, nothing stored between.</content>
public static partial class ColourConversion
{
    private const int Block = 16;

    // Shuffle masks from the bytes of each channel to the three parts of 48 interleaved bytes, and back. 255 selects none, on x86 and Arm.
    private static readonly Vector128<byte>
        RedTo0 = Joining(0, 0), RedTo1 = Joining(0, 1), RedTo2 = Joining(0, 2),
        GreenTo0 = Joining(1, 0), GreenTo1 = Joining(1, 1), GreenTo2 = Joining(1, 2),
        BlueTo0 = Joining(2, 0), BlueTo1 = Joining(2, 1), BlueTo2 = Joining(2, 2),
        RedFrom0 = Splitting(0, 0), RedFrom1 = Splitting(0, 1), RedFrom2 = Splitting(0, 2),
        GreenFrom0 = Splitting(1, 0), GreenFrom1 = Splitting(1, 1), GreenFrom2 = Splitting(1, 2),
        BlueFrom0 = Splitting(2, 0), BlueFrom1 = Splitting(2, 1), BlueFrom2 = Splitting(2, 2);

    /// <summary>Fills <c>3 * frame.Width * frame.Height</c> bytes from a frame.</summary>
    /// <exception cref="ArgumentException">The pixels are too few.</exception>
    public static void ToRgb24(VideoFrame frame, Span<byte> pixels)
    {
        int width = frame.Width, height = frame.Height;
        CheckRgb24(pixels.Length, frame);
        var k = Decode.For(frame.Colour).Times255();
        for (var row = 0; row < height; row++)
        {
            ref var y = ref MemoryMarshal.GetReference(frame.Y.Slice(row * frame.StrideY, width));
            ref var u = ref MemoryMarshal.GetReference(frame.U.Slice((row >> 1) * frame.StrideC, frame.ChromaWidth));
            ref var v = ref MemoryMarshal.GetReference(frame.V.Slice((row >> 1) * frame.StrideC, frame.ChromaWidth));
            ref var to = ref MemoryMarshal.GetReference(pixels.Slice(3 * row * width, 3 * width));
            var x = 0;
            for (; x <= width - Block; x += Block)
            {
                var cb = Widen(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref u, x >> 1))) - Vector256.Create(128f);
                var cr = Widen(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref v, x >> 1))) - Vector256.Create(128f);
                var left = Luma(ref Unsafe.Add(ref y, x), k);
                var right = Luma(ref Unsafe.Add(ref y, x + 8), k);
                var red = Coloured(left, right, cr * k.RedCr);
                var green = Coloured(left, right, Vector256.MultiplyAddEstimate(cb, Vector256.Create(k.GreenCb), cr * k.GreenCr));
                var blue = Coloured(left, right, cb * k.BlueCb);
                ref var block = ref Unsafe.Add(ref to, 3 * x);
                Join(red, RedTo0, green, GreenTo0, blue, BlueTo0).StoreUnsafe(ref block);
                Join(red, RedTo1, green, GreenTo1, blue, BlueTo1).StoreUnsafe(ref block, Block);
                Join(red, RedTo2, green, GreenTo2, blue, BlueTo2).StoreUnsafe(ref block, 2 * Block);
            }
            for (; x < width; x++)
            {
                var luma = Unsafe.Add(ref y, x) * k.Luma + k.LumaBias;
                var cb = Unsafe.Add(ref u, x >> 1) - 128f;
                var cr = Unsafe.Add(ref v, x >> 1) - 128f;
                Unsafe.Add(ref to, 3 * x) = (byte)Math.Clamp(luma + cr * k.RedCr, 0, 255);
                Unsafe.Add(ref to, 3 * x + 1) = (byte)Math.Clamp(luma + cb * k.GreenCb + cr * k.GreenCr, 0, 255);
                Unsafe.Add(ref to, 3 * x + 2) = (byte)Math.Clamp(luma + cb * k.BlueCb, 0, 255);
            }
        }
    }

    /// <summary>Fills a frame, in its own colour space, from <c>3 * frame.Width * frame.Height</c> bytes.</summary>
    /// <exception cref="ArgumentException">The pixels are too few.</exception>
    public static void FromRgb24(ReadOnlySpan<byte> pixels, VideoFrame frame)
    {
        int width = frame.Width, height = frame.Height;
        CheckRgb24(pixels.Length, frame);
        var k = Encode.For(frame.Colour).Over255();
        for (var row = 0; row < height; row += 2)
        {
            // Where the height is odd, the last row is used twice.
            var below = row + 1 < height ? 1 : 0;
            ref var from = ref MemoryMarshal.GetReference(pixels.Slice(3 * row * width, 3 * width));
            ref var from2 = ref Unsafe.AsRef(in pixels[3 * (row + below) * width]);
            ref var y = ref frame.Y[row * frame.StrideY];
            ref var y2 = ref frame.Y[(row + below) * frame.StrideY];
            ref var u = ref frame.U[(row >> 1) * frame.StrideC];
            ref var v = ref frame.V[(row >> 1) * frame.StrideC];
            var x = 0;
            for (; x <= width - Block; x += Block)
            {
                var (r, g, b) = Split(ref Unsafe.Add(ref from, 3 * x));
                var (r2, g2, b2) = Split(ref Unsafe.Add(ref from2, 3 * x));
                Luma(r, g, b, k).StoreUnsafe(ref Unsafe.Add(ref y, x));
                Luma(r2, g2, b2, k).StoreUnsafe(ref Unsafe.Add(ref y2, x));
                var (rr, gg, bb) = (SumOfFour(r, r2), SumOfFour(g, g2), SumOfFour(b, b2));
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref u, x >> 1), Bytes(Weigh(rr, k.RedCb, gg, k.GreenCb, bb, k.BlueCb, 128.5f)));
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref v, x >> 1), Bytes(Weigh(rr, k.BlueCb, gg, k.GreenCr, bb, k.BlueCr, 128.5f)));
            }
            for (; x < width; x += 2)
            {
                float rr = 0, gg = 0, bb = 0;
                for (var dx = 0; dx < 2; dx++)
                {
                    var at = Math.Min(x + dx, width - 1);
                    for (var line = 0; line < 2; line++)
                    {
                        ref var pixel = ref Unsafe.Add(ref line == 0 ? ref from : ref from2, 3 * at);
                        float r = pixel, g = Unsafe.Add(ref pixel, 1), b = Unsafe.Add(ref pixel, 2);
                        Unsafe.Add(ref line == 0 ? ref y : ref y2, at) = (byte)(r * k.RedY + g * k.GreenY + b * k.BlueY + k.OffsetY);
                        (rr, gg, bb) = (rr + r, gg + g, bb + b);
                    }
                }
                Unsafe.Add(ref u, x >> 1) = (byte)Math.Clamp(rr * k.RedCb + gg * k.GreenCb + bb * k.BlueCb + 128.5f, 0, 255);
                Unsafe.Add(ref v, x >> 1) = (byte)Math.Clamp(rr * k.BlueCb + gg * k.GreenCr + bb * k.BlueCr + 128.5f, 0, 255);
            }
        }
    }

    private static void CheckRgb24(int bytes, VideoFrame frame)
    {
        var needed = 3 * frame.Width * frame.Height;
        if (bytes < needed)
            throw new ArgumentException($"{frame.Width}x{frame.Height} pixels need {needed} bytes; there are {bytes}.");
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Luma(ref byte eight, in Decode k) =>
        Vector256.MultiplyAddEstimate(Widen(Unsafe.ReadUnaligned<ulong>(ref eight)), Vector256.Create(k.Luma),
            Vector256.Create(k.LumaBias));

    // A channel of 16 pixels: each of the eight chroma samples holds for two.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Coloured(Vector256<float> left, Vector256<float> right, Vector256<float> chroma) =>
        Saturated(left + Vector256.Shuffle(chroma, Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3)),
            right + Vector256.Shuffle(chroma, Vector256.Create(4, 4, 5, 5, 6, 6, 7, 7)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Luma(Vector128<byte> red, Vector128<byte> green, Vector128<byte> blue, in Encode k) =>
        Saturated(
            Weigh(Floats(Vector128.WidenLower(red)), k.RedY, Floats(Vector128.WidenLower(green)), k.GreenY,
                Floats(Vector128.WidenLower(blue)), k.BlueY, k.OffsetY),
            Weigh(Floats(Vector128.WidenUpper(red)), k.RedY, Floats(Vector128.WidenUpper(green)), k.GreenY,
                Floats(Vector128.WidenUpper(blue)), k.BlueY, k.OffsetY));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Weigh(
        Vector256<float> red, float ofRed, Vector256<float> green, float ofGreen, Vector256<float> blue, float ofBlue, float offset) =>
        Vector256.MultiplyAddEstimate(red, Vector256.Create(ofRed), Vector256.MultiplyAddEstimate(green, Vector256.Create(ofGreen),
            Vector256.MultiplyAddEstimate(blue, Vector256.Create(ofBlue), Vector256.Create(offset))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> SumOfFour(Vector128<byte> row, Vector128<byte> below)
    {
        var sums = (Vector256.Create(Vector128.WidenLower(row), Vector128.WidenUpper(row))
            + Vector256.Create(Vector128.WidenLower(below), Vector128.WidenUpper(below))).AsUInt32();
        return Vector256.ConvertToSingle(((sums & Vector256.Create(0xFFFFu)) + (sums >>> 16)).AsInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Floats(Vector128<ushort> words) =>
        Vector256.ConvertToSingle(Vector256.WidenLower(words.ToVector256Unsafe()).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Saturated(Vector256<float> left, Vector256<float> right)
    {
        var (l, r) = (Vector256.ConvertToInt32Native(left), Vector256.ConvertToInt32Native(right));
        var low = Vector128.NarrowWithSaturation(l.GetLower(), l.GetUpper());
        var high = Vector128.NarrowWithSaturation(r.GetLower(), r.GetUpper());
        return Sse2.IsSupported
            ? Sse2.PackUnsignedSaturate(low, high)
            : Vector128.NarrowWithSaturation(Vector128.Max(low, default).AsUInt16(), Vector128.Max(high, default).AsUInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<byte> Red, Vector128<byte> Green, Vector128<byte> Blue) Split(ref byte pixels)
    {
        var one = Vector128.LoadUnsafe(ref pixels);
        var two = Vector128.LoadUnsafe(ref pixels, Block);
        var three = Vector128.LoadUnsafe(ref pixels, 2 * Block);
        return (Join(one, RedFrom0, two, RedFrom1, three, RedFrom2), Join(one, GreenFrom0, two, GreenFrom1, three, GreenFrom2),
            Join(one, BlueFrom0, two, BlueFrom1, three, BlueFrom2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Join(Vector128<byte> first, Vector128<byte> ofFirst, Vector128<byte> second, Vector128<byte> ofSecond,
        Vector128<byte> third, Vector128<byte> ofThird) =>
        Vector128.ShuffleNative(first, ofFirst) | Vector128.ShuffleNative(second, ofSecond) | Vector128.ShuffleNative(third, ofThird);

    private static Vector128<byte> Joining(int channel, int part) =>
        Mask(at => (Block * part + at) % 3 == channel ? (Block * part + at) / 3 : 255);

    private static Vector128<byte> Splitting(int channel, int part) =>
        Mask(at => (3 * at + channel) / Block == part ? (3 * at + channel) % Block : 255);

    private static Vector128<byte> Mask(Func<int, int> source) =>
        Vector128.Create(Enumerable.Range(0, Block).Select(at => (byte)source(at)).ToArray());
}
