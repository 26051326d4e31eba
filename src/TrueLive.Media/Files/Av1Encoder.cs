namespace TrueLive.Media.Files;

/// <summary>Which AV1 encoder the installed ffmpeg has: not every build has one.</summary>
public static class Av1Encoder
{
    private static readonly string[] Svt = ["-c:v", "libsvtav1", "-preset", "10", "-crf", "32", "-pix_fmt", "yuv420p"];
    private static readonly string[] Aom = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-row-mt", "1", "-crf", "32", "-b:v", "0", "-pix_fmt", "yuv420p"];

    private static string? _encoders;

    /// <summary>ffmpeg's arguments for it: SVT-AV1 where there is a choice.</summary>
    /// <exception cref="MediaFileException">This ffmpeg has none.</exception>
    internal static async Task<string[]> FindAsync(CancellationToken cancel)
    {
        if (_encoders is null)
        {
            await using var child = FfmpegChild.Start("ffmpeg", ["-encoders"], TimeSpan.FromSeconds(20));
            using var reader = new StreamReader(child.Output);
            _encoders = await reader.ReadToEndAsync(cancel).ConfigureAwait(false);
        }
        return _encoders.Contains(" libsvtav1 ", StringComparison.Ordinal) ? Svt
            : _encoders.Contains(" libaom-av1 ", StringComparison.Ordinal) ? Aom
            : throw new MediaFileException("The installed ffmpeg cannot write AV1 (it has neither libsvtav1 nor libaom-av1). Choose mp4 or webm.");
    }
}
