using System.Globalization;

namespace TrueLive.Server.Resources;

/// <summary>How many files, sockets and pipes this process has open, and how many it may open.</summary>
internal static class OpenFiles
{
    /// <summary>Share of the limit from which opening more may soon fail.</summary>
    public const double High = 0.9;

    private const int Reserve = 512;
    private const string Line = "Max open files";

    /// <summary>The limit (RLIMIT_NOFILE) of this process; very large where the system gives none.</summary>
    public static int Limit { get; } = Read();

    /// <summary>
    /// Most connections of HTTP clients, so that they alone never use up what media, clips and ffmpeg need. The runtime ends the whole
    /// process when it cannot open a file of its own; an idle server has 280 open.
    /// </summary>
    public static int ForClients => Math.Max(Limit / 8, Limit - Reserve);

    /// <summary>Share of the limit that is in use, 0 where the system does not say.</summary>
    public static double Share
    {
        get
        {
            try
            {
                return Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() / (double)Limit;
            }
            catch (DirectoryNotFoundException)
            {
                return 0;
            }
            catch (IOException)
            {
                // Not even this folder can be opened.
                return 1;
            }
        }
    }

    private static int Read() =>
        File.Exists("/proc/self/limits") && File.ReadLines("/proc/self/limits")
            .FirstOrDefault(l => l.StartsWith(Line, StringComparison.Ordinal)) is { } line
        && int.TryParse(line[Line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture,
            out var limit) ? limit : int.MaxValue;
}
