using CsCheck;
using TrueLive.Core.Models;
using TrueLive.Models.Masks;

namespace TrueLive.Models.Tests.Masks;

public sealed class MaskWordsTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    private readonly IVideoModel _masked = MaskedModel.Of(tiny.Model, TimeProvider.System);

    [Theory]
    [InlineData("blur the background", "person blur", "")]
    [InlineData("Blur my background please", "person blur", "")]
    [InlineData("ink, blur the background", "person blur", "ink")]
    [InlineData("blur the background and make it ink", "person blur", "make it ink")]
    [InlineData("ink with a blurred background", "person blur", "ink")]
    [InlineData("background blur", "person blur", "")]
    [InlineData("the background should be blurry", "person blur", "")]
    [InlineData("make the background blurry", "person blur", "")]
    [InlineData("everything else blurred", "person blur", "")]
    [InlineData("blur everything behind me", "person blur", "")]
    [InlineData("soften the room", "person blur", "")]
    [InlineData("blur my face", "background blur", "")]
    [InlineData("blur me", "background blur", "")]
    [InlineData("only me", "person camera", "")]
    [InlineData("ink, just me", "person camera", "ink")]
    [InlineData("ink on me only", "person camera", "ink")]
    [InlineData("only on the person", "person camera", "")]
    [InlineData("pencil sketch but leave the background alone", "person camera", "pencil sketch")]
    [InlineData("don't touch the background", "person camera", "")]
    [InlineData("just the background", "background camera", "")]
    [InlineData("neon, only the background", "background camera", "neon")]
    [InlineData("keep my face", "background camera", "")]
    [InlineData("keep my face as it is, ink", "background camera", "ink")]
    [InlineData("everything but me in ink", "background camera", "in ink")]
    [InlineData("don't change me", "background camera", "")]
    [InlineData("remove the background", "person grey", "")]
    [InlineData("hide my room", "person grey", "")]
    [InlineData("green screen", "person green", "")]
    [InlineData("ink on a white background", "person white", "ink")]
    [InlineData("make the background blue", "person blue", "")]
    [InlineData("turn the background to gray", "person grey", "")]
    [InlineData("with a plain violet backdrop", "person purple", "")]
    [InlineData("don't blur the background", "everything camera", "")]
    [InlineData("no background blur, ink", "everything camera", "ink")]
    [InlineData("only me, and blur the background", "person blur", "")]
    [InlineData("blur the background, on a black background", "person black", "")]
    public void Words_of_person_and_background_are_read_beside_a_look(string text, string wanted, string rest)
    {
        var mask = MaskWords.Read(text, out var left);
        Assert.Equal((wanted, rest), ($"{KeepMask.Name(mask!.Value.On)} {KeepMask.Name(mask.Value.Rest)}", left));
    }

    [Theory]
    [InlineData("ink")]
    [InlineData("make me a cartoon")]
    [InlineData("put a hat on me")]
    [InlineData("a room full of flowers")]
    [InlineData("a person in the rain")]
    [InlineData("meet me halfway")]
    [InlineData("change the background to a beach")]
    [InlineData("dark background music")]
    [InlineData("blur")]
    [InlineData("soft pastel painting of a person")]
    public void Other_words_are_left_to_the_model(string text)
    {
        Assert.Null(MaskWords.Read(text, out var left));
        Assert.Equal(text, left);
        Assert.Equal(tiny.Model.Read(text).Note, _masked.Read(text).Note);
    }

    [Fact]
    public void The_answer_says_in_words_what_is_done()
    {
        var reading = _masked.Read("ink, blur the background");
        Assert.True(reading.Understood);
        Assert.Equal("ink", reading.Looks[0].Look);
        Assert.Equal("The look is on the person only; the background is blurred.", reading.Note);
        Assert.Equal(tiny.Model.Read("20 % darker").Note + " The look is on the background only; the person stays as the camera shows it.",
            _masked.Read("20 % darker, only the background").Note);
        Assert.True(_masked.Read("blur the background").Understood);
    }

    [Fact]
    public void No_text_of_any_kind_throws_or_takes_long()
    {
        string[] pieces =
        [
            "blur ", "the ", "please ", "background ", "only ", "me ", "not ", "keep ", "green ", "white ", ", ", " ", "don't ", "as it is ",
            "\U0001f600", "\ud83d",
        ];
        var piece = Gen.OneOf(Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]), Gen.Char.Select(c => c.ToString()));
        piece.Array[0, 60].Select(string.Concat).Sample(text => _ = MaskWords.Read(text, out _), iter: 1000);
        // Each of these would take minutes if the time grew faster than the square of the length.
        foreach (var one in pieces)
            _ = MaskWords.Read("me " + string.Concat(Enumerable.Repeat(one, 120)) + "x", out _);
    }
}
