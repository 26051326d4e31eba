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
}
