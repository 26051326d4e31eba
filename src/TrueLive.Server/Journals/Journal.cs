using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using TrueLive.Core.Models;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Journals;

/// <summary>A journal as the API shows it.</summary>
internal sealed record JournalView(
    string Id, string Session, bool Recording, DateTimeOffset Started, long Frames, long LostFrames, double Seconds, long Bytes, int LimitS,
    long LimitBytes,
    string Model, string ModelVersion, string Size, DateTimeOffset Expires, string? Tier = null, string? TierMeans = null,
    string? EndedBecause = null);

/// <summary>A prompt and the first frame that it applied to.</summary>
/// <param name="Frame">Number of the frame in the journal's video.</param>
/// <param name="AtTicks">That frame's time.</param>
/// <param name="Values">Values of the model's parameters that differ from their defaults; null for none.</param>
internal sealed record JournalCue(
    long Frame, long AtTicks, string Text, float Strength, double TransitionMs, IReadOnlyDictionary<string, string>? Values = null);

/// <summary>The content of journal.json.</summary>
internal sealed record JournalState(JournalView View, IReadOnlyList<JournalCue> Cues, IReadOnlyList<long> Resets);

/// <summary>A recorded live session: the pictures that came in, every prompt with the frame at which it applied, and the model.</summary>
public sealed class Journal
{
    /// <summary>Most reference pictures of one journal.</summary>
    internal const int MaxPictures = 100;

    private readonly JournalState _state;

    private Journal(string folder, JournalState state) => (Folder, _state) = (folder, state);

    /// <summary>Folder of the journal.</summary>
    public string Folder { get; }

    /// <summary>The recorded input.</summary>
    public string VideoPath => Path.Combine(Folder, "input.mkv");

    /// <summary>Model that ran.</summary>
    public string Model => _state.View.Model;

    /// <summary>Version of its weights.</summary>
    public string ModelVersion => _state.View.ModelVersion;

    internal JournalView View => _state.View;

    /// <summary>The journal as left by a process that has ended: it is no longer recorded.</summary>
    internal Journal Left() => With(_state.View with { Recording = false, EndedBecause = "The server stopped while it was recorded." });

    /// <summary>The same journal with newer figures.</summary>
    internal Journal With(JournalView view) => new(Folder, _state with { View = view });

    /// <summary>Opens a journal's folder; null when there is none, or its description is damaged.</summary>
    public static Journal? Open(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(folder, "journal.json")), JournalJson.Default.JournalState) is
            { } state && state.Cues.All(IsWhole)
                ? new Journal(folder, state) : null;
        }
        catch (Exception error) when (error is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // A list from JSON may hold null despite its type.
    private static bool IsWhole(JournalCue? cue) =>
        cue is not null && float.IsFinite(cue.Strength) && cue.TransitionMs is >= 0 and <= 3_600_000;

    /// <summary>A note for the user when a model is not the one that ran; null when it is.</summary>
    public string? OtherModel(ModelInfo model) => (Model, ModelVersion) == (model.Id, model.Version) ? null
        : $"The session ran on {Model} {ModelVersion}; this rendering uses {model.Id} {model.Version}, so it looks different.";

    /// <summary>Path of a reference picture that a value names.</summary>
    internal static string PictureIn(string folder, string id) => Path.Combine(folder, id + ".picture");

    // The ids come from a file that may be hostile: only well-formed ones are used in a path.
    private IReadOnlyList<ReferencePicture> Named(IReadOnlyList<ModelParameter> declared)
    {
        var pictures = declared.Where(p => p.Kind == ParameterKind.Image).Select(p => p.Id).ToArray();
        return [.. _state.Cues.SelectMany(c => pictures.Select(p => c.Values?.GetValueOrDefault(p))).Where(ClipFolders.IsId).Distinct()
            .Take(MaxPictures).Select(Read).OfType<ReferencePicture>()];

        ReferencePicture? Read(string? id)
        {
            var file = new FileInfo(PictureIn(Folder, id!));
            return file.Exists && file.Length <= ReferencePicture.MaxBytes
                ? ReferencePicture.Read(id!, File.ReadAllBytes(file.FullName))
                : null;
        }
    }

    /// <summary>The prompts from the frames at which they applied, and the frames before which the memory was forgotten.</summary>
    public (ImmutableArray<(TimeSpan At, Prompt Prompt)> Cues, ImmutableHashSet<long> Resets) Prompts(IVideoModel model)
    {
        var pictures = Named(model.Info.Parameters);
        var cues = _state.Cues.Select((c, i) => (
            TimeSpan.FromTicks(i == 0 ? 0 : c.AtTicks), new Prompt(i + 1, c.Text, c.Strength,
                i == 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(c.TransitionMs), model.Read(c.Text))
            {
                Values = ParameterValues.Of(model.Info.Parameters, c.Values?.Where(v => v.Value is not null) ?? [], pictures),
            })).ToImmutableArray();
        return (cues.IsEmpty ? [(TimeSpan.Zero, Prompt.None)] : cues, [.. _state.Resets]);
    }
}

[JsonSourceGenerationOptions(RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(JournalState))]
internal sealed partial class JournalJson : JsonSerializerContext;
