using System.Text.Json;
using System.Text.Json.Serialization;

namespace TrueLive.Hub.Repositories;

/// <summary>A file of a repository.</summary>
/// <param name="Path">Where it lies in the repository.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Hash">Of its content.</param>
public sealed record HubFile(string Path, long Size, FileHash Hash);

/// <summary>What a repository holds at a commit.</summary>
/// <param name="Commit">The commit that the revision stands for.</param>
/// <param name="Licence">As its makers name it; empty when they name none.</param>
/// <param name="Files">All of its files.</param>
public sealed record RepositoryListing(string Commit, string Licence, IReadOnlyList<HubFile> Files)
{
    internal const int MaxBytes = 16 << 20;
    internal const long MaxFileBytes = 64L << 30;

    private const int MaxFiles = 20_000;

    /// <summary>Reads a hub's answer.</summary>
    /// <exception cref="HubException">It is none that can be used, or names a file that does not lie in the repository.</exception>
    internal static RepositoryListing Read(ReadOnlySpan<byte> json, RepositoryName repository)
    {
        ModelAnswer? answer;
        try
        {
            answer = JsonSerializer.Deserialize(json, HubJson.Default.ModelAnswer);
        }
        catch (JsonException e)
        {
            throw new HubException($"What the hub says of {repository} cannot be read, at "
                + $"{(e.Path is { Length: > 2 } at ? Text.Shown(at[2..]) : "its beginning")}. Is HF_ENDPOINT the address of a hub?", e);
        }
        if (answer is not { Siblings: { } siblings } || !FileHash.IsCommit(answer.Sha))
            throw new HubException($"What the hub says of {repository} names no commit or no files. Is HF_ENDPOINT the address of a hub?");
        if (siblings.Count > MaxFiles)
            throw new HubException($"{repository} has {siblings.Count} files; at most {MaxFiles} are looked at.");
        var files = siblings.Select(s => Read(s, repository)).ToList();
        return files.DistinctBy(f => f.Path).Count() == files.Count ? new RepositoryListing(answer.Sha!, LicenceOf(answer), files)
            : throw new HubException($"{repository} names a file twice. Nothing was downloaded.");
    }

    private static HubFile Read(SiblingAnswer? file, RepositoryName repository)
    {
        var path = file?.Rfilename ?? "";
        if (!RepositoryPath.IsPlain(path))
            throw new HubException($"{repository} names a file '{Text.Shown(path)}', which would not lie in its folder. Nothing was "
                + "downloaded.");
        var (size, hash) = file!.Lfs is { } large ? (large.Size, large.Sha256) : (file.Size, file.BlobId);
        if (size is not (>= 0 and <= MaxFileBytes) || !FileHash.IsHash(hash))
            throw new HubException($"{repository} does not say how large '{Text.Shown(path)}' is, or what its checksum is. Nothing was "
                + "downloaded.");
        return new HubFile(path, size.Value, new FileHash(hash!));
    }

    private static string LicenceOf(ModelAnswer answer)
    {
        var licence = Word(answer.CardData?.License);
        // 'other' stands for one that has a name of its own.
        if (licence is "" or "other" && answer.CardData?.LicenseName is { Length: > 0 } name)
            licence = name;
        if (licence.Length == 0)
            licence = answer.Tags?.FirstOrDefault(t => t?.StartsWith("license:",
                StringComparison.Ordinal) == true)?["license:".Length..] ?? "";
        return Text.Shown(answer.CardData?.LicenseLink is { Length: > 0 } link ? $"{licence} ({link})" : licence);
    }

    private static string Word(JsonElement? value)
    {
        try
        {
            return value switch
            {
                { ValueKind: JsonValueKind.String } one => one.GetString()!,
                { ValueKind: JsonValueKind.Array } several =>
                    string.Join(", ", several.EnumerateArray().Where(v => v.ValueKind == JsonValueKind.String).Take(10)
                        .Select(v => v.GetString())),
                _ => "",
            };
        }
        catch (InvalidOperationException)
        {
            // No Unicode.
            return "";
        }
    }
}

internal sealed record ModelAnswer(string? Sha, CardAnswer? CardData, IReadOnlyList<string?>? Tags,
    IReadOnlyList<SiblingAnswer?>? Siblings);

internal sealed record CardAnswer(
    JsonElement? License, [property: JsonPropertyName("license_name")] string? LicenseName,
        [property: JsonPropertyName("license_link")] string? LicenseLink);

internal sealed record SiblingAnswer(string? Rfilename, long? Size, string? BlobId, LargeAnswer? Lfs);

internal sealed record LargeAnswer(string? Sha256, long? Size);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, MaxDepth = 24)]
[JsonSerializable(typeof(ModelAnswer))]
internal sealed partial class HubJson : JsonSerializerContext;
