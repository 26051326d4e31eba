using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using TrueLive.Probe.Requirements;

namespace TrueLive.Probe.Tests.Requirements;

/// <summary>The four questions and their answers.</summary>
public sealed partial class RequirementAdviceTests
{
    private static readonly string Sources = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "probe-requirements.md"));

    [Fact]
    public void Every_answer_to_every_question_is_a_requirement_that_the_probe_reads_with_a_reason_and_a_source_for_each_figure()
    {
        var keeps = RequirementQuestion.Of("keep").Choices.Select(c => c.Id).ToArray();
        string[][] kept = [[], keeps, .. keeps.Select(k => new[] { k })];
        foreach (var build in RequirementQuestion.Of("build").Choices)
        {
            foreach (var watch in RequirementQuestion.Of("watch").Choices)
            {
                foreach (var (delay, keep) in RequirementQuestion.Of("delay").Choices.SelectMany(d => kept.Select(k => (d.Id, k))))
                {
                    var what = $"{build.Id} {watch.Id} {delay} {string.Join(',', keep)}";
                    var advice = RequirementAdvice.For(new RequirementAnswers(build.Id, watch.Id, delay, keep));
                    var read = RequirementYaml.Read(what, advice.Yaml);
                    Assert.Equal(advice.Yaml, RequirementYaml.Write(read));
                    Assert.All(read.Rules, rule => Assert.True(Known(rule.Source) && rule.Why is not null, $"{what}: {rule.Metric}"));
                    Assert.Equal(read.Rules.Count, read.Rules.Select(r => r.Metric).Distinct().Count());
                    var tiers = read.Rules.Single(r => r.Metric == "tier").Among;
                    Assert.Equal((what, advice.Tier), (what, tiers.Contains("T1") ? 1 : tiers.Contains("T2") ? 2 : 3));
                    // A step makes pictures as late as it is long, so a longer step than the delay cannot be met.
                    if (read.Rules.FirstOrDefault(r => r.Metric == "Q") is { } grain
                        && read.Rules.FirstOrDefault(r => r.Metric == "delay.D95") is { Must: true } late)
                        Assert.True(1000 * grain.Value <= late.Value, what);
                    Assert.NotEmpty(advice.Why);
                    Assert.NotEmpty(advice.Ask);
                    Assert.Equal("svg", XDocument.Parse(advice.Picture).Root!.Name.LocalName);
                }
            }
        }
    }

    [Fact]
    public void The_presets_are_the_answers_to_what_is_usual()
    {
        Assert.Equal(RequirementPresets.Names, RequirementQuestion.Of("build").Choices.Select(c => c.Id).Order(StringComparer.Ordinal));
        Assert.All(RequirementPresets.Names, name => Assert.Equal(
            RequirementYaml.Write(RequirementYaml.Read(name, RequirementPresets.Yaml(name)!)),
            RequirementAdvice.For(new RequirementAnswers(name)).Yaml));
    }

    [Theory]
    [InlineData("batch-post-production", "usual", "usual", 1, null)]
    [InlineData("batch-post-production", "self", "usual", 3, 200)]
    [InlineData("creative-exploration", "usual", "usual", 2, null)]
    [InlineData("live-broadcast", "nobody", "usual", 1, null)]
    [InlineData("live-broadcast", "usual", "wait", 3, 5000)]
    [InlineData("live-broadcast", "partner", "usual", 3, 400)]
    [InlineData("video-call-filter", "usual", "instant", 3, 100)]
    [InlineData("video-call-filter", "partner", "seconds", 3, 400)]
    public void The_tier_and_the_delay_follow_from_who_watches_and_what_they_bear(
        string build, string watch, string delay, int tier, int? late)
    {
        var advice = RequirementAdvice.For(new RequirementAnswers(build, watch, delay));
        var rule = RequirementYaml.Read("x", advice.Yaml).Rules.FirstOrDefault(r => r.Metric == "delay.D95");
        Assert.Equal((tier, late), (advice.Tier, (int?)rule?.Value));
        Assert.StartsWith($"You need tier {tier}", advice.Heading, StringComparison.Ordinal);
    }

    [Fact]
    public void Answers_that_contradict_each_other_are_told_of_and_the_stricter_figure_stands()
    {
        var advice = RequirementAdvice.For(new RequirementAnswers("video-call-filter", "self", "seconds"));
        Assert.Contains("You would take 5 s, but those who watch need 200 ms", Assert.Single(advice.Warnings), StringComparison.Ordinal);
        Assert.Empty(RequirementAdvice.For(new RequirementAnswers("video-call-filter", "self", "mirror")).Warnings);
    }

    [Fact]
    public void What_clips_cannot_keep_is_not_asked_of_them()
    {
        var advice = RequirementAdvice.For(new RequirementAnswers("live-broadcast", "nobody", "wait", ["hours", "prompts"]));
        Assert.Equal(2, advice.Tier);
        Assert.Empty(advice.Warnings);
        Assert.DoesNotContain("continuity", advice.Yaml, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("film", null, "build: 'film'")]
    [InlineData("vtuber", "mars", "watch: 'mars'")]
    public void A_choice_that_there_is_not_is_named_with_those_that_there_are(string build, string? watch, string words)
    {
        var error = Assert.Throws<FormatException>(() => new RequirementAnswers(build, watch));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Contains(watch is null ? "vtuber" : "audience", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_with_quotes_and_colons_is_written_so_that_it_is_read_back()
    {
        const string Odd = "a \"b\": {c}, [d] # e \\ f\tg";
        var rule = new RequirementRule("Q", "<=", 0.1, [], true, "s", Odd) { Source = Odd };
        var read = RequirementYaml.Read("x", RequirementYaml.Write(new Requirement("x", Odd, "E4", [rule])));
        Assert.Equal((Odd, Odd, Odd), (read.Title, read.Rules[0].Why, read.Rules[0].Source));
        Assert.Equal(0.1.ToString(CultureInfo.InvariantCulture), read.Rules[0].Value.ToString(CultureInfo.InvariantCulture));
    }

    // The sources stand in the first column of a table of the document.
    private static bool Known(string? source) => source is "our judgement" or "your answer"
        || SourceRow().Matches(Sources).Any(row => row.Groups[1].Value == source);

    [GeneratedRegex(@"^\| ([^|]+?) \|", RegexOptions.Multiline)]
    private static partial Regex SourceRow();
}
