using TrueLive.Models.Manifest;

namespace TrueLive.Models.Catalogue;

/// <summary>Puts a copy of a model folder among the user's models.</summary>
public static class ModelInstall
{
    private const long MaxText = 1 << 20;

    /// <summary>
    /// Copies the files that the manifest names, and a licence and readme if present, to <paramref name="place"/>/<c>id</c>. The model
    /// appears under its name only when it is complete.
    /// </summary>
    /// <param name="manifest">Manifest of a model that has been loaded once and is thus known to work.</param>
    /// <param name="place">The user's models folder; created if missing.</param>
    /// <param name="replace">Whether to replace an installed model with the same id.</param>
    /// <returns>The new folder.</returns>
    /// <exception cref="ModelException">The id is taken, or the files cannot be copied.</exception>
    public static string Copy(ModelManifest manifest, string place, bool replace)
    {
        var to = Path.Combine(Path.GetFullPath(place), manifest.Id);
        if (to == manifest.Folder)
            throw new ModelException($"{to} is already among the models.");
        if (Directory.Exists(to) && !replace)
            throw new ModelException($"{to} exists: a model '{manifest.Id}' was added before. Replace it with --replace, or give the new " +
                "one another id.");
        var partial = Path.Combine(Path.GetFullPath(place), "." + manifest.Id + ".partial");
        try
        {
            if (Directory.Exists(partial))
                Directory.Delete(partial, true);
            Directory.CreateDirectory(partial);
            var texts = Directory.EnumerateFiles(manifest.Folder).Select(f => new FileInfo(f))
                .Where(f => f is { Length: > 0 and <= MaxText, LinkTarget: null }).Select(f => f.Name)
                .Where(name => name.StartsWith("LICENSE", StringComparison.OrdinalIgnoreCase)
                    || name.StartsWith("README", StringComparison.OrdinalIgnoreCase));
            foreach (var name in manifest.Files.Concat(texts))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(partial, name))!);
                File.Copy(Path.Combine(manifest.Folder, name), Path.Combine(partial, name));
            }
            if (Directory.Exists(to))
                Directory.Delete(to, true);
            Directory.Move(partial, to);
            return to;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{manifest.Folder} cannot be copied to {to}: {e.Message}", e);
        }
    }
}
