using System.Globalization;
using System.Runtime.InteropServices;

namespace TrueLive.Cli;

/// <summary>Formats figures with their spread, and the machine that they were measured on.</summary>
internal static class BenchReport
{
    /// <summary>Nearest-rank percentile; <paramref name="share"/> is 0..1.</summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    /// <summary><c>1.83 (1.71..1.90, n=5)</c>.</summary>
    public static string Spread(IReadOnlyCollection<double> values, string format) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Percentile(values, 0.5).ToString(format, CultureInfo.InvariantCulture)} " +
        $"({values.Min().ToString(format, CultureInfo.InvariantCulture)}..{values.Max().ToString(format, CultureInfo.InvariantCulture)}, " +
        $"n={values.Count})");

    /// <summary>The machine in one line.</summary>
    public static string Machine(TimeProvider time)
    {
        var cpu = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1]
                .Trim()
            : null;
        var load = File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";
        return $"{cpu ?? RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} cores, " +
            $"{RuntimeInformation.OSDescription}, .NET {Environment.Version}, load average {load} at the start, " +
            $"{time.GetUtcNow():yyyy-MM-dd HH:mm} UTC";
    }

    /// <summary>Prints the text, and writes it to a file unless <paramref name="folder"/> is null.</summary>
    public static void Give(string text, string? folder, string name)
    {
        Console.WriteLine(text);
        if (folder is null)
            return;
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name), text);
        Console.WriteLine($"Written to {Path.Combine(folder, name)}.");
    }

    /// <summary>
    /// Makes the default film for measurements: moving patterns with light grain, about 4 Mbit/s in H.264, as is usual at 720p.
    /// </summary>
    public static async Task<string> MakeFilmAsync(string folder, int seconds, CancellationToken cancel)
    {
        var path = Path.Combine(folder, "film.mp4");
        await using var child = Media.Files.FfmpegChild.Start(
            "ffmpeg", ["-loglevel", "error", "-y", "-f", "lavfi", "-i", $"testsrc2=s=1280x720:r=30:d={seconds}", "-vf",
                "noise=alls=4:allf=t:all_seed=1,format=yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", path],
            TimeSpan.FromMinutes(10));
        await child.Output.CopyToAsync(Stream.Null, cancel).ConfigureAwait(false);
        return await child.WaitAsync(cancel).ConfigureAwait(false) == 0
            ? path
            : throw new Media.Files.MediaFileException(await child.ComplaintAsync().ConfigureAwait(false));
    }
}
