using System.Collections.Immutable;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <summary>The progress of a revision.</summary>
public enum RevisionState
{
    /// <summary>Waits for the worker to finish its current step.</summary>
    Waiting,

    /// <summary>Being computed; the frames so far can be shown.</summary>
    Rendering,

    /// <summary>All frames are available.</summary>
    Full,

    /// <summary>A newer tweak took over before it was complete; its frames so far are kept.</summary>
    Superseded,

    /// <summary>The model failed; <see cref="ClipRevision.Error"/> says how.</summary>
    Failed,
}

/// <summary>Which pass made a frame. A later pass replaces the frames of an earlier one.</summary>
public enum RevisionPass : byte
{
    /// <summary>The one frame under the playhead, without the memory of the frames before it.</summary>
    Preview,

    /// <summary>Every n-th frame, so that the clip can be played at a lower rate.</summary>
    Coarse,

    /// <summary>Every frame, with the memory running through all of them.</summary>
    Full,
}

/// <summary>A tweak: everything that decides how a revision looks. Equal tweaks give equal frames.</summary>
/// <param name="Prompts">Prompt schedule on the source's timeline.</param>
/// <param name="Strength">0..1.</param>
/// <param name="TrimStart">First moment of the source that belongs to the clip.</param>
/// <param name="TrimEnd">End of the clip on the source's timeline; beyond the source means its end.</param>
/// <param name="Playhead">Where the user looks, on the source's timeline: the preview is made there.</param>
/// <param name="Transition">Time over which one look turns into the next at a cue; null takes the default.</param>
/// <param name="Model">Id of another model; null takes the clip's own.</param>
public sealed record ClipTweak(
    string Prompts, float Strength, TimeSpan TrimStart, TimeSpan TrimEnd, TimeSpan Playhead, TimeSpan? Transition = null,
    string? Model = null)
{
    /// <summary>Values of the model's parameters that differ from their defaults.</summary>
    public ParameterValues Values { get; init; } = ParameterValues.None;
}

/// <summary>One version of an interactive clip: an immutable snapshot of how far it has come.</summary>
public sealed record ClipRevision
{
    /// <summary>Counts from 1 within the clip.</summary>
    public required long Number { get; init; }

    /// <summary>The revision that the user started from; 0 for none.</summary>
    public required long Parent { get; init; }

    /// <summary>The tweak.</summary>
    public required ClipTweak Tweak { get; init; }

    /// <summary>The user's name for it; empty for none.</summary>
    public string Name { get; init; } = "";

    /// <summary>Its progress.</summary>
    public RevisionState State { get; init; }

    /// <summary>Source frames that belong to it, first and one past the last.</summary>
    public (int First, int End) Range { get; init; }

    /// <summary>Frames of the full pass that are available, counted from the first.</summary>
    public int FullFrames { get; init; }

    /// <summary>Frames taken over from an earlier revision because nothing before them changed.</summary>
    public int ReusedFrames { get; init; }

    /// <summary>From the tweak to the preview frame; null before that.</summary>
    public TimeSpan? ToPreview { get; init; }

    /// <summary>From the tweak to a clip that can be played from end to end at the coarse rate.</summary>
    public TimeSpan? ToPlayable { get; init; }

    /// <summary>From the tweak to the last frame.</summary>
    public TimeSpan? ToFull { get; init; }

    /// <summary>Words of the prompts that meant nothing to the model.</summary>
    public ImmutableArray<string> UnknownWords { get; init; } = [];

    /// <summary>A note for the user about the prompts, such as that some come after the clip's end; null for none.</summary>
    public string? Note { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }
}
