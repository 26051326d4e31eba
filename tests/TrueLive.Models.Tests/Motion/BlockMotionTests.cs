using CsCheck;
using TrueLive.Models.Motion;

namespace TrueLive.Models.Tests.Motion;

public sealed class BlockMotionTests
{
    private const int Width = 192;
    private const int Height = 120;

    // Waves that no shift within reach maps to themselves.
    private static double Scene(double x, double y) =>
        128 + 45 * Math.Sin(x * 0.11 + y * 0.05) + 35 * Math.Sin(x * 0.031 - y * 0.17) + 20 * Math.Sin(x * 0.53 + y * 0.71)
            + 15 * Math.Sin(x * 0.6 - y * 0.45);

    public static byte Pixel(double x, double y) => (byte)Math.Clamp(Scene(x, y), 0, 255);

    private static byte[] Picture(double dx, double dy, int noise = 0, int seed = 1)
    {
        var random = new Random(seed);
        var luma = new byte[Width * Height];
        for (var i = 0; i < luma.Length; i++)
            luma[i] = (byte)Math.Clamp(Scene(i % Width + dx, i / Width + dy) + (noise == 0 ? 0 : random.Next(-noise, noise + 1)), 0, 255);
        return luma;
    }

    private static BlockMotion Searched(byte[] before, byte[] now, out bool moved)
    {
        var motion = new BlockMotion(Width, Height);
        motion.Push(before, Width);
        motion.Push(now, Width);
        moved = motion.Search();
        return motion;
    }

    [Fact]
    public void A_pan_is_found_to_half_a_pixel_at_any_speed_within_reach() =>
        Gen.Select(Gen.Int[-16 * 4, 16 * 4], Gen.Int[-16 * 4, 16 * 4]).Where(v => Math.Abs(v.Item1) + Math.Abs(v.Item2) > 4)
            .Sample((x4, y4) =>
        {
            var motion = Searched(Picture(0, 0), Picture(x4 / 4.0, y4 / 4.0, 4), out var moved);
            Assert.True(moved);
            // The content of blocks at the border may have come from outside the picture.
            var right = 0;
            foreach (var (x, y) in motion.Motion)
                right += Math.Abs(x - x4) <= 2 && Math.Abs(y - y4) <= 2 ? 1 : 0;
            Assert.True(right >= motion.Motion.Length * 0.6, $"({x4}, {y4}) / 4: {right} of {motion.Motion.Length}");
        }, iter: 60);

    [Fact]
    public void Noise_on_a_still_picture_is_no_motion()
    {
        Searched(Picture(0, 0, 20, 1), Picture(0, 0, 20, 2), out var moved);
        Assert.False(moved);
        Searched(new byte[Width * Height], new byte[Width * Height], out moved);
        Assert.False(moved);
    }

    [Fact]
    public void A_thing_that_moves_before_a_still_background_moves_alone()
    {
        byte[] before = Picture(0, 0), now = Picture(0, 0);
        for (var y = 32; y < 80; y++)
        {
            for (var x = 48; x < 112; x++)
            {
                before[y * Width + x] = (byte)Scene(x * 1.4 + 700, y * 1.3 + 300);
                now[y * Width + x] = (byte)Scene((x + 5) * 1.4 + 700, (y - 3) * 1.3 + 300);
            }
        }
        var motion = Searched(before, now, out _);
        Assert.Equal((20, -12), (motion.Motion[3 * motion.Columns + 5].X, motion.Motion[3 * motion.Columns + 5].Y));
        Assert.Equal(default, motion.Motion[0]);
        Assert.Equal(default, motion.Motion[^1]);
    }

    [Fact]
    public void Pictures_without_likeness_do_no_harm() =>
        Gen.Select(Gen.Int[8, 90], Gen.Int[8, 70], Gen.Int).Sample((w, h, seed) =>
        {
            var random = new Random(seed);
            var luma = new byte[w * h];
            var motion = new BlockMotion(w, h);
            for (var i = 0; i < 3; i++)
            {
                random.NextBytes(luma);
                motion.Push(luma, w);
                motion.Search();
            }
            Assert.All(motion.Motion, v => Assert.InRange(v.X, -4 * BlockMotion.Reach - 2, 4 * BlockMotion.Reach + 2));
        }, iter: 200);
}
