using TrueLive.Core.Frames;

namespace TrueLive.Models.Tests;

/// <summary>Pictures from integer formulas, so that training/test_picture.py makes the same ones.</summary>
internal static class TestPicture
{
    public static VideoFrame Make(FramePool pool, int t, int width, int height)
    {
        var frame = pool.Rent(width, height);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)(t * 3000));
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                frame.Y[y * frame.StrideY + x] = (byte)(16 + (Triangle(3 * x + 5 * t) + Triangle(2 * y + x - 3 * t)) * 219 / 256);
        }
        for (var y = 0; y < frame.ChromaHeight; y++)
        {
            for (var x = 0; x < frame.ChromaWidth; x++)
                (frame.U[y * frame.StrideC + x], frame.V[y * frame.StrideC + x]) = ((byte)(64 + Triangle(2 * x + 4 * t)),
                    (byte)(64 + Triangle(3 * y - 2 * t)));
        }
        return frame;
    }

    private static int Triangle(int n) => Math.Abs((n & 255) - 128);
}
