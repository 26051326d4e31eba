using CsCheck;

namespace TrueLive.Models.Tests.Prompts;

public sealed class PromptNoteTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    [Theory]
    [InlineData("no more contrast", "Not changed, as asked: contrast. The picture stays as it is.")]
    [InlineData("don't make it darker", "Not changed, as asked: brightness. The picture stays as it is.")]
    public void What_is_not_to_be_changed_is_understood(string text, string note)
    {
        var reading = tiny.Model.Read(text);
        Assert.True(reading.Understood);
        Assert.Equal(note, reading.Note);
    }

    [Theory]
    [InlineData("sin city", false)]
    [InlineData("oil painting like El Greco", false)]
    [InlineData("Guillermo del Toro", false)]
    [InlineData("Charles de Gaulle in ink", false)]
    [InlineData("wie ein alter Film", true)]
    [InlineData("plus de contraste", true)]
    public void One_small_foreign_word_makes_no_foreign_prompt(string text, bool foreign) =>
        Assert.Equal(foreign, (tiny.Model.Read(text).Note ?? "").Contains("Only English", StringComparison.Ordinal));

    [Fact]
    public void No_text_of_any_script_throws()
    {
        string[] pieces =
        [
            "%", " percent ", "+", "-", ".", ",", " ", " darker", " by half ", " too little contrast ", " in ink ", " turn off ",
            "2", "\uff12", "\u0662", "\u0968", "\u0e52", "\ud835\udfd0", "\ud83d", "\u200d",
        ];
        var piece = Gen.OneOf(Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]), Gen.Char.Select(c => c.ToString()));
        piece.Array[0, 24].Select(string.Concat).Sample(text =>
            Assert.All(tiny.Model.Read(text).Adjustments, a => Assert.InRange(a.Amount, -1, 1)), iter: 1000);
    }
}
