using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TrueLive.Media.Files;

/// <summary>A piece of a clip on disk.</summary>
/// <param name="Path">Video file made by <see cref="FileSink"/>.</param>
/// <param name="Start">Time of its first frame on the clip's timeline.</param>
public readonly record struct ClipSegment(string Path, TimeSpan Start);

/// <summary>
/// Joins segments without coding them again, lays the source's sound under them, writes the tags, and gives the result its name in
/// one move, so that a reader never sees half a file.
/// </summary>
public static partial class FileJoin
{
    /// <summary>Says so before any work is done where a result could not be put at this path, or would replace what is no result of ours.</summary>
    /// <exception cref="MediaFileException">The path is taken; the message says by what.</exception>
    public static void CheckOutput(string output, ClipFormat format)
    {
        output = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output));
        if (format != ClipFormat.Png)
        {
            if (Directory.Exists(output))
                throw new MediaFileException($"{output} is a folder. Name a file in it.");
            return;
        }
        if (File.Exists(output))
            throw new MediaFileException($"{output} is a file; PNG pictures go into a folder. Choose another name.");
        if (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).FirstOrDefault(e => Directory.Exists(e) || !OwnPicture().IsMatch(Path.GetFileName(e))) is { } other)
            throw new MediaFileException($"{output} holds other things ({Path.GetFileName(other)}). PNG pictures replace a whole folder: choose a new one.");
    }

    /// <summary>Makes the final file.</summary>
    /// <param name="segments">In order of time.</param>
    /// <param name="source">Where the sound is taken from.</param>
    /// <param name="soundStart">Moment of the source's timeline that belongs to the clip's first frame.</param>
    /// <param name="end">Where the clip ends on its timeline; sound beyond it is cut.</param>
    /// <param name="format">What to write.</param>
    /// <param name="output">File, or folder for <see cref="ClipFormat.Png"/>.</param>
    /// <param name="tags">Metadata: tier, model, prompts.</param>
    /// <returns>Why the source's sound is missing; null when it is there, or there was none.</returns>
    /// <exception cref="MediaFileException">ffmpeg failed; the message says why.</exception>
    public static async Task<string?> RunAsync(IReadOnlyList<ClipSegment> segments, MediaFile source, TimeSpan soundStart, TimeSpan end, ClipFormat format, string output, IReadOnlyDictionary<string, string> tags, CancellationToken cancel)
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

        output = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output));
        CheckOutput(output, format);
        RemovePartials(output);
        // Of its own name: the join of a process that was killed may still write to the old one.
        var partial = NewPartial(output);
        try
        {
            string? missing = null;
            var sound = source.HasAudio && format is ClipFormat.Mp4 or ClipFormat.WebM or ClipFormat.Av1;
            try
            {
                await WriteAsync(list, partial, sound ? source : null, soundStart, end, format, tags, cancel).ConfigureAwait(false);
            }
            catch (MediaFileException failure) when (sound && failure is not (MediaInterruptedException or MediaMachineException))
            {
                // Hours of work are not thrown away for a sound that cannot be decoded, or a source that is gone by now.
                await WriteAsync(list, partial, null, soundStart, end, format, tags, cancel).ConfigureAwait(false);
                missing = $"The clip has no sound: that of the source could not be read. {failure.Message}";
            }
            if (format == ClipFormat.Png)
            {
                CheckOutput(output, format);
                if (Directory.Exists(output))
                    Directory.Delete(output, true);
                Directory.Move(partial, output);
            }
            else
            {
                if (format == ClipFormat.Gif && tags.TryGetValue("comment", out var comment))
                {
                    var commented = NewPartial(output);
                    await GifComment.CopyAsync(partial, commented, comment, cancel).ConfigureAwait(false);
                    partial = commented;
                }
                File.Move(partial, output, overwrite: true);
            }
            return missing;
        }
        finally
        {
            RemovePartials(output);
        }
    }

    private static async Task WriteAsync(string list, string partial, MediaFile? sound, TimeSpan soundStart, TimeSpan end, ClipFormat format, IReadOnlyDictionary<string, string> tags, CancellationToken cancel)
    {
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
        string[] maps = format is ClipFormat.Gif ? [] : sound is not null ? ["-map", "0:v:0", "-map", "1:a:0"] : ["-map", "0:v:0"];
        string[] length = ["-t", end.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture)];
        string[] arguments = [
            "-loglevel", "error", "-y", "-protocol_whitelist", "file,pipe", "-f", "concat", "-safe", "1", "-i", "file:" + list,
            .. sound is not null && soundStart > TimeSpan.FromMilliseconds(1) ? ["-ss", soundStart.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture)] : Array.Empty<string>(),
            .. sound is not null ? FfmpegChild.SafeInput(sound.Path) : [],
            .. maps, .. length, .. tags.SelectMany(t => new[] { "-metadata", $"{t.Key}={t.Value}" }), .. coding,
            "file:" + (format == ClipFormat.Png ? Path.Combine(partial, "%06d.png") : partial)];
        await using var child = FfmpegChild.Start("ffmpeg", arguments, TimeSpan.FromHours(2), background: true);
        await child.Output.CopyToAsync(Stream.Null, cancel).ConfigureAwait(false);
        if (await child.WaitAsync(cancel).ConfigureAwait(false) != 0)
            throw await child.FailureAsync("The clip could not be joined").ConfigureAwait(false);
    }

    private static string NewPartial(string output) => $"{output}.{Path.GetRandomFileName()[..8]}.partial";

    private static void RemovePartials(string output)
    {
        if (Path.GetDirectoryName(output) is not { Length: > 0 } folder || !Directory.Exists(folder))
            return;
        var ours = Path.GetFileName(output) + ".";
        foreach (var left in Directory.EnumerateFileSystemEntries(folder).Where(e => Path.GetFileName(e) is var name && name.StartsWith(ours, StringComparison.Ordinal) && PartialEnding().IsMatch(name[ours.Length..])).ToArray())
        {
            if (Directory.Exists(left))
                Directory.Delete(left, true);
            else
                File.Delete(left);
        }
    }

    [GeneratedRegex(@"^\d{6,}\.png$")]
    private static partial Regex OwnPicture();

    [GeneratedRegex(@"^[a-z0-9.]{8}\.partial$")]
    private static partial Regex PartialEnding();
}
