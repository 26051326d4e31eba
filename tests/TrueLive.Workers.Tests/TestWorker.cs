using System.Collections.Concurrent;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Processes;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers.Tests;

/// <summary>A worker from a script in a temporary folder, and frames for it.</summary>
internal sealed class TestWorker : IDisposable
{
    /// <summary>A generous limit that only a hang reaches.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public TestWorker(string script, TimeProvider? time = null, bool reload = false, int memoryMb = 1024, string[]? command = null,
        ModelParameter[]? parameters = null)
    {
        Assert.SkipUnless(Bubblewrap.IsUsable, "bubblewrap is not installed, or this system does not let it work.");
        Write(script);
        Spec = new WorkerSpec(
            new ModelInfo("test", "1", "Test", "", true, false, new ModelSizes(16, 1024, 2), []) { Parameters = parameters ?? [] },
            new WorkerCommand(Folder, command ?? ["python3", "model.py"], memoryMb), reload)
        {
            Ended = Ends.Enqueue,
        };
        Time = time ?? TimeProvider.System;
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("truelive-worker-test").FullName;

    public WorkerSpec Spec { get; }

    /// <summary>The reported ends of the worker.</summary>
    public ConcurrentQueue<WorkerEnd> Ends { get; } = new();

    public TimeProvider Time { get; }

    public FramePool Pool { get; } = new("test");

    public WorkerModel Model => field ??= WorkerModel.Load(Spec, Time);

    /// <summary>Source of a Python model whose class has the given body.</summary>
    public static string Script(string body, string head = "") =>
        $"import sys, os, time\nfrom truelive_worker import *\n{head}\nclass Test(Model):\n    format = " +
            $"'i420'\n{string.Join('\n', body.Split('\n').Select(l => "    " + l))}\nserve(Test)\n";

    /// <summary>Folder of an example in the repository.</summary>
    public static string Example(string name) => Path.Combine(Root, "worker", "examples", name);

    public static string Root
    {
        get
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "TrueLive.slnx")))
                folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("Not inside the repository.");
            return folder;
        }
    }

    public void Write(string script) => File.WriteAllText(Path.Combine(Folder, "model.py"), script);

    /// <summary>A frame with patterns in all planes, the n-th of its source.</summary>
    public VideoFrame Frame(int n, int width = 64, int height = 48)
    {
        var frame = Pool.Rent(width, height);
        for (var i = 0; i < frame.Y.Length; i++)
            frame.Y[i] = (byte)(i * 7 + n);
        frame.U.Fill((byte)(100 + n));
        frame.V.Fill((byte)(150 - n));
        frame.Ticket = new FrameTicket(1000 + n, TimeSpan.FromMilliseconds(40 * n), 0, (uint)n);
        return frame;
    }

    /// <summary>One step; the pictures are the caller's.</summary>
    public List<MadeFrame> Step(IModelSession session, int n, string text = "", long revision = 0) =>
        Step(session, n, Prompt(text, revision));

    /// <summary>One step; the pictures are the caller's.</summary>
    public List<MadeFrame> Step(IModelSession session, int n, Prompt prompt)
    {
        var made = new MadeFrame[Model.Info.Chunk.Gives];
        using var frame = Frame(n, session.Width, session.Height);
        return [.. made[..session.Step(frame, prompt, made)]];
    }

    public static Prompt Prompt(string text, long revision) => new(revision, text, 1, TimeSpan.Zero, PromptReading.Empty);

    /// <summary>Values with some of its parameters set.</summary>
    public ParameterValues Values(params (string Id, string Value)[] set) =>
        ParameterValues.None.TrySet(Spec.Info.Parameters, set.Select(s => KeyValuePair.Create(s.Id, s.Value)), out var values,
            out var wrong)
            ? values : throw new ArgumentException(wrong, nameof(set));

    /// <summary>Steps until one succeeds; returns why the earlier ones failed.</summary>
    public async Task<ModelAwayException?> UntilBackAsync(IModelSession session, Action? between = null, Prompt? prompt = null)
    {
        ModelAwayException? why = null;
        for (var began = TimeProvider.System.GetTimestamp(); ; await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System))
        {
            try
            {
                Step(session, 0, prompt ?? Core.Models.Prompt.None).ForEach(m => m.Frame.Dispose());
                return why;
            }
            catch (ModelAwayException away) when (!away.ForGood)
            {
                why ??= away;
            }
            between?.Invoke();
            Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, $"It did not come back: {why.Message}");
        }
    }

    public static async Task UntilAsync(Func<bool> holds)
    {
        for (var began = TimeProvider.System.GetTimestamp(); !holds(); await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System))
            Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, "It never came to be.");
    }

    public void Dispose()
    {
        Model.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
