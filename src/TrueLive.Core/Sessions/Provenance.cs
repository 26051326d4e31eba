using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <summary>What an output frame is: made by the model, a repeat, or the input passed through.</summary>
public enum FrameOrigin : byte
{
    /// <summary>The model made it from the named input frame.</summary>
    Generated,

    /// <summary>An earlier generated frame shown again.</summary>
    Repeated,

    /// <summary>The input as it came in; no model touched it.</summary>
    PassedThrough,
}

/// <summary>
/// The trace of one output frame to the input frame and the prompt that made it. Sent to the client beside the picture.
/// Times are <see cref="TimeProvider.GetTimestamp"/> values of the server.
/// </summary>
public readonly record struct Provenance
{
    /// <summary>Counts output frames of the session from 0.</summary>
    public required long OutputSequence { get; init; }

    /// <summary>The input frame that this output depicts.</summary>
    public required long SourceSequence { get; init; }

    /// <summary>The input's own 90 kHz stamp, so that a client finds its frame again.</summary>
    public required uint SourceMediaTime { get; init; }

    /// <summary>Revision of the prompt in force during the step.</summary>
    public required long PromptRevision { get; init; }

    /// <summary>Bumped by a reset, a reconnect, a change of model or size, or a picture of another shape; frames of an older epoch are never shown.</summary>
    public required int Epoch { get; init; }

    /// <summary>The model in force during the step; null in a clip, whose job names it.</summary>
    public ModelInfo? Model { get; init; }

    /// <summary>Made, repeated or passed through.</summary>
    public required FrameOrigin Origin { get; init; }

    /// <summary>The whole input frame was here.</summary>
    public required long Arrived { get; init; }

    /// <summary>Decoded and put into the mailbox.</summary>
    public required long Decoded { get; init; }

    /// <summary>The model step began (the wait in the mailbox is over).</summary>
    public required long StepBegan { get; init; }

    /// <summary>The model step ended; encoding begins.</summary>
    public required long StepEnded { get; init; }
}
