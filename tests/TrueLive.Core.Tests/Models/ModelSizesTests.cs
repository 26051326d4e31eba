using CsCheck;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;

namespace TrueLive.Core.Tests.Models;

public sealed class ModelSizesTests
{
    private static readonly ModelSizes Sizes = new(64, 1280, 16);

    [Fact]
    public void The_nearest_size_is_always_one_that_the_network_runs_at() =>
        Gen.Select(Gen.Int[1, 8192], Gen.Int[1, 8192]).Sample((w, h) =>
        {
            var (width, height) = Sizes.Nearest(w, h);
            return width % 16 == 0 && height % 16 == 0 && width is >= 64 and <= 1280 && height is >= 64 and <= 1280;
        });

    [Fact]
    public void A_fixed_size_is_the_only_answer() =>
        Assert.Equal((720, 720), new ModelSizes(720, 720, 1, 720, 720).Nearest(640, 360));

    [Fact]
    public void Sides_are_even_whatever_the_multiple_because_H264_takes_no_others() =>
        Gen.Select(Gen.Int[1, 4096], Gen.Int[1, 4096], Gen.Int[1, 33]).Sample((w, h, multiple) =>
        {
            var (width, height) = new ModelSizes(96, 1280, multiple).Nearest(w, h);
            return (width | height) % 2 == 0 && width % multiple == 0 && height % multiple == 0 && width is >= 96 and <= 1280
                && height is >= 96 and <= 1280;
        });

    [Fact]
    public void A_network_of_odd_sides_has_sessions_one_pixel_larger()
    {
        foreach (var sizes in new[] { new ModelSizes(255, 255, 1), new ModelSizes(200, 300, 255), new ModelSizes(16, 16, 1, 255, 255) })
        {
            Assert.Equal((256, 256), sizes.Nearest(640, 360));
            Assert.Equal((255, 255), sizes.Network(256, 256));
        }
    }

    [Fact]
    public void The_size_of_a_session_is_its_own_nearest_and_the_network_is_at_most_a_pixel_smaller() =>
        Gen.Select(Gen.Int[16, 400], Gen.Int[0, 600], Gen.Int[1, 64], Gen.Int[1, 4000], Gen.Int[1, 4000])
            .Sample((min, more, multiple, w, h) =>
        {
            if ((min + more) / multiple == (min - 1) / multiple)
                return;
            var sizes = new ModelSizes(min, min + more, multiple);
            var (width, height) = sizes.Nearest(w, h);
            Assert.Equal((width, height), sizes.Nearest(width, height));
            var (wide, high) = sizes.Network(width, height);
            Assert.All([(width, wide), (height, high)], side =>
            {
                Assert.Equal(0, side.Item1 % 2);
                Assert.InRange(side.Item1 - side.Item2, 0, 1);
                Assert.InRange(side.Item2, min, min + more);
                Assert.Equal(0, side.Item2 % multiple);
            });
        });

    [Theory]
    [InlineData(1280, 720, 512, 288)]
    [InlineData(720, 1280, 288, 512)]
    [InlineData(640, 480, 448, 336)]
    [InlineData(320, 180, 320, 176)]
    public void A_session_keeps_the_input_shape_at_the_pixels_asked_for(int inWidth, int inHeight, int width, int height)
    {
        var settings = new SessionSettings(new Sized(), 512, 288, Prompt.None, 0, 0, false);
        Assert.Equal((width, height), settings.SizeFor(inWidth, inHeight));
    }

    private sealed class Sized : IVideoModel
    {
        public ModelInfo Info { get; } = new("sized", "1", "", "", false, false, Sizes, []);

        public PromptReading Read(string text) => PromptReading.Empty;

        public IModelSession CreateSession(int width, int height) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
