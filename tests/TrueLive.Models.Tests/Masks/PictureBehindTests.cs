using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Masks;

namespace TrueLive.Models.Tests.Masks;

/// <summary>The person on a picture that the user sent.</summary>
public sealed class PictureBehindTests
{
    private const int Side = Person.Side;

    private readonly FramePool _pool = new("picture behind test", 8);
    private readonly IVideoModel _masked = MaskedModel.Of(new PassthroughModel(), TimeProvider.System);

    // A picture whose luma is a column's number on its left half and a row's on its right one, in steps of one.
    private ReferencePicture Ramp(int width, int height, byte u = 128)
    {
        using var frame = _pool.Rent(width, height);
        frame.Colour = ColourSpace.Bt709Limited;
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                frame.Y[y * frame.StrideY + x] = (byte)(x < width / 2 ? x % 256 : y % 256);
        }
        frame.U.Fill(u);
        frame.V.Fill(128);
        return ReferencePicture.Of(frame, "");
    }

    private static Prompt Prompt(IVideoModel model, ReferencePicture? picture, string text = "", params (string Id, string Value)[] more) =>
        new(1, text, 1, TimeSpan.Zero, model.Read(text))
        {
            Values = ParameterValues.Of(model.Info.Parameters,
                [.. more.Select(m => KeyValuePair.Create(m.Id, m.Value)), new(KeepMask.PictureId, picture?.Id ?? "")],
                picture is null ? [] : [picture]),
        };

    [Theory]
    [InlineData(400, 200, 256, 256)]
    [InlineData(200, 400, 256, 256)]
    [InlineData(256, 256, 512, 288)]
    [InlineData(256, 256, 288, 512)]
    [InlineData(768, 2, 640, 360)]
    [InlineData(2, 768, 640, 360)]
    [InlineData(2, 2, 640, 360)]
    [InlineData(640, 360, 640, 360)]
    public void A_picture_of_any_shape_covers_the_frame_from_its_middle_and_is_not_distorted(
        int fromWidth, int fromHeight, int width, int height)
    {
        using var fitted = CoveringPicture.Of(Ramp(fromWidth, fromHeight, u: 90), width, height, _pool);
        Assert.Equal((width, height), (fitted.Width, fitted.Height));
        Assert.Equal(90, fitted.U[0]);
        // One step to the right is as long as one down: the picture is scaled alike in both directions.
        var scale = Math.Max((double)width / fromWidth, (double)height / fromHeight);
        if (Math.Min(fromWidth, fromHeight) > 100)
        {
            var shown = fromWidth / 2 - (fromWidth - width / scale) / 2;
            var across = fitted.Y[(height / 2 * fitted.StrideY) + (int)(shown * scale * 0.75)]
                - fitted.Y[(height / 2 * fitted.StrideY) + (int)(shown * scale * 0.25)];
            Assert.InRange(across, shown / 2 - 3, shown / 2 + 3);
            var seen = Math.Min(height / scale, 250);
            var down = fitted.Y[((int)(seen * scale * 0.75) * fitted.StrideY) + width * 3 / 4]
                - fitted.Y[((int)(seen * scale * 0.25) * fitted.StrideY) + width * 3 / 4];
            Assert.InRange(down, seen / 2 - 3, seen / 2 + 3);
        }
    }

    [Fact]
    public void The_person_is_on_the_picture_and_a_change_of_it_shows_at_once()
    {
        using var session = _masked.CreateSession(Side, Side);
        foreach (var luma in new byte[] { 40, 200 })
        {
            using var input = Person.Make(_pool);
            using var made = session.Step(input, Prompt(_masked, Plain(luma)));
            // The camera's full range of BT.601, in which the picture is shown.
            var wanted = (luma - 16) * 255 / 219;
            Assert.All(Person.Beside, p => Assert.InRange(made.Y[p.Y * made.StrideY + p.X], wanted - 2, wanted + 2));
            Assert.All(Person.On, p => Assert.Equal(input.Y[p.Y * input.StrideY + p.X], made.Y[p.Y * made.StrideY + p.X]));
            Assert.Equal(input.Colour, made.Colour);
        }
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public void A_picture_that_is_set_is_shown_unless_something_else_is_and_one_that_is_missing_is_black()
    {
        var picture = Plain(120);
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Picture), KeepMask.Of(Prompt(_masked, picture)));
        Assert.Equal(new KeepMask(MaskArea.Background, MaskRest.Picture),
            KeepMask.Of(Prompt(_masked, picture, "", (KeepMask.OnId, "background"))));
        Assert.Equal(MaskRest.Picture, KeepMask.Of(Prompt(_masked, picture, "blur the background")).Rest);
        Assert.Equal(MaskRest.Blur, KeepMask.Of(Prompt(_masked, picture, "", (KeepMask.RestId, "blur"))).Rest);
        Assert.True(KeepMask.Of(Prompt(_masked, picture, "", (KeepMask.OnId, "everything"))).IsEmpty);
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Black),
            KeepMask.Of(Prompt(_masked, null, "", (KeepMask.RestId, "picture"))));
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Black), KeepMask.Of(Prompt(_masked, null, "use my picture as the background")));
    }

    [Theory]
    [InlineData("use my picture as the background", "")]
    [InlineData("ink in front of my photo", "ink")]
    [InlineData("change the background to the picture", "")]
    [InlineData("replace my background with this image, ink", "ink")]
    [InlineData("the picture behind me", "")]
    [InlineData("ink, on a picture background", "ink")]
    public void Words_ask_for_the_picture(string text, string rest)
    {
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Picture), MaskWords.Read(text, out var left));
        Assert.Equal(rest, left);
    }

    [Theory]
    [InlineData("a picture of a room")]
    [InlineData("like a picture in a museum")]
    [InlineData("a photo of me")]
    public void Other_words_of_pictures_ask_for_none(string text) => Assert.Null(MaskWords.Read(text, out _));

    [Fact]
    public void Frames_that_a_model_holds_have_their_picture_after_the_memory_was_copied()
    {
        using var held = MaskedModel.Of(new HoldingModel(_pool, new Chunk(1, 1, 2)), TimeProvider.System);
        var prompts = new[]
        { Prompt(held, Plain(60)), Prompt(held, Plain(180)) with { Revision = 2 }, Prompt(held, null) with { Revision = 3 } };
        using var whole = held.CreateSession(Side, Side);
        using var other = held.CreateSession(Side, Side);
        for (var t = 0; t < 2; t++)
            Assert.Empty(Step(whole, t, prompts[t]));
        var memory = whole.Capture();
        other.Restore(memory);
        Assert.Equal(memory.Bytes, other.Capture().Bytes);
        for (var t = 2; t < 5; t++)
        {
            var (one, same) = (Step(whole, t, prompts[2]), Step(other, t, prompts[2]));
            Assert.Equal(Assert.Single(one), Assert.Single(same));
        }
        var bytes = memory.Bytes.ToArray();
        for (var at = bytes.Length - 40; at > 1000; at -= 9973)
            Assert.ThrowsAny<ArgumentException>(() => other.Restore(memory with { Bytes = bytes.AsMemory(at) }));
        other.Reset();
        whole.Reset();
        Assert.Equal(0, _pool.Rented);
    }

    private List<byte[]> Step(IModelSession session, int t, Prompt prompt)
    {
        var made = new MadeFrame[4];
        using var input = Person.Make(_pool, t);
        var shown = new List<byte[]>();
        foreach (var one in made.AsSpan(0, session.Step(input, prompt, made)))
        {
            using var frame = one.Frame;
            shown.Add([.. frame.Y, .. frame.U, .. frame.V]);
        }
        return shown;
    }

    private ReferencePicture Plain(byte luma)
    {
        using var frame = _pool.Rent(64, 32);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Y.Fill(luma);
        frame.U.Fill(128);
        frame.V.Fill(128);
        return ReferencePicture.Of(frame, "");
    }
}
