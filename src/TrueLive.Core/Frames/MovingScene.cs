namespace TrueLive.Core.Frames;

/// <summary>
/// A generated scene for when there is no camera: a dusk sky over hills, a sun, drifting clouds and a turning wheel. The same seed gives
/// the same frames. On request the frame's number is painted into its lower edge as a 16-bit Gray code of black and white blocks (first
/// block: least significant bit), which a test reads back through any codec.
/// </summary>
public sealed class MovingScene(int width, int height, double frameRate, FramePool pool, int seed = 1, bool numbered = false) : IVideoSource
{
    /// <summary>Bits in the painted number.</summary>
    public const int NumberBits = 16;

    private readonly float _phase = seed * 0.73f;
    private long _next;

    /// <summary>The next frame, at once: a caller that needs the pace of a camera waits between reads. Never ends.</summary>
    public ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var frame = pool.Rent(width, height);
        var at = TimeSpan.FromSeconds(_next / frameRate);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(_next, at, 0, (uint)(at.Ticks * 9 / 1000));
        Paint(frame, (float)at.TotalSeconds + _phase);
        if (numbered)
            PaintNumber(frame, (int)(_next & 0xFFFF));
        _next++;
        return ValueTask.FromResult<VideoFrame?>(frame);
    }

    /// <summary>Reads the painted number back from the luma of a frame of any size.</summary>
    public static int ReadNumber(VideoFrame frame)
    {
        int gray = 0, top = frame.Height - (frame.Height / 12), row = (top + frame.Height) / 2;
        for (var bit = 0; bit < NumberBits; bit++)
        {
            var x = (2 * bit + 1) * frame.Width / (2 * NumberBits);
            if (frame.Y[row * frame.StrideY + x] > 126)
                gray |= 1 << bit;
        }
        for (var shift = 8; shift > 0; shift >>= 1)
            gray ^= gray >> shift;
        return gray;
    }

    private static void PaintNumber(VideoFrame frame, int number)
    {
        var gray = number ^ (number >> 1);
        for (var y = frame.Height - (frame.Height / 12); y < frame.Height; y++)
        {
            for (var x = 0; x < frame.Width; x++)
                frame.Y[y * frame.StrideY + x] = (gray >> (x * NumberBits / frame.Width) & 1) != 0 ? (byte)220 : (byte)32;
        }
        for (var y = (frame.Height - (frame.Height / 12)) / 2; y < frame.ChromaHeight; y++)
        {
            frame.U.Slice(y * frame.StrideC, frame.ChromaWidth).Fill(128);
            frame.V.Slice(y * frame.StrideC, frame.ChromaWidth).Fill(128);
        }
    }

    private static void Paint(VideoFrame frame, float t)
    {
        float w = frame.Width, h = frame.Height;
        float sunX = 0.5f + 0.32f * MathF.Sin(t * 0.31f), sunY = 0.36f + 0.12f * MathF.Cos(t * 0.43f);
        float wheelX = 0.72f + 0.05f * MathF.Sin(t * 0.9f), wheelY = 0.66f;
        for (var y = 0; y < frame.Height; y++)
        {
            var v = y / h;
            for (var x = 0; x < frame.Width; x++)
            {
                var u = x / w;
                var luma = 150 - 70 * v + 14 * MathF.Sin(u * 5 + t * 0.7f) * MathF.Sin(v * 9 - t * 0.3f);
                var sun = (u - sunX) * (u - sunX) * (w / h) * (w / h) + (v - sunY) * (v - sunY);
                luma += 95 * MathF.Exp(-sun * 130);
                var hill = 0.62f + 0.07f * MathF.Sin(u * 7 + t * 0.25f) + 0.03f * MathF.Sin(u * 19 - t * 0.4f);
                if (v > hill)
                    luma = 62 + 40 * (v - hill) + 10 * MathF.Sin(u * 60 + v * 80);
                float dx = (u - wheelX) * w / h, dy = v - wheelY, r = MathF.Sqrt(dx * dx + dy * dy);
                if (r < 0.17f)
                    luma = r > 0.145f || MathF.Abs(MathF.Sin(MathF.Atan2(dy, dx) * 3 + t * 1.7f)) < 0.22f ? 205 : luma * 0.6f;
                frame.Y[y * frame.StrideY + x] = (byte)Math.Clamp(luma, 16, 235);
            }
        }
        for (var y = 0; y < frame.ChromaHeight; y++)
        {
            var v = y / (h / 2);
            for (var x = 0; x < frame.ChromaWidth; x++)
            {
                var u = x / (w / 2);
                var sun = (u - sunX) * (u - sunX) * (w / h) * (w / h) + (v - sunY) * (v - sunY);
                var warm = MathF.Exp(-sun * 30);
                var ground = v > 0.62f + 0.07f * MathF.Sin(u * 7 + t * 0.25f) + 0.03f * MathF.Sin(u * 19 - t * 0.4f);
                frame.U[y * frame.StrideC + x] = (byte)Math.Clamp(ground ? 112 : 146 - 56 * warm, 16, 240);
                frame.V[y * frame.StrideC + x] = (byte)Math.Clamp(ground ? 116 : 122 + 44 * warm + 18 * v, 16, 240);
            }
        }
    }
}
