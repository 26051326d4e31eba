using System.Globalization;
using System.Text;

namespace TrueLive.Media.Files;

/// <summary>A piece of a clip on disk.</summary>
/// <param name="Path">Video file made by <see cref="FileSink"/>.</param>
/// <param name="Start">Time of its first frame on the clip's timeline.</param>
public readonly record struct ClipSegment(string Path, TimeSpan Start);

/// <summary>
/// Joins segments without coding them again, lays the source's sound under them, writes the tags, and gives the result its name in
/// one move, so that a reader never sees half a file.
/// </summary>
public static class FileJoin
{
    /// <summary>Makes the final file.</summary>
    /// <param name="segments">In order of time.</param>
    /// <param name="source">Where the sound is taken from.</param>
    /// <param name="soundStart">Moment of the source's timeline that belongs to the clip's first frame.</param>
    /// <param name="end">Where the clip ends on its timeline; sound beyond it is cut.</param>
    /// <param name="format">What to write.</param>
    /// <param name="output">File, or folder for <see cref="ClipFormat.Png"/>.</param>
    /// <param name="tags">Metadata: tier, model, prompts.</param>
    /// <exception cref="MediaFileException">ffmpeg failed; the message says why.</exception>
    public static async Task RunAsync(IReadOnlyList<ClipSegment> segments, MediaFile source, TimeSpan soundStart, TimeSpan end, ClipFormat format, string output, IReadOnlyDictionary<string, string> tags, CancellationToken cancel)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(segments[0].Path))!;
        var list = Path.Combine(folder, "join.txt");
        var text = new StringBuilder("ffconcat version 1.0\n");
        for (var i = 0; i < segments.Count; i++)
        {
            text.Append("file '").Append(Path.GetFileName(segments[i].Path)).Append("'\n");
            var next = i + 1 < segments.Count ? segments[i + 1].Start : end;
            text.Append(CultureInfo.InvariantCulture, $"duration {(next - segments[i].Start).TotalSeconds:0.######}\n");
        }
        await File.WriteAllTextAsync(list, text.ToString(), cancel).ConfigureAwait(false);

        var partial = Path.GetFullPath(output) + ".partial";
        var sound = source.HasAudio && format is ClipFormat.Mp4 or ClipFormat.WebM or ClipFormat.Av1;
        string[] coding = format switch
        {
            ClipFormat.Mp4 or ClipFormat.Av1 => ["-c:v", "copy", "-c:a", "aac", "-b:a", "160k", "-movflags", "+faststart+use_metadata_tags", "-video_track_timescale", "90000", "-f", "mp4"],
            ClipFormat.WebM => ["-c:v", "copy", "-c:a", "libopus", "-b:a", "128k", "-f", "webm"],
            ClipFormat.Gif => ["-filter_complex", "[0:v]fps='min(15,source_fps)',split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=bayer:bayer_scale=4", "-f", "gif"],
            _ => ["-fps_mode", "passthrough", "-f", "image2"],
        };
        if (format == ClipFormat.Png)
            Directory.CreateDirectory(partial);
        else if (Path.GetDirectoryName(partial) is { Length: > 0 } parent)
            Directory.CreateDirectory(parent);
        string[] maps = format is ClipFormat.Gif ? [] : sound ? ["-map", "0:v:0", "-map", "1:a:0"] : ["-map", "0:v:0"];
        string[] length = ["-t", end.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture)];
        string[] arguments = [
            "-loglevel", "error", "-y", "-protocol_whitelist", "file,pipe", "-f", "concat", "-safe", "1", "-i", "file:" + list,
            .. sound && soundStart > TimeSpan.FromMilliseconds(1) ? ["-ss", soundStart.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture)] : Array.Empty<string>(),
            .. sound ? FfmpegChild.SafeInput(source.Path) : [],
            .. maps, .. length, .. tags.SelectMany(t => new[] { "-metadata", $"{t.Key}={t.Value}" }), .. coding,
            "file:" + (format == ClipFormat.Png ? Path.Combine(partial, "%06d.png") : partial)];
        await using (var child = FfmpegChild.Start("ffmpeg", arguments, TimeSpan.FromHours(2)))
        {
            await child.Output.CopyToAsync(Stream.Null, cancel).ConfigureAwait(false);
            if (await child.WaitAsync(cancel).ConfigureAwait(false) != 0)
                throw new MediaFileException($"The clip could not be joined: {await child.ComplaintAsync().ConfigureAwait(false)}.");
        }
        if (format == ClipFormat.Png)
        {
            if (Directory.Exists(output))
                Directory.Delete(output, true);
            Directory.Move(partial, output);
        }
        else
        {
            File.Move(partial, output, overwrite: true);
        }
    }
}
