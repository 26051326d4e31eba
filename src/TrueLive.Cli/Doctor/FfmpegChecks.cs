using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace TrueLive.Cli.Doctor;

/// <summary>Checks that ffmpeg and the programs that sandbox it start, and that ffmpeg has the encoders that clips need.</summary>
internal static class FfmpegChecks
{
    private const string Part = "ffmpeg";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // Encoders, and what is unavailable without them.
    private static readonly (string Name, string For, bool Needed)[] Encoders =
    [
        ("libx264", "MP4 clips", true),
        ("aac", "sound in MP4", true),
        ("libvpx-vp9", "WebM clips", true),
        ("libopus", "sound in WebM", true),
        ("ffv1", "lossless clips and journals", true),
        ("png", "pictures", true),
        ("libaom-av1", "AV1 clips", false),
    ];

    public static async IAsyncEnumerable<Finding> RunAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        const string Install = "Install it: apt-get install ffmpeg. If it is installed, add its folder to PATH.";
        var missing = new List<string>();
        foreach (var (tool, argument, package) in new[] { ("ffmpeg", "-version", "ffmpeg"), ("ffprobe", "-version", "ffmpeg"),
            ("prlimit", "--version", "util-linux"), ("timeout", "--version", "coreutils"), ("nice", "--version", "coreutils") })
        {
            if (await SaysAsync(tool, [argument], cancel).ConfigureAwait(false) is { } said)
            {
                if (tool == "ffmpeg")
                    yield return Finding.Right(Part, said.Split('\n')[0].Split(" Copyright")[0].Trim());
                continue;
            }
            missing.Add(tool);
            yield return Finding.Wrong(Part, $"{tool} does not start, so files cannot be read or written.",
                package == "ffmpeg" ? Install : $"Install it: apt-get install {package}.");
        }
        if (missing.Contains("ffmpeg"))
            yield break;
        var list = await SaysAsync("ffmpeg", ["-hide_banner", "-encoders"], cancel).ConfigureAwait(false) ?? "";
        var has = list.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(words => words.Length > 1)
            .Select(words => words[1]).ToHashSet();
        var lacking = Encoders.Where(e => !has.Contains(e.Name)).ToArray();
        foreach (var (name, use, needed) in lacking)
        {
            var says = $"it has no encoder {name}, which {use} need.";
            const string Mend = "Take the distribution's own ffmpeg (apt-get install ffmpeg), or one that is built with it.";
            yield return needed ? Finding.Wrong(Part, says, Mend) : Finding.Note(Part, says, Mend);
        }
        if (lacking.Length == 0)
            yield return Finding.Right(Part, $"it writes {string.Join(", ", Encoders.Select(e => e.For))}");
    }

    // The output of a program; null if it does not start, fails, or does not exit in time.
    private static async Task<string?> SaysAsync(string program, string[] arguments, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Patience);
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments)
            { RedirectStandardOutput = true, RedirectStandardError = true })!;
            try
            {
                var errors = process.StandardError.ReadToEndAsync(limit.Token);
                var said = await process.StandardOutput.ReadToEndAsync(limit.Token).ConfigureAwait(false);
                await errors.ConfigureAwait(false);
                await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
                return process.ExitCode == 0 ? said : null;
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                process.Kill(entireProcessTree: true);
                return null;
            }
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
