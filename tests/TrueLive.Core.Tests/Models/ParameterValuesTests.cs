using System.Globalization;
using System.Text.Json;
using CsCheck;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Tests.Models;

public sealed class ParameterValuesTests
{
    private static readonly ModelParameter[] Declared =
    [
        new("level", "Level", ParameterKind.Number) { Default = "1", Min = 0, Max = 9, Step = 0.5 },
        new("any", "Any", ParameterKind.Number),
        new("way", "Way", ParameterKind.Choice) { Default = "a", Choices = ["a", "b"] },
        new("on", "On", ParameterKind.Flag) { Default = "false", Live = false },
        new("said", "Said", ParameterKind.Text),
        new("shown", "Shown", ParameterKind.Image),
    ];

    [Theory]
    [InlineData("level", "2", "2")]
    [InlineData("level", "2.6", "2.5")]
    [InlineData("level", "9.2", "9")]
    [InlineData("level", "2e0", "2")]
    [InlineData("any", "-0", "0")]
    [InlineData("any", "1e300", "1E+300")]
    [InlineData("way", "b", "b")]
    [InlineData("on", "true", "true")]
    [InlineData("said", "two words; and more", "two words; and more")]
    public void A_value_is_kept_in_one_form(string id, string text, string kept)
    {
        Assert.True(ParameterValues.None.TrySet(Declared, [new(id, text)], out var values, out var error), error);
        Assert.Equal(kept, values.Text(id));
    }

