using CsCheck;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Tests.Clips;

public sealed class PromptScheduleTests
{
    private static PromptSchedule Parse(string text) =>
        PromptSchedule.TryParse(text, out var schedule, out var error) ? schedule : throw new FormatException(error);

    [Fact]
    public void A_schedule_names_moments_in_three_ways()
    {
        var cues = Parse("0s ink; 800ms (ink:0.5)(neon:0.5)\n# later\n1:02.5 noir").Cues;
        Assert.Equal([0, 0.8, 62.5], cues.Select(c => c.At.TotalSeconds));
        Assert.Equal(["ink", "(ink:0.5)(neon:0.5)", "noir"], cues.Select(c => c.Text));
    }

    [Fact]
    public void A_plain_prompt_holds_from_the_start() =>
        Assert.Equal(new PromptCue(TimeSpan.Zero, "1970s film"), Assert.Single(Parse("1970s film").Cues) with { At = TimeSpan.Zero });

    [Fact]
    public void A_first_cue_after_the_start_keeps_the_picture_until_then() =>
        Assert.Equal(["", "ink"], Parse("2s ink").Cues.Select(c => c.Text));

    [Theory]
    [InlineData("0s ink; noir", "Entry 2")]
    [InlineData("3s ink; 1s noir", "not after")]
    public void A_wrong_entry_is_named_with_what_is_allowed(string text, string expected)
    {
        Assert.False(PromptSchedule.TryParse(text, out _, out var error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_prompt_in_force_is_the_last_cue_before_the_frame()
    {
        var resolved = Parse("0s a; 1s bb; 2s ccc").Resolve(new EchoModel(new FramePool("test")), 1, TimeSpan.FromSeconds(0.3));
        Assert.Equal("a", PromptSchedule.PromptAt(resolved, TimeSpan.FromSeconds(0.999)).Text);
        Assert.Equal("bb", PromptSchedule.PromptAt(resolved, TimeSpan.FromSeconds(1)).Text);
        Assert.Equal("ccc", PromptSchedule.PromptAt(resolved, TimeSpan.FromSeconds(9)).Text);
        Assert.Equal(TimeSpan.Zero, resolved[0].Prompt.Transition);
    }

    [Theory]
    [InlineData("16:9 cinematic")]
    [InlineData("oil painting; 3s soft light")]
    [InlineData("#anime")]
    [InlineData("0s")]
    [InlineData(@"a\;b\")]
    [InlineData("")]
    public void One_prompt_is_taken_as_it_stands_and_is_the_same_when_its_schedule_is_read_again(string text)
    {
        Assert.True(PromptSchedule.TryOne(text, out var one, out _));
        Assert.Equal(text, Assert.Single(one.Cues).Text);
        Assert.Equal(one.Cues, Parse(one.ToString()).Cues);
        Assert.Equal("0s " + text, one.ToDisplay());
    }

    [Fact]
    public void A_semicolon_within_a_prompt_has_a_backslash_before_it() =>
        Assert.Equal(["oil; soft", "ink"], Parse(@"0s oil\; soft; 2s ink").Cues.Select(c => c.Text));

    [Fact]
    public void What_lies_after_the_end_is_told()
    {
        Assert.Null(Parse("0s ink; 0.9s neon").BeyondEnd(TimeSpan.FromSeconds(1)));
        Assert.Contains("at 3s ('neon')", Parse("0s ink; 3s neon").BeyondEnd(TimeSpan.FromSeconds(1)), StringComparison.Ordinal);
        Assert.Contains("2 prompts, the first at 1s", Parse("0s ink; 1s neon; 2s oil").BeyondEnd(TimeSpan.FromSeconds(1)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Any_prompts_come_back_from_the_text_of_their_schedule() =>
        Gen.String[Gen.Char["0123456789.:sm; \\#ink"], 0, 40].List[1, 4].Sample(texts =>
        {
            var cues = string.Join("; ", texts.Select((t, i) =>
                $"{i}s {t.Replace(@"\", @"\\", StringComparison.Ordinal).Replace(";", @"\;", StringComparison.Ordinal)}"));
            var schedule = Parse(cues);
            Assert.Equal(texts.Select(t => t.Trim()), schedule.Cues.Select(c => c.Text));
            Assert.Equal(schedule.Cues, Parse(schedule.ToString()).Cues);
        });

    [Fact]
    public void Any_text_is_read_or_refused_and_never_throws() =>
        Gen.String[Gen.Char["0123456789.:sm; \n#(ink)-é"], 0, 80].Sample(text =>
        {
            if (PromptSchedule.TryParse(text, out var schedule, out var error))
                Assert.True(schedule.Cues[0].At == TimeSpan.Zero
                    && schedule.Cues.Zip(schedule.Cues.Skip(1)).All(p => p.First.At < p.Second.At));
            else
                Assert.NotEmpty(error);
        });
}
