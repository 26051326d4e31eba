using System.Text.Json;
using System.Text.Json.Serialization;
using TrueLive.Clips;
using TrueLive.Core.Clips;
using TrueLive.Core.Tiers;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Clips;

/// <summary>A finished clip.</summary>
internal sealed record ClipResultView(string Url, long Bytes, string ContentType);

/// <summary>A clip job as the API, its events and its webhook show it.</summary>
internal sealed record ClipView(
    string Id, string Tier, string TierMeans, string State, int Position, DateTimeOffset Created, DateTimeOffset? Ended,
    DateTimeOffset? Expires, int Attempts,
    long FramesDone, long FramesTotal, double? Fps, double? TimesRealTime, double? SecondsLeft, bool WaitsForLive, string? Note,
    IReadOnlyList<string>? Notes, string? Error,
    string? Upload, string? Url, string? Journal, string Name, string Model, string Size, string Format, string Prompts, float Strength,
    double TransitionMs,
    string EventsUrl, ClipResultView? Result, string? SourceUrl, string? Values, string? DigitalSourceType = null);

/// <summary>Clips of one key, newest first.</summary>
internal sealed record ClipListView(string Tier, string TierMeans, IReadOnlyList<ClipView> Clips);

/// <summary>Uploads of one key.</summary>
internal sealed record UploadListView(IReadOnlyList<UploadView> Uploads);

/// <summary>Body of <c>POST /v1/clips</c>; null takes the default.</summary>
internal sealed record CreateClipBody(
    string? Upload, string? Url, string? Journal, string? Prompt, string? Prompts, float? Strength, double? TransitionMs, string? Model,
    string? Size, string? Format, string? Webhook, long? Seed, string? Background,
    string? Values);

/// <summary>Combines rows of the queue with the worker's progress.</summary>
internal sealed class ClipViews(
    ClipQueueHost queueHost, ClipWorker worker, LivePrecedence live, ClipUploads uploads, SignedLinks links, ServerHealth health,
    ModelStore models, ServerOptions options)
{
    /// <summary>What a clip is marked with; one of a model that is no longer here was made by it. Null for nothing.</summary>
    public string? SourceTypeOf(ClipJob job) =>
        !options.AiMark ? null : models.Find(job.Request.Model) is { } model ? AiMark.Of(model.Info) : AiMark.SourceType;

    /// <summary>A job in its current state.</summary>
    /// <param name="job">Its row.</param>
    /// <param name="withSource">Whether to look up its source on disk; false for lists and for progress events.</param>
    public async Task<ClipView> OfAsync(ClipJob job, CancellationToken cancel, bool withSource = false)
    {
        var position = job.State == ClipJobState.Queued
            ? await (await queueHost.QueueAsync(cancel).ConfigureAwait(false)).PositionAsync(job, cancel).ConfigureAwait(false)
            : 0;
        var here = job.State == ClipJobState.Running ? worker.ProgressOf(job.Id) : null;
        var r = job.Request;
        var (_, type) = ClipFormats.Of(ClipFormats.Named(r.Format) ?? Media.Files.ClipFormat.Mp4);
        return new ClipView(
            job.Id, TierWords.Name(Tier.Clip), TierWords.Means(Tier.Clip), job.State.ToString().ToLowerInvariant(), position, job.Created,
            job.Ended, job.Expires, job.Attempts,
            here?.FramesDone ?? job.FramesDone, here?.FramesTotal ?? job.FramesTotal,
            here is null ? null : Math.Round(here.Fps, 1), here is { TimesRealTime: > 0 } ? Math.Round(here.TimesRealTime, 2) : null,
            here?.Left is { } left ? Math.Round(left.TotalSeconds, 1) : null,
            here is not null && live.ClipsWaitForLive, here is not null ? live.WhyClipsWait ?? here.Note
                : job.State is ClipJobState.Queued or ClipJobState.Running ? health.WhyClipsWait ?? job.Note : job.Note, job.Notes,
                job.Error, r.Source.Length > 0 ? r.Source : null, r.Url, r.Journal, r.Name, r.Model,
            r.Width > 0 ? $"{r.Width}x{r.Height}{(r.Stretch ? "!" : "")}" : "source", r.Format,
            PromptSchedule.TryParse(r.Prompts, out var schedule, out _) ? schedule.ToDisplay() : r.Prompts, r.Strength, r.TransitionMs,
            links.Sign($"/v1/clips/{job.Id}/events", job.Owner),
            job.State == ClipJobState.Done
                ? new ClipResultView(links.Sign($"/v1/clips/{job.Id}/result", job.Owner), job.ResultBytes, type)
                : null,
            withSource && job.State == ClipJobState.Done && uploads.Find(job.Owner, r.Source) is not null
                ? links.Sign($"/v1/clips/{job.Id}/source", job.Owner)
                : null, r.Values, SourceTypeOf(job));
    }
}

/// <summary>A clip job as its webhook carries it, written as the API does.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ClipView))]
internal sealed partial class ClipJson : JsonSerializerContext;
