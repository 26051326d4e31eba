using System.Text.RegularExpressions;

namespace TrueLive.Watch;

/// <summary>The folders of a watch's reports.</summary>
internal static partial class ReportFolders
{
    /// <summary>Deletes the oldest reports beyond so many. Folders with other names are somebody else's.</summary>
    public static void Thin(string folder, int keep)
    {
        if (!Directory.Exists(folder))
            return;
        foreach (var old in Directory.EnumerateDirectories(folder).Where(d => Name().IsMatch(Path.GetFileName(d)))
            .OrderByDescending(Directory.GetCreationTimeUtc).ThenByDescending(d => d, StringComparer.Ordinal).Skip(keep).ToArray())
            Directory.Delete(old, recursive: true);
    }

    [GeneratedRegex("^run-[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$")]
    private static partial Regex Name();
}
