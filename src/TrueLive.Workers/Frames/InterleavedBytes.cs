using System.Runtime.Intrinsics;

namespace TrueLive.Workers.Frames;

/// <summary>Converts between three planes of floats in 0..255 and pixels of three bytes, 16 pixels at a time.</summary>
internal static class InterleavedBytes
{
    private const int Pixels = 16;

    // Shuffle masks from the bytes of each channel to 48 interleaved bytes, and back; 255 selects none.
    private static readonly Vector128<byte>[] Joining =
        Masks((block, at, channel) => (16 * block + at) % 3 == channel ? (16 * block + at) / 3 : 255);

    private static readonly Vector128<byte>[] Splitting =
        Masks((block, at, channel) => (3 * at + channel) / 16 == block ? (3 * at + channel) % 16 : 255);

    /// <summary>Interleaves planes; fractions are truncated.</summary>
    public static void Join(ReadOnlySpan<float> red, ReadOnlySpan<float> green, ReadOnlySpan<float> blue, Span<byte> pixels)
    {
        var i = 0;
        for (; i <= red.Length - Pixels; i += Pixels)
        {
            var (r, g, b) = (Bytes(red[i..]), Bytes(green[i..]), Bytes(blue[i..]));
            for (var block = 0; block < 3; block++)
            {
                var joined = Vector128.Shuffle(r, Joining[3 * block]) | Vector128.Shuffle(g, Joining[3 * block + 1])
                    | Vector128.Shuffle(b, Joining[3 * block + 2]);
                joined.CopyTo(pixels[(3 * i + 16 * block)..]);
            }
        }
        for (; i < red.Length; i++)
            (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]) = ((byte)red[i], (byte)green[i], (byte)blue[i]);
    }

    /// <summary>Separates interleaved pixels into planes.</summary>
    public static void Split(ReadOnlySpan<byte> pixels, Span<float> red, Span<float> green, Span<float> blue)
    {
        var i = 0;
        for (; i <= red.Length - Pixels; i += Pixels)
        {
            var one = Vector128.Create(pixels[(3 * i)..]);
            var two = Vector128.Create(pixels[(3 * i + 16)..]);
            var three = Vector128.Create(pixels[(3 * i + 32)..]);
            Floats(Channel(one, two, three, 0), red[i..]);
            Floats(Channel(one, two, three, 1), green[i..]);
            Floats(Channel(one, two, three, 2), blue[i..]);
        }
        for (; i < red.Length; i++)
            (red[i], green[i], blue[i]) = (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]);
    }

    private static Vector128<byte> Channel(Vector128<byte> one, Vector128<byte> two, Vector128<byte> three, int channel) =>
        Vector128.Shuffle(one, Splitting[channel]) | Vector128.Shuffle(two, Splitting[3 + channel])
            | Vector128.Shuffle(three, Splitting[6 + channel]);

    private static Vector128<byte> Bytes(ReadOnlySpan<float> plane)
    {
        var low = Vector256.Narrow(Vector256.ConvertToInt32(Vector256.Create(plane)),
            Vector256.ConvertToInt32(Vector256.Create(plane[8..])));
        return Vector128.Narrow(low.GetLower().AsUInt16(), low.GetUpper().AsUInt16());
    }

    private static void Floats(Vector128<byte> bytes, Span<float> plane)
    {
        var words = Vector256.Create(Vector128.WidenLower(bytes), Vector128.WidenUpper(bytes));
        Vector256.ConvertToSingle(Vector256.WidenLower(words).AsInt32()).CopyTo(plane);
        Vector256.ConvertToSingle(Vector256.WidenUpper(words).AsInt32()).CopyTo(plane[8..]);
    }

    // Three blocks of 16 bytes, and for each block the three channels.
    private static Vector128<byte>[] Masks(Func<int, int, int, int> source) =>
        [.. from block in Enumerable.Range(0, 3)
            from channel in Enumerable.Range(0, 3)
            select Vector128.Create(Enumerable.Range(0, 16).Select(at => (byte)source(block, at, channel)).ToArray())];
}
