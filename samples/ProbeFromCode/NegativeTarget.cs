using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Probe.Targets;

namespace TrueLive.Samples.ProbeFromCode;

/// <summary>A system under test within the same program: it returns each picture as a negative. Call your own code here instead.</summary>
public sealed class NegativeTarget(TimeProvider time) : IProbeTarget
{
    private readonly Channel<VideoFrame> _made = Channel.CreateBounded<VideoFrame>(30);
    private readonly FramePool _pool = new("negatives");

    public string Description => "a negative of each picture";

    public bool TakesPrompts => false;

    public string? EndedBecause => null;

    public Task ConnectAsync(StimulusFormat format, CancellationToken cancel) => Task.CompletedTask;

    public ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel)
    {
        var negative = _pool.Rent(frame.Width, frame.Height);
        negative.Colour = frame.Colour;
        Invert(frame.Y, negative.Y);
        Invert(frame.U, negative.U);
        Invert(frame.V, negative.V);
        if (_made.Writer.TryWrite(negative))
            return ValueTask.FromResult(true);
        negative.Dispose();
        return ValueTask.FromResult(false);
    }

    public async ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel) =>
        await _made.Reader.WaitToReadAsync(cancel) && _made.Reader.TryRead(out var frame) ? (frame, time.GetTimestamp()) : null;

    public Task PromptAsync(string prompt, CancellationToken cancel) => Task.CompletedTask;

    public ValueTask DisposeAsync()
    {
        _made.Writer.TryComplete();
        while (_made.Reader.TryRead(out var left))
            left.Dispose();
        return ValueTask.CompletedTask;
    }

    private static void Invert(ReadOnlySpan<byte> from, Span<byte> to)
    {
        for (var i = 0; i < from.Length; i++)
            to[i] = (byte)(255 - from[i]);
    }
}
