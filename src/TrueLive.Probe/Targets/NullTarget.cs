using System.Threading.Channels;
using TrueLive.Core.Frames;

namespace TrueLive.Probe.Targets;

/// <summary>
/// The probe's own echo: every frame comes straight back after a fixed delay. Measures the instrument (rendering, timing,
/// receiving, analysing), not a network or a codec.
/// </summary>
/// <param name="time">The run's clock.</param>
/// <param name="delay">Inserted delay.</param>
public sealed class NullTarget(TimeProvider time, TimeSpan delay = default) : IProbeTarget
{
    // The queue is bounded; a frame that finds no room is dropped, as in a network.
    private readonly Channel<(VideoFrame Frame, long Due)> _frames = Channel.CreateBounded<(VideoFrame Frame, long Due)>(
        new BoundedChannelOptions(60 + (int)(delay.TotalSeconds * 60)) { SingleReader = true, SingleWriter = true });
    private readonly FramePool _pool = new("probe echo", 64);

    /// <inheritdoc/>
    public string Description => delay == default ? "null (the probe's own echo)" : $"null (echo after {delay.TotalMilliseconds:0} ms)";

    /// <inheritdoc/>
    public bool TakesPrompts => false;

    /// <inheritdoc/>
    public string? EndedBecause => null;

    /// <inheritdoc/>
    public bool TakesRate(int rate) => rate is > 0 and <= 60;

    /// <inheritdoc/>
    public Task ConnectAsync(StimulusFormat format, CancellationToken cancel) => Task.CompletedTask;

    /// <inheritdoc/>
    public ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel)
    {
        var copy = _pool.Rent(frame.Width, frame.Height);
        frame.Y.CopyTo(copy.Y);
        frame.U.CopyTo(copy.U);
        frame.V.CopyTo(copy.V);
        copy.Colour = frame.Colour;
        var due = time.GetTimestamp() + (long)(delay.TotalSeconds * time.TimestampFrequency);
        if (_frames.Writer.TryWrite((copy, due)))
            return ValueTask.FromResult(true);
        copy.Dispose();
        return ValueTask.FromResult(false);
    }

    /// <inheritdoc/>
    public async ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel)
    {
        if (!await _frames.Reader.WaitToReadAsync(cancel).ConfigureAwait(false) || !_frames.Reader.TryRead(out var next))
            return null;
        var wait = time.GetElapsedTime(time.GetTimestamp(), next.Due);
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, time, cancel).ConfigureAwait(false);
        return (next.Frame, time.GetTimestamp());
    }

    /// <inheritdoc/>
    public Task PromptAsync(string prompt, CancellationToken cancel) => Task.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _frames.Writer.TryComplete();
        while (_frames.Reader.TryRead(out var left))
            left.Frame.Dispose();
        return ValueTask.CompletedTask;
    }
}
