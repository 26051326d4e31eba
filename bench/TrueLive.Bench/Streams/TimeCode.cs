using TrueLive.Core.Frames;

namespace TrueLive.Bench.Streams;

/// <summary>
/// The time of day in a picture's lower edge, as 24 bits of 0.1 ms in cells of white and black, with one of each at the end. Every program
/// of this machine reads it against the same clock.
/// </summary>
internal static class TimeCode
{
    public const int Width = 512;
    public const int Height = 288;
    private const int Bits = 24;
    private const int Columns = Bits + 2;
    private const int Strip = Height / 12;

    // A delay beyond it is no delay, but a wrong bit.
    private const double MostMs = 60_000;

    /// <summary>Now, counted from 1970 as pages do.</summary>
    public static long Now =>
        (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / (TimeSpan.TicksPerMillisecond / 10) % (1 << Bits);

    /// <summary>Paints the time into packed planes of I420.</summary>
    public static void Paint(Span<byte> picture, long at)
    {
        for (var y = Height - Strip; y < Height; y++)
        {
            for (var x = 0; x < Width; x++)
            {
                var cell = x * Columns / Width;
                picture[y * Width + x] = (cell < Bits ? (at >> cell & 1) != 0 : cell == Bits) ? (byte)225 : (byte)30;
            }
        }
        foreach (var plane in new[] { Width * Height, Width * Height * 5 / 4 })
            picture.Slice(plane + (Height - Strip) / 2 * Width / 2, Strip * Width / 4).Fill(128);
    }

    /// <summary>How long ago a picture was painted, in ms; null where that cannot be read.</summary>
    /// <param name="luma">Brightness of the picture.</param>
    /// <param name="stride">From one row to the next.</param>
    public static double? AgeMs(ReadOnlySpan<byte> luma, int stride)
    {
        var now = Now;
        var row = luma[((Height - Strip / 2) * stride)..];
        int At(int cell, ReadOnlySpan<byte> of) => of[(2 * cell + 1) * Width / (2 * Columns)];
        var middle = (At(Bits, row) + At(Bits + 1, row)) / 2;
        var painted = 0L;
        for (var bit = 0; bit < Bits; bit++)
            painted |= At(bit, row) > middle ? 1L << bit : 0;
        var ms = (now - painted + (1 << Bits)) % (1 << Bits) / 10.0;
        return ms < MostMs ? ms : null;
    }

    /// <summary>The scene that all streams show, as packed planes of I420.</summary>
    public static async Task<byte[][]> SceneAsync()
    {
        var scene = new MovingScene(Width, Height, 30, new FramePool("scene"));
        var pictures = new byte[150][];
        for (var i = 0; i < pictures.Length; i++)
        {
            using var frame = (await scene.ReadAsync(CancellationToken.None))!;
            var packed = new byte[Width * Height * 3 / 2];
            var at = 0;
            Copy(frame.Y, frame.StrideY, Width, Height);
            Copy(frame.U, frame.StrideC, Width / 2, Height / 2);
            Copy(frame.V, frame.StrideC, Width / 2, Height / 2);
            pictures[i] = packed;

            void Copy(Span<byte> plane, int stride, int width, int height)
            {
                for (var y = 0; y < height; y++, at += width)
                    plane.Slice(y * stride, width).CopyTo(packed.AsSpan(at));
            }
        }
        return pictures;
    }
}
