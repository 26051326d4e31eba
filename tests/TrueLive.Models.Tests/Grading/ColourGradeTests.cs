using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Grading;

namespace TrueLive.Models.Tests.Grading;

public sealed class ColourGradeTests
{
    private readonly FramePool _pool = new("grade test", 4);

    private static readonly float[][] Amounts = [[0.25f, 0, 0, 0, 0], [-0.5f, 0.3f, 0, 0, 0], [0, -0.4f, -1, 0, 0], [0, 0, 0.4f, 0.25f, 0],
        [-0.12f, 0.1f, -0.3f, -0.6f, 0]];

    /// <summary>The reference computes with fractions, in red, green and blue, from what adjustments mean.</summary>
    [Fact]
    public void Each_sample_is_within_one_step_of_the_same_grade_computed_with_fractions()
    {
        ColourSpace[] spaces = [ColourSpace.Bt601Limited, ColourSpace.Bt709Limited, ColourSpace.Bt709Full, ColourSpace.Bt601Full];
        foreach (var (space, amounts) in spaces.SelectMany(s => Amounts.Select(a => (s, a))))
        {
            using var frame = Grey(space, 34, 18);
            using var wanted = Grey(space, 34, 18);
            ColourGrade.Of(amounts).Apply(frame);
            var (r, g, b) = (new float[34 * 18], new float[34 * 18], new float[34 * 18]);
            ColourConversion.ToPlanarRgb(wanted, r, g, b, TensorScale.Unit);
            for (var i = 0; i < r.Length; i++)
                (r[i], g[i], b[i]) = Graded(r[i], g[i], b[i], amounts);
            ColourConversion.FromPlanarRgb(r, g, b, wanted, TensorScale.Unit);
            AssertNear(wanted.Y, frame.Y);
            AssertNear(wanted.U, frame.U);
            AssertNear(wanted.V, frame.V);
        }
    }

    [Fact]
    public void Without_colour_is_grey_and_without_change_is_the_same_bytes()
    {
        using var frame = Grey(ColourSpace.Bt709Limited, 33, 17);
        var before = frame.Y.ToArray();
        ColourGrade.Of([0, 0, 0, 0, 0]).Apply(frame);
        Assert.Equal(before, frame.Y.ToArray());
        ColourGrade.Of([0, 0, -1, 0, 0]).Apply(frame);
        for (var y = 0; y < frame.ChromaHeight; y++)
        {
            Assert.All(frame.U.Slice(y * frame.StrideC, frame.ChromaWidth).ToArray(), u => Assert.Equal(128, u));
            Assert.All(frame.V.Slice(y * frame.StrideC, frame.ChromaWidth).ToArray(), v => Assert.Equal(128, v));
        }
    }

    [Theory]
    [InlineData(0.5f)]
    [InlineData(-0.3f)]
    public void Sharpness_adds_the_difference_from_a_blur(float amount)
    {
        // A width that the vectors do not divide.
        using var frame = Grey(ColourSpace.Bt709Full, 45, 19);
        var before = frame.Y.ToArray();
        var stride = frame.StrideY;
        new LumaSharpness(45, 19).Apply(frame, amount);
        int[] weights = [1, 4, 6, 4, 1];
        for (var y = 0; y < 19; y++)
        {
            for (var x = 0; x < 45; x++)
            {
                double blur = 0;
                for (var i = 0; i < 25; i++)
                    blur += weights[i / 5] * weights[i % 5]
                        * before[Math.Clamp(y + i / 5 - 2, 0, 18) * stride + Math.Clamp(x + i % 5 - 2, 0, 44)] / 256.0;
                var own = before[y * stride + x];
                Assert.InRange(frame.Y[y * stride + x] - Math.Clamp(own + 2 * amount * (own - blur), 0, 255), -1.6, 1.6);
            }
        }
    }

    // Colours around grey, so that no grade of these tests leaves the range.
    private VideoFrame Grey(ColourSpace space, int width, int height)
    {
        var frame = _pool.Rent(width, height);
        frame.Colour = space;
        for (var i = 0; i < frame.Y.Length; i++)
            frame.Y[i] = (byte)(100 + i * 7919L % 40);
        for (var i = 0; i < frame.U.Length; i++)
            (frame.U[i], frame.V[i]) = ((byte)(120 + i * 31 % 17), (byte)(119 + i * 57 % 19));
        return frame;
    }

    private static (float R, float G, float B) Graded(float r, float g, float b, float[] amounts)
    {
        var (brightness, contrast, saturation, warmth) = (1 + amounts[0], 1 + amounts[1], 1 + amounts[2], 0.4f * amounts[3]);
        (r, b) = (r * (1 + warmth), b * (1 - warmth));
        var luma = 0.2126f * r + 0.7152f * g + 0.0722f * b;
        return (One(r), One(g), One(b));

        float One(float c) => ((luma + saturation * (c - luma) - 0.5f) * contrast + 0.5f) * brightness;
    }

    private static void AssertNear(ReadOnlySpan<byte> wanted, ReadOnlySpan<byte> found)
    {
        for (var i = 0; i < wanted.Length; i++)
            Assert.InRange(found[i] - wanted[i], -1, 1);
    }
}
