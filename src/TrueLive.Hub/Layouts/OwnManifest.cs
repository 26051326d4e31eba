using System.Text.Json;
using System.Text.Json.Nodes;
using TrueLive.Hub.Repositories;
using TrueLive.Models.Manifest;

namespace TrueLive.Hub.Layouts;

/// <summary>A <c>manifest.json</c> of our schema that a repository brings along.</summary>
internal static class OwnManifest
{
    public const string FileName = "manifest.json";

    private const string Schema = "truelive-model/1";

    // A field that stands there twice would be found when it is first asked for.
    private static readonly JsonDocumentOptions Taken =
        new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 32, AllowDuplicateProperties = false };

    /// <summary>What it needs; null for a file of that name that means something else.</summary>
    /// <exception cref="HubException">It cannot be used.</exception>
    public static RepositoryLayout? Layout(string path, string[] names, string what)
    {
        if (Read(path) is null)
            return null;
        var folder = Directory.CreateTempSubdirectory("truelive-manifest-").FullName;
        try
        {
            File.Copy(path, Path.Combine(folder, FileName));
            var manifest = ModelManifest.Load(folder);
            if (manifest.Command.Length > 0)
                throw new HubException($"{what} is a program, and programs from a hub are not run. Download it yourself, read it, and "
                    + "use truelive models add.");
            var needed = (manifest.Diffusion is null ? manifest.Files : DiffusionSpec.Files(names.Contains).Prepend(FileName))
                .Concat(names.Where(RepositoryLayout.IsText));
            return new RepositoryLayout(null, [.. needed.Distinct()]) { HasManifest = true };
        }
        catch (ModelException wrong)
        {
            throw new HubException($"The {FileName} of {what} cannot be used: "
                + $"{wrong.Message.Replace(folder + "/", "", StringComparison.Ordinal)}", wrong);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Writes it into a model folder, under the short name that the model has here.</summary>
    public static void Copy(string path, string folder, string id)
    {
        var json = Read(path)!;
        json["id"] = id;
        File.WriteAllText(Path.Combine(folder, FileName), json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    // Null for what is no manifest of our schema.
    private static JsonObject? Read(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(path), null, Taken) is JsonObject json && json["schema"] is JsonValue schema
                && schema.TryGetValue(out string? name) && name == Schema ? json : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Texts that are no Unicode are found when they are first asked for.
            return null;
        }
    }
}
