using CsCheck;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Tests.Frames;

public sealed class ColourConversionTests
{
    private static readonly ColourSpace[] Spaces = [ColourSpace.Bt601Limited, ColourSpace.Bt709Limited, ColourSpace.Bt709Full,
        ColourSpace.Bt601Full];
    private readonly FramePool _pool = new("colour test");

    [Theory]
    [InlineData(0, 255, 255, 255, 235, 128, 128)]
    [InlineData(0, 255, 0, 0, 81, 90, 240)]
    [InlineData(1, 0, 255, 0, 173, 42, 26)]
    [InlineData(2, 0, 0, 255, 18, 255, 116)]
    [InlineData(3, 255, 0, 0, 76, 85, 255)]
    public void Known_colours_have_their_known_codes(int space, float r, float g, float b, int y, int u, int v)
    {
        using var frame = _pool.Rent(16, 4);
        frame.Colour = Spaces[space];
        ColourConversion.FromPlanarRgb(Plane(64, r / 255), Plane(64, g / 255), Plane(64, b / 255), frame, TensorScale.Unit);
        Assert.Equal((y, u, v), (frame.Y[0], frame.U[0], frame.V[0]));
        Assert.Equal((y, u, v), (frame.Y[frame.StrideY + 15], frame.U[7], frame.V[frame.StrideC + 7]));
    }

    [Fact]
    public void Any_size_and_colour_space_comes_back_as_it_went_in() =>
        Gen.Select(Gen.Int[1, 45], Gen.Int[1, 20], Gen.Int[0, 3], Gen.Int[0, 1000]).Sample((width, height, space, seed) =>
        {
            var random = new Random(seed);
            using var frame = _pool.Rent(width, height);
            frame.Colour = Spaces[space];
            int cb = random.Next(112, 144), cr = random.Next(112, 144);
            for (var i = 0; i < frame.Y.Length; i++)
                frame.Y[i] = (byte)random.Next(80, 180);
            frame.U.Fill((byte)cb);
            frame.V.Fill((byte)cr);
            var planes = Enumerable.Range(0, 3).Select(_ => new float[width * height]).ToArray();
            var scale = new TensorScale(255, 2, 1 / 0.229f, 0, -1, -0.485f / 0.229f);
            ColourConversion.ToPlanarRgb(frame, planes[0], planes[1], planes[2], scale);
            using var back = _pool.Rent(width, height);
            back.Colour = frame.Colour;
            ColourConversion.FromPlanarRgb(planes[0], planes[1], planes[2], back, scale);
            for (var y = 0; y < height; y++)
            {
                for (var x = 0; x < width; x++)
                    Assert.InRange(back.Y[y * back.StrideY + x] - frame.Y[y * frame.StrideY + x], -1, 1);
            }
            Assert.InRange(back.U[0] - cb, -1, 1);
            Assert.InRange(back.V[0] - cr, -1, 1);
        });

    [Fact]
    public void Pixels_of_three_bytes_are_the_same_colours_as_planes_of_floats() =>
        Gen.Select(Gen.Int[1, 75], Gen.Int[1, 20], Gen.Int[0, 3], Gen.Int[0, 1000]).Sample((width, height, space, seed) =>
        {
            var random = new Random(seed);
            using var frame = _pool.Rent(width, height);
            frame.Colour = Spaces[space];
            random.NextBytes(frame.Y);
            random.NextBytes(frame.U);
            random.NextBytes(frame.V);
            var planes = Enumerable.Range(0, 3).Select(_ => new float[width * height]).ToArray();
            ColourConversion.ToPlanarRgb(frame, planes[0], planes[1], planes[2], new TensorScale(255, 255, 255, 0, 0, 0));
            var pixels = new byte[3 * width * height + 1];
            pixels[^1] = 77;
            ColourConversion.ToRgb24(frame, pixels);
            Assert.Equal(77, pixels[^1]);
            for (var i = 0; i < 3 * width * height; i++)
                Assert.InRange(pixels[i] - planes[i % 3][i / 3], -0.51f, 0.51f);

            random.NextBytes(pixels);
            for (var i = 0; i < 3 * width * height; i++)
                planes[i % 3][i / 3] = pixels[i];
            using var wanted = _pool.Rent(width, height);
            wanted.Colour = frame.Colour;
            ColourConversion.FromPlanarRgb(planes[0], planes[1], planes[2], wanted, new TensorScale(255, 255, 255, 0, 0, 0));
            ColourConversion.FromRgb24(pixels, frame);
            Near(wanted.Y, wanted.StrideY, frame.Y, frame.StrideY, width, height);
            Near(wanted.U, wanted.StrideC, frame.U, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
            Near(wanted.V, wanted.StrideC, frame.V, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
            Assert.Throws<ArgumentException>(() => ColourConversion.ToRgb24(frame, pixels.AsSpan(2)));
            Assert.Throws<ArgumentException>(() => ColourConversion.FromRgb24(pixels.AsSpan(2), frame));
        });

    [Fact]
    public void Not_a_number_becomes_black_and_values_beyond_the_range_are_clamped()
    {
        using var frame = _pool.Rent(16, 2);
        frame.Colour = ColourSpace.Bt709Full;
        foreach (var (value, luma) in new[] { (float.NaN, 0), (float.PositiveInfinity, 255), (-7f, 0), (9f, 255) })
        {
            ColourConversion.FromPlanarRgb(Plane(32, value), Plane(32, value), Plane(32, value), frame, TensorScale.Unit);
            Assert.Equal((luma, luma, 128), (frame.Y[0], frame.Y[15], frame.U[7]));
        }
    }

    [Fact]
    public void Scaling_keeps_a_flat_picture_flat_and_a_ramp_straight() =>
        Gen.Select(Gen.Int[2, 70], Gen.Int[2, 70], Gen.Int[2, 70], Gen.Int[2, 70]).Sample((w, h, tw, th) =>
        {
            using var from = _pool.Rent(w, h);
            using var to = _pool.Rent(tw, th);
            for (var y = 0; y < h; y++)
            {
                for (var x = 0; x < w; x++)
                    from.Y[y * from.StrideY + x] = (byte)(x * 255 / w);
            }
            from.U.Fill(90);
            from.V.Fill(200);
            new FrameScaler(w, h, tw, th).Scale(from, to);
            Assert.Equal((90, 200), (to.U[0], to.V[(to.ChromaHeight - 1) * to.StrideC + to.ChromaWidth - 1]));
            var line = to.Y[..tw].ToArray();
            Assert.Equal(line.Order(), line);
            Assert.InRange(line[tw / 2] - (tw / 2 + 0.5) / tw * 255, -255.0 / Math.Min(w, tw) - 2, 255.0 / Math.Min(w, tw) + 2);
        });

    private static void Near(Span<byte> wanted, int wantedStride, Span<byte> found, int stride, int width, int height)
    {
        for (var row = 0; row < height; row++)
        {
            for (var x = 0; x < width; x++)
                Assert.InRange(found[row * stride + x] - wanted[row * wantedStride + x], -1, 1);
        }
    }

    private static float[] Plane(int length, float value)
    {
        var plane = new float[length];
        Array.Fill(plane, value);
        return plane;
    }
}
