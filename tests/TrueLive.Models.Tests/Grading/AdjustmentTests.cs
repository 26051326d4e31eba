using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Tests.Grading;

public sealed class AdjustmentTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    private const int Width = 256;
    private const int Height = 192;

    private readonly FramePool _pool = new("adjustment test", 4);

    private Prompt Prompt(string text, double transition = 0, float strength = 1, long revision = 1) =>
        new(revision, text, strength, TimeSpan.FromSeconds(transition), tiny.Model.Read(text));

    private byte[] Step(IModelSession session, int t, Prompt prompt)
    {
        using var input = TestPicture.Make(_pool, t, Width, Height);
        using var made = session.Step(input, prompt);
        return [.. made.Y, .. made.U, .. made.V];
    }

    private byte[][] Pictures(params Prompt[] prompts)
    {
        using var session = tiny.Model.CreateSession(Width, Height);
        return [.. prompts.Select((p, t) => Step(session, t, p))];
    }

    private static double Luma(byte[] picture) => picture.Take(Width * Height).Average(y => (double)y);

    [Fact]
    public void A_look_with_an_adjustment_is_the_look_graded_and_the_memory_stays_the_look_s()
    {
        var darker = Prompt("ink, 50 % darker");
        var ink = Prompt("ink", revision: 2);
        var plain = Pictures(ink, ink, ink);
        var graded = Pictures(darker, darker, ink);
        Assert.InRange(Luma(graded[1]), 0.5 * Luma(plain[1]), 0.6 * Luma(plain[1]) + 8);
        Assert.Equal(plain[2], graded[2]);
    }

    [Fact]
    public void Adjustments_fade_in_with_the_transition_and_follow_the_strength()
    {
        var fade = Prompt("much darker", transition: 4 / 30.0, revision: 2);
        var shown = Pictures(Prompt(""), fade, fade, fade, fade, fade).Select(Luma).ToArray();
        Assert.InRange(shown[1], 0.98 * shown[0], 1.02 * shown[0]);
        Assert.True(shown[3] < 0.9 * shown[0] && shown[5] < 0.7 * shown[0], string.Join(" ", shown));
        Assert.Equal(Pictures(Prompt(""))[0], Pictures(Prompt("much darker", strength: 0))[0]);
    }

    [Fact]
    public void A_memory_that_was_taken_in_the_middle_of_a_transition_goes_on_with_the_same_pictures()
    {
        var fade = Prompt("ink, warmer, sharper", transition: 1, revision: 2);
        using var session = tiny.Model.CreateSession(Width, Height);
        using var other = tiny.Model.CreateSession(Width, Height);
        Step(session, 0, Prompt("ink"));
        // Without adjustments the memory is as long as it was before there were any.
        var plain = session.Capture();
        Step(session, 1, fade);
        var amid = session.Capture();
        Assert.True(amid.Bytes.Length > plain.Bytes.Length);
        other.Restore(amid);
        Assert.Equal(Step(session, 2, fade), Step(other, 2, fade));
        session.Restore(plain);
        other.Restore(plain);
        Assert.Equal(Step(session, 1, fade), Step(other, 1, fade));
    }

    [Fact]
    public void A_request_for_other_content_leaves_the_picture_and_says_why()
    {
        var reading = tiny.Model.Read("put a hat on me");
        Assert.False(reading.Understood);
        Assert.Contains("cannot add or change things", reading.Note, StringComparison.Ordinal);
        Assert.Equal(Pictures(Prompt(""))[0], Pictures(Prompt("put a hat on me"))[0]);
    }
}
