using System.Collections.Immutable;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Media.Files;

namespace TrueLive.Server.Clips;

/// <summary>Everything that decides how a clip file is made from another file.</summary>
public sealed record ClipFileSettings
{
    /// <summary>Length of a part of the clip; a process that is killed loses less than twice this.</summary>
    public static readonly TimeSpan DefaultPart = TimeSpan.FromSeconds(4);

    /// <summary>Highest mean frame rate of a clip of the full length.</summary>
    public const double MostRate = 120;

    /// <summary>File to read.</summary>
    public required string Input { get; init; }

    /// <summary>File to write, or folder for <see cref="ClipFormat.Png"/>.</summary>
    public required string Output { get; init; }

    /// <summary>The prompts, with their times.</summary>
    public required PromptSchedule Prompts { get; init; }

    /// <summary>Model. Its weights may be shared with others.</summary>
    public required IVideoModel Model { get; init; }

    /// <summary>0..1.</summary>
    public float Strength { get; init; } = 1;

    /// <summary>Values of the model's parameters, each from its time on; a journal has its own.</summary>
    public ImmutableArray<(TimeSpan At, ParameterValues Values)> Values { get; init; } = [];

    /// <summary>Time over which one look turns into the next at a cue.</summary>
    public TimeSpan Transition { get; init; } = Prompt.DefaultTransition;

    /// <summary>Size into which the picture fits; 0x0 takes the source's. The nearest size that the model runs at is used.</summary>
    public (int Width, int Height) Size { get; init; }

    /// <summary>Whether the picture is stretched to fill <see cref="Size"/>; otherwise it keeps its shape.</summary>
    public bool Stretch { get; init; }

    /// <summary>Background where the source is transparent.</summary>
    public Backdrop Backdrop { get; init; }

    /// <summary>Format of the output.</summary>
    public ClipFormat Format { get; init; } = ClipFormat.Mp4;

    /// <summary>Prompts as a live session had them, each from the frame at which it applied; wins over <see cref="Prompts"/>.</summary>
    public ImmutableArray<(TimeSpan At, Prompt Prompt)> Recorded { get; init; }

    /// <summary>Numbers of the frames before which the model's memory is forgotten, as a live session did.</summary>
    public ImmutableHashSet<long> Resets { get; init; } = [];

    /// <summary>
    /// Part of the source that is used, on its own timeline from its first frame; the clip's times begin at its start. Not with
    /// <see cref="Segments"/>.
    /// </summary>
    public (TimeSpan Start, TimeSpan End) Trim { get; init; } = (TimeSpan.Zero, TimeSpan.MaxValue);

    /// <summary>Leave the work folder, however the rendering ends; the caller resumes from it or removes it.</summary>
    public bool KeepWork { get; init; }

    /// <summary>Leave the finished parts in the work folder also when the rendering is cancelled.</summary>
    public bool KeepCancelled { get; init; }

    /// <summary>Render the scenes in parallel, each with a memory of its own. The frames after a cut then differ slightly.</summary>
    public bool Segments { get; init; }

    /// <summary>Scenes worked on at once, when <see cref="Segments"/> is on.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>Threads of one encoder.</summary>
    public int EncoderThreads { get; init; } = 1;

    /// <summary>Folder for finished parts; null puts it beside the output.</summary>
    public string? WorkFolder { get; init; }

    /// <summary>Resume from the parts that an earlier run left, if there are any of the same input and settings.</summary>
    public bool Resume { get; init; }

    /// <summary>
    /// Work folders of earlier runs by others: without work of its own, a run takes over what got furthest in one of them and removes them.
    /// </summary>
    public IReadOnlyList<string> EarlierWork { get; init; } = [];

    /// <summary>See <see cref="DefaultPart"/>.</summary>
    public TimeSpan Part { get; init; } = DefaultPart;

    /// <summary>Longest clip; of a longer source a part can be used.</summary>
    public TimeSpan MaxLength { get; init; } = MediaFile.MaxDuration;

    /// <summary>Most frames in a clip, since a file may claim thousands per second.</summary>
    public long MaxFrames => (long)(MaxLength.TotalSeconds * MostRate);

    /// <summary>Bytes that the parts may take on disk.</summary>
    public long MaxBytes { get; init; } = long.MaxValue;

    /// <summary>Say in the file that AI made the pictures, unless the model passes them through.</summary>
    public bool AiMark { get; init; } = true;

    /// <summary>Called before each step; may block. Null does nothing.</summary>
    public Action<CancellationToken>? BeforeStep { get; init; }

    /// <summary>Folder that holds the finished parts until the clip is complete.</summary>
    public string WorkPath => WorkFolder ?? OutputName.Beside(Output, ".truelive-work");
}

/// <summary>How far a clip has come.</summary>
/// <param name="FramesDone">Frames whose output is encoded, those of an earlier run included.</param>
/// <param name="FramesTotal">Frames expected; 0 when the file does not say.</param>
/// <param name="Fps">Frames per second of this run.</param>
/// <param name="TimesRealTime">Seconds of clip made per second; 0 when unknown.</param>
/// <param name="Left">Time left at this rate; null when unknown.</param>
/// <param name="Note">What is being done, in words.</param>
public sealed record ClipFileProgress(long FramesDone, long FramesTotal, double Fps, double TimesRealTime, TimeSpan? Left, string Note);

/// <summary>The result of a rendering.</summary>
/// <param name="Frames">Frames in the output.</param>
/// <param name="Resumed">Frames among them that an earlier run had made.</param>
/// <param name="Length">Length of the clip.</param>
/// <param name="Complete">False when it was stopped before the source ended.</param>
/// <param name="Elapsed">Time that this run took.</param>
/// <param name="Bytes">Size of the output; of all pictures together for <see cref="ClipFormat.Png"/>.</param>
/// <param name="Notes">What the user should know.</param>
public sealed record ClipFileResult(
    long Frames, long Resumed, TimeSpan Length, bool Complete, TimeSpan Elapsed, long Bytes, IReadOnlyList<string> Notes);
