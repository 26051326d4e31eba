using System.Collections.Immutable;
using System.Globalization;

namespace TrueLive.Media.Files;

/// <summary>Part of a file on the file's own timeline.</summary>
/// <param name="Start">First moment that is read.</param>
/// <param name="Origin">Time of the file's first frame, at which captured times are zero.</param>
public sealed record FileStretch(TimeSpan Start, TimeSpan Origin);

/// <summary>Finds the times at which a film cuts from one scene to the next, so that scenes can be rendered in parallel.</summary>
public static class SceneCuts
{
    /// <summary>How different two frames must be by ffmpeg's scene score, 0..1. A fast pan stays below this, a cut exceeds it.</summary>
    public const double Threshold = 0.3;

    /// <summary>
    /// Times of the first frames of all scenes on the file's own timeline, in order; the first is that of the file's first frame.
    /// </summary>
    /// <exception cref="MediaFileException">The file cannot be decoded.</exception>
    public static async Task<ImmutableArray<TimeSpan>> FindAsync(MediaFile file, CancellationToken cancel)
    {
        var times = new ShownTimes();
        var cuts = new List<TimeSpan>();
        var select = string.Create(CultureInfo.InvariantCulture,
            $"scale=160:90:flags=fast_bilinear,select='eq(n\\,0)+gt(scene\\,{Threshold})',showinfo=checksum=0");
        await using var child = FfmpegChild.Start(
            "ffmpeg", ["-loglevel", "info", "-nostats", "-copyts", .. FfmpegChild.SafeInput(file.Path), "-map", "0:V:0", "-fps_mode",
                "passthrough", "-vf", select, "-f", "null", "pipe:1"],
            FileSource.ProcessorTime(file), line =>
            {
                if (times.Read(line) is { } at && (cuts.Count == 0 || at > cuts[^1]))
                    cuts.Add(at);
            }, background: true);
        await child.Output.CopyToAsync(Stream.Null, cancel).ConfigureAwait(false);
        if (await child.WaitAsync(cancel).ConfigureAwait(false) != 0 || cuts.Count == 0)
            throw await child.FailureAsync($"{Path.GetFileName(file.Path)} cannot be decoded").ConfigureAwait(false);
        return [.. cuts];
    }
}
