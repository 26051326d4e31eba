using System.Text.Json.Serialization;

namespace TrueLive.Clips;

/// <summary>Where a clip job stands. The last three are final.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ClipJobState>))]
public enum ClipJobState
{
    /// <summary>Waits for a worker, or for the retry after a worker died.</summary>
    Queued,

    /// <summary>A worker holds the lease.</summary>
    Running,

    /// <summary>The result is there until it expires.</summary>
    Done,

    /// <summary>Ended without a result; <see cref="ClipJob.Error"/> says why.</summary>
    Failed,

    /// <summary>Ended because its owner asked for it.</summary>
    Cancelled,
}

/// <summary>What a client asked for. Stored as JSON with the job.</summary>
/// <param name="Source">Id of an upload; empty when <paramref name="Url"/> or <paramref name="Journal"/> is given.</param>
/// <param name="Prompts">Prompt schedule, as <c>PromptSchedule</c> reads it.</param>
/// <param name="Model">Model id.</param>
/// <param name="Width">Output width; 0 keeps the source's size as far as the model allows.</param>
/// <param name="Height">Output height; 0 as <paramref name="Width"/>.</param>
/// <param name="Format"><c>mp4</c>, <c>webm</c>, <c>gif</c> or <c>png</c>.</param>
/// <param name="Strength">0..1.</param>
/// <param name="Webhook">Told when the job ends; null for nobody.</param>
/// <param name="TransitionMs">Milliseconds over which one look turns into the next.</param>
/// <param name="Url">Where the source is fetched from; null for an upload or a journal.</param>
/// <param name="Journal">Id of a live session's journal; null for an upload or an address.</param>
/// <param name="Name">Name of the source for people.</param>
/// <param name="TrimStart">First moment of the source that is used, in seconds.</param>
/// <param name="TrimEnd">End on the source's timeline, in seconds; 0 for its end.</param>
public sealed record ClipRequest(
    string Source,
    string Prompts,
    string Model,
    int Width,
    int Height,
    string Format,
    float Strength,
    string? Webhook,
    double TransitionMs = 300,
    string? Url = null,
    string? Journal = null,
    string Name = "",
    double TrimStart = 0,
    double TrimEnd = 0,
    bool Stretch = false);

/// <summary>One row of the queue.</summary>
public sealed record ClipJob
{
    /// <summary>Unique id, url-safe.</summary>
    public required string Id { get; init; }

    /// <summary>Who asked: the API key's name; jobs of different owners share the workers fairly.</summary>
    public required string Owner { get; init; }

    /// <summary>What was asked.</summary>
    public required ClipRequest Request { get; init; }

    /// <summary>Where it stands.</summary>
    public required ClipJobState State { get; init; }

    /// <summary>When it was queued.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>When it reached a final state.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>When row and result are deleted; null while not final.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>How many workers have begun it.</summary>
    public int Attempts { get; init; }

    /// <summary>Frames made so far.</summary>
    public long FramesDone { get; init; }

    /// <summary>Frames expected; 0 while unknown.</summary>
    public long FramesTotal { get; init; }

    /// <summary>What the worker is doing, in words.</summary>
    public string? Note { get; init; }

    /// <summary>What the user should know of the result; null for nothing.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }

    /// <summary>Size of the result in bytes.</summary>
    public long ResultBytes { get; init; }

    /// <summary>Proof of the right to work on the job; null unless this process claimed it.</summary>
    [JsonIgnore]
    public string? Lease { get; init; }
}

[JsonSerializable(typeof(ClipRequest))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class ClipJson : JsonSerializerContext;
