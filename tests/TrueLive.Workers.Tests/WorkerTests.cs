using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers.Tests;

/// <summary>Models in Python, as their authors write them.</summary>
public sealed class WorkerTests
{
    private const string Echo = "def step(self, frame, prompt):\n    return frame.data";

    [Fact]
    public void A_worker_gives_back_each_frame_with_its_own_ticket()
    {
        using var worker = new TestWorker(TestWorker.Script(Echo));
        using var session = worker.Model.CreateSession(64, 48);
        for (var n = 0; n < 5; n++)
        {
            using var frame = worker.Frame(n);
            var made = Assert.Single(worker.Step(session, n, "ink", 3));
            using (made.Frame)
            {
                Assert.Equal((1000 + n, 3, FrameOrigin.Generated),
                    (made.Ticket.SourceSequence, made.Ticket.PromptRevision, made.Ticket.Origin));
                Assert.Equal(Rows(frame), Rows(made.Frame));
            }
        }
        Assert.Equal((0, 0), (worker.Model.FramesOut, worker.Pool.Rented));
    }

    [Fact]
    public async Task A_stream_that_is_opened_while_its_worker_becomes_ready_is_opened_once()
    {
        var clock = new InterruptedClock();
        using var worker = new TestWorker(TestWorker.Script(Echo), clock);
        using var session = worker.Model.CreateSession(64, 48);
        var opened = new ConcurrentBag<IModelSession>();
        var first = worker.Model.ProcessId!.Value;
        // At each moment of the next start at which its thread looks at the clock.
        clock.Open = () =>
        {
            opened.Add(worker.Model.CreateSession(64, 48));
            // The answer would make the thread look at the clock again, and so on.
            if (worker.Model.IsReady && worker.Model.ProcessId != first)
                clock.Open = null;
        };
        Process.GetProcessById(first).Kill();
        await worker.UntilBackAsync(session);
        clock.Open = null;
        await Task.WhenAll(clock.Opened).WaitAsync(TestWorker.Patience, TestContext.Current.CancellationToken);
        foreach (var another in opened)
        {
            await worker.UntilBackAsync(another);
            another.Dispose();
        }
        Assert.True(opened.Count >= 3, $"{opened.Count} streams were opened.");
        Assert.Contains("killed", Assert.Single(worker.Ends).Why, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_stream_that_is_opened_after_the_worker_is_gone_does_not_wait_until_that_is_cleared_up()
    {
        var clock = new InterruptedClock();
        using var worker = new TestWorker(TestWorker.Script(Echo), clock);
        using var session = worker.Model.CreateSession(64, 48);
        var opened = new TaskCompletionSource<Task<IModelSession>?>(TaskCreationOptions.RunContinuationsAsynchronously);
        clock.Buried = () =>
        {
            var opening = Task.Run(() => worker.Model.CreateSession(64, 48));
            opened.SetResult(((IAsyncResult)opening).AsyncWaitHandle.WaitOne(TestWorker.Patience) ? opening : null);
        };
        Process.GetProcessById(worker.Model.ProcessId!.Value).Kill();
        var through = await opened.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.NotNull(through);
        using var another = await through;
        await worker.UntilBackAsync(another);
    }

    [Fact]
    public void Colours_survive_the_way_to_red_green_and_blue_and_back()
    {
        using var worker = new TestWorker("import numpy\n"
            + TestWorker.Script("def step(self, frame, prompt):\n    return frame.rgb[:, :, :]")
            .Replace("'i420'", "'rgb8'", StringComparison.Ordinal));
        using var session = worker.Model.CreateSession(64, 48);
        using var frame = worker.Pool.Rent(64, 48);
        frame.Y.Fill(120);
        frame.U.Fill(100);
        frame.V.Fill(150);
        var made = new MadeFrame[1];
        Assert.Equal(1, session.Step(frame, Prompt.None, made));
        using var picture = made[0].Frame;
        Assert.InRange(picture.Y[70], 119, 121);
        Assert.InRange(picture.U[10], 99, 101);
        Assert.InRange(picture.V[10], 149, 151);
    }

    [Fact]
    public void A_frame_of_another_size_is_scaled_to_that_of_the_session()
    {
        using var worker = new TestWorker(TestWorker.Script(Echo));
        using var session = worker.Model.CreateSession(64, 48);
        using var frame = worker.Frame(0, 200, 100);
        var made = new MadeFrame[1];
        session.Step(frame, Prompt.None, made);
        using var picture = made[0].Frame;
        Assert.Equal((64, 48), (picture.Width, picture.Height));
    }

    [Fact]
    public void A_prompt_is_in_force_for_the_frame_that_comes_with_it()
    {
        using var worker = new TestWorker(TestWorker.Script(
            "def step(self, frame, prompt):\n    assert prompt.strength == 1\n    return bytes([len(prompt.text)]) * len(frame.data)"));
        using var session = worker.Model.CreateSession(64, 48);
        foreach (var (text, revision) in new[] { ("ink", 1L), ("ink", 1L), ("japanese ink", 2L), ("", 3L) })
        {
            using var picture = Assert.Single(worker.Step(session, 0, text, revision)).Frame;
            Assert.Equal(text.Length, picture.Y[0]);
        }
    }

    [Fact]
    public void Two_streams_of_one_worker_do_not_know_of_each_other()
    {
        using var worker = new TestWorker(TestWorker.Script("""
            prompt = False
            memory = True
            def open(self, width, height):
                return Counting(self, width, height)
            """, """
            class Counting(Session):
                count = 0
                def step(self, frame, prompt):
                    self.count += 1
                    return bytes([self.count]) * len(frame.data)
                def reset(self):
                    self.count = 0
                def capture(self):
                    return bytes([self.count])
                def restore(self, state):
                    self.count = state[0]
            """));
        using var one = worker.Model.CreateSession(64, 48);
        using var other = worker.Model.CreateSession(32, 32);
        Assert.Equal((1, 2, 1), (Luma(worker, one), Luma(worker, one), Luma(worker, other)));
        Assert.Equal((true, false), (worker.Model.Info.HasMemory, worker.Model.Info.TakesPrompt));
        var kept = one.Capture();
        Assert.Equal((3, 2), (Luma(worker, one), Luma(worker, other)));
        one.Restore(kept);
        Assert.Equal(3, Luma(worker, one));
        one.Reset();
        Assert.Equal(1, Luma(worker, one));
        Assert.Throws<ArgumentException>(() => other.Restore(kept));
    }

    [Fact]
    public void A_chunk_comes_out_with_the_tickets_of_its_frames_and_what_is_left_is_flushed()
    {
        using var worker = new TestWorker(TestWorker.Script("""
            takes = 3
            gives = 3
            def open(self, width, height):
                return Chunks(self, width, height)
            """, """
            class Chunks(Session):
                def __init__(self, *a):
                    super().__init__(*a)
                    self.held = []
                def step(self, frame, prompt):
                    self.held.append((frame.index, bytes(frame.data)))
                    return self.out() if len(self.held) == 3 else None
                def out(self):
                    made, self.held = [Picture(d, i) for i, d in self.held], []
                    return made
                def flush(self, prompt):
                    return self.out()
                def reset(self):
                    self.held = []
                def capture(self):
                    return b''.join(i.to_bytes(8, 'little') + d for i, d in self.held)
                def restore(self, state):
                    size = 8 + self.width * self.height * 3 // 2
                    self.held = [(int.from_bytes(state[k:k + 8], 'little'), state[k + 8:k + size]) for k in range(0, len(state), size)]
            """));
        using var session = worker.Model.CreateSession(64, 48);
        Assert.Equal(new Chunk(3, 3, 0), worker.Model.Info.Chunk);
        Assert.Equal([[], [], [1000, 1001, 1002], []], Enumerable.Range(0, 4).Select(n => Sources(worker.Step(session, n))));
        var kept = session.Capture();
        Assert.Equal([], Sources(worker.Step(session, 4)));
        var made = new MadeFrame[3];
        Assert.Equal([1003, 1004], Sources([.. made[..session.Flush(made)]]));
        Assert.Equal(0, session.Flush(made));
        using var other = worker.Model.CreateSession(64, 48);
        other.Restore(kept);
        Assert.Equal([1003], Sources([.. made[..other.Flush(made)]]));
    }

    [Fact]
    public async Task A_killed_worker_is_away_in_words_and_comes_back_with_the_prompt()
    {
        using var worker = new TestWorker(TestWorker.Script(
            "def step(self, frame, prompt):\n    return bytes([len(prompt.text)]) * len(frame.data)"));
        using var session = worker.Model.CreateSession(64, 48);
        worker.Step(session, 0, "ink", 1).ForEach(m => m.Frame.Dispose());
        using (var process = Process.GetProcessById(worker.Model.ProcessId!.Value))
        {
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        var away = await worker.UntilBackAsync(session);
        Assert.Contains("killed (signal 9)", away!.Message, StringComparison.Ordinal);
        using var picture = Assert.Single(worker.Step(session, 1, "ink", 1)).Frame;
        Assert.Equal(3, picture.Y[0]);
        Assert.Equal(0, worker.Pool.Rented);
    }

    [Fact]
    public async Task Parameters_come_typed_with_the_prompt_and_both_are_kept_when_the_worker_is_killed()
    {
        using var worker = new TestWorker(TestWorker.Script("""
            def step(self, frame, prompt):
                level, word, note = prompt.number('level'), prompt.word('word'), prompt.word('note')
                assert type(level) is float and type(prompt.flag('dark')) is bool, prompt.values
                assert list(prompt.values) == ['level', 'dark', 'word', 'note'], prompt.values
                return bytes([int(level) + 100 * prompt.flag('dark') + 10 * len(word) + len(note) + len(prompt.text)]) * len(frame.data)
            """), parameters:
        [
            new("level", "Level", ParameterKind.Number) { Default = "1", Min = 0, Max = 9, Step = 0.5 },
            new("dark", "Dark", ParameterKind.Flag) { Default = "false" },
            new("word", "Word", ParameterKind.Choice) { Default = "on", Choices = ["on", "none"] },
            new("note", "Note", ParameterKind.Text) { Default = "" },
        ]);
        using var session = worker.Model.CreateSession(64, 48);
        Assert.Equal(1 + 20, Luma(worker, session));
        var prompt = TestWorker.Prompt("ink", 1) with
        { Values = worker.Values(("dark", "true"), ("level", "4"), ("note", "ab"), ("word", "none")) };
        Assert.Equal(4 + 100 + 40 + 2 + 3, Luma(worker, session, prompt));
        Assert.Equal(4 + 40 + 2 + 3, Luma(worker, session,
            prompt with { Revision = 2, Values = worker.Values(("level", "4"), ("note", "ab"), ("word", "none")) }));
        Assert.Empty(worker.Ends);

        using (var process = Process.GetProcessById(worker.Model.ProcessId!.Value))
        {
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        Assert.Contains("killed (signal 9)", (await worker.UntilBackAsync(session, prompt: prompt with { Revision = 3 }))!.Message,
            StringComparison.Ordinal);
        Assert.Equal(4 + 100 + 40 + 2 + 3, Luma(worker, session, prompt with { Revision = 3 }));
        var end = Assert.Single(worker.Ends);
        Assert.Equal(("test", TimeSpan.Zero), (end.ModelId, end.Pause!.Value));
        Assert.Contains("killed (signal 9)", end.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_that_is_not_declared_or_of_another_kind_is_told_to_the_author()
    {
        using var worker = new TestWorker(TestWorker.Script("def step(self, frame, prompt):\n    return frame.data if prompt.text == '' " +
            "else eval(prompt.text)"),
            parameters: [new("level", "Level", ParameterKind.Number) { Default = "1" }]);
        using var session = worker.Model.CreateSession(64, 48);
        Assert.Contains("no parameter 'lvel'; it has: level",
            Assert.Throws<ModelAwayException>(() => worker.Step(session, 0, "prompt.number('lvel')", 1)).Message, StringComparison.Ordinal);
        Assert.Contains("'level' is a float, not a str",
            Assert.Throws<ModelAwayException>(() => worker.Step(session, 0, "prompt.word('level')", 2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_exception_in_a_step_is_told_with_its_traceback_and_the_next_step_goes_on()
    {
        using var worker = new TestWorker(TestWorker.Script("def step(self, frame, prompt):\n    if prompt.text:\n        return " +
            "helper(prompt)\n    return frame.data",
            "def helper(prompt):\n    return prompt.text / 0"));
        using var session = worker.Model.CreateSession(64, 48);
        var away = Assert.Throws<ModelAwayException>(() => worker.Step(session, 0, "ink", 1));
        Assert.False(away.ForGood);
        Assert.Contains("TypeError: unsupported operand", away.Message.Split('\n')[0], StringComparison.Ordinal);
        Assert.Contains("return prompt.text / 0", away.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("_serve.py", away.Message, StringComparison.Ordinal);
        Assert.Single(worker.Step(session, 1)).Frame.Dispose();
    }

    [Theory]
    [InlineData("return 'ink'", "return a numpy array or bytes")]
    [InlineData("return b'12'", "has 4608")]
    [InlineData("return [frame.data, frame.data]", "gives is 1")]
    public void What_a_step_may_not_return_is_told_with_what_it_should(string line, string advice)
    {
        using var worker = new TestWorker(TestWorker.Script("def step(self, frame, prompt):\n    if prompt.text:\n        " + line
            + "\n    return frame.data"));
        using var session = worker.Model.CreateSession(64, 48);
        Assert.Contains(advice, Assert.Throws<ModelAwayException>(() => worker.Step(session, 0, "ink", 1)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'")]
    [InlineData("1 +", "SyntaxError")]
    public void A_program_that_does_not_start_is_refused_with_its_last_words(string head, string words)
    {
        var script = head + "\n" + TestWorker.Script(Echo);
        var wrong = Assert.Throws<WorkerException>(() => new TestWorker(script).Model);
        Assert.Contains("exit code 1", wrong.Message, StringComparison.Ordinal);
        Assert.Contains(words, wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_fails_to_load_or_to_open_is_refused_with_its_traceback()
    {
        var load = Assert.Throws<WorkerException>(() =>
            new TestWorker(TestWorker.Script("def load(self, folder):\n    (folder / 'weights.bin').read_bytes()")).Model);
        Assert.Contains("weights.bin", load.Message, StringComparison.Ordinal);
        var open = Assert.Throws<WorkerException>(() =>
            new TestWorker(TestWorker.Script("def step(self, frame, prompt):\n    raise OSError('no device')")).Model);
        Assert.Contains("OSError: no device", open.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("python-that-is-not-there", "apt-get install python3")]
    [InlineData(".venv/bin/python", "does not exist")]
    public void A_program_that_is_missing_is_named_with_what_to_do(string program, string advice) =>
        Assert.Contains(advice, Assert.Throws<WorkerException>(() => new TestWorker("", command: [program, "model.py"]).Model).Message,
            StringComparison.Ordinal);

    [Fact]
    [Trait("Run", "long")]
    public async Task A_worker_that_ends_again_and_again_is_given_up_and_tried_again_after_ten_minutes()
    {
        var time = new FakeTimeProvider();
        using var worker = new TestWorker(TestWorker.Script("def step(self, frame, prompt):\n    if prompt.text:\n        os._exit(7)\n  " +
            "  return frame.data"), time);
        using var session = worker.Model.CreateSession(64, 48);
        for (var ends = 0; ends < 4; ends++)
        {
            Assert.Contains("exit code 7", Assert.Throws<ModelAwayException>(() => worker.Step(session, 0, "end", ends + 1)).Message,
                StringComparison.Ordinal);
            if (ends < 3)
                await worker.UntilBackAsync(session, () => time.Advance(TimeSpan.FromMilliseconds(50)));
        }
        await TestWorker.UntilAsync(() => Assert.Throws<ModelAwayException>(() => worker.Step(session, 0)).ForGood);
        // It is given up a moment before the pause begins.
        await TestWorker.UntilAsync(() =>
        {
            if (worker.Model.GaveUp)
                time.Advance(TimeSpan.FromSeconds(30));
            return worker.Model.ProcessId is not null;
        });
        using var another = worker.Model.CreateSession(64, 48);
        await worker.UntilBackAsync(another);
    }

    [Fact]
    public async Task An_author_who_edits_sees_the_fault_and_then_the_new_picture_on_the_same_stream()
    {
        using var worker = new TestWorker(TestWorker.Script("def step(self, frame, prompt):\n    return bytes([1]) * len(frame.data)"),
            reload: true);
        using var session = worker.Model.CreateSession(64, 48);
        Assert.Equal(1, Luma(worker, session));
        worker.Write("1 +");
        await TestWorker.UntilAsync(() => Away(worker, session)?.Contains("SyntaxError", StringComparison.Ordinal) == true);
        worker.Write(TestWorker.Script("def step(self, frame, prompt):\n    return bytes([22]) * len(frame.data)"));
        await worker.UntilBackAsync(session);
        Assert.Equal(22, Luma(worker, session));
    }

    [Fact]
    public void Ten_thousand_steps_take_no_memory()
    {
        using var worker = new TestWorker(TestWorker.Script(Echo));
        using var session = worker.Model.CreateSession(64, 48);
        using var frame = worker.Frame(0);
        var made = new MadeFrame[1];
        Steps(1000);
        using var process = Process.GetProcessById(worker.Model.ProcessId!.Value);
        var (own, its) = (GC.GetAllocatedBytesForCurrentThread(), process.WorkingSet64);
        Steps(10_000);
        process.Refresh();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - own, 0, 10_000 * 64);
        Assert.InRange(process.WorkingSet64 - its, long.MinValue, 4 << 20);
        Assert.Equal(0, worker.Model.FramesOut);

        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                session.Step(frame, Prompt.None, made);
                made[0].Frame.Dispose();
            }
        }
    }

    private static string? Away(TestWorker worker, IModelSession session)
    {
        try
        {
            worker.Step(session, 0).ForEach(m => m.Frame.Dispose());
            return null;
        }
        catch (ModelAwayException away)
        {
            return away.Message;
        }
    }

    private static int Luma(TestWorker worker, IModelSession session, Prompt? prompt = null)
    {
        using var picture = Assert.Single(worker.Step(session, 0, prompt ?? Prompt.None)).Frame;
        return picture.Y[0];
    }

    private static long[] Sources(List<MadeFrame> made)
    {
        made.ForEach(m => m.Frame.Dispose());
        return [.. made.Select(m => m.Ticket.SourceSequence)];
    }

    private static byte[] Rows(VideoFrame frame) =>
    [
        .. Enumerable.Range(0, frame.Height).SelectMany(y => frame.Y.Slice(y * frame.StrideY, frame.Width).ToArray()),
        .. Enumerable.Range(0, frame.ChromaHeight).SelectMany(y => frame.U.Slice(y * frame.StrideC, frame.ChromaWidth).ToArray()),
        .. Enumerable.Range(0, frame.ChromaHeight).SelectMany(y => frame.V.Slice(y * frame.StrideC, frame.ChromaWidth).ToArray()),
    ];

    /// <summary>Lets somebody open a stream at moments that only the worker's thread knows.</summary>
    private sealed class InterruptedClock : TimeProvider
    {
        /// <summary>Called once, when the worker is gone and its thread has not said so yet.</summary>
        public Action? Buried;

        /// <summary>Called beside that thread whenever it looks at the clock.</summary>
        public Action? Open { get; set; }

        public ConcurrentBag<Task> Opened { get; } = [];

        private static bool IsWorker => Thread.CurrentThread.Name == "worker test";

        public override long GetTimestamp()
        {
            if (Open is { } open && IsWorker)
                Opened.Add(SideThread.Start(open));
            return base.GetTimestamp();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new Timer(this, base.CreateTimer(callback, state, dueTime, period));

        private sealed class Timer(InterruptedClock clock, ITimer timer) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(dueTime, period);

            public ValueTask DisposeAsync() => timer.DisposeAsync();

            public void Dispose()
            {
                timer.Dispose();
                if (IsWorker)
                    Interlocked.Exchange(ref clock.Buried, null)?.Invoke();
            }
        }
    }
}
