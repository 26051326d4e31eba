namespace TrueLive.Core.Frames;

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
/// What is known of one frame from the last packet in to the last packet out. The source sets the constructor's fields, and each stage adds
/// its own. A frame made by a model carries the ticket of its input frame, with the prompt and model that made it. Times that are not a
/// <see cref="TimeSpan"/> are <see cref="TimeProvider.GetTimestamp"/> values of this process; 0 until the stage is reached.
/// </summary>
/// <param name="SourceSequence">Counts the frames of one source from 0, dropped ones included.</param>
/// <param name="Captured">
/// Time on the source's own timeline (for WebRTC: unwrapped RTP time since the first frame; for a file: presentation time).
/// Never negative within a source and never decreasing with <paramref name="SourceSequence"/>.
/// </param>
/// <param name="Arrived">When the whole input frame had arrived; 0 for a source without arrival times.</param>
/// <param name="MediaTime">The source's 90 kHz RTP timestamp as it was on the wire, by which a client can find its frame; wraps.</param>
public readonly record struct FrameTicket(long SourceSequence, TimeSpan Captured, long Arrived, uint MediaTime)
{
    /// <summary>When it was decoded and put into the mailbox.</summary>
    public long Decoded { get; init; }

    /// <summary>When the model took the input, which ends its wait in the mailbox.</summary>
    public long Taken { get; init; }

    /// <summary>
    /// When the model step that made the frame began: the step that took its input, or a later one where a model chunks or lags.
    /// </summary>
    public long StepBegan { get; init; }

    /// <summary>When that step ended.</summary>
    public long StepEnded { get; init; }

    /// <summary>
    /// When it was released for encoding: at the end of the step, or later for frames of a chunk, which leave one by one.
    /// </summary>
    public long Released { get; init; }

    /// <summary>How long the frame waited by design for others of its chunk, before the step and after it; ticks of the clock.</summary>
    public long Held => StepBegan - Taken + (Released - StepEnded);

    /// <summary>Counts output frames of the session from 0.</summary>
    public long OutputSequence { get; init; }

    /// <summary>Revision of the prompt that made the frame.</summary>
    public long PromptRevision { get; init; }

    /// <summary>
    /// Increased by a reset, a reconnect, a change of model or size, or a picture of another shape; frames of an older epoch are never
    /// shown.
    /// </summary>
    public int Epoch { get; init; }

    /// <summary>Made, repeated or passed through.</summary>
    public FrameOrigin Origin { get; init; }

    /// <summary>The model that made the frame; null in a clip, whose job names it.</summary>
    public string? ModelId { get; init; }

    /// <summary>Version of its weights.</summary>
    public string? ModelVersion { get; init; }

    /// <summary>The mask that the frame was made with; null for none.</summary>
    public FrameMask? Mask { get; init; }

    /// <summary>The palette that the frame was graded to; null for none.</summary>
    public FramePalette? Palette { get; init; }
}

/// <summary>How a mask was applied to a frame.</summary>
/// <param name="On">Where the look is, by the name of that part of the picture.</param>
/// <param name="Rest">What is shown elsewhere, by its name.</param>
/// <param name="Person">Share of the picture that is of persons, 0..1.</param>
/// <param name="Ticks">What it took, as a part of the step; ticks of the clock.</param>
public readonly record struct FrameMask(string On, string Rest, float Person, long Ticks)
{
    /// <summary>Below this share nobody counts as seen.</summary>
    public const float Nobody = 0.005f;
}

/// <summary>How a frame was graded to a palette.</summary>
/// <param name="Picture">Id of the picture whose palette it is.</param>
/// <param name="Strength">How much of it is in force in this frame, 0..1.</param>
/// <param name="Ticks">What it took in the whole step, of which it is a part; ticks of the clock.</param>
public readonly record struct FramePalette(string Picture, float Strength, long Ticks);

/// <summary>
/// An output picture with its own ticket: one picture may be sent more than once (passed through, repeated), each time with another ticket.
/// </summary>
/// <param name="Frame">The picture; whoever gets it from a model disposes it.</param>
/// <param name="Ticket">Which input it shows and what made it.</param>
public readonly record struct MadeFrame(VideoFrame Frame, FrameTicket Ticket)
{
    /// <summary>A picture that was made from a frame under the prompt of a revision.</summary>
    public static MadeFrame Of(VideoFrame source, VideoFrame picture, long revision) => new(picture, source.Ticket with
    {
        PromptRevision = revision,
        Origin = ReferenceEquals(source, picture) ? FrameOrigin.PassedThrough : FrameOrigin.Generated,
    });
}
