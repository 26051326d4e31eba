using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>An echo that does something bad with the n-th frame.</summary>
internal sealed class ScriptedTarget(TimeProvider time, Func<int, VideoFrame, FramePool, VideoFrame?> script) : IProbeTarget
{
    private readonly Channel<VideoFrame> _frames = System.Threading.Channels.Channel.CreateBounded<VideoFrame>(60);
    private readonly FramePool _pool = new("scripted", 80);
    private int _count;

    public string Description => "scripted";

    public bool TakesPrompts { get; init; }

    public int Unsent { get; init; }

    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>Each prompt with the number of frames sent before it.</summary>
    public List<(int Frames, string Prompt)> Prompts { get; } = [];

    public string? EndedBecause { get; private set; }

    public Task ConnectAsync(StimulusFormat format, CancellationToken cancel) => Task.CompletedTask;

    public ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel)
    {
        if (script(_count++, frame, _pool) is { } answer)
            _frames.Writer.TryWrite(answer);
        return ValueTask.FromResult(true);
    }

    public async ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel) =>
        await _frames.Reader.WaitToReadAsync(cancel) && _frames.Reader.TryRead(out var frame) ? (frame, time.GetTimestamp()) : null;

    public Task PromptAsync(string prompt, CancellationToken cancel)
    {
        Prompts.Add((_count, prompt));
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _frames.Writer.TryComplete();
        while (_frames.Reader.TryRead(out var left))
            left.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>The far side hangs up.</summary>
    public void Close(string why)
    {
        EndedBecause = why;
        _frames.Writer.TryComplete();
    }

    public static VideoFrame Copy(VideoFrame frame, FramePool pool)
    {
        var copy = pool.Rent(frame.Width, frame.Height);
        frame.Y.CopyTo(copy.Y);
        frame.U.CopyTo(copy.U);
        frame.V.CopyTo(copy.V);
        copy.Colour = frame.Colour;
        return copy;
    }
}
