using TrueLive.Core.Frames;

namespace TrueLive.Probe.Targets;

/// <summary>The picture that a target is sent.</summary>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
public readonly record struct StimulusFormat(int Width, int Height);

/// <summary>One system under measurement: it takes video, returns video, and may take prompts.</summary>
public interface IProbeTarget : IAsyncDisposable
{
    /// <summary>What is measured, for the report; no secrets.</summary>
    string Description { get; }

    /// <summary>Whether <see cref="PromptAsync"/> does anything.</summary>
    bool TakesPrompts { get; }

    /// <summary>Opens the session.</summary>
    /// <exception cref="TargetException">The target cannot be reached or refuses; the message says what to change.</exception>
    Task ConnectAsync(StimulusFormat format, CancellationToken cancel);

    /// <summary>
    /// Hands a frame to the target's encoder. The caller keeps the frame. False when it could not be handed over, which counts against the
    /// run (as does what <see cref="Unsent"/> finds later); a frame that is dropped on a congested path counts as sent.
    /// </summary>
    ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel);

    /// <summary>
    /// The next output frame, which the caller disposes, with the <see cref="TimeProvider.GetTimestamp"/> at which it was ready to be
    /// shown; null when the target has ended.
    /// </summary>
    ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel);

    /// <summary>Sends a prompt; returns once it is handed over.</summary>
    Task PromptAsync(string prompt, CancellationToken cancel);

    /// <summary>Why the target ended; null while it runs.</summary>
    string? EndedBecause { get; }

    /// <summary>What happened on the way and a reader of the report must know, such as a connection that was cut; no secrets.</summary>
    IReadOnlyList<string> Notes => [];

    /// <summary>Pictures that were taken and turned out later not to be sent, or not in time. They count against the run.</summary>
    int Unsent => 0;

    /// <summary>What the probe itself failed at on the way, so that the run does not count, in words that say what to change.</summary>
    IReadOnlyList<string> Faults => [];

    /// <summary>Whether it can be sent so many pictures a second.</summary>
    bool TakesRate(int rate) => rate == 30;

    /// <summary>
    /// Makes the line of an open session bad, or good again, within the probe itself. False where this kind of target cannot.
    /// </summary>
    bool Impair(LineState line) => false;

    /// <summary>
    /// The way to the target and back without the target, to measure the instrument's own delay; null where the probe alone is that. The
    /// caller disposes it.
    /// </summary>
    IProbeTarget? MakeEcho() => null;
}

/// <summary>What is wrong with the line to a target.</summary>
/// <param name="Loss">Share of packets that are lost on purpose, each way.</param>
/// <param name="UplinkCut">Whether nothing gets to the target at all.</param>
public sealed record LineState(double Loss, bool UplinkCut)
{
    /// <summary>Nothing is wrong.</summary>
    public static LineState Good { get; } = new(0, false);
}

/// <summary>A target that cannot be measured: what went wrong and what to change.</summary>
public sealed class TargetException(string message, Exception? inner = null) : Exception(message, inner);
