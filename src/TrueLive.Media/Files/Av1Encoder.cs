namespace TrueLive.Media.Files;

/// <summary>
/// The AV1 encoder of the installed ffmpeg, which not every build has. libaom in its real-time mode: it accepts frames at any times,
/// whereas SVT-AV1 needs a fixed rate.
/// </summary>
internal static class Av1Encoder
{
    private static readonly string[] Aom = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-row-mt", "1", "-crf", "30",
        "-b:v", "0", "-pix_fmt", "yuv420p"];

    private static bool? _there;

    /// <summary>ffmpeg's arguments for it.</summary>
    /// <exception cref="MediaFileException">The installed ffmpeg has none.</exception>
    public static async Task<string[]> FindAsync(CancellationToken cancel)
    {
        if (_there is null)
        {
            await using var child = FfmpegChild.Start("ffmpeg", ["-encoders"], TimeSpan.FromSeconds(20));
            using var reader = new StreamReader(child.Output);
            _there = (await reader.ReadToEndAsync(cancel).ConfigureAwait(false)).Contains(" libaom-av1 ", StringComparison.Ordinal);
        }
        return _there.Value
            ? Aom
            : throw new MediaFileException("The installed ffmpeg cannot write AV1 (it has no libaom-av1). Choose mp4 or webm.");
    }
}
