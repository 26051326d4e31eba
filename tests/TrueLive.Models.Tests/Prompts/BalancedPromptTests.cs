namespace TrueLive.Models.Tests.Prompts;

public sealed class BalancedPromptTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    /// <summary>
    /// balanced.tsv was written before the reading was tuned, unseen.tsv after it, and nothing was tuned on it; mended.tsv holds prompts
    /// that were once read wrong.
    /// </summary>
    [Theory]
    [InlineData("balanced.tsv", 120, 0.95, 0.85)]
    [InlineData("unseen.tsv", 40, 0.95, 0.85)]
    [InlineData("mended.tsv", 46, 1, 1)]
    public void Prompts_of_all_kinds_are_read_right_or_refused_honestly(string file, int count, double honest, double served)
    {
        var cases = PromptCase.Load(file);
        Assert.Equal(count, cases.Length);
        var judged = cases.Select(c => (Case: c, Reading: tiny.Model.Read(c.Text)))
            .Select(c => (c.Case, c.Reading, Right: c.Case.IsRight(c.Reading), Fair: c.Case.IsRight(c.Reading)
                || PromptCase.IsHonest(c.Reading))).ToArray();
        var output = TestContext.Current.TestOutputHelper;
        foreach (var kind in judged.GroupBy(c => c.Case.Kind).Append(judged.GroupBy(_ => "all").Single()))
            output?.WriteLine($"{kind.Key,-22} {kind.Count(c => c.Right),4} right {kind.Count(c => c.Fair && !c.Right),4} honest " +
                $"{kind.Count(c => !c.Fair),4} wrong");
        foreach (var (one, reading, right, fair) in judged.Where(c => !c.Right))
            output?.WriteLine($"{(fair ? "honest" : "WRONG")} {one.Kind}: '{one.Text}' -> {string.Join(", ", reading.Looks)} " +
                $"{string.Join(", ", reading.Adjustments)} {reading.Note}");
        var servable = judged.Where(c => c.Case.Served).ToArray();
        output?.WriteLine($"{judged.Count(c => c.Fair)} of {judged.Length} right or honest; of {servable.Length} that can be served, " +
            $"{servable.Count(c => c.Right)} are right");
        Assert.True(judged.Count(c => c.Fair) >= honest * judged.Length);
        Assert.True(servable.Count(c => c.Right) >= served * servable.Length);
    }
}
