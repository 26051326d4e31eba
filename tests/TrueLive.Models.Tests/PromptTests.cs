using CsCheck;

namespace TrueLive.Models.Tests;

public sealed class PromptTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    // The looks that a text may mean, best first; a model need not have all of them.
    [Theory]
    [InlineData("ink", "ink")]
    [InlineData("japanese woodblock print", "great-wave", "engraving")]
    [InlineData("van gogh night sky", "starry-night", "oil")]
    [InlineData("cold thermal camera", "thermal")]
    [InlineData("vaporwave", "vaporwave")]
    public void A_text_lands_on_the_look_that_it_means(string text, params string[] looks)
    {
        var reading = tiny.Model.Read(text);
        Assert.True(reading.Understood);
        Assert.Equal(looks.First(l => tiny.Model.Info.Looks.Any(i => i.Id == l)), reading.Looks[0].Look);
    }

    [Fact]
    public void Weights_are_taken_as_written()
    {
        var reading = tiny.Model.Read("(ink:0.6) (neon:0.4)");
        Assert.Equal([("ink", 0.6f), ("neon", 0.4f)], reading.Looks.Select(l => (l.Look, l.Weight)));
        Assert.Equal([("noir", 1f), ("gold", -0.5f)], tiny.Model.Read("noir (gold:-0.5)").Looks.Select(l => (l.Look, l.Weight)));
    }

    [Theory]
    [InlineData("asdf qwerty zzz")]
    [InlineData("quarterly earnings report")]
    [InlineData("🙂🙂🙂")]
    public void What_means_nothing_keeps_the_picture_and_says_so(string text)
    {
        var reading = tiny.Model.Read(text);
        Assert.Equal("identity", reading.Looks[0].Look);
        Assert.True(!reading.Understood || reading.Confidence == 1 && text.Any(char.IsSurrogate));
        if (!reading.Understood)
            Assert.Contains("stays as it is", reading.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_words_are_named()
    {
        var reading = tiny.Model.Read("pencil florbnik");
        Assert.Equal("pencil", reading.Looks[0].Look);
        Assert.Equal(["florbnik"], reading.UnknownWords);
        Assert.Contains("florbnik", reading.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void Seventy_two_paraphrases_that_tuning_never_saw_land_on_their_look()
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, "training", "prompt_testset.tsv"))
            .Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split('\t')).ToArray();
        var missed = lines.Where(l => tiny.Model.Read(l[1]).Looks[0].Look != l[0]).Select(l => l[1]).ToArray();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{lines.Length - missed.Length} of {lines.Length}; missed: {string.Join("; ", missed)}");
        Assert.True(lines.Length >= 60);
        Assert.True(missed.Length <= lines.Length * 0.15, string.Join("; ", missed));
    }

    [Theory]
    [InlineData("\ud83d ink")]
    [InlineData("+999999 contrast -0,001 % darker 999999,999 percent")]
    [InlineData("not not no without (not:-2) (warmer:2) (warmer:2) half half")]
    public void Odd_texts_stay_in_range(string text) =>
        Assert.All(tiny.Model.Read(text).Adjustments, a => Assert.InRange(a.Amount, -1, 1));

    [Fact]
    public void Any_text_gives_a_finite_style_and_never_throws() =>
        Gen.OneOf(Gen.String, Gen.String[Gen.Char["(:) -.0123456789inkeo,'"], 0, 60]).Sample(text =>
        {
            var reading = tiny.Model.Read(text);
            Assert.Equal(32, reading.Style.Length);
            Assert.All(reading.Style, v => Assert.InRange(v, -20, 20));
        });
}
