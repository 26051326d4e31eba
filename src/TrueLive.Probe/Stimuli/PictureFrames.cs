using TrueLive.Core.Frames;

namespace TrueLive.Probe.Stimuli;

/// <summary>Converts between the probe's pictures and I420 frames.</summary>
internal static class PictureFrames
{
    /// <summary>Writes a picture into a frame of the same size (limited range; chroma averaged over 2 x 2).</summary>
    public static void Write(Picture picture, VideoFrame frame)
    {
        var luma = frame.Y;
        for (var y = 0; y < frame.Height; y++)
        {
            var row = picture.Y.AsSpan(y * picture.Width, picture.Width);
            var to = luma.Slice(y * frame.StrideY, picture.Width);
            for (var x = 0; x < row.Length; x++)
                to[x] = (byte)Math.Clamp(16.5f + row[x] * (219f / 255f), 16, 235);
        }
        Chroma(picture.U, picture, frame.U, frame);
        Chroma(picture.V, picture, frame.V, frame);
        frame.Colour = ColourSpace.Bt601Limited;
    }

    /// <summary>Averages a frame of any size down (or repeats it up) to a picture; chroma comes at its own resolution.</summary>
    public static void Read(VideoFrame frame, Picture picture)
    {
        Shrink(frame.Y, frame.StrideY, frame.Width, frame.Height, picture.Y, picture);
        Shrink(frame.U, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight, picture.U, picture);
        Shrink(frame.V, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight, picture.V, picture);
    }

    private static void Chroma(float[] plane, Picture picture, Span<byte> to, VideoFrame frame)
    {
        for (var y = 0; y < frame.ChromaHeight; y++)
        {
            var top = 2 * y * picture.Width;
            var bottom = Math.Min(2 * y + 1, picture.Height - 1) * picture.Width;
            for (var x = 0; x < frame.ChromaWidth; x++)
            {
                var (left, right) = (2 * x, Math.Min(2 * x + 1, picture.Width - 1));
                to[y * frame.StrideC + x] = (byte)Math.Clamp(
                    0.5f + 0.25f * (plane[top + left] + plane[top + right] + plane[bottom + left] + plane[bottom + right]), 16, 240);
            }
        }
    }

    private static void Shrink(Span<byte> plane, int stride, int width, int height, float[] to, Picture picture)
    {
        // Sixteen samples per cell and direction are enough for a mean; an 8K frame must not cost 33 million reads.
        for (var py = 0; py < picture.Height; py++)
        {
            var (y0, y1) = (py * height / picture.Height, Math.Max(py * height / picture.Height + 1, (py + 1) * height / picture.Height));
            var stepY = Math.Max(1, (y1 - y0) / 16);
            for (var px = 0; px < picture.Width; px++)
            {
                var (x0, x1) = (px * width / picture.Width, Math.Max(px * width / picture.Width + 1, (px + 1) * width / picture.Width));
                var stepX = Math.Max(1, (x1 - x0) / 16);
                var (sum, count) = (0, 0);
                for (var y = y0; y < y1; y += stepY)
                {
                    var row = plane.Slice(y * stride, width);
                    for (var x = x0; x < x1; x += stepX)
                    {
                        sum += row[x];
                        count++;
                    }
                }
                to[py * picture.Width + px] = (float)sum / count;
            }
        }
    }
}
