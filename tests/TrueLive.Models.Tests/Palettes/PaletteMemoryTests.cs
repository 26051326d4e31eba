using System.Runtime.InteropServices;
using CsCheck;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Palettes;

namespace TrueLive.Models.Tests.Palettes;

/// <summary>Copies of the memory of a model with a palette.</summary>
public sealed class PaletteMemoryTests
{
    private static readonly (int Y, int U, int V)[] Means =
        [(110, 120, 140), (104, 122, 138), (100, 121, 139), (120, 118, 135), (60, 90, 160)];

    private readonly FramePool _pool = new("palette memory test", 16);

    private List<byte[]> Step(IModelSession session, int t, Prompt prompt)
    {
        var made = new MadeFrame[Chunk.MaxFrames];
        using var input = Scene.Make(_pool, t, Means[t % Means.Length], 40, seed: t);
        return Taken(made.AsSpan(0, session.Step(input, prompt, made)));
    }

    private static List<byte[]> Flush(IModelSession session)
    {
        var made = new MadeFrame[Chunk.MaxFrames];
        return Taken(made.AsSpan(0, session.Flush(made)));
    }

    private static List<byte[]> Taken(Span<MadeFrame> made)
    {
        var taken = new List<byte[]>();
        foreach (var one in made)
        {
            using var frame = one.Frame;
            taken.Add(Scene.Samples(frame));
        }
        return taken;
    }

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(1, 2, 0)]
    [InlineData(3, 0, 0)]
    [InlineData(3, 0, 1)]
    [InlineData(3, 0, 2)]
    public void Wherever_the_memory_is_copied_the_frames_are_those_of_a_session_that_was_not_stopped(int takes, int lag, int early)
    {
        using var model = PaletteModel.Of(new KeepingModel(_pool, new Chunk(takes, takes, lag)), TimeProvider.System);
        var (warm, cold) = (Scene.Picture(_pool, (90, 100, 170), 60), Scene.Picture(_pool, (140, 160, 90), 30, seed: 4));
        // Fades in, changes while it fades, ends, and comes back.
        Prompt[] prompts =
        [
            Scene.Prompt(model, 1, null), Scene.Prompt(model, 2, warm, transition: 0.3), Scene.Prompt(model, 3, cold, 0.6, transition: 0.1),
            Scene.Prompt(model, 4, null, transition: 0.2), Scene.Prompt(model, 5, warm),
        ];
        const int Frames = 15;
        Prompt PromptAt(int t) => prompts[Math.Min((t + early) / 3, prompts.Length - 1)];
        var whole = new List<byte[]>();
        var saved = new List<(ModelState Memory, int Made)>();
        using (var session = model.CreateSession(Scene.Width, Scene.Height))
        {
            for (var t = 0; t < Frames; t++)
            {
                whole.AddRange(Step(session, t, PromptAt(t)));
                saved.Add((session.Capture(), whole.Count));
            }
            whole.AddRange(Flush(session));
        }
        Assert.Equal(Frames, whole.Count);
        using var other = model.CreateSession(Scene.Width, Scene.Height);
        // What another stream was asked for is not asked for here.
        Step(other, 90, Scene.Prompt(model, 9, cold));
        for (var cut = 0; cut < Frames; cut++)
        {
            other.Restore(saved[cut].Memory);
            Assert.Equal(saved[cut].Memory.Bytes, other.Capture().Bytes);
            var made = whole.Take(saved[cut].Made).ToList();
            for (var t = cut + 1; t < Frames; t++)
            {
                made.AddRange(Step(other, t, PromptAt(t)));
                Assert.Equal(saved[t].Memory.Bytes, other.Capture().Bytes);
            }
            made.AddRange(Flush(other));
            Assert.All(whole.Zip(made), (pair, at) =>
                Assert.True(pair.First.AsSpan().SequenceEqual(pair.Second), $"Frame {at} differs after a copy behind frame {cut}."));
            Assert.Equal(whole.Count, made.Count);
        }
        other.Dispose();
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public void A_step_that_fails_leaves_the_palette_as_it_was()
    {
        using var inner = new KeepingModel(_pool, Chunk.One);
        var model = PaletteModel.Of(inner, TimeProvider.System);
        using var session = model.CreateSession(Scene.Width, Scene.Height);
        Step(session, 0, Scene.Prompt(model, 1, Scene.Picture(_pool, (90, 100, 170), 60)));
        var before = session.Capture();
        inner.Fails = true;
        Assert.Throws<ModelStepException>(() => Step(session, 1, Scene.Prompt(model, 2, Scene.Picture(_pool, (140, 160, 90), 30))));
        Assert.Equal(before.Bytes, session.Capture().Bytes);
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public void No_bytes_of_a_memory_do_more_than_be_refused()
    {
        using var model = PaletteModel.Of(new KeepingModel(_pool, new Chunk(1, 1, 1)), TimeProvider.System);
        var prompt = Scene.Prompt(model, 1, Scene.Picture(_pool, (90, 100, 170), 60));
        using var session = model.CreateSession(Scene.Width, Scene.Height);
        Step(session, 0, prompt);
        Step(session, 1, prompt);
        var whole = session.Capture();
        var length = whole.Bytes.Length;
        Gen.Int[1, length - 1].Sample(kept =>
            Assert.Throws<ArgumentException>(() => session.Restore(whole with { Bytes = whole.Bytes[(length - kept)..] })),
            iter: 50, threads: 1);
        // Each byte of it in turn, with values that make numbers of all sizes and signs.
        var begins = length - 8 - MemoryMarshal.Read<int>(whole.Bytes.Span[^8..]);
        for (var at = begins; at < length; at++)
        {
            foreach (var value in new byte[] { 0x7f, 0x80, 0xff })
            {
                var bytes = whole.Bytes.ToArray();
                bytes[at] = value;
                try
                {
                    session.Restore(whole with { Bytes = bytes });
                    Step(session, 2, prompt);
                }
                catch (ArgumentException)
                {
                }
                session.Capture();
            }
        }
        session.Restore(whole);
        Assert.Single(Step(session, 2, prompt));
    }
}