    [Theory]
    [InlineData("level", "9.3", "Level (level) must be a number within 0..9.")]
    [InlineData("level", "-1", "within 0..9")]
    [InlineData("level", "NaN", "within 0..9")]
    [InlineData("level", "1,5", "within 0..9")]
    [InlineData("level", "", "within 0..9")]
    [InlineData("any", "1e999", "must be a number")]
    [InlineData("way", "c", "must be one of: a, b")]
    [InlineData("on", "yes", "must be true or false")]
    [InlineData("said", "a \"quote\"", "without quotation marks")]
    [InlineData("said", "a\nbreak", "control characters")]
    [InlineData("shown", "x", "must be the id of a picture")]
    [InlineData("other", "1", "It has: level, any, way, on, said, shown.")]
    public void What_a_parameter_does_not_take_is_refused_with_what_it_takes(string id, string text, string words)
    {
        Assert.False(ParameterValues.None.TrySet(Declared, [new("way", "b"), new(id, text)], out _, out var error));
        Assert.Contains(words, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("{}")]
    public void Json_that_is_no_value_is_refused_for_every_kind_of_parameter(string json)
    {
        foreach (var parameter in Declared)
        {
            var given = ParameterJson.Texts(new Dictionary<string, JsonElement> { [parameter.Id] = JsonDocument.Parse(json).RootElement });
            Assert.False(ParameterValues.None.TrySet(Declared, given!, out _, out var error), parameter.Id);
            Assert.Contains("must be", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_picture_is_named_by_what_it_shows_and_goes_with_the_values()
    {
        var (light, dark) = (Picture(64, 48, 200), Picture(64, 48, 20));
        Assert.Equal(light.Id, Picture(64, 48, 200).Id);
        Assert.NotEqual(light.Id, dark.Id);
        Assert.True(ParameterValues.None.TrySet(Declared, [new("shown", light.Id)], out var values, out _, [dark, light]));
        Assert.Equal(light.Id, values.Picture("shown")?.Id);
        // A picture in use need not be passed again, and no other is kept.
        var more = Set(values, ("level", "3"), ("shown", light.Id));
        Assert.Equal([light], more.Pictures);
        Assert.False(more.TrySet(Declared, [new("shown", dark.Id)], out _, out _));
        Assert.Equal([light], more.For([Declared[^1]]).Pictures);
        Assert.Empty(more.For([Declared[0]]).Pictures);
        Assert.Equal(ParameterValues.None, Set(values, ("shown", "")));
        Assert.Empty(Set(more, ("shown", "")).Pictures);
        Assert.True(ValueSchedule.TryParse($"0s; 1s shown={dark.Id}", Declared, out var cues, out var error, [dark]), error);
        Assert.Equal([null, dark.Id], cues.Select(c => c.Values.Picture("shown")?.Id));

        // Through bytes and back, without the padding of frames.
        var pool = new FramePool("reference", 1);
        using var again = ReferencePicture.Read(light.Id, light.Bytes.ToArray())!.Rent(pool);
        Assert.Equal((64, 48, (byte)200, (byte)90), (again.Width, again.Height, again.Y[again.StrideY * 47 + 63],
            again.V[again.StrideC * 23 + 31]));
        Assert.All(new[] { 0, 7, light.Bytes.Length - 1 },
            length => Assert.Null(ReferencePicture.Read("a", light.Bytes[..length].ToArray())));
        Assert.Throws<ArgumentException>(() => Picture(ReferencePicture.MaxSide + 2, 48, 20));
        Assert.Throws<ArgumentException>(() => Picture(63, 48, 20));
    }

    private static ReferencePicture Picture(int width, int height, byte luma)
    {
        var pool = new FramePool("reference", 1);
        using var frame = pool.Rent(width, height);
        frame.Y.Fill(luma);
        frame.U.Fill(90);
        frame.V.Fill(90);
        return ReferencePicture.Of(frame, "");
    }

    [Fact]
    public void Values_that_are_the_same_are_equal_however_they_were_set_and_a_default_is_none()
    {
        var one = Set(Set(ParameterValues.None, ("level", "3")), ("way", "b"));
        var other = Set(Set(Set(ParameterValues.None, ("way", "a"), ("level", "3.0")), ("way", "b")), ("on", "false"));
        Assert.Equal(one, other);
        Assert.Equal(one.GetHashCode(), other.GetHashCode());
        Assert.Equal("level=3 way=b", one.ToString());
        Assert.Same(ParameterValues.None, Set(one, ("level", "1"), ("way", "a")));
        Assert.True(Set(one, ("on", "true")).Reloads(one, Declared));
        Assert.False(Set(one, ("way", "a")).Reloads(one, Declared));
        // Another model takes the values that it has.
        Assert.Equal("way=b", one.For([Declared[2]]).ToString());
    }

    [Fact]
    public void What_is_taken_can_be_written_into_a_schedule_and_read_again() =>
        Gen.Select(
                Gen.Int[0, Declared.Length - 1].Select(i => Declared[i].Id),
                Gen.OneOf(Gen.String[0, 30], Gen.Double.Select(d => d.ToString(CultureInfo.InvariantCulture)), Gen.Const("b"),
                    Gen.Const("true"), Gen.Const("a b; c")))
            .Sample((id, text) =>
            {
                if (!ParameterValues.None.TrySet(Declared, [new(id, text)], out var values, out _))
                    return true;
                Assert.True(PromptSchedule.TryOne(values.ToString(), out var schedule, out _));
                return ValueSchedule.TryParse(schedule!.ToString(), Declared, out var read, out _) && read[0].Values.Equals(values);
            }, iter: 2000);

    [Fact]
    public void A_schedule_of_values_changes_what_it_names_beside_the_prompts()
    {
        Assert.True(ValueSchedule.TryParse("0s level=2; 1s way=b said=\"two words\"; 3s level=4", Declared, out var values, out var error),
            error);
        Assert.Equal(["level=2", "level=2 said=\"two words\" way=b", "level=4 said=\"two words\" way=b"],
            values.Select(v => v.Values.ToString()));
        Assert.True(PromptSchedule.TryParse("0s ink; 1s neon; 2s oil", out var prompts, out _));
        var cues = ValueSchedule.Over(prompts.Resolve(_ => PromptReading.Empty, 1, TimeSpan.Zero), values);
        Assert.Equal([(0, 1, "ink", "2"), (1, 2, "neon", "2"), (2, 3, "oil", "2"), (3, 4, "oil", "4")],
            cues.Select(c => ((int)c.At.TotalSeconds, (int)c.Prompt.Revision, c.Prompt.Text, c.Prompt.Values.Text("level")!)));
        Assert.False(ValueSchedule.TryParse("level 2", Declared, out _, out error));
        Assert.Contains("seed=5 guidance=full", error, StringComparison.Ordinal);
        Assert.False(ValueSchedule.TryParse("0s level=2; 1s level=70", Declared, out _, out _));
        Assert.True(ValueSchedule.TryParse(null, Declared, out values, out _));
        Assert.Same(ParameterValues.None, Assert.Single(values).Values);
    }

    private static ParameterValues Set(ParameterValues on, params (string Id, string Text)[] given)
    {
        Assert.True(on.TrySet(Declared, given.Select(g => KeyValuePair.Create(g.Id, g.Text)), out var values, out var error), error);
        return values;
    }
}
