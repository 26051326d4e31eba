using System.Text.Json;
using System.Text.Json.Serialization;

namespace TrueLive.Models.Manifest;

/// <summary>A file of a pulled model.</summary>
/// <param name="Path">Where it lies in the folder.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Hash">The checksum that the hub named.</param>
public sealed record PulledFile(string Path, long Size, string Hash);

/// <summary>Where a pulled model comes from: <c>pulled.json</c> in its folder.</summary>
/// <param name="Repository">The repository, with the revision that was asked for.</param>
/// <param name="Commit">The commit of its files.</param>
/// <param name="Licence">The licence that was accepted.</param>
/// <param name="Files">What was pulled.</param>
public sealed record PulledRecord(string Repository, string Commit, string Licence, IReadOnlyList<PulledFile> Files)
{
    /// <summary>Its name in the folder.</summary>
    public const string FileName = "pulled.json";

    private const int MaxBytes = 4 << 20;

    /// <summary>Writes it into a folder.</summary>
    public void Write(string folder) =>
        File.WriteAllText(System.IO.Path.Combine(folder, FileName), JsonSerializer.Serialize(this, PulledJson.Default.PulledRecord));

    /// <summary>Reads that of a folder, and compares the sizes of its files.</summary>
    /// <exception cref="ModelException">There is none, or the folder is not what was pulled.</exception>
    public static PulledRecord Read(string folder)
    {
        var path = System.IO.Path.Combine(folder, FileName);
        PulledRecord? record;
        try
        {
            record = JsonSerializer.Deserialize(FolderFile.Read(path, "the record of a pulled model", MaxBytes),
                PulledJson.Default.PulledRecord);
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path} cannot be read (line {e.LineNumber + 1}). Pull the model again.", e);
        }
        if (record is not { Repository: not null, Commit: not null, Licence: not null, Files: { } files }
            || files.Any(f => f is not { Path: not null, Hash: not null }))
            throw new ModelException($"{path} lacks a field. Pull the model again.");
        var changed = files.FirstOrDefault(f => new FileInfo(System.IO.Path.Combine(folder, f.Path)) is not { Exists: true } there
            || there.Length != f.Size);
        return changed is null ? record : throw new ModelException($"{System.IO.Path.Combine(folder, changed.Path)} is missing, or has "
            + "another size than when it was pulled. Pull the model again.");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(PulledRecord))]
internal sealed partial class PulledJson : JsonSerializerContext;
