using TrueLive.Models.Manifest;

namespace TrueLive.Models.Catalogue;

/// <summary>Where the models of an installation lie: one folder each, with a manifest.json.</summary>
public static class ModelFolders
{
    /// <summary>
    /// The model folders of these places, place by place and by name; hidden folders and places that do not exist are passed over.
    /// </summary>
    public static IEnumerable<string> In(IEnumerable<string> places) => places.Where(Directory.Exists)
        .SelectMany(place => Directory.EnumerateDirectories(place).Order(StringComparer.Ordinal))
        .Where(folder => !Path.GetFileName(folder).StartsWith('.') && File.Exists(Path.Combine(folder, "manifest.json")));

    /// <summary>How far a folder is trusted: as a pulled one only where it lies in the place that nothing but a pull writes to.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="pulled">That place.</param>
    public static ModelTrust TrustOf(string folder, string pulled) =>
        Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(pulled))
            ? ModelTrust.Pulled : ModelTrust.Given;
}
