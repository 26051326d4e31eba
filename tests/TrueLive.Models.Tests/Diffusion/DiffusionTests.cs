using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>A pipeline in the folder layout of diffusers and optimum, run like any other model.</summary>
public sealed class DiffusionTests
{
    private const int Side = 64;

    private readonly FramePool _pool = new("diffusion", 4);

    [Theory]
    [InlineData("none", "[35, 45]")]
    [InlineData("self", "[20, 35, 45]")]
    [InlineData("initialize", "[35, 45]")]
    [InlineData("full", "[20, 35, 45]")]
    public void For_throughput_the_same_pictures_come_out_later_each_with_the_ticket_and_the_prompt_of_its_own_frame(
        string guidance, string steps)
    {
        string Spec(string more) =>
            $$"""{ "steps": {{steps}}, "guidance": "{{guidance}}", "guidance_scale": {{(guidance == "none" ? "1" : "1.3")}}, "delta": 0.7{{more}} }""";
        using var plain = new TinyDiffusion(Spec(""));
        using var batched = new TinyDiffusion(Spec(", \"throughput\": true"));
        using var one = plain.Load();
        using var many = batched.Load();
        var lag = steps.Count(c => c == ',');
        Assert.Equal((new Chunk(1, 1, 0), new Chunk(1, 1, lag)), (one.Info.Chunk, many.Info.Chunk));
        var prompts = new[] { TinyDiffusion.Prompt(one, "ink"), TinyDiffusion.Prompt(one, "neon", revision: 2) };
        using (var sequential = one.CreateSession(Side, Side))
        using (var throughput = many.CreateSession(Side, Side))
        using (var resumed = many.CreateSession(Side, Side))
        {
            var (wanted, found, after) = (new Queue<VideoFrame>(), new List<MadeFrame>(), new List<MadeFrame>());
            var made = new MadeFrame[1];
            for (var t = 0; t < 8; t++)
            {
                using var input = TestPicture.Make(_pool, t, Side, Side);
                input.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)t);
                wanted.Enqueue(sequential.Step(input, prompts[t / 4]));
                if (t == 5)
                    resumed.Restore(throughput.Capture());
                found.AddRange(made[..throughput.Step(input, prompts[t / 4], made)]);
                Assert.Equal(Math.Max(0, t + 1 - lag), found.Count);
                if (t >= 5)
                    after.AddRange(made[..resumed.Step(input, prompts[t / 4], made)]);
            }
            while (throughput.Flush(made) > 0)
                found.Add(made[0]);
            Assert.Equal(Enumerable.Range(0, 8).Select(t => ((long)t, t < 4 ? 1L : 2L)),
                found.Select(f => (f.Ticket.SourceSequence, f.Ticket.PromptRevision)));
            Assert.All(found.Zip(wanted), p => Assert.InRange(TinyDiffusion.Difference(p.First.Frame, p.Second), 0, 0.05));
            // A captured memory includes the frames in progress.
            Assert.Equal(found.Skip(5 - lag).Take(3).Select(f => f.Ticket), after.Select(f => f.Ticket));
            Assert.All(found.Skip(5 - lag).Zip(after), p => Assert.Equal(0, TinyDiffusion.Difference(p.First.Frame, p.Second.Frame)));
            foreach (var frame in wanted.Concat(found.Concat(after).Select(f => f.Frame)))
                frame.Dispose();
        }
        Assert.Equal((0, 0), (one.FramesOut, many.FramesOut));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("self")]
    [InlineData("full")]
    public void In_the_stream_batch_another_frame_changes_its_own_picture_and_no_other(string guidance)
    {
        using var folder =
            new TinyDiffusion($$"""{ "steps": [35, 45], "guidance": "{{guidance}}", "guidance_scale": 1.3, "throughput": true }""");
        using var model = folder.Load();
        var prompt = TinyDiffusion.Prompt(model, "ink");
        var films = new[] { 3, 9 }.Select(third => Film([0, 1, third, 4, 5])).ToArray();
        Assert.Equal([false, false, true, false, false], films[0].Zip(films[1], (a, b) => TinyDiffusion.Difference(a, b) > 0));
        foreach (var frame in films.SelectMany(f => f))
            frame.Dispose();

        VideoFrame[] Film(int[] pictures)
        {
            using var session = model.CreateSession(Side, Side);
            var (made, all) = (new MadeFrame[1], new List<VideoFrame>());
            foreach (var picture in pictures)
            {
                using var input = TestPicture.Make(_pool, picture, Side, Side);
                all.AddRange(made[..session.Step(input, prompt, made)].Select(m => m.Frame));
            }
            while (session.Flush(made) > 0)
                all.Add(made[0].Frame);
            return [.. all];
        }
    }

    [Theory]
    [InlineData("seed=9", """{ "steps": [20, 35, 45], "seed": 9 }""")]
    [InlineData("steps=2", """{ "steps": [20, 45] }""")]
    [InlineData("guidance=full guidance_scale=1.5 steps=1", """{ "steps": [20], "guidance": "full", "guidance_scale": 1.5 }""")]
    [InlineData("guidance=initialize guidance_scale=1.5 delta=0.5",
        """{ "steps": [20, 35, 45], "guidance": "initialize", "guidance_scale": 1.5, "delta": 0.5 }""")]
    public void What_is_set_while_it_runs_makes_the_pictures_of_a_folder_that_says_so(string set, string same)
    {
        using var plain = new TinyDiffusion("""{ "steps": [20, 35, 45] }""");
        using var written = new TinyDiffusion(same);
        using var one = plain.Load();
        using var other = written.Load();
        Assert.True(ValueSchedule.TryParse(set, one.Info.Parameters, out var values, out var error), error);
        using var session = one.CreateSession(Side, Side);
        using var fresh = one.CreateSession(Side, Side);
        using var wanted = other.CreateSession(Side, Side);
        var prompt = TinyDiffusion.Prompt(one, "neon ink");
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        using var before = session.Step(input, prompt);
        using var changed = session.Step(input, prompt with { Revision = 2, Values = values[0].Values });
        using var named = wanted.Step(input, prompt);
        using var after = session.Step(input, prompt with { Revision = 3 });
        using var never = fresh.Step(input, prompt);
        Assert.True(TinyDiffusion.Difference(before, changed) > 0.05);
        Assert.Equal(0, TinyDiffusion.Difference(changed, named));
        Assert.Equal((0.0, 0.0), (TinyDiffusion.Difference(before, after), TinyDiffusion.Difference(after, never)));
    }

    [Fact]
    public void A_copy_of_the_memory_goes_on_under_the_values_that_made_it()
    {
        using var folder = new TinyDiffusion("""{ "steps": [40] }""");
        using var model = folder.Load();
        Assert.True(ValueSchedule.TryParse("guidance=self guidance_scale=3", model.Info.Parameters, out var values, out var error), error);
        var prompt = TinyDiffusion.Prompt(model, "ink") with { Values = values[0].Values };
        using var session = model.CreateSession(Side, Side);
        using var second = model.CreateSession(Side, Side);
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        for (var i = 0; i < 3; i++)
            session.Step(input, prompt).Dispose();
        second.Restore(session.Capture());
        using var goesOn = second.Step(input, prompt);
        using var wanted = session.Step(input, prompt);
        session.Reset();
        using var anew = session.Step(input, prompt);
        Assert.Equal(0, TinyDiffusion.Difference(goesOn, wanted));
        Assert.True(TinyDiffusion.Difference(wanted, anew) > 0);
    }

    [Fact]
    public void A_frame_whose_numbers_break_on_the_way_costs_one_step_and_nothing_of_the_frames_beside_it()
    {
        using var folder = new TinyDiffusion("""{ "steps": [35, 45], "throughput": true }""");
        using var model = folder.Load();
        using var session = model.CreateSession(Side, Side);
        var made = new MadeFrame[1];
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        Assert.Equal(0, session.Step(input, TinyDiffusion.Prompt(model, "ink"), made));
        var words = TinyDiffusion.Prompt(model, "ink");
        var broken = words with { Revision = 2, Reading = words.Reading with { Style = [.. words.Reading.Style.Select(_ => -1e38f)] } };
        Assert.Equal(1, session.Step(input, broken, made));
        using var first = made[0].Frame;
        Assert.Throws<ModelStepException>(() => session.Step(input, words with { Revision = 3 }, made));
        Assert.Equal(0, session.Step(input, words with { Revision = 4 }, made));
        Assert.Equal(1, session.Step(input, words with { Revision = 5 }, made));
        using var later = made[0].Frame;
        Assert.Equal((4L, 0), (made[0].Ticket.PromptRevision, TinyDiffusion.Difference(first, later)));
    }

    [Fact]
    public void A_picture_survives_a_light_step_and_the_words_change_it()
    {
        using var folder = new TinyDiffusion("""{ "steps": [45] }""");
        using var model = folder.Load();
        using var session = model.CreateSession(128, 64);
        using var input = TestPicture.Make(_pool, 3, 128, 64);
        using var plain = session.Step(input, Prompt.None);
        using var ink = session.Step(input, TinyDiffusion.Prompt(model, "ink"));
        using var again = session.Step(input, TinyDiffusion.Prompt(model, "ink", revision: 2));
        using var neon = session.Step(input, TinyDiffusion.Prompt(model, "(neon:2) (oil:0.5)", revision: 3));
        using var flat = _pool.Rent(128, 64);
        flat.Y.Fill(126);
        Assert.InRange(TinyDiffusion.Difference(plain, input), 0.01, TinyDiffusion.Difference(flat, input) * 0.75);
        Assert.True(TinyDiffusion.Difference(plain, ink) > 0 && TinyDiffusion.Difference(neon, ink) > 0, "the words change nothing");
        Assert.Equal(0, TinyDiffusion.Difference(ink, again));
    }

    [Fact]
    public void Strength_goes_from_the_picture_itself_to_the_whole_change()
    {
        using var folder = new TinyDiffusion("""{ "steps": [30, 45] }""");
        using var model = folder.Load();
        using var session = model.CreateSession(Side, Side);
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        var differences = new[] { 0f, 0.2f, 1 }.Select((strength, i) =>
        {
            using var output = session.Step(input, TinyDiffusion.Prompt(model, "ink", strength, i + 1));
            return TinyDiffusion.Difference(input, output);
        }).ToArray();
        Assert.Equal(0, differences[0]);
        Assert.True(0 < differences[1] && differences[1] < differences[2], string.Join(", ", differences));
    }

    [Fact]
    public void A_new_prompt_comes_in_over_its_transition()
    {
        using var folder = new TinyDiffusion();
        using var model = folder.Load();
        using var session = model.CreateSession(Side, Side);
        var (old, next) = (TinyDiffusion.Prompt(model, "ink"),
            TinyDiffusion.Prompt(model, "(oil:2)", revision: 2) with { Transition = TimeSpan.FromSeconds(1) });
        VideoFrame At(double seconds, Prompt prompt)
        {
            using var input = TestPicture.Make(_pool, 0, Side, Side);
            input.Ticket = input.Ticket with { Captured = TimeSpan.FromSeconds(seconds) };
            return session.Step(input, prompt);
        }
        using var before = At(0, old);
        using var first = At(0.1, next);
        using var half = At(0.6, next);
        using var after = At(1.2, next);
        Assert.Equal(0, TinyDiffusion.Difference(before, first));
        Assert.True(TinyDiffusion.Difference(before, half) > 0 && TinyDiffusion.Difference(half, after) > 0);
    }

    [Fact]
    public void Another_session_goes_on_from_a_copy_of_the_memory()
    {
        // Among single-step settings, only self-guidance has a memory.
        using var folder = new TinyDiffusion("""{ "steps": [35], "guidance": "self", "guidance_scale": 1.5, "delta": 0.7 }""");
        using var model = folder.Load();
        Assert.True(model.Info.HasMemory);
        using var one = model.CreateSession(Side, Side);
        using var two = model.CreateSession(Side, Side);
        var prompt = TinyDiffusion.Prompt(model, "neon");
        for (var t = 0; t < 4; t++)
        {
            using var input = TestPicture.Make(_pool, t, Side, Side);
            one.Step(input, prompt).Dispose();
        }
        two.Restore(one.Capture());
        using var next = TestPicture.Make(_pool, 4, Side, Side);
        using var a = one.Step(next, prompt);
        using var b = two.Step(next, prompt);
        two.Reset();
        using var fresh = two.Step(next, prompt);
        Assert.Equal(0, TinyDiffusion.Difference(a, b));
        Assert.NotEqual(0, TinyDiffusion.Difference(a, fresh));
        Assert.Throws<ArgumentException>(() => two.Restore(one.Capture() with { Bytes = new byte[12] }));
        Assert.Throws<ArgumentException>(() => two.Restore(one.Capture() with { ModelVersion = "2" }));
    }

    [Fact]
    public void Words_that_the_model_does_not_see_are_said()
    {
        using var folder = new TinyDiffusion();
        using var model = folder.Load();
        Assert.Null(model.Read("ink on the table").Note);
        var reading = model.Read(string.Join(" ", Enumerable.Repeat("ink", 80)) + " zebra");
        Assert.True(reading.Understood);
        Assert.Contains("zebra", reading.Note, StringComparison.Ordinal);
        Assert.True(model.Read("日本の墨絵 🎨 \0\ud800").Understood);
    }

    [Fact]
    public void Numbers_that_are_not_finite_fail_the_step_and_never_show_black()
    {
        using var folder = new TinyDiffusion();
        // The prediction is the square root of the mean of the words plus ten, which is NaN if the mean is below -10.
        File.WriteAllBytes(folder.Of("unet/model.onnx"), UNet(Element.Float, [1], Element.Int64, g => g
            .Node("ReduceMean", ["words"], ["told"], ("axes", new long[] { 0, 1, 2 }), ("keepdims", 0))
            .Node("Add", ["told", "ten"], ["left"]).Node("Sqrt", ["left"], ["root"]), add: "root"));
        using var model = folder.Load();
        using var session = model.CreateSession(Side, Side);
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        session.Step(input, TinyDiffusion.Prompt(model, "ink")).Dispose();
        var low = TinyDiffusion.Prompt(model, "ink", revision: 2);
        low = low with { Reading = low.Reading with { Style = [.. low.Reading.Style.Select(_ => -100f)] } };
        Assert.Contains("not finite", Assert.Throws<ModelStepException>(() => session.Step(input, low)).Message, StringComparison.Ordinal);
        session.Step(input, TinyDiffusion.Prompt(model, "ink", revision: 3)).Dispose();
        Assert.Equal(0, model.FramesOut);
    }

    [Theory]
    [InlineData(Element.Half, false)]
    [InlineData(Element.Half, true)]
    [InlineData(Element.Float, false)]
    internal void A_picture_that_overflows_in_the_decoder_alone_fails_the_step_as_well(Element type, bool throughput)
    {
        using var folder = new TinyDiffusion(throughput ? """{ "steps": [35, 45], "throughput": true }""" : """{ "steps": [40] }""");
        File.WriteAllBytes(folder.Of("unet/model.onnx"), UNet(Element.Float, [0], Element.Int64, g => g
            .Node("ReduceMean", ["words"], ["told"], ("axes", new long[] { 0, 1, 2 }), ("keepdims", 0)), add: "told"));
        // Latents of a few thousand are more than half floats hold a hundred times of, and than the root is taken of.
        var decoder = new OnnxGraph().Input("latent_sample", type, 1, 4, 0, 0).Output("sample", type, 1, 3, 0, 0)
            .Constant("sizes", [1, 1, 8, 8], 4).Whole("planes", [0, 1, 2], 3).Constant("much", [type == Element.Half ? 100 : -1], 1)
            .Constant("high", [type == Element.Half ? 0 : 1000], 1)
            .Node("Cast", ["latent_sample"], ["f"], ("to", 1)).Node("Gather", ["f", "planes"], ["a"], ("axis", 1))
            .Node("Mul", ["a", "much"], ["b"]).Node("Add", ["b", "high"], ["c"]);
        decoder = type == Element.Half ? decoder : decoder.Node("Sqrt", ["c"], ["d"]);
        File.WriteAllBytes(folder.Of("vae_decoder/model.onnx"), decoder.Node("Resize", [type == Element.Half ? "c" : "d", "", "sizes"], ["e"])
            .Node("Cast", ["e"], ["sample"], ("to", (long)type)).Bytes());
        using var model = folder.Load();
        using var session = model.CreateSession(Side, Side);
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        session.StepLast(input, TinyDiffusion.Prompt(model, "ink")).Dispose();
        var high = TinyDiffusion.Prompt(model, "ink", revision: 2);
        high = high with { Reading = high.Reading with { Style = [.. high.Reading.Style.Select(_ => -10_000f)] } };
        var message = Assert.Throws<ModelStepException>(() =>
        {
            for (var i = 0; i < 2; i++)
                session.StepLast(input, high).Dispose();
        }).Message;
        Assert.Contains("VAE decoder", message, StringComparison.Ordinal);
        Assert.Contains("not finite", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_frame_of_the_stream_batch_takes_no_memory_for_its_words()
    {
        const int Steps = 50;
        using var folder = new TinyDiffusion("""{ "steps": [20, 35, 45], "throughput": true }""");
        using var model = folder.Load();
        using var session = model.CreateSession(Side, Side);
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        var (prompt, made) = (TinyDiffusion.Prompt(model, "ink"), new MadeFrame[1]);
        for (var i = 0; i < Steps; i++)
            Step();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Steps; i++)
            Step();
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / Steps, 0, model.Read("ink").Style.Length * sizeof(float) / 2);

        void Step()
        {
            foreach (var one in made.AsSpan(0, session.Step(input, prompt, made)))
                one.Frame.Dispose();
        }
    }

    [Theory]
    [InlineData(Element.Float, new long[0], Element.Float)]
    [InlineData(Element.Float, new long[] { 0 }, Element.Int64)]
    [InlineData(Element.Half, new long[] { 1 }, Element.Half)]
    [InlineData(Element.Half, new long[0], Element.Int64)]
    internal void Exporters_write_timesteps_and_types_in_different_ways(Element type, long[] timestep, Element time)
    {
        using var folder = new TinyDiffusion("""{ "steps": [35, 45], "guidance": "full", "guidance_scale": 2 }""");
        File.WriteAllBytes(folder.Of("unet/model.onnx"), UNet(type, timestep, time));
        using var model = folder.Load();
        using var session = model.CreateSession(Side, Side);
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        using var output = session.Step(input, TinyDiffusion.Prompt(model, "ink"));
        Assert.NotEqual(0, TinyDiffusion.Difference(input, output));
    }

    [Theory]
    [InlineData("""{ "steps": [40] }""")]
    [InlineData("""{ "steps": [35, 45], "throughput": true }""")]
    public void A_check_of_the_model_and_a_copy_among_the_models_work_as_for_any_other(string diffusion)
    {
        using var folder = new TinyDiffusion(diffusion);
        using var model = folder.Load();
        var frames = Enumerable.Range(0, 3).Select(t => TestPicture.Make(_pool, t, 96, 64)).ToArray();
        using (var report = ModelCheck.Run(model, frames, [(64, 64)], "ink", TimeProvider.System))
        {
            Assert.Empty(report.Findings);
            Assert.Equal((96, 64), (report.After.Width, report.After.Height));
        }
        foreach (var frame in frames)
            frame.Dispose();
        Assert.Equal(0, model.FramesOut);
        var place = Directory.CreateTempSubdirectory("truelive-models-").FullName;
        using (var copy = ModelLoader.Load(ModelInstall.Copy(model.Manifest, place, false), 1, TimeProvider.System))
            Assert.Equal("tiny-diffusion", copy.Info.Id);
        Directory.Delete(place, true);
    }

    private static readonly Dictionary<string, (Action<TinyDiffusion> Break, string[] Words)> Broken = new()
    {
        ["no UNet"] = (f => File.Delete(f.Of("unet/model.onnx")), ["unet", "does not exist"]),
        ["a UNet that is text"] = (f => File.WriteAllText(f.Of("unet/model.onnx"), "hello"), ["unet", "not an ONNX file"]),
        ["a UNet for other words"] = (f => File.WriteAllBytes(f.Of("unet/model.onnx"), UNet(Element.Float, [1], Element.Int64, words: 48)),
            ["unet", "encoder_hidden_states"]),
        ["a UNet of SDXL"] = (f => File.WriteAllBytes(f.Of("unet/model.onnx"),
            UNet(Element.Float, [1], Element.Int64, g => g.Input("text_embeds", Element.Float, 1, 8)
            .Input("time_ids", Element.Float, 1, 6))), ["unet", "SDXL", "text_encoder_2"]),
        ["a decoder in the encoder's place"] = (f => File.Copy(f.Of("vae_decoder/model.onnx"), f.Of("vae_encoder/model.onnx"), true),
            ["vae_encoder", "sample"]),
        ["a link to another folder"] = (f =>
        {
            Directory.Delete(f.Of("unet"), true); Directory.CreateSymbolicLink(f.Of("unet"),
            Path.Combine(TinyDiffusion.Shipped, "unet"));
        }, ["unet", "is a link"]),
        ["a link to another file"] = (f =>
            { File.Delete(f.Of("tokenizer/vocab.json")); File.CreateSymbolicLink(f.Of("tokenizer/vocab.json"), "/etc/hostname"); },
            ["vocab.json", "is a link"]),
        ["a vocabulary that is a list"] = (f => File.WriteAllText(f.Of("tokenizer/vocab.json"), "[1, 2]"), ["vocab.json", "not an object"]),
        ["a vocabulary with wild numbers"] = (f => File.WriteAllText(f.Of("tokenizer/vocab.json"), """{ "a": -1 }"""),
            ["vocab.json", "'a'"]),
        ["a vocabulary of another kind"] = (f => File.WriteAllText(f.Of("tokenizer/vocab.json"), """{ "a": 1 }"""),
            ["vocab.json", "<|startoftext|>"]),
        ["numbers that the text encoder lacks"] = (f =>
            File.WriteAllText(f.Of("tokenizer/vocab.json"),
            File.ReadAllText(f.Of("tokenizer/vocab.json"))
            .Replace("\"<|endoftext|>\": ", "\"<|endoftext|>\": 9", StringComparison.Ordinal)), ["does not run"]),
        ["merges that are prose"] = (f => File.WriteAllText(f.Of("tokenizer/merges.txt"), "once upon a time\n"),
            ["merges.txt", "not a pair"]),
        ["merges of other words"] = (f => File.WriteAllText(f.Of("tokenizer/merges.txt"), "qq zz\n"), ["merges.txt", "lacks"]),
        ["a scheduler that we lack"] = (f => File.WriteAllText(f.Of("scheduler/scheduler_config.json"),
            """{ "_class_name": "FlowMatchEulerDiscreteScheduler" }"""),
            ["scheduler_config.json", "_class_name", "FlowMatch", "LCMScheduler"]),
        ["a schedule that we lack"] = (f => File.WriteAllText(f.Of("scheduler/scheduler_config.json"),
            """{ "beta_schedule": "squaredcos_cap_v2" }"""), ["scheduler_config.json", "beta_schedule"]),
        ["a prediction that we lack"] = (f => File.WriteAllText(f.Of("scheduler/scheduler_config.json"),
            """{ "prediction_type": "flow" }"""), ["scheduler_config.json", "prediction_type"]),
        ["a scheduler of a billion steps"] = (f => File.WriteAllText(f.Of("scheduler/scheduler_config.json"),
            """{ "num_train_timesteps": 1000000000 }"""), ["scheduler_config.json", "num_train_timesteps"]),
        ["a scale of nothing"] = (f => File.WriteAllText(f.Of("vae_decoder/config.json"), """{ "scaling_factor": 0 }"""),
            ["config.json", "scaling_factor", "latent_scale"]),
        ["steps that fall"] = (f => Manifest(f, """{ "steps": [45, 30] }"""), ["manifest.json", "diffusion.steps"]),
        ["no steps"] = (f => Manifest(f, """{ "steps": [] }"""), ["manifest.json", "diffusion.steps"]),
        ["wild guidance"] = (f => Manifest(f, """{ "steps": [30], "guidance_scale": -3 }"""),
            ["manifest.json", "diffusion.guidance_scale"]),
        ["throughput of a UNet that takes one frame at a time"] = (f =>
        {
            File.WriteAllBytes(f.Of("unet/model.onnx"), UNet(Element.Float, [1], Element.Int64));
            Manifest(f, """{ "steps": [30, 40], "throughput": true }""");
        }, ["unet", "diffusion.throughput", "dynamic batch"]),
        ["a UNet of 20 GB"] = (f =>
        {
            using var file = File.OpenWrite(f.Of("unet/model.onnx"));
            file.SetLength(20L << 30);
        }, ["unet", "2000"]),
        ["a decoder whose weights lie elsewhere"] = (f =>
            File.WriteAllBytes(f.Of("vae_decoder/model.onnx"),
            new OnnxGraph().Input("latent_sample", Element.Float, 1, 4, 0, 0).Output("sample", Element.Float, 1, 4, 0, 0)
            .ExternalConstant("w", "../../secret.bin", 1).Node("Add", ["latent_sample", "w"], ["sample"]).Bytes()),
                ["vae_decoder", "'../../secret.bin'", "no plain file beside it"]),
        ["pictures of another range"] = (f => Manifest(f, """{ "steps": [30], "range": [0, 255] }"""),
            ["manifest.json", "diffusion.range"]),
        ["repeats beside throughput"] = (f => Manifest(f, """{ "steps": [30, 40], "throughput": true, "similarity": 0.98 }"""),
            ["manifest.json", "diffusion.similarity"]),
        ["a likeness of everything"] = (f => Manifest(f, """{ "steps": [30], "similarity": 0 }"""),
            ["manifest.json", "diffusion.similarity"]),
        ["sizes that the UNet does not halve as often"] = (f => File.WriteAllText(f.Of("manifest.json"), """
            { "schema": "truelive-model/1", "id": "t", "title": "T", "size": { "min": 64, "max": 128, "multiple": 8 },
              "diffusion": { "steps": [40] } }
            """), ["manifest.json", "size.multiple is 8", "72x72"]),
        ["a field that is not there"] = (f => Manifest(f, """{ "steps": [30], "step": 1 }"""), ["manifest.json", "diffusion"]),
    };

    public static TheoryData<string> BrokenFolders() => [.. Broken.Keys];

    [Theory]
    [MemberData(nameof(BrokenFolders))]
    public void A_folder_that_cannot_be_used_is_refused_by_file_and_field(string kind)
    {
        using var folder = new TinyDiffusion();
        Broken[kind].Break(folder);
        var message = Assert.Throws<ModelException>(folder.Load).Message;
        Assert.All(Broken[kind].Words, word => Assert.Contains(word, message, StringComparison.Ordinal));
    }

    private static void Manifest(TinyDiffusion folder, string diffusion) => File.WriteAllText(folder.Of("manifest.json"), $$"""
        { "schema": "truelive-model/1", "id": "t", "title": "T", "size": { "min": 64, "max": 128, "multiple": 8 }, "diffusion": {{diffusion}} }
        """);

    // Predicts a tenth of the noisy latent plus the tensor that "add" names.
    private static byte[] UNet(
        Element type, long[] timestep, Element time, Func<OnnxGraph, OnnxGraph>? more = null, int words = 32, string add = "none") =>
        (more ?? (g => g))(new OnnxGraph().Input("sample", type, 0, 4, 0, 0).Input("timestep", time, timestep)
            .Input("encoder_hidden_states", type, 0, 77, words).Output("out_sample", type, 0, 4, 0, 0)
            .Constant("tenth", [0.1f], 1).Constant("ten", [10], 1).Constant("none", [0], 1)
            .Node("Cast", ["sample"], ["x"], ("to", 1)).Node("Cast", ["encoder_hidden_states"], ["words"], ("to", 1))
            .Node("Mul", ["x", "tenth"], ["scaled"]))
            .Node("Add", ["scaled", add], ["sum"]).Node("Cast", ["sum"], ["out_sample"], ("to", (long)type)).Bytes();
}
