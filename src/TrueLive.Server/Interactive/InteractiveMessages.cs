using System.Text.Json;
using System.Text.Json.Serialization;
using TrueLive.Core.Clips;
using TrueLive.Core.Tiers;
using TrueLive.Server.Clips;

namespace TrueLive.Server.Interactive;

/// <summary>Part of a source, in seconds.</summary>
internal sealed record TrimView(double? StartS, double? EndS);

/// <summary>Body of <c>POST /v1/interactive</c>; null takes the default.</summary>
internal sealed record CreateInteractiveBody(string? Upload, string? Session, double? StillS, TrimView? Trim, string? Model, string? Size);

/// <summary>The frames that are held in memory.</summary>
internal sealed record InteractiveSourceView(
    int Frames, double DurationS, double Fps, int Width, int Height, IReadOnlyList<double> TimesMs);

/// <summary>An interactive clip as the API shows it; with a type it is the first message of the socket.</summary>
internal sealed record InteractiveView(
    string? Type, string Id, string Tier, string TierMeans, string Model, string Size, string Upload, InteractiveSourceView Source,
    string Socket, bool WaitsForLive,
    IReadOnlyList<RevisionView> Revisions);

/// <summary>A revision as the API shows it.</summary>
internal sealed record RevisionView(
    long Number, long Parent, string Name, string Tier, string State, string Prompts, float Strength, double TransitionMs, string Model,
    TrimView Trim, double PlayheadS,
    int First, int End, int FullFrames, int ReusedFrames, double? ToPreviewMs, double? ToPlayableMs, double? ToFullMs,
    IReadOnlyList<string> UnknownWords, string? Note, string? Error,
    IReadOnlyDictionary<string, string>? Values)
{
    public static RevisionView From(ClipRevision r, string model) => new(
        r.Number, r.Parent, r.Name, TierWords.Name(Core.Tiers.Tier.Interactive), r.State.ToString().ToLowerInvariant(),
        PromptSchedule.TryParse(r.Tweak.Prompts, out var schedule, out _) ? schedule.ToDisplay() : r.Tweak.Prompts, r.Tweak.Strength,
        (r.Tweak.Transition ?? Core.Models.Prompt.DefaultTransition).TotalMilliseconds, r.Tweak.Model ?? model,
        new TrimView(r.Tweak.TrimStart.TotalSeconds, r.Tweak.TrimEnd.TotalSeconds), r.Tweak.Playhead.TotalSeconds, r.Range.First,
        r.Range.End, r.FullFrames, r.ReusedFrames,
        Milliseconds(r.ToPreview), Milliseconds(r.ToPlayable), Milliseconds(r.ToFull), r.UnknownWords, r.Note, r.Error,
        r.Tweak.Values.All.IsEmpty ? null : r.Tweak.Values.All);

    private static double? Milliseconds(TimeSpan? t) => t is { } time ? Math.Round(time.TotalMilliseconds, 1) : null;
}

/// <summary>A message from the client; which fields matter depends on <see cref="Type"/>.</summary>
internal sealed record InteractiveCommand(
    string? Type, string? Id, string? Prompt, string? Prompts, float? Strength, double? TransitionMs, string? Model, TrimView? Trim,
    double? PlayheadS,
    long? Parent, long? Revision, string? Name, long? A, long? B, string? Format, string? Size, long? Seed = null,
    IReadOnlyDictionary<string, JsonElement>? Values = null);

internal sealed record RevisionMessage(string Type, string? Id, RevisionView Revision);

internal sealed record SelectedMessage(string Type, string? Id, long Revision);

internal sealed record ComparedMessage(string Type, string? Id, long A, long B, int Frames, double MeanDifference);

internal sealed record ExportedMessage(string Type, string? Id, long Revision, ClipView Clip);

internal sealed record RefusedMessage(string Type, string? Id, string Reason);

internal sealed record PongMessage(string Type, string? Id);

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(InteractiveCommand))]
[JsonSerializable(typeof(InteractiveView))]
[JsonSerializable(typeof(RevisionMessage))]
[JsonSerializable(typeof(SelectedMessage))]
[JsonSerializable(typeof(ComparedMessage))]
[JsonSerializable(typeof(ExportedMessage))]
[JsonSerializable(typeof(RefusedMessage))]
[JsonSerializable(typeof(PongMessage))]
internal sealed partial class InteractiveJson : JsonSerializerContext;
