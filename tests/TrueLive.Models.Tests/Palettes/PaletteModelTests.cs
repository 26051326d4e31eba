using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Masks;
using TrueLive.Models.Palettes;
using TrueLive.Models.Tests.Masks;

namespace TrueLive.Models.Tests.Palettes;

/// <summary>The colours of a picture on the pictures of any model.</summary>
public sealed class PaletteModelTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    private readonly FramePool _pool = new("palette test", 8);
    private readonly IVideoModel _plain = PaletteModel.Of(new PassthroughModel(), TimeProvider.System);

    private static ColourSpace Space(int number) => new((ColourMatrix)(number / 2), number % 2 == 1);

    private MadeFrame Step(IModelSession session, VideoFrame input, Prompt prompt)
    {
        var made = new MadeFrame[1];
        Assert.Equal(1, session.Step(input, prompt, made));
        return made[0];
    }

    // The moments of what a fresh session makes of a picture.
    private ColourMoments Graded(VideoFrame input, ReferencePicture picture, double strength = 1)
    {
        using var session = _plain.CreateSession(input.Width, input.Height);
        using var frame = Step(session, input, Scene.Prompt(_plain, 1, picture, strength)).Frame;
        Assert.Equal(input.Colour, frame.Colour);
        return ColourMoments.Of(frame);
    }

    private ColourMoments Of(ReferencePicture picture)
    {
        using var frame = picture.Rent(_pool);
        return ColourMoments.Of(frame);
    }

    [Fact]
    public void Without_a_palette_pictures_and_memory_are_those_of_the_model()
    {
        var model = PaletteModel.Of(tiny.Model, TimeProvider.System);
        using var plain = tiny.Model.CreateSession(Person.Side, Person.Side);
        using var graded = model.CreateSession(Person.Side, Person.Side);
        var prompt = new Prompt(1, "ink", 1, TimeSpan.Zero, model.Read("ink"));
        for (var t = 0; t < 3; t++)
        {
            using var input = Person.Make(_pool, t);
            using var one = plain.Step(input, prompt);
            using var other = graded.Step(input, prompt);
            Assert.Equal(Scene.Samples(one), Scene.Samples(other));
        }
        Assert.Equal(plain.Capture().Bytes, graded.Capture().Bytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_result_has_the_mean_and_the_spread_of_the_colours_of_the_picture_in_each_colour_space(int space)
    {
        var picture = Scene.Picture(_pool, (120, 112, 150), 50);
        using var input = Scene.Make(_pool, 0, (100, 136, 120), 40, Space(space));
        var (wanted, found) = (Of(picture), Graded(input, picture));
        Assert.Equal(wanted.Y, found.Y, 0.004);
        Assert.Equal(wanted.Cb, found.Cb, 0.004);
        Assert.Equal(wanted.Cr, found.Cr, 0.004);
        Assert.InRange(Math.Sqrt(found.YY / wanted.YY), 0.97, 1.03);
        Assert.InRange(Math.Sqrt(found.CbCb / wanted.CbCb), 0.95, 1.05);
        Assert.InRange(Math.Sqrt(found.CrCr / wanted.CrCr), 0.95, 1.05);
        // Light and red go together as they do there.
        Assert.Equal(wanted.YCr, found.YCr, 0.0015);
    }

    [Fact]
    public void Half_of_the_palette_is_half_way_and_none_leaves_the_picture()
    {
        var picture = Scene.Picture(_pool, (140, 112, 150), 50);
        using var input = Scene.Make(_pool, 0, (90, 136, 120), 40);
        var (before, whole, half) = (ColourMoments.Of(input), Graded(input, picture), Graded(input, picture, 0.5));
        Assert.Equal((before.Y + whole.Y) / 2, half.Y, 0.004);
        Assert.Equal((before.Cr + whole.Cr) / 2, half.Cr, 0.004);
        using var session = _plain.CreateSession(Scene.Width, Scene.Height);
        using var frame = Step(session, input, Scene.Prompt(_plain, 1, picture, 0)).Frame;
        Assert.Same(input, frame);
    }

    [Fact]
    public void A_palette_of_one_colour_a_grey_one_and_one_of_the_smallest_size_keep_light_and_dark_apart()
    {
        using var input = Scene.Make(_pool, 0, (110, 136, 120), 40);
        var before = ColourMoments.Of(input);
        foreach (var (mean, spread) in new[] { ((81, 90, 240), 0), ((120, 128, 128), 0), ((16, 128, 128), 0) })
        {
            var found = Graded(input, Scene.Picture(_pool, mean, spread));
            // Black and white end a picture's range, so a part of its contrast may be cut off there.
            Assert.InRange(Math.Sqrt(found.YY / before.YY), 0.25, 0.55);
            Assert.InRange(found.CbCb + found.CrCr, 0, 0.001);
        }
        using var dot = _pool.Rent(2, 2);
        dot.Colour = ColourSpace.Bt709Limited;
        dot.Y.Fill(81);
        dot.U.Fill(90);
        dot.V.Fill(240);
        var red = Graded(input, ReferencePicture.Of(dot, ""));
        Assert.Equal((240 - 128) / 224.0, red.Cr, 0.004);
    }

    [Fact]
    public void A_picture_of_one_colour_is_left_alone_and_noise_is_amplified_no_more_than_stated()
    {
        var picture = Scene.Picture(_pool, (120, 110, 150), 80);
        using (var flat = Scene.Make(_pool, 0, (30, 128, 128), 0))
        {
            using var session = _plain.CreateSession(Scene.Width, Scene.Height);
            var made = Step(session, flat, Scene.Prompt(_plain, 1, picture));
            using var frame = made.Frame;
            Assert.Equal(Scene.Samples(flat), Scene.Samples(frame));
            Assert.Equal(0, made.Ticket.Palette!.Value.Strength);
        }
        using var faint = Scene.Make(_pool, 0, (100, 128, 128), 5);
        var (before, found) = (ColourMoments.Of(faint), Graded(faint, picture));
        Assert.InRange(Math.Sqrt((found.YY + found.CbCb + found.CrCr) / (before.YY + before.CbCb + before.CrCr)), 1.5,
            PaletteGrade.MostGain * 1.1);
    }

    [Fact]
    public void Something_bright_that_passes_changes_the_colours_of_the_rest_little_and_a_cut_begins_anew()
    {
        var prompt = Scene.Prompt(_plain, 1, Scene.Picture(_pool, (120, 110, 150), 50));
        using var session = _plain.CreateSession(Scene.Width, Scene.Height);
        var (steady, passing) = (Left(session, 0, bright: false), new List<int>());
        for (var t = 1; t < 72; t++)
            passing.Add(Left(session, t, bright: t is >= 64 and < 67));
        Assert.All(passing, luma => Assert.InRange(luma, steady - 4, steady + 4));
        // Alone the same picture would be graded darker at once.
        using var other = _plain.CreateSession(Scene.Width, Scene.Height);
        Assert.True(Left(other, 4, bright: true) < steady - 8);

        using var cut = Scene.Make(_pool, 72, (190, 90, 110), 20);
        using var third = _plain.CreateSession(Scene.Width, Scene.Height);
        using var after = Step(session, cut, prompt).Frame;
        using var alone = Step(third, cut, prompt).Frame;
        Assert.Equal(Scene.Samples(alone), Scene.Samples(after));

        int Left(IModelSession stream, int t, bool bright)
        {
            using var input = Scene.Make(_pool, t, (100, 128, 128), 40);
            for (var y = 0; bright && y < Scene.Height; y++)
                input.Y.Slice(y * input.StrideY + Scene.Width / 2, Scene.Width / 6).Fill(235);
            using var frame = Step(stream, input, prompt).Frame;
            var sum = 0;
            for (var y = 0; y < Scene.Height; y++)
            {
                foreach (var luma in frame.Y.Slice(y * frame.StrideY, Scene.Width / 3))
                    sum += luma;
            }
            return sum / (Scene.Height * (Scene.Width / 3));
        }
    }

    [Fact]
    public void It_fades_in_and_out_with_the_prompt_and_the_trace_says_how_far_it_is()
    {
        var picture = Scene.Picture(_pool, (140, 112, 150), 50);
        using var session = _plain.CreateSession(Scene.Width, Scene.Height);
        var (none, on) = (Scene.Prompt(_plain, 1, null), Scene.Prompt(_plain, 2, picture, transition: 0.3));
        var off = Scene.Prompt(_plain, 3, null, transition: 0.3);
        var shown = new List<FramePalette?>();
        for (var t = 0; t < 30; t++)
        {
            using var input = Scene.Make(_pool, t, (90, 136, 120), 40);
            var made = Step(session, input, t == 0 ? none : t < 15 ? on : off);
            made.Frame.Dispose();
            shown.Add(made.Ticket.Palette);
            Assert.Equal(made.Ticket.Palette is null ? FrameOrigin.PassedThrough : FrameOrigin.Generated, made.Ticket.Origin);
        }
        Assert.Null(shown[0]);
        Assert.All(shown.Skip(2).Take(22), p => Assert.Equal(picture.Id, p!.Value.Picture));
        Assert.InRange(shown[5]!.Value.Strength, 0.2f, 0.8f);
        Assert.Equal(1, shown[14]!.Value.Strength);
        Assert.InRange(shown[19]!.Value.Strength, 0.2f, 0.8f);
        Assert.Null(shown[29]);
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public void With_a_mask_the_palette_is_where_the_look_is()
    {
        using var model = MaskedModel.Of(PaletteModel.Of(new PassthroughModel(), TimeProvider.System), TimeProvider.System);
        Assert.IsType<PassthroughModel>(MaskedModel.Bare(model));
        var picture = Scene.Picture(_pool, (60, 90, 200), 20);
        var prompt = new Prompt(1, "", 1, TimeSpan.Zero, PromptReading.Empty)
        {
            Values = ParameterValues.Of(model.Info.Parameters, [new(Palette.PictureId, picture.Id), new(KeepMask.OnId, "person")],
                [picture]),
        };
        using var session = model.CreateSession(Person.Side, Person.Side);
        using var input = Person.Make(_pool);
        var made = Step(session, input, prompt);
        using var frame = made.Frame;
        Assert.All(Person.Beside, p => Assert.Equal(Red(input, p), Red(frame, p)));
        Assert.All(Person.On, p => Assert.True(Red(frame, p) > Red(input, p) + 15));
        Assert.Equal(("person", picture.Id), (made.Ticket.Mask!.Value.On, made.Ticket.Palette!.Value.Picture));

        static int Red(VideoFrame frame, (int X, int Y) p) => frame.V[p.Y / 2 * frame.StrideC + p.X / 2];
    }

    [Theory]
    [InlineData("half of the palette", 0.5f, "")]
    [InlineData("ink, palette 30 %", 0.3f, "ink")]
    [InlineData("watercolour with 80% of the palette", 0.8f, "watercolour")]
    [InlineData("without the palette", 0f, "")]
    [InlineData("no palette, cartoon", 0f, "cartoon")]
    [InlineData("neon in the colours of this painting", 1f, "neon")]
    [InlineData("use my palette", 1f, "")]
    [InlineData("a touch of the palette and ink", 0.25f, "ink")]
    [InlineData("a warm palette", null, "a warm palette")]
    [InlineData("no palette of grey", null, "no palette of grey")]
    [InlineData("in the colours of autumn", null, "in the colours of autumn")]
    [InlineData("use the palette of Monet", null, "use the palette of Monet")]
    [InlineData("with the palette knife", null, "with the palette knife")]
    [InlineData("no palette knife", null, "no palette knife")]
    [InlineData("ink with the palette of this painting", 1f, "ink")]
    public void Words_say_how_much_of_the_palette_is_used(string text, float? strength, string rest)
    {
        Assert.Equal(strength, PaletteWords.Read(text, out var left));
        Assert.Equal(rest, left.Trim());
    }

    [Fact]
    public void What_is_set_wins_over_words_and_words_over_nothing()
    {
        var model = PaletteModel.Of(tiny.Model, TimeProvider.System);
        var picture = Scene.Picture(_pool, (60, 90, 200), 20);
        var reading = model.Read("ink, half of the palette");
        Assert.True(reading.Understood);
        Assert.Contains("50 %", reading.Note, StringComparison.Ordinal);
        Assert.Equal(0.5f, Palette.Of(Scene.Prompt(model, 1, picture) with { Reading = reading }).Strength);
        Assert.Equal(0.8f, Palette.Of(Scene.Prompt(model, 1, picture, 0.8) with { Reading = reading }).Strength);
        Assert.True(Palette.Of(Scene.Prompt(model, 1, null) with { Reading = reading }).IsEmpty);
        // What else is said is still not understood.
        var (unknown, part) = (model.Read("qwertz"), model.Read("qwertz, half of the palette"));
        Assert.Equal((false, 0.5f, unknown.Confidence), (part.Understood, part.Palette, part.Confidence));
    }

    [Fact]
    public void A_model_that_has_such_a_parameter_itself_keeps_it()
    {
        using var model = new Painter();
        Assert.Same(model, PaletteModel.Of(model, TimeProvider.System));
        var values = ParameterValues.Of(model.Info.Parameters, [new(Palette.PictureId, "warm"), new(Palette.StrengthId, "low")]);
        Assert.Equal("low", values.Text(Palette.StrengthId));
        Assert.True(Palette.Of(Prompt.None with { Values = values }).IsEmpty);
    }

    private sealed class Painter : IVideoModel
    {
        public ModelInfo Info { get; } = new("painter", "1", "Painter", "", true, false, new ModelSizes(16, 4096, 2), [])
        {
            Parameters =
            [
                new(Palette.PictureId, "Palette", ParameterKind.Choice) { Choices = ["warm"] },
                new(Palette.StrengthId, "Strength", ParameterKind.Choice) { Choices = ["low", "high"] },
            ],
        };

        public PromptReading Read(string text) => PromptReading.Empty;

        public IModelSession CreateSession(int width, int height) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
