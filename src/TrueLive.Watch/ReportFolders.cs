namespace TrueLive.Watch;

/// <summary>The folders of a watch's reports.</summary>
internal static class ReportFolders
{
    /// <summary>Name of the folder of a new run; it tells whose it is.</summary>
    public static string Name(WatchSeries series, DateTimeOffset utc) =>
        $"run-{utc.UtcDateTime:yyyyMMdd-HHmmss}-{series.Key}-{Guid.NewGuid().ToString("N")[..6]}";

    /// <summary>Deletes the series' folders but those that its newest runs name. Folders of other names are somebody else's.</summary>
    public static async Task ThinAsync(WatchHistory history, WatchSeries series, string folder, int keep, CancellationToken cancel)
    {
        if (!Directory.Exists(folder))
            return;
        var named = (await history.FoldersAsync(series, keep, cancel).ConfigureAwait(false)).ToHashSet(StringComparer.Ordinal);
        foreach (var old in Directory.GetDirectories(folder, $"run-*-{series.Key}-??????"))
        {
            if (!named.Contains(Path.GetFileName(old)))
                Directory.Delete(old, recursive: true);
        }
    }
}
