using TrueLive.Core.Frames;
using TrueLive.Probe.Targets;

namespace TrueLive.Watch;

/// <summary>A target whose start-up is timed: from opening the connection until it takes pictures.</summary>
public sealed class TimedTarget(IProbeTarget target, TimeProvider time) : IProbeTarget
{
    private int _ended;

    /// <summary>Seconds that connecting took; null until it has.</summary>
    public double? StartUp { get; private set; }

    /// <inheritdoc/>
    public string Description => target.Description;

    /// <inheritdoc/>
    public bool TakesPrompts => target.TakesPrompts;

    /// <inheritdoc/>
    public string? EndedBecause => target.EndedBecause;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => target.Notes;

    /// <inheritdoc/>
    public int Unsent => target.Unsent;

    /// <inheritdoc/>
    public IReadOnlyList<string> Faults => target.Faults;

    /// <inheritdoc/>
    public bool TakesRate(int rate) => target.TakesRate(rate);

    /// <inheritdoc/>
    public bool Impair(LineState line) => target.Impair(line);

    /// <inheritdoc/>
    public IProbeTarget? MakeEcho() => target.MakeEcho();

    /// <inheritdoc/>
    public async Task ConnectAsync(StimulusFormat format, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        await target.ConnectAsync(format, cancel).ConfigureAwait(false);
        StartUp = Math.Round(time.GetElapsedTime(began).TotalSeconds, 3);
    }

    /// <inheritdoc/>
    public ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel) => target.SendAsync(frame, cancel);

    /// <inheritdoc/>
    public ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel) => target.ReceiveAsync(cancel);

    /// <inheritdoc/>
    public Task PromptAsync(string prompt, CancellationToken cancel) => target.PromptAsync(prompt, cancel);

    /// <summary>Ends the session; does nothing the second time.</summary>
    public ValueTask DisposeAsync() => Interlocked.Exchange(ref _ended, 1) == 0 ? target.DisposeAsync() : ValueTask.CompletedTask;
}
