using System.Text.Json.Serialization;

namespace TrueLive.Clips;

/// <summary>The state of a clip job. The last three are final.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ClipJobState>))]
public enum ClipJobState
{
    /// <summary>Waits for a worker, or for the retry after a worker died.</summary>
    Queued,

    /// <summary>A worker holds the lease.</summary>
    Running,

    /// <summary>The result is available until it expires.</summary>
    Done,

    /// <summary>Ended without a result; <see cref="ClipJob.Error"/> says why.</summary>
    Failed,

    /// <summary>Cancelled by its owner.</summary>
    Cancelled,
}

/// <summary>The request of a client. Stored as JSON with the job.</summary>
/// <param name="Source">Id of an upload; empty when <paramref name="Url"/> or <paramref name="Journal"/> is given.</param>
/// <param name="Prompts">Prompt schedule, as <c>PromptSchedule</c> reads it.</param>
/// <param name="Model">Model id.</param>
/// <param name="Width">Output width; 0 keeps the source's size as far as the model allows.</param>
/// <param name="Height">Output height; 0 as <paramref name="Width"/>.</param>
/// <param name="Format"><c>mp4</c>, <c>webm</c>, <c>gif</c> or <c>png</c>.</param>
/// <param name="Strength">0..1.</param>
/// <param name="Webhook">Address called when the job ends; null for none.</param>
/// <param name="TransitionMs">Milliseconds over which one look turns into the next.</param>
/// <param name="Url">Where the source is fetched from; null for an upload or a journal.</param>
/// <param name="Journal">Id of a live session's journal; null for an upload or an address.</param>
/// <param name="Name">Display name of the source.</param>
/// <param name="TrimStart">First moment of the source that is used, in seconds.</param>
/// <param name="TrimEnd">End on the source's timeline, in seconds; 0 for the end of the source.</param>
/// <param name="Stretch">Whether the picture is stretched to fill the size; otherwise it keeps its shape.</param>
/// <param name="Background">Colour that is seen where the source is transparent.</param>
/// <param name="Values">Values of the model's parameters over time, as <c>ValueSchedule</c> reads them; null for none.</param>
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
    bool Stretch = false,
    string Background = "black",
    string? Values = null);

/// <summary>One row of the queue.</summary>
public sealed record ClipJob
{
    /// <summary>Unique id, url-safe.</summary>
    public required string Id { get; init; }

    /// <summary>The owner, by the name of the API key; owners share the workers fairly.</summary>
    public required string Owner { get; init; }

    /// <summary>The request.</summary>
    public required ClipRequest Request { get; init; }

    /// <summary>Its state.</summary>
    public required ClipJobState State { get; init; }

    /// <summary>When it was queued.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>When it reached a final state.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>When row and result are deleted; null while not final.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>Attempts so far.</summary>
    public int Attempts { get; init; }

    /// <summary>Frames made so far.</summary>
    public long FramesDone { get; init; }

    /// <summary>Frames expected; 0 while unknown.</summary>
    public long FramesTotal { get; init; }

    /// <summary>What the worker is doing, in words.</summary>
    public string? Note { get; init; }

    /// <summary>Notes for the user about the result; null for none.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }

    /// <summary>Size of the result in bytes.</summary>
    public long ResultBytes { get; init; }

    /// <summary>
    /// The lease under which the result was made: a worker that lost its lease may have left files of its own. Null without a result, and
    /// for jobs of releases that kept one set of files for each job.
    /// </summary>
    public string? Result { get; init; }

    /// <summary>
    /// The lease token; null unless this process claimed the job. It begins with the lease's number and a hyphen: later leases of a job
    /// have higher numbers, and no two the same.
    /// </summary>
    [JsonIgnore]
    public string? Lease { get; init; }
}

[JsonSerializable(typeof(ClipRequest))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class ClipJson : JsonSerializerContext;
