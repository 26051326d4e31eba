using System.Security.Cryptography;
using System.Text;

namespace TrueLive.Watch;

/// <summary>Keeps a second watch of the same target and place out of a folder, since their runs would overlap.</summary>
public static class SeriesLock
{
    /// <summary>Takes it until it is disposed of, or this process ends.</summary>
    /// <exception cref="FormatException">Another watch has it.</exception>
    public static IDisposable Take(string folder, WatchSeries series)
    {
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{series.Target}\n{series.Place}")))[..16];
        try
        {
            return new FileStream(Path.Combine(folder, $"{name}.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (File.Exists(Path.Combine(folder, $"{name}.lock")))
        {
            throw new FormatException($"{series.Target} is being watched from {series.Place} in {folder} already; end that watch, or " +
                "name another --place.", error);
        }
    }
}
