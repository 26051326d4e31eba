namespace TrueLive.Watch;

/// <summary>Keeps a second watch of the same target and place out of a folder, since their runs would overlap.</summary>
public static class SeriesLock
{
    /// <summary>Takes it until it is disposed of, or this process ends.</summary>
    /// <exception cref="FormatException">Another watch has it.</exception>
    public static IDisposable Take(string folder, WatchSeries series)
    {
        var file = Path.Combine(folder, $"{series.Key}.lock");
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (File.Exists(file))
        {
            throw new FormatException($"{series.Target} is being watched from {series.Place} in {folder} already; end that watch, or " +
                "name another --place, also for targets that differ only in what follows a question mark.", error);
        }
    }
}
