using System.IO.Compression;
using TrueLive.Core.Frames;

namespace TrueLive.Models.Tests.Masks;

/// <summary>
/// A photo of a person: Eileen Collins by NASA, public domain, from the Debian package python3-skimage (astronaut.png), 256x256 as I420 in
/// full range.
/// </summary>
internal static class Person
{
    public const int Side = 256;

    /// <summary>Points on the person, and points beside it.</summary>
    public static readonly (int X, int Y)[] On = [(112, 60), (110, 160), (60, 200)];

    public static readonly (int X, int Y)[] Beside = [(20, 30), (235, 20), (200, 100)];

    private static readonly byte[] Samples = Read();

    /// <summary>The photo, moved to the right, in a picture of its height; grey where it does not reach.</summary>
    public static VideoFrame Make(FramePool pool, int t = 0, int right = 0, int width = Side, bool mirrored = false, int noise = 0)
    {
        var frame = pool.Rent(width, Side);
        frame.Colour = ColourSpace.Bt601Full;
        frame.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)(t * 3000));
        frame.Y.Fill(128);
        frame.U.Fill(128);
        frame.V.Fill(128);
        Draw(frame, right, mirrored);
        if (noise > 0)
        {
            var random = new Random(1000 + t);
            foreach (ref var y in frame.Y)
                y = (byte)Math.Clamp(y + random.Next(-noise, noise + 1), 0, 255);
        }
        return frame;
    }

    /// <summary>Draws the photo into a picture of its height.</summary>
    public static void Draw(VideoFrame frame, int right, bool mirrored)
    {
        Plane(frame.Y, frame.StrideY, frame.Width, Side, 0, right, mirrored);
        Plane(frame.U, frame.StrideC, frame.ChromaWidth, Side / 2, Side * Side, right / 2, mirrored);
        Plane(frame.V, frame.StrideC, frame.ChromaWidth, Side / 2, Side * Side * 5 / 4, right / 2, mirrored);
    }

    private static void Plane(Span<byte> plane, int stride, int width, int side, int from, int right, bool mirrored)
    {
        for (var y = 0; y < side; y++)
        {
            for (var x = 0; x < side; x++)
            {
                if (x + right >= 0 && x + right < width)
                    plane[y * stride + x + right] = Samples[from + y * side + (mirrored ? side - 1 - x : x)];
            }
        }
    }

    private static byte[] Read()
    {
        using var file = File.OpenRead(Path.Combine(Repository.Root, "tests", "TrueLive.Models.Tests", "person.i420.gz"));
        using var unpacked = new GZipStream(file, CompressionMode.Decompress);
        var bytes = new byte[Side * Side * 3 / 2];
        unpacked.ReadExactly(bytes);
        return bytes;
    }
}
