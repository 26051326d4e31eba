using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Recordings;

/// <summary>What is said to the client of a session while it is recorded.</summary>
internal sealed record RecordedView(string Id, DateTimeOffset Started, long Bytes);

/// <summary>The content of recording.json; without an end while it runs.</summary>
internal sealed record RecordingState(
    string Id, string Session, DateTimeOffset Started, string Model, string Size, string? SourceType, DateTimeOffset? Ended = null,
    string? EndedBecause = null);

/// <summary>
/// A recorded live session: what the model made, with sound, in one file, or in several where the picture changed its size or writing broke
/// off. The files alone say how much there is.
/// </summary>
internal sealed partial class Recording
{
    private const string Description = "recording.json";

    private static readonly EnumerationOptions Readable = new() { IgnoreInaccessible = true };

    public Recording(string folder, RecordingState state) => (Folder, State) = (folder, state);

    /// <summary>Folder of the recording.</summary>
    public string Folder { get; }

    public RecordingState State { get; }

    /// <summary>Tells why nothing is written to it now, in words; null while it is, and when it has ended.</summary>
    public Func<string?> Problem { get; set; } = () => null;

    /// <summary>Where its first file is; further ones are beside it.</summary>
    public string Video => Path.Combine(Folder, "recording.mp4");

    /// <summary>Its files in order; none where the folder may not be read.</summary>
    public IReadOnlyList<FileInfo> Parts => !Directory.Exists(Folder) ? []
        : [.. new DirectoryInfo(Folder).EnumerateFiles("*.mp4", Readable).Where(f => NumberOf(f.Name) > 0).OrderBy(f => NumberOf(f.Name))];

    public long Bytes => Parts.Sum(p => p.Length);

    /// <summary>Opens a folder; null when it has no description.</summary>
    /// <exception cref="JsonException">Its description is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static Recording? Open(string folder)
    {
        try
        {
            return new Recording(folder, JsonSerializer.Deserialize(
                File.ReadAllBytes(Path.Combine(folder, Description)), RecordingJson.Default.RecordingState)
                ?? throw new JsonException("The description is empty."));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>One of its files by its name; null for any other name.</summary>
    public FileInfo? Part(string name) =>
        NumberOf(name) > 0 && new FileInfo(Path.Combine(Folder, name)) is { Exists: true } file ? file : null;

    /// <summary>The same, ended.</summary>
    public Recording Over(DateTimeOffset at, string because) => new(Folder, State with { Ended = at, EndedBecause = because });

    /// <summary>Writes the description.</summary>
    public void Save() => PrivateFiles.Replace(
        Path.Combine(Folder, Description), JsonSerializer.SerializeToUtf8Bytes(State, RecordingJson.Default.RecordingState));

    /// <summary>Whether it has no end of its own: a server that was killed left it, or another one writes it.</summary>
    public bool WasLeft { get; private init; }

    /// <summary>As a server that was killed left it.</summary>
    public Recording Left() => new(Folder, State with
    {
        Ended = Parts.Select(p => (DateTimeOffset)p.LastWriteTimeUtc).DefaultIfEmpty(State.Started).Max(),
        EndedBecause = "The server stopped while it was recorded.",
    })
    { WasLeft = true };

    private static int NumberOf(string name) => PartName().Match(name) is not { Success: true } match ? 0
        : match.Groups[1] is { Success: true } number ? int.Parse(number.ValueSpan, System.Globalization.CultureInfo.InvariantCulture) : 1;

    [GeneratedRegex("^recording(?:-([1-9][0-9]{0,4}))?\\.mp4$")]
    private static partial Regex PartName();
}

[JsonSourceGenerationOptions(RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RecordingState))]
internal sealed partial class RecordingJson : JsonSerializerContext;
