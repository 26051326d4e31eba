using System.Runtime.InteropServices;
using CsCheck;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Masks;
using TrueLive.Tests.Shared;

namespace TrueLive.Models.Tests.Masks;

/// <summary>A mask around models that hold frames: what is inside when a prompt changes, or when the memory is copied.</summary>
public sealed class MaskedMemoryTests
{
    private const int Side = Person.Side;

    private readonly FramePool _pool = new("masked memory test", 16);

    private static Prompt Prompt(IVideoModel model, long revision, string? on, string? rest)
    {
        var given = new List<KeyValuePair<string, string>>();
        if (on is not null)
            given.Add(new(KeepMask.OnId, on));
        if (rest is not null)
            given.Add(new(KeepMask.RestId, rest));
        return new(revision, "", 1, TimeSpan.Zero, PromptReading.Empty) { Values = ParameterValues.Of(model.Info.Parameters, given) };
    }

    private static byte[] Bytes(VideoFrame frame) => [.. frame.Y, .. frame.U, .. frame.V];

    private List<byte[]> Step(IModelSession session, int t, Prompt prompt)
    {
        var made = new MadeFrame[Chunk.MaxFrames];
        using var input = Person.Make(_pool, t, noise: 6);
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
            taken.Add(Bytes(frame));
        }
        return taken;
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 0)]
    [InlineData(3, 0)]
    public void Wherever_the_memory_is_copied_the_frames_are_those_of_a_session_that_was_not_stopped(int takes, int lag)
    {
        using var masked = MaskedModel.Of(new HoldingModel(_pool, new Chunk(takes, takes, lag)), TimeProvider.System);
        var (hidden, open) = (Prompt(masked, 1, "person", "blur"), Prompt(masked, 2, null, null));
        var kept = Prompt(masked, 3, "background", null);
        Prompt[] prompts = [hidden, hidden, open, open, kept];
        var whole = new List<byte[]>();
        var saved = new List<(ModelState Memory, int Made)>();
        using (var session = masked.CreateSession(Side, Side))
        {
            for (var t = 0; t < prompts.Length; t++)
            {
                whole.AddRange(Step(session, t, prompts[t]));
                saved.Add((session.Capture(), whole.Count));
            }
            whole.AddRange(Flush(session));
        }
        Assert.Equal(prompts.Length, whole.Count);
        using var other = masked.CreateSession(Side, Side);
        // What another clip asked for is not asked for here.
        Step(other, 90, Prompt(masked, 9, "person", "green"));
        for (var cut = 0; cut < saved.Count; cut++)
        {
            other.Restore(saved[cut].Memory);
            Assert.Equal(saved[cut].Memory.Bytes, other.Capture().Bytes);
            var made = whole.Take(saved[cut].Made).ToList();
            for (var t = cut + 1; t < prompts.Length; t++)
                made.AddRange(Step(other, t, prompts[t]));
            made.AddRange(Flush(other));
            Assert.Equal(whole.Count, made.Count);
            Assert.All(whole.Zip(made), (pair, at) =>
                Assert.True(pair.First.AsSpan().SequenceEqual(pair.Second), $"Frame {at} differs after a copy behind frame {cut}."));
        }
        other.Dispose();
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public void A_memory_of_before_frames_were_kept_is_still_read()
    {
        using var model = new HoldingModel(_pool, new Chunk(2, 2, 0));
        using var masked = MaskedModel.Of(model, TimeProvider.System);
        using var plain = model.CreateSession(Side, Side);
        using var session = masked.CreateSession(Side, Side);
        Step(plain, 0, Prompt(masked, 1, null, null));
        session.Restore(plain.Capture());
        Assert.Equal(2, Step(session, 1, Prompt(masked, 1, "person", "black")).Count);
        using (var mask = new PersonMask(Side, Side))
        {
            var own = plain.Capture();
            var last = new byte[mask.SavedLength];
            session.Restore(own with { Bytes = (byte[])[.. own.Bytes.Span, .. last, .. "MSK1"u8] });
        }
        Assert.Equal(2, Step(session, 1, Prompt(masked, 1, "person", "black")).Count);
    }

    [Fact]
    public void A_mask_that_comes_while_a_chunk_fills_shows_the_camera_of_all_its_frames()
    {
        using var masked = MaskedModel.Of(new TintingModel(new Chunk(2, 2, 0)), TimeProvider.System);
        using var session = masked.CreateSession(Side, Side);
        Assert.Empty(Step(session, 0, Prompt(masked, 1, null, null)));
        var made = Step(session, 1, Prompt(masked, 2, "person", "camera"));
        Assert.Equal(2, made.Count);
        for (var t = 0; t < 2; t++)
        {
            using var input = Person.Make(_pool, t, noise: 6);
            var blue = Side * Side;
            Assert.All(Person.Beside, p => Assert.Equal(Blue(input, p), made[t][blue + p.Y / 2 * input.StrideC + p.X / 2]));
            Assert.All(Person.On, p => Assert.Equal(Blue(input, p) + 40, made[t][blue + p.Y / 2 * input.StrideC + p.X / 2]));
        }

        static int Blue(VideoFrame frame, (int X, int Y) p) => frame.U[p.Y / 2 * frame.StrideC + p.X / 2];
    }

    [Fact]
    public void A_mask_that_fails_within_a_chunk_gives_back_all_its_pictures()
    {
        var clock = new TickingClock();
        using var masked = MaskedModel.Of(new HoldingModel(_pool, new Chunk(3, 3, 0)), clock);
        using var session = masked.CreateSession(Side, Side);
        Step(session, 0, Prompt(masked, 1, null, null));
        Step(session, 1, Prompt(masked, 1, null, null));
        // Read at both ends of the last frame's mask and of the first one's: the second picture fails.
        clock.FailsAt = clock.Reads + 5;
        Assert.Throws<ModelStepException>(() => Step(session, 2, Prompt(masked, 2, "person", "black")));
        session.Dispose();
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public void The_frames_of_a_chunk_name_the_time_that_the_mask_took_of_the_step_that_made_them()
    {
        using var masked = MaskedModel.Of(new HoldingModel(_pool, new Chunk(2, 2, 0)), new TickingClock());
        using var session = masked.CreateSession(Side, Side);
        Step(session, 0, Prompt(masked, 1, "person", "black"));
        var made = new MadeFrame[2];
        using var input = Person.Make(_pool, 1);
        Assert.Equal(2, session.Step(input, Prompt(masked, 1, "person", "black"), made));
        foreach (var one in made)
        {
            using var frame = one.Frame;
            // One mask and two pictures, each as long as one reading of the clock.
            Assert.Equal(3 * TimeSpan.TicksPerMillisecond, one.Ticket.Mask!.Value.Ticks);
        }
    }

    [Fact]
    public void No_bytes_of_a_memory_with_frames_do_more_than_be_refused()
    {
        using var masked = MaskedModel.Of(new TintingModel(new Chunk(3, 3, 0)), TimeProvider.System);
        var prompt = Prompt(masked, 1, "person", "black");
        using var session = masked.CreateSession(Side, Side);
        Step(session, 0, prompt);
        var whole = session.Capture();
        var length = whole.Bytes.Length;
        Gen.Int[1, length - 1].Sample(kept =>
            Assert.Throws<ArgumentException>(() => session.Restore(whole with { Bytes = whole.Bytes[(length - kept)..] })),
            iter: 50, threads: 1);
        // Numbers stand at its end, and where the frames begin, behind the last mask.
        var begins = length - 8 - MemoryMarshal.Read<int>(whole.Bytes.Span[^8..]);
        Gen.OneOf(Gen.Int[begins, begins + 48], Gen.Int[length - 12, length - 1]).Select(Gen.Byte).Sample((at, value) =>
        {
            var bytes = whole.Bytes.ToArray();
            bytes[at] = value;
            try
            {
                session.Restore(whole with { Bytes = bytes });
            }
            catch (ArgumentException)
            {
            }
            session.Capture();
        }, iter: 300, threads: 1);
        session.Restore(whole);
        Step(session, 1, prompt);
        Assert.Equal(3, Step(session, 2, prompt).Count);
    }

    /// <summary>A clock that is a millisecond on whenever it is read.</summary>
    private sealed class TickingClock : TimeProvider
    {
        public int Reads { get; private set; }

        public int FailsAt { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() =>
            ++Reads == FailsAt ? throw new ModelStepException("It failed.") : Reads * TimeSpan.TicksPerMillisecond;
    }
}
