using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Onnx;
using TrueLive.Models.Tests.Motion;

namespace TrueLive.Models.Tests;

/// <summary>The embedded model, loaded once.</summary>
public sealed class LiveTiny : IDisposable
{
    public OnnxVideoModel Model { get; } = OnnxVideoModel.Load(Repository.LiveTiny, 1, TimeProvider.System);

    public void Dispose() => Model.Dispose();
}

public sealed class LiveTinyTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    private readonly FramePool _pool = new("network test", 8);
    private readonly OnnxVideoModel _model = tiny.Model;

    private VideoFrame Picture(int width, int height, int t, int seed = 1, int noise = 0)
    {
        var random = new Random(seed * 1000 + t);
        var frame = _pool.Rent(width, height);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)(t * 3000));
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                frame.Y[y * frame.StrideY + x] = (byte)Math.Clamp(60 + (x / 16 + y / 16) % 2 * 90 + x * 60 / width
                    + (noise == 0 ? 0 : random.Next(-noise, noise + 1)), 16, 235);
        }
        for (var i = 0; i < frame.U.Length; i++)
            (frame.U[i], frame.V[i]) = (110, (byte)(120 + i / frame.StrideC * 40 / frame.ChromaHeight));
        return frame;
    }

    private Prompt Prompt(string text, long revision = 1, double transition = 0, float strength = 1) =>
        new(revision, text, strength, TimeSpan.FromSeconds(transition), _model.Read(text));

    private static double Difference(VideoFrame a, VideoFrame b)
    {
        double sum = 0;
        for (var y = 0; y < a.Height; y++)
        {
            for (var x = 0; x < a.Width; x++)
                sum += Math.Abs(a.Y[y * a.StrideY + x] - b.Y[y * b.StrideY + x]);
        }
        for (var i = 0; i < a.ChromaHeight * a.StrideC; i++)
            sum += i % a.StrideC < a.ChromaWidth ? Math.Abs(a.U[i] - b.U[i]) + Math.Abs(a.V[i] - b.V[i]) : 0;
        return sum / (a.Width * a.Height * 1.5);
    }

    [Fact]
    public void It_keeps_the_picture_without_a_prompt_and_changes_it_with_one()
    {
        using var session = _model.CreateSession(256, 192);
        using var input = Picture(256, 192, 0);
        using var kept = session.Step(input, Core.Models.Prompt.None);
        session.Reset();
        using var inked = session.Step(input, Prompt("ink"));
        session.Reset();
        using var gold = session.Step(input, Prompt("made of gold"));
        Assert.InRange(Difference(input, kept), 0, 8);
        Assert.InRange(Difference(input, inked), 12, 200);
        Assert.InRange(Difference(inked, gold), 12, 200);
    }

    [Fact]
    public void The_same_steps_after_a_reset_give_the_same_frames_and_memory_matters()
    {
        using var session = _model.CreateSession(192, 192);
        var first = Run();
        session.Reset();
        Assert.Equal(first, Run());

        using var still = Picture(192, 192, 9, noise: 12);
        using var withMemory = session.Step(still, Prompt("ink"));
        session.Reset();
        using var without = session.Step(still, Prompt("ink"));
        Assert.True(Difference(withMemory, without) > 0.05);

        List<byte[]> Run()
        {
            var ink = Prompt("ink");
            return [.. Enumerable.Range(0, 5).Select(t =>
            {
                using var input = Picture(192, 192, t, noise: 12);
                using var output = session.Step(input, ink);
                return output.Y.ToArray();
            })];
        }
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Steps_side_by_side_on_one_thread_each_make_the_pictures_of_a_step_alone_on_all()
    {
        using var model = OnnxVideoModel.Load(Repository.LiveTiny, Environment.ProcessorCount, TimeProvider.System);
        var alone = Pictures();
        var beside = await Task.WhenAll(Enumerable.Range(0, 3)
            .Select(_ => Task.Factory.StartNew(Pictures, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        Assert.All(beside, pictures => Assert.Equal(alone, pictures));

        byte[][] Pictures()
        {
            using var session = model.CreateSession(192, 192);
            var oil = new Prompt(1, "oil", 1, TimeSpan.Zero, model.Read("oil"));
            return [.. Enumerable.Range(0, 8).Select(t =>
            {
                using var input = Picture(192, 192, t, noise: 6);
                using var output = session.Step(input, oil);
                return output.Y.ToArray();
            })];
        }
    }

    [Fact]
    public void A_captured_memory_goes_on_in_another_session_as_if_nothing_had_happened_even_in_mid_transition()
    {
        using var one = _model.CreateSession(192, 192);
        using var two = _model.CreateSession(192, 192);
        Prompt ink = Prompt("ink"), neon = Prompt("neon", 2, 0.3);
        Step(one, 0, ink);
        Step(one, 1, neon);
        Step(one, 3, neon);
        two.Restore(one.Capture());
        for (var t = 4; t < 14; t++)
            Assert.Equal(Step(one, t, neon), Step(two, t, Prompt("neon", 2, 0.3)));

        byte[] Step(IModelSession session, int t, Prompt prompt)
        {
            using var input = Picture(192, 192, t, noise: 8);
            using var output = session.Step(input, prompt);
            return output.Y.ToArray();
        }
    }

    [Fact]
    public void A_prompt_change_is_spread_over_its_transition_and_a_cut_is_a_cut()
    {
        double[] Changes(double transition)
        {
            using var session = _model.CreateSession(192, 192);
            VideoFrame? last = null;
            var changes = new List<double>();
            Prompt from = Prompt("winter"), to = Prompt("noir", 2, transition);
            for (var t = 0; t < 24; t++)
            {
                using var input = Picture(192, 192, t);
                var output = session.Step(input, t < 8 ? from : to);
                if (last is not null)
                    changes.Add(Difference(last, output));
                last?.Dispose();
                last = output;
            }
            last!.Dispose();
            return [.. changes];
        }
        var cut = Changes(0);
        var slow = Changes(0.4);
        Assert.True(cut[7] > cut.Sum() * 0.6, "a cut happens in one frame");
        Assert.True(slow.Max() < cut.Max() * 0.6, "a transition has no frame like the cut");
        Assert.True(slow[8..20].Count(c => c > 0.3) >= 5, "a transition takes several frames");
    }

    [Fact]
    public void Strength_zero_keeps_the_picture()
    {
        using var session = _model.CreateSession(192, 192);
        using var input = Picture(192, 192, 0);
        using var plain = session.Step(input, Core.Models.Prompt.None);
        session.Reset();
        using var zero = session.Step(input, Prompt("ink", strength: 0));
        Assert.Equal(plain.Y.ToArray(), zero.Y.ToArray());
    }

    [Theory]
    [InlineData(192, 1280)]
    [InlineData(1280, 192)]
    [InlineData(200, 344)]
    public void One_file_runs_at_any_size_divisible_by_eight(int width, int height)
    {
        using var session = _model.CreateSession(width, height);
        using var input = Picture(width, height, 0);
        using var output = session.Step(input, Prompt("cartoon"));
        Assert.Equal((width, height), (output.Width, output.Height));
    }

    [Fact]
    public void Input_of_another_size_is_scaled_and_a_wrong_session_size_is_refused()
    {
        using var session = _model.CreateSession(256, 192);
        using var input = Picture(640, 480, 0);
        using var output = session.Step(input, Prompt("ink"));
        Assert.Equal((256, 192), (output.Width, output.Height));
        Assert.Throws<ArgumentException>(() => _model.CreateSession(250, 192));
        Assert.Equal((512, 288), _model.Info.Sizes.Nearest(512, 288));
    }

    [Fact]
    public void A_step_allocates_nothing_once_warm()
    {
        using var session = _model.CreateSession(192, 192);
        using var input = Picture(192, 192, 0);
        var (ink, made) = (Prompt("ink"), new MadeFrame[1]);
        Step(20);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Step(200);
        // The runtime allocates a little when it compiles a method again. One object per step would be 4,800 bytes or more.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 3_000);
        Assert.Equal(0, _model.FramesOut);

        void Step(int times)
        {
            for (var i = 0; i < times; i++)
            {
                session.Step(input, ink, made);
                made[0].Frame.Dispose();
            }
        }
    }

    [Fact]
    public void Sessions_on_shared_weights_do_not_mix()
    {
        byte[] Alone(string text, int seed)
        {
            using var session = _model.CreateSession(192, 192);
            var prompt = Prompt(text);
            byte[] last = [];
            for (var t = 0; t < 4; t++)
            {
                using var input = Picture(192, 192, t, seed, 10);
                using var output = session.Step(input, prompt);
                last = output.Y.ToArray();
            }
            return last;
        }
        var alone = new[] { Alone("ink", 1), Alone("gold", 2) };
        var together = new[] { ("ink", 1), ("gold", 2) }.AsParallel().AsOrdered().Select(p => Alone(p.Item1, p.Item2)).ToArray();
        Assert.Equal(alone, together);
    }

    [Theory]
    [InlineData("original")]
    [InlineData("ink")]
    [InlineData("sepia")]
    public void Its_memory_follows_a_pan_and_steadies_a_noisy_one(string text)
    {
        const int Width = 256, Height = 192;
        double Error(bool memory)
        {
            using var session = _model.CreateSession(Width, Height);
            var prompt = Prompt(text);
            double sum = 0;
            VideoFrame? before = null;
            for (var t = 0; t < 10; t++)
            {
                using var input = Pan(Width, Height, t);
                if (!memory)
                    session.Reset();
                var output = session.Step(input, prompt);
                if (before is not null && t > 3)
                    sum += Moved(output, before);
                before?.Dispose();
                before = output;
            }
            before?.Dispose();
            return sum;
        }

        Assert.InRange(Error(true) / Error(false), 0, 0.5);
    }

    // Three pixels right and two down from frame to frame, under noise of its own.
    private VideoFrame Pan(int width, int height, int t)
    {
        var random = new Random(t);
        var frame = _pool.Rent(width, height);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)(t * 3000));
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                frame.Y[y * frame.StrideY + x] = (byte)Math.Clamp(BlockMotionTests.Pixel(x - 3 * t, y - 2 * t) + random.Next(-10, 11), 16,
                    235);
        }
        frame.U.Fill(118);
        frame.V.Fill(134);
        return frame;
    }

    private static double Moved(VideoFrame now, VideoFrame before)
    {
        double sum = 0;
        for (var y = 16; y < now.Height - 16; y++)
        {
            for (var x = 16; x < now.Width - 16; x++)
                sum += Math.Abs(now.Y[y * now.StrideY + x] - before.Y[(y - 2) * before.StrideY + x - 3]);
        }
        return sum;
    }
}
