using TrueLive.Models.Manifest;

namespace TrueLive.Models.Catalogue;

/// <summary>Finds the models of an installation: one folder each, with a manifest.json.</summary>
public static class ModelFolders
{
    /// <summary>
    /// The model folders in these places, in the order of the places and then by name; hidden folders and missing places are skipped.
    /// </summary>
    public static IEnumerable<string> In(IEnumerable<string> places) => places.Where(Directory.Exists)
        .SelectMany(place => Directory.EnumerateDirectories(place).Order(StringComparer.Ordinal))
        .Where(folder => !Path.GetFileName(folder).StartsWith('.') && File.Exists(Path.Combine(folder, "manifest.json")));

    /// <summary>How far a folder is trusted: as a pulled model only if it lies in the folder that nothing but a pull writes to.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="pulled">The folder of pulled models.</param>
    public static ModelTrust TrustOf(string folder, string pulled) =>
        Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)))
            == Path.TrimEndingDirectorySeparator(Path.GetFullPath(pulled))
            ? ModelTrust.Pulled : ModelTrust.Given;
}
