using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Palettes;
using TrueLive.Models.Tests.Masks;

namespace TrueLive.Models.Tests.Palettes;

/// <summary>A palette on pictures that change: with fades, cuts, a camera that pans, new looks, and adjustments behind it.</summary>
public sealed class PaletteInTimeTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    private static readonly (int Y, int U, int V) Grey = (126, 128, 128);

    private readonly FramePool _pool = new("palette in time test", 8);

    private static Prompt Prompt(long revision, double transition = 0) =>
        Core.Models.Prompt.None with { Revision = revision, Transition = TimeSpan.FromSeconds(transition) };

    // Mean luma, 0..1.
    private static double Luma(VideoFrame frame) => ColourMoments.Of(frame).Y;

    private static void Light(VideoFrame frame, double share)
    {
        foreach (ref var y in frame.Y)
            y = (byte)(16 + share * (y - 16));
        foreach (ref var u in frame.U)
            u = (byte)(128 + share * (u - 128));
        foreach (ref var v in frame.V)
            v = (byte)(128 + share * (v - 128));
    }

    private double Step(IModelSession session, VideoFrame input, Prompt prompt)
    {
        var made = new MadeFrame[1];
        Assert.Equal(1, session.Step(input, prompt, made));
        using var frame = made[0].Frame;
        return Luma(frame);
    }

    [Fact]
    public void Ink_20_percent_darker_stays_20_percent_darker_with_a_palette()
    {
        var model = PaletteModel.Of(tiny.Model, TimeProvider.System);
        var picture = Scene.Picture(_pool, (126, 118, 136), 40);
        var ink = Asked("ink", 1);
        var darker = Asked("ink, 20 % darker", 2);
        Assert.Single(darker.Reading.Adjustments);
        using var plain = model.CreateSession(Person.Side, Person.Side);
        using var adjusted = model.CreateSession(Person.Side, Person.Side);
        using var moved = model.CreateSession(Person.Side, Person.Side);
        var ratios = new List<double>();
        for (var t = 0; t < 16; t++)
        {
            using var input = Scene.Make(_pool, t, (110, 128, 128), 40, seed: 2);
            input.Ticket = input.Ticket with { Captured = TimeSpan.FromSeconds(t / 4.0) };
            var whole = Step(plain, input, ink);
            ratios.Add(Step(adjusted, input, t < 4 ? ink : darker) / whole);
            // The amounts stand in a copy of the memory.
            moved.Restore(adjusted.Capture());
        }
        Assert.All(ratios[..4], r => Assert.Equal(1, r, 0.001));
        Assert.All(ratios[6..], r => Assert.InRange(r, 0.78, 0.82));
        using (var input = Scene.Make(_pool, 200, (110, 128, 128), 40, seed: 2))
            Assert.Equal(Step(adjusted, input, darker), Step(moved, input, darker));

        Prompt Asked(string text, long revision) =>
            Scene.Prompt(model, revision, picture) with { Reading = model.Read(text), Transition = TimeSpan.FromSeconds(0.3) };
    }

    [Fact]
    public void A_palette_that_comes_and_goes_leaves_the_adjustments_as_they_are()
    {
        var model = PaletteModel.Of(tiny.Model, TimeProvider.System);
        // Its colours are those that the picture has, so that what changes is by the adjustment alone.
        using var look = model.CreateSession(Person.Side, Person.Side);
        using var session = model.CreateSession(Person.Side, Person.Side);
        var plain = new Prompt(1, "", 1, TimeSpan.Zero, model.Read(""));
        using var first = Scene.Make(_pool, 0, (110, 128, 128), 40, seed: 2);
        using var shown = look.Step(first, plain);
        var own = ReferencePicture.Of(shown, "");
        Prompt[] prompts =
        [
            .. new[] { null, own, null }.Select((palette, i) =>
                Scene.Prompt(model, i + 1, palette, transition: 0.3) with { Reading = model.Read("20 % darker") }),
        ];
        for (var t = 0; t < 18; t++)
        {
            using var input = Scene.Make(_pool, t, (110, 128, 128), 40, seed: 2);
            input.Ticket = input.Ticket with { Captured = TimeSpan.FromSeconds(t / 10.0) };
            // Half-way the palette takes out a quarter of what is still made before it.
            Assert.InRange(Step(session, input, prompts[t / 6]) / Luma(shown), 0.77, 0.87);
        }
    }

    [Fact]
    public void A_film_that_fades_from_black_to_black_and_back_has_the_light_of_the_palette_all_the_time()
    {
        using var model = PaletteModel.Of(new PassthroughModel(), TimeProvider.System);
        var picture = Scene.Picture(_pool, Grey, 40);
        var (wanted, prompt) = (0.0, Scene.Prompt(model, 1, picture));
        using (var palette = picture.Rent(_pool))
            wanted = Luma(palette);
        using var session = model.CreateSession(Scene.Width, Scene.Height);
        for (var t = 0; t < 180; t++)
        {
            using var input = Scene.Make(_pool, t, (130, 124, 132), 60);
            // One second each: in, on, out, black, in, on.
            Light(input, Math.Clamp(t < 60 ? t / 30.0 : t < 105 ? (90 - t) / 30.0 : (t - 120) / 30.0, 0, 1));
            var moments = ColourMoments.Of(input);
            var luma = Step(session, input, prompt);
            if (moments.YY > 0.02 * 0.02)
                Assert.InRange(luma, wanted - 0.2, wanted + 0.2);
            if (t is >= 45 and < 60 or >= 165)
                Assert.Equal(wanted, luma, 0.03);
        }
    }

    [Fact]
    public void Once_it_has_begun_a_covered_lens_is_shown_by_the_average_that_there_is()
    {
        using var model = PaletteModel.Of(new PassthroughModel(), TimeProvider.System);
        var prompt = Scene.Prompt(model, 1, Scene.Picture(_pool, (126, 110, 150), 40));
        using var session = model.CreateSession(Scene.Width, Scene.Height);
        var made = new MadeFrame[1];
        for (var t = 0; t < 20; t++)
        {
            using var input = Scene.Make(_pool, t, t < 10 ? Grey : (20, 128, 128), t < 10 ? 40 : 0);
            session.Step(input, prompt, made);
            using var frame = made[0].Frame;
            Assert.Equal(1, made[0].Ticket.Palette!.Value.Strength);
            if (t >= 10)
                Assert.InRange(Luma(frame), 0, 0.05);
        }
    }

    [Fact]
    public void New_looks_of_the_same_luma_and_other_colours_are_followed_while_they_come_into_force()
    {
        var moments = new MovingMoments();
        for (var t = 0; t < 60; t++)
            With(moments, t, (126, 100, 150), 40, Prompt(1));
        // From sepia to blue in 0.3 s, and to grey: the medians of the last two are alike.
        for (var t = 60; t < 69; t++)
            With(moments, t, (126, 100 + 5 * (t - 60), 150 - 5 * (t - 60)), 40, Prompt(2, 0.3));
        for (var t = 69; t < 99; t++)
            Assert.Equal(Alone(t, (126, 145, 105), 40).Cr, With(moments, t, (126, 145, 105), 40, Prompt(2, 0.3)).Cr, 0.003);
        for (var t = 99; t < 109; t++)
            With(moments, t, (126, 145, 105), 40, Prompt(3, 0.3));
        var colour = With(moments, 109, (126, 128, 128), 40, Prompt(4));
        for (var t = 110; t < 140; t++)
        {
            using var frame = Scene.Make(_pool, t, Grey, 40);
            frame.U.Fill(128);
            frame.V.Fill(128);
            Assert.True(moments.With(frame, frame.Ticket.Captured, Prompt(5, 0.3))!.Value.CbCb < colour.CbCb / 100);
        }
    }

    [Fact]
    public void Light_and_colour_that_come_up_under_one_prompt_are_followed_soon()
    {
        var (moments, at) = (new MovingMoments(), 0);
        for (; at < 60; at++)
            With(moments, at, (60, 128, 128), 20, Prompt(1));
        // An average over two seconds would be 90 levels behind at the end of the first, and 40 at the end of the second.
        for (; at < 90; at++)
            Assert.InRange(219 * Behind((60 + 4 * (at - 59), 128, 128)).Y, 0, 25);
        for (; at < 110; at++)
            Assert.InRange(224 * Behind((180, 128, 128 + 3 * (at - 89))).Cr, 0, 25);
        for (; at < 140; at++)
            Behind((180, 128, 188));
        Assert.InRange(224 * Behind((180, 128, 188)).Cr, 0, 10);

        (double Y, double Cr) Behind((int Y, int U, int V) mean)
        {
            var (found, now) = (With(moments, at, mean, 20, Prompt(1)), Alone(at, mean, 20));
            return (now.Y - found.Y, now.Cr - found.Cr);
        }
    }

    [Fact]
    public void A_cut_between_pictures_of_the_same_luma_begins_anew()
    {
        var moments = new MovingMoments();
        for (var t = 0; t < 60; t++)
            With(moments, t, (126, 118, 128), 40, Prompt(1));
        Assert.Equal(Alone(60, (126, 146, 110), 40), With(moments, 60, (126, 146, 110), 40, Prompt(1)));
    }

    [Theory]
    [InlineData(30)]
    [InlineData(5)]
    public void A_camera_that_pans_changes_the_average_little_at_any_rate(int rate)
    {
        // Blocks of 12x12, of which 14 columns pass each second.
        var random = new Random(3);
        var world = new byte[60, 8];
        for (var i = 0; i < world.Length; i++)
            world[i / 8, i % 8] = (byte)random.Next(70, 180);
        var moments = new MovingMoments();
        double changes = 0, own = 0, last = 0, before = 0;
        for (var t = 0; t < 3 * rate; t++)
        {
            using var frame = _pool.Rent(Scene.Width, Scene.Height);
            frame.Colour = ColourSpace.Bt709Limited;
            frame.U.Fill(128);
            frame.V.Fill(128);
            var left = t * 12 * 14 / rate;
            for (var y = 0; y < Scene.Height; y++)
            {
                for (var x = 0; x < Scene.Width; x++)
                    frame.Y[y * frame.StrideY + x] = world[(left + x) / 12, y / 12];
            }
            var (average, now) = (moments.With(frame, TimeSpan.FromSeconds((double)t / rate), Prompt(1))!.Value.Y, Luma(frame));
            // The first second is what it learns from.
            if (t > rate)
                (changes, own) = (changes + Math.Abs(average - last), own + Math.Abs(now - before));
            (last, before) = (average, now);
        }
        Assert.InRange(changes, 0, own / 3);
    }

    [Fact]
    public void The_first_pictures_are_averaged_as_a_mean_of_all_of_them()
    {
        var (moments, all) = (new MovingMoments(), new List<double>());
        for (var t = 0; t < 20; t++)
        {
            (int Y, int U, int V) mean = (120 + t % 2 * 6, 128, 128);
            var found = With(moments, t, mean, 40, Prompt(1)).Y;
            all.Add(Alone(t, mean, 40).Y);
            if (t >= 2)
                Assert.Equal(all.Skip(1).Average(), found, 0.001);
        }
    }

    private ColourMoments With(MovingMoments moments, int t, (int Y, int U, int V) mean, int spread, Prompt prompt)
    {
        using var frame = Scene.Make(_pool, t, mean, spread);
        return moments.With(frame, frame.Ticket.Captured, prompt)!.Value;
    }

    private ColourMoments Alone(int t, (int Y, int U, int V) mean, int spread)
    {
        using var frame = Scene.Make(_pool, t, mean, spread);
        return ColourMoments.Of(frame);
    }
}
