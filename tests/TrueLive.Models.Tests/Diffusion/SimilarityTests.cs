using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Diffusion;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>Pictures that are shown again because their frames are like the last one that was made.</summary>
public sealed class SimilarityTests
{
    private const int Side = 64;
    private const string Spec = """{ "steps": [40], "similarity": 0.98 }""";

    private readonly FramePool _pool = new("similarity", 4);

    [Fact]
    public void A_still_picture_is_made_once_in_eleven_frames_and_its_repeats_are_said_to_be_repeats_of_their_own_frames()
    {
        using var folder = new TinyDiffusion(Spec);
        using var model = folder.Load();
        Assert.True(model.Info.HasMemory);
        using (var session = model.CreateSession(Side, Side))
        {
            var prompt = TinyDiffusion.Prompt(model, "ink", revision: 7);
            var made = Enumerable.Range(0, 25).Select(t => Step(session, t, prompt)).ToArray();
            Assert.Equal([0L, 11, 22], made.Where(m => m.Ticket.Origin == FrameOrigin.Generated).Select(m => m.Ticket.SourceSequence));
            Assert.All(made, m => Assert.Equal(7, m.Ticket.PromptRevision));
            Assert.Equal(Enumerable.Range(0, 25).Select(t => (long)t), made.Select(m => m.Ticket.SourceSequence));
            Assert.Same(made[0].Frame, made[10].Frame);
            foreach (var one in made)
                one.Frame.Dispose();
        }
        Assert.Equal(0, model.FramesOut);
    }

    [Fact]
    public void A_change_of_prompt_strength_or_values_is_made_anew_and_so_is_every_frame_of_a_transition()
    {
        using var folder = new TinyDiffusion(Spec);
        using var model = folder.Load();
        using var session = model.CreateSession(Side, Side);
        var ink = TinyDiffusion.Prompt(model, "ink");
        Assert.True(ValueSchedule.TryParse("seed=5", model.Info.Parameters, out var seed, out _));
        Assert.True(ValueSchedule.TryParse("similarity=1", model.Info.Parameters, out var never, out _));
        var neon = TinyDiffusion.Prompt(model, "neon", revision: 4) with { Transition = TimeSpan.FromMilliseconds(100) };
        var prompts = new[]
        {
            ink, ink, ink with { Revision = 2, Values = seed[0].Values },
            ink with { Revision = 3, Strength = 0.9f, Values = seed[0].Values },
            neon, neon, neon, neon, neon, neon with { Revision = 5, Values = never[0].Values },
            neon with { Revision = 5, Values = never[0].Values },
        };
        // The same prompt is one object, as it is in a session.
        prompts[10] = prompts[9];
        var origins = prompts.Select((prompt, t) =>
        {
            var one = Step(session, t, prompt);
            one.Frame.Dispose();
            Assert.Equal(prompt.Revision, one.Ticket.PromptRevision);
            return one.Ticket.Origin == FrameOrigin.Repeated ? 'r' : 'g';
        });
        // The transition of 100 ms begins with frame 4 and has ended with frame 7, whose words are new as well.
        Assert.Equal("grggggggrgg", string.Concat(origins));
    }

    [Fact]
    public void Another_session_goes_on_from_a_copy_with_the_same_repeats()
    {
        using var folder = new TinyDiffusion(Spec);
        using var model = folder.Load();
        var prompt = TinyDiffusion.Prompt(model, "ink");
        using var one = model.CreateSession(Side, Side);
        using var two = model.CreateSession(Side, Side);
        for (var t = 0; t < 5; t++)
            Step(one, t, prompt).Frame.Dispose();
        var copy = one.Capture();
        two.Restore(copy);
        for (var t = 5; t < 14; t++)
        {
            var (wanted, found) = (Step(one, t, prompt), Step(two, t, prompt));
            Assert.Equal(wanted.Ticket, found.Ticket);
            Assert.Equal(t == 11 ? FrameOrigin.Generated : FrameOrigin.Repeated, found.Ticket.Origin);
            Assert.Equal(0, TinyDiffusion.Difference(wanted.Frame, found.Frame));
            wanted.Frame.Dispose();
            found.Frame.Dispose();
        }
        foreach (var length in new[] { copy.Bytes.Length - 1, copy.Bytes.Length - 5000, 40 })
            Assert.Throws<ArgumentException>(() => two.Restore(copy with { Bytes = copy.Bytes[..length] }));
        two.Reset();
        var anew = Step(two, 20, prompt);
        Assert.Equal(FrameOrigin.Generated, anew.Ticket.Origin);
        anew.Frame.Dispose();
    }

    [Theory]
    [InlineData(0.98)]
    [InlineData(0.9)]
    public void The_chance_of_a_repeat_falls_with_the_likeness_and_is_the_same_each_time(double threshold)
    {
        const int Trials = 1000;
        using var filter = new SimilarityFilter(Side, Side, 1, _pool);
        using var first = Halves(200, 40);
        foreach (var level in new byte[] { 200, 190, 180, 170, 150, 100 })
        {
            using var other = Halves(level, 40);
            var (a, b) = (Level(level), Level(40));
            var cosine = (Level(200) * a + b * b) / Math.Sqrt((Level(200) * Level(200) + b * b) * (a * a + b * b));
            var chance = Math.Max(0, 1 - (1 - cosine) / (1 - threshold));
            var (shares, drawn) = (new int[2], new List<bool>[] { [], [] });
            for (var round = 0; round < 2; round++)
            {
                for (var t = 0; t < Trials; t++)
                {
                    // What was asked about last is what a picture is kept of.
                    filter.Forget();
                    filter.Repeat(first, t, threshold, 2, 1, [0]);
                    filter.Keep(first, 1, [0]);
                    using var shown = filter.Repeat(other, t, threshold, 2, 1, [0]);
                    drawn[round].Add(shown is not null);
                    shares[round] += shown is null ? 0 : 1;
                }
            }
            Assert.Equal(drawn[0], drawn[1]);
            Assert.InRange(shares[0] / (double)Trials, chance - 0.05, chance + 0.05);
        }

        static double Level(int luma) => 2 * (luma - 16) / 219.0 - 1;
    }

    private MadeFrame Step(IModelSession session, int t, Prompt prompt)
    {
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        input.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)t);
        var made = new MadeFrame[1];
        Assert.Equal(1, session.Step(input, prompt, made));
        return made[0];
    }

    private VideoFrame Halves(byte left, byte right)
    {
        var frame = _pool.Rent(Side, Side);
        frame.Colour = ColourSpace.Bt709Limited;
        for (var y = 0; y < Side; y++)
        {
            frame.Y.Slice(y * frame.StrideY, Side / 2).Fill(left);
            frame.Y.Slice(y * frame.StrideY + Side / 2, Side / 2).Fill(right);
        }
        return frame;
    }
}
