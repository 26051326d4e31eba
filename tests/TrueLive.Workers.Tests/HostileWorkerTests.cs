using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Models;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers.Tests;

/// <summary>Workers that break the rules: each is ended with the reason, and the others continue.</summary>
public sealed class HostileWorkerTests : IDisposable
{
    private static readonly string Script = File.ReadAllText(Path.Combine(TestWorker.Root, "tests", "TrueLive.Workers.Tests",
        "hostile.py"));

    private readonly TestWorker _beside = new(TestWorker.Script("def step(self, frame, prompt):\n    return frame.data"));

    public void Dispose() => _beside.Dispose();

    [Theory]
    [InlineData("exit at once", "exit code 1", "there is nothing here")]
    [InlineData("garbage", "no message of protocol 1")]
    [InlineData("oversize", "at most 65536 are taken")]
    [InlineData("not json", "cannot be read")]
    [InlineData("deep json", "cannot be read")]
    [InlineData("protocol", "no hello of protocol 1")]
    [InlineData("wrong token", "does not know the token")]
    [InlineData("wild model", "beyond 1 to 64")]
    [InlineData("unasked state", "at most 0 are taken")]
    [InlineData("forged step", "which only the host sends")]
    public void One_that_breaks_the_rules_before_it_is_ready_is_refused(string way, params string[] words)
    {
        var wrong = Assert.Throws<WorkerException>(() => Hostile(way).Model);
        Assert.All(words, w => Assert.Contains(w, wrong.Message, StringComparison.Ordinal));
        Beside();
    }

    [Theory]
    [InlineData("slot of the host", "slot 0, which is not its own")]
    [InlineData("slot beyond", "slot 99, which is not its own")]
    [InlineData("too many", "handed out 2 pictures")]
    [InlineData("count beyond", "does not go with its count")]
    [InlineData("frame of tomorrow", "which it does not have")]
    [InlineData("frame of yesterday", "which it does not have")]
    [InlineData("revision of tomorrow", "which it was never given")]
    [InlineData("another step", "which nobody waits for")]
    [InlineData("answers twice", "which nobody waits for")]
    [InlineData("exit in the step", "exit code 3")]
    [InlineData("half a message", "ended by itself")]
    [InlineData("closes", "closed its connection")]
    [InlineData("memory hog", "MemoryError")]
    [InlineData("shared memory hog", "more than the 256 MB")]
    [InlineData("fork", "PermissionError")]
    [InlineData("shorter frames", "PermissionError")]
    [InlineData("floods", "a step took more than 5 s")]
    [Trait("Run", "long")]
    public void One_that_breaks_the_rules_in_a_step_is_ended_and_named(string way, string words)
    {
        using var worker = Hostile(way);
        using var session = worker.Model.CreateSession(64, 48);
        Assert.Contains(words, Why(worker, session), StringComparison.Ordinal);
        Beside();
    }

    [Theory]
    [InlineData("opens twice", "'opened', which nobody waits for")]
    [InlineData("another's answer", "which there is none of")]
    public async Task One_that_answers_what_nobody_asked_is_ended_and_named(string way, string words)
    {
        // The second answer may arrive before the step or during it.
        using var worker = Hostile(way, reload: true);
        using var session = worker.Model.CreateSession(64, 48);
        await TestWorker.UntilAsync(() => Why(worker, session).Contains(words, StringComparison.Ordinal));
        Beside();
    }

    [Theory]
    [InlineData("silent", 61, "did not connect within 60 s")]
    // On a slow machine the worker may not even have connected by then.
    [InlineData("mute", 61, "did not (introduce itself|connect) within 60 s")]
    public async Task One_that_is_silent_is_ended_in_time(string way, int seconds, string words)
    {
        var time = new FakeTimeProvider();
        var loading = Task.Run(() => Hostile(way, time).Model, TestContext.Current.CancellationToken);
        for (var passed = 0; !loading.IsCompleted; await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System))
        {
            // The worker answers at once or not at all; advancing the clock earlier would look like a slow machine.
            if (passed++ > 200)
                time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Matches(words, (await Assert.ThrowsAsync<WorkerException>(() => loading)).Message);
        Assert.True(time.GetUtcNow() - time.Start >= TimeSpan.FromSeconds(seconds - 1));
        Beside();
    }

