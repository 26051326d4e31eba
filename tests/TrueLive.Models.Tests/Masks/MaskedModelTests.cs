using CsCheck;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Masks;
using TrueLive.Tests.Shared;

namespace TrueLive.Models.Tests.Masks;

/// <summary>A mask around the embedded model and around others.</summary>
public sealed class MaskedModelTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    private const int Side = Person.Side;

    private readonly FramePool _pool = new("masked test", 8);
    private readonly IVideoModel _masked = MaskedModel.Of(tiny.Model, TimeProvider.System);

    private static Prompt Prompt(IVideoModel model, string text, string? on = null, string? rest = null, long revision = 1)
    {
        var given = new List<KeyValuePair<string, string>>();
        if (on is not null)
            given.Add(new(KeepMask.OnId, on));
        if (rest is not null)
            given.Add(new(KeepMask.RestId, rest));
        return new(revision, text, 1, TimeSpan.Zero, model.Read(text)) { Values = ParameterValues.Of(model.Info.Parameters, given) };
    }

    private byte[] Step(IModelSession session, int t, Prompt prompt, int noise = 0)
    {
        using var input = Person.Make(_pool, t, noise: noise);
        using var made = session.Step(input, prompt);
        return Bytes(made);
    }

    private static byte[] Bytes(VideoFrame frame) => [.. frame.Y, .. frame.U, .. frame.V];

    private static byte At(byte[] picture, (int X, int Y) point) => picture[point.Y * Side + point.X];

    [Fact]
    public void Without_a_mask_pictures_and_memory_are_those_of_the_model()
    {
        using var plain = tiny.Model.CreateSession(Side, Side);
        using var masked = _masked.CreateSession(Side, Side);
        for (var t = 0; t < 3; t++)
            Assert.Equal(Step(plain, t, Prompt(tiny.Model, "ink")), Step(masked, t, Prompt(_masked, "ink")));
        Assert.Equal(plain.Capture().Bytes, masked.Capture().Bytes);
    }

    [Theory]
    [InlineData("ink, only me", true, "camera")]
    [InlineData("ink, everything but me", false, "camera")]
    [InlineData("ink, keep my face", false, "camera")]
    [InlineData("only the background in ink", false, "camera")]
    [InlineData("ink on a black background", true, "black")]
    public void The_look_is_where_it_is_asked_for_and_elsewhere_what_was_asked(string text, bool person, string rest)
    {
        using var session = _masked.CreateSession(Side, Side);
        using var plain = tiny.Model.CreateSession(Side, Side);
        var made = Step(session, 0, Prompt(_masked, text));
        var look = Step(plain, 0, Prompt(tiny.Model, "ink"));
        using var input = Person.Make(_pool);
        var camera = Bytes(input);
        Assert.All(person ? Person.On : Person.Beside, p => Assert.Equal(At(look, p), At(made, p)));
        Assert.All(person ? Person.Beside : Person.On, p => Assert.Equal(rest == "black" ? 0 : At(camera, p), At(made, p)));
    }

    [Fact]
    public void What_is_set_wins_over_words_and_words_over_nothing()
    {
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Blur), KeepMask.Of(Prompt(_masked, "blur the background")));
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Green), KeepMask.Of(Prompt(_masked, "blur the background", rest: "green")));
        Assert.Equal(default, KeepMask.Of(Prompt(_masked, "blur the background", on: "everything")));
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Grey), KeepMask.Of(Prompt(_masked, "ink", rest: "grey")));
        Assert.Equal(default, KeepMask.Of(Prompt(_masked, "ink")));
        // What is said counts only where it goes with what is set.
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Green),
            KeepMask.Of(Prompt(_masked, "don't blur the background", rest: "green")));
        Assert.Equal(new KeepMask(MaskArea.Background, MaskRest.Camera), KeepMask.Of(Prompt(_masked, "blur the background", "background")));
        Assert.Equal(new KeepMask(MaskArea.Background, MaskRest.Green), KeepMask.Of(Prompt(_masked, "everything but me", rest: "green")));
        Assert.Equal(new KeepMask(MaskArea.Person, MaskRest.Blur), KeepMask.Of(Prompt(_masked, "blur the background", "person")));
    }

    [Fact]
    public void The_trace_of_a_frame_says_what_the_mask_did()
    {
        using var session = _masked.CreateSession(Side, Side);
        using var input = Person.Make(_pool);
        var made = new MadeFrame[1];
        Assert.Equal(1, session.Step(input, Prompt(_masked, "blur the background"), made));
        using var frame = made[0].Frame;
        var mask = made[0].Ticket.Mask!.Value;
        Assert.Equal(("person", "blur"), (mask.On, mask.Rest));
        Assert.InRange(mask.Person, 0.4f, 0.65f);
        Assert.True(mask.Ticks > 0);
        Assert.Equal(1, session.Step(input, Prompt(_masked, "ink"), made));
        made[0].Frame.Dispose();
        Assert.Null(made[0].Ticket.Mask);
    }

    [Fact]
    public void A_memory_goes_on_with_the_same_pictures_and_one_without_a_mask_is_taken()
    {
        var prompt = Prompt(_masked, "ink, blur the background");
        using var session = _masked.CreateSession(Side, Side);
        using var other = _masked.CreateSession(Side, Side);
        Step(session, 0, prompt, noise: 6);
        Step(session, 1, prompt, noise: 6);
        other.Restore(session.Capture());
        Assert.Equal(Step(session, 2, prompt, noise: 6), Step(other, 2, prompt, noise: 6));
        using var plain = tiny.Model.CreateSession(Side, Side);
        Step(plain, 0, Prompt(tiny.Model, "ink"));
        other.Restore(plain.Capture());
        session.Restore(plain.Capture());
        Assert.Equal(Step(session, 1, prompt), Step(other, 1, prompt));
    }

    [Fact]
    public void No_bytes_of_a_memory_do_more_than_be_refused()
    {
        using var session = _masked.CreateSession(Side, Side);
        Step(session, 0, Prompt(_masked, "only me"));
        var whole = session.Capture();
        Gen.Int[0, whole.Bytes.Length].Select(Gen.Bool).Sample((length, tail) =>
        {
            var bytes = tail ? whole.Bytes[(whole.Bytes.Length - length)..] : whole.Bytes[..length];
            if (length < whole.Bytes.Length)
                Assert.ThrowsAny<ArgumentException>(() => session.Restore(whole with { Bytes = bytes }));
        }, iter: 100, threads: 1);
        Step(session, 1, Prompt(_masked, "only me"));
    }

    [Fact]
    public void A_step_that_fails_leaves_the_mask_as_it_was()
    {
        using var model = new Unsteady();
        var masked = MaskedModel.Of(model, TimeProvider.System);
        var prompt = Prompt(masked, "", on: "person", rest: "blur");
        using var session = masked.CreateSession(Side, Side);
        Step(session, 0, prompt, noise: 6);
        var before = session.Capture();
        model.Fails = true;
        Assert.Throws<ModelStepException>(() => Step(session, 1, prompt, noise: 6));
        Assert.Equal(before.Bytes, session.Capture().Bytes);
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public void Each_frame_of_a_chunk_has_the_mask_of_its_own_input()
    {
        using var masked = MaskedModel.Of(new TintingModel(new Chunk(3, 3, 0)), TimeProvider.System);
        var prompt = Prompt(masked, "", on: "background");
        using var session = masked.CreateSession(2 * Side, Side);
        var made = new MadeFrame[3];
        for (var t = 0; t < 3; t++)
        {
            using var input = Person.Make(_pool, t, right: 100 * t, width: 2 * Side);
            Assert.Equal(t < 2 ? 0 : 3, session.Step(input, prompt, made));
        }
        for (var t = 0; t < 3; t++)
        {
            using var frame = made[t].Frame;
            using var input = Person.Make(_pool, t, right: 100 * t, width: 2 * Side);
            var (x, y) = Person.On[0];
            var at = y / 2 * frame.StrideC + (x + 100 * t) / 2;
            Assert.Equal(input.U[at], frame.U[at]);
            (x, y) = Person.Beside[1];
            at = y / 2 * frame.StrideC + (x + 100 * t) / 2;
            Assert.Equal(input.U[at] + 40, frame.U[at]);
        }
        session.Dispose();
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public void While_the_model_is_away_what_is_to_be_hidden_stays_hidden()
    {
        using var session = _masked.CreateSession(Side, Side);
        using var input = Person.Make(_pool);
        Assert.Null(session.Cover(input, Prompt(_masked, "ink")));
        Assert.Null(session.Cover(input, Prompt(_masked, "ink, only me")));
        var covered = session.Cover(input, Prompt(_masked, "ink on a white background"))!.Value;
        using var frame = covered.Frame;
        Assert.All(Person.Beside, p => Assert.Equal(255, frame.Y[p.Y * frame.StrideY + p.X]));
        Assert.All(Person.On, p => Assert.Equal(input.Y[p.Y * input.StrideY + p.X], frame.Y[p.Y * frame.StrideY + p.X]));
    }

    [Fact]
    public void A_model_that_has_such_parameters_itself_keeps_them()
    {
        using var model = new Unsteady { Parameters = [KeepMask.Parameters[0]] };
        Assert.Same(model, MaskedModel.Of(model, TimeProvider.System));
    }

    /// <summary>Gives back its input, unless it is told to fail.</summary>
    private sealed class Unsteady : IVideoModel
    {
        private readonly PassthroughModel _whole = new();

        public bool Fails { get; set; }

        public IReadOnlyList<ModelParameter> Parameters { get; init; } = [];

        public ModelInfo Info => new("unsteady", "1", "Unsteady", "", false, false, new ModelSizes(16, 4096, 2), [])
        { Parameters = Parameters };

        public PromptReading Read(string text) => PromptReading.Empty;

        public IModelSession CreateSession(int width, int height) => new Session(this, _whole.CreateSession(width, height));

        public void Dispose() => _whole.Dispose();

        private sealed class Session(Unsteady owner, IModelSession whole) : IModelSession
        {
            public int Width => whole.Width;

            public int Height => whole.Height;

            public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made) =>
                owner.Fails ? throw new ModelStepException("It failed.") : whole.Step(input, prompt, made);

            public void Reset() => whole.Reset();

            public ModelState Capture() => whole.Capture();

            public void Restore(ModelState state) => whole.Restore(state);

            public void Dispose() => whole.Dispose();
        }
    }
}
