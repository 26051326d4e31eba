using CsCheck;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Masks;

namespace TrueLive.Models.Tests.Masks;

public sealed class MaskBlendTests
{
    private readonly FramePool _pool = new("blend test", 8);

    [Fact]
    public void A_row_is_mixed_by_its_shares_whatever_its_length()
    {
        Gen.Int[2, 70].Select(Gen.Bool, Gen.Int[0, 1000]).Sample((length, inverted, seed) =>
        {
            var random = new Random(seed);
            byte[] a = new byte[length + 3], b = new byte[length], shares = new byte[length], made = new byte[length];
            random.NextBytes(a);
            random.NextBytes(b);
            random.NextBytes(shares);
            (shares[0], shares[^1]) = (0, 255);
            MaskBlend.Row(a, b, shares, inverted, made);
            for (var x = 0; x < length; x++)
            {
                var share = (inverted ? 255 - shares[x] : shares[x]) / 255.0;
                Assert.InRange(made[x], a[x] * share + b[x] * (1 - share) - 1.5, a[x] * share + b[x] * (1 - share) + 1.5);
            }
            // Where only one is shown, it is shown exactly.
            Assert.Equal(inverted ? a[0] : b[0], made[0]);
        }, iter: 500);
    }

    [Theory]
    [InlineData(ColourMatrix.Bt601, false)]
    [InlineData(ColourMatrix.Bt709, false)]
    [InlineData(ColourMatrix.Bt601, true)]
    [InlineData(ColourMatrix.Bt709, true)]
    public void A_colour_is_the_same_in_each_colour_space(ColourMatrix matrix, bool full)
    {
        using var frame = _pool.Rent(16, 16);
        frame.Colour = new ColourSpace(matrix, full);
        float[] r = new float[256], g = new float[256], b = new float[256];
        MaskColours.Fill(frame, MaskRest.Green);
        ColourConversion.ToPlanarRgb(frame, r, g, b, TensorScale.Unit);
        Assert.All(r, v => Assert.Equal(0, v, 0.02));
        Assert.All(g, v => Assert.Equal(177 / 255f, v, 0.02));
        Assert.All(b, v => Assert.Equal(64 / 255f, v, 0.02));
    }

    [Fact]
    public void A_blur_has_no_halo_of_what_is_kept()
    {
        var (width, height) = (320, 256);
        var (seenWidth, seenHeight) = PersonNetwork.SizeFor(width, height);
        using var picture = _pool.Rent(width, height);
        using var mask = _pool.Rent(seenWidth, seenHeight);
        using var blurred = _pool.Rent(width, height);
        mask.Y.Clear();
        mask.U.Clear();
        picture.U.Fill(128);
        picture.V.Fill(128);
        // A black person in the left half before a light background.
        for (var y = 0; y < height; y++)
            picture.Y.Slice(y * picture.StrideY, width).Fill(220);
        for (var y = 0; y < height; y++)
            picture.Y.Slice(y * picture.StrideY, width / 2).Clear();
        for (var y = 0; y < seenHeight; y++)
            mask.Y.Slice(y * mask.StrideY, seenWidth / 2).Fill(255);
        for (var y = 0; y < seenHeight / 2; y++)
            mask.U.Slice(y * mask.StrideC, seenWidth / 4).Fill(255);
        new BackgroundBlur(width, height).Apply(picture, mask, inverted: true, blurred);
        for (var x = width / 2 + 6; x < width; x++)
            Assert.InRange(blurred.Y[128 * blurred.StrideY + x], 215, 221);
    }

    [Fact]
    public void A_look_in_another_colour_space_than_the_camera_s_meets_it_in_its_own()
    {
        using var look = _pool.Rent(64, 64);
        using var camera = _pool.Rent(64, 64);
        using var into = _pool.Rent(64, 64);
        using var mask = _pool.Rent(256, 256);
        mask.Y.Clear();
        mask.U.Clear();
        (look.Colour, camera.Colour) = (ColourSpace.Bt709Full, ColourSpace.Bt601Limited);
        camera.Y.Fill(235);
        camera.U.Fill(128);
        camera.V.Fill(128);
        using var blend = new MaskBlend(64, 64);
        blend.Apply(look, camera, mask, new MaskWish(Prompt.None, Prompt.None, new KeepMask(MaskArea.Person, MaskRest.Camera)), into);
        Assert.Equal((ColourSpace.Bt709Full, 255, 128), (into.Colour, into.Y[0], into.U[0]));
    }
}