    [Theory]
    [InlineData("hangs", 6, "a step took more than 5 s")]
    [InlineData("deaf", 6, "a step took more than 5 s")]
    public async Task One_that_hangs_in_a_step_is_killed_and_the_next_one_goes_on(string way, int seconds, string words)
    {
        var time = new FakeTimeProvider();
        using var worker = Hostile(way, time);
        using var session = worker.Model.CreateSession(64, 48);
        var why = Task.Run(() => Why(worker, session), TestContext.Current.CancellationToken);
        await TestWorker.UntilAsync(() => session is WorkerStream { Steps: 4, Waits: true });
        time.Advance(TimeSpan.FromSeconds(seconds));
        Assert.Contains(words, await why, StringComparison.Ordinal);
        await worker.UntilBackAsync(session, () => time.Advance(TimeSpan.FromMilliseconds(50)));
        Beside();
    }

    [Fact]
    [Trait("Run", "long")]
    public void Noise_on_its_output_is_no_message_and_no_more_than_its_last_words()
    {
        using var worker = Hostile("noise");
        using var session = worker.Model.CreateSession(64, 48);
        for (var n = 0; n < 6; n++)
            worker.Step(session, n).ForEach(m => m.Frame.Dispose());
        Beside();
    }

    [Fact]
    public void One_that_is_slow_is_slow_and_nothing_else()
    {
        using var worker = Hostile("slow by a hundred");
        using var session = worker.Model.CreateSession(64, 48);
        for (var n = 0; n < 2; n++)
            worker.Step(session, n).ForEach(m => m.Frame.Dispose());
        Beside();
    }

    [Fact]
    public void Memory_that_was_captured_has_a_bound()
    {
        using var worker = Hostile("huge state");
        using var session = worker.Model.CreateSession(64, 48);
        worker.Step(session, 0).ForEach(m => m.Frame.Dispose());
        Assert.Contains("at most 67108864 are taken", Assert.Throws<ModelAwayException>(session.Capture).Message, StringComparison.Ordinal);
        Beside();
    }

    [Fact]
    public void A_worker_sees_nothing_of_the_machine_but_its_folder_and_the_systems_programs()
    {
        using var worker = new TestWorker(TestWorker.Script("def step(self, frame, prompt):\n    if not prompt.text:\n        return frame.data\n    raise RuntimeError(look())", """
            import socket, subprocess, threading
            def attempt(what):
                try:
                    return str(what())
                except Exception as error:
                    return type(error).__name__
            def thread():
                threads = [threading.Thread(target=lambda: None) for _ in range(4)]
                [(t.start(), t.join()) for t in threads]
                return 'threads run'
            def look():
                return ' | '.join([
                    attempt(lambda: socket.create_connection(('127.0.0.1', 22), 1)),
                    attempt(lambda: socket.socket().bind(('127.0.0.1', 0)) or 'bound'),
                    attempt(lambda: subprocess.run(['true'])),
                    attempt(thread),
                    attempt(lambda: open('model.py', 'a')),
                    attempt(lambda: open('/tmp/own', 'w').write('x')),
                    attempt(lambda: os.listdir('/root')),
                    attempt(lambda: os.listdir('/home')),
                    attempt(lambda: len([p for p in os.listdir('/proc') if p.isdigit()])),
                    attempt(lambda: sorted(os.environ)),
                ])
            """));
        using var session = worker.Model.CreateSession(64, 48);
        var seen = Assert.Throws<ModelAwayException>(() => worker.Step(session, 0, "look", 1)).Message.Split('\n')[0];
        Assert.Contains(
            "ConnectionRefusedError | bound | PermissionError | threads run | OSError | 1 | FileNotFoundError | FileNotFoundError | 2 | "
            + "['HF_HUB_OFFLINE', 'HOME', 'LANG', 'PATH', 'PWD', 'PYTHONDONTWRITEBYTECODE', 'PYTHONPATH', 'PYTHONUNBUFFERED', " +
                "'TRUELIVE_WORKER_SOCKET', 'TRUELIVE_WORKER_TOKEN']",
            seen, StringComparison.Ordinal);
    }

    private static TestWorker Hostile(string way, TimeProvider? time = null, bool reload = false) =>
        new(Script, time, reload, 256, ["python3", "model.py", way]);

    private static string Why(TestWorker worker, IModelSession session)
    {
        for (var n = 0; ; n++)
        {
            try
            {
                worker.Step(session, n).ForEach(m => m.Frame.Dispose());
                Assert.InRange(n, 0, 10_000);
            }
            catch (ModelAwayException away)
            {
                return away.Message;
            }
        }
    }

    private void Beside()
    {
        using var session = _beside.Model.CreateSession(64, 48);
        Assert.Single(_beside.Step(session, 0)).Frame.Dispose();
        Assert.Equal(0, _beside.Model.FramesOut);
    }
}
