using System.Globalization;

namespace TrueLive.Media.Tests.Files;

/// <summary>Finds ffmpeg processes by what they work on, as an operator would with ps.</summary>
public static class ChildProcesses
{
    /// <summary>Ids of the ffmpeg processes that have all of these words among their arguments.</summary>
    public static int[] Of(params string[] words) => [.. Directory.EnumerateDirectories("/proc")
        .Select(d => int.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out var id) ? id : 0)
        .Where(id => id > 0 && Read(id, "cmdline").Split('\0') is ["ffmpeg", ..] line
            && words.All(w => line.Any(a => a.Contains(w, StringComparison.Ordinal))))];

    /// <summary>Waits until there is one.</summary>
    public static async Task<int> OneOfAsync(params string[] words)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (true)
        {
            if (Of(words) is [var id, ..])
                return id;
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>A file of <c>/proc/ID</c>; empty when the process is gone.</summary>
    public static string Read(int id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Sends a signal by its name.</summary>
    public static async Task SignalAsync(int id, string signal)
    {
        using var kill = System.Diagnostics.Process.Start("kill", ["-" + signal, "--", id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }
}
