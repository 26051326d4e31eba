using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using TrueLive.Core.Tiers;

namespace TrueLive.Media.Files;

/// <summary>A piece of a clip on disk.</summary>
/// <param name="Path">Video file made by <see cref="FileSink"/>.</param>
/// <param name="Start">Time of its first frame on the clip's timeline.</param>
public readonly record struct ClipSegment(string Path, TimeSpan Start);

/// <summary>
/// Joins segments without encoding them again, adds the source's sound, writes the tags, and gives the result its name in one step, so that
/// a reader never sees half a file.
/// </summary>
public static partial class FileJoin
{
    private const string List = "join.txt";
    private const int GifRate = 15;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// Checks, before any work is done, that a result can be written to this path, and that a folder of pictures would replace nothing
    /// else.
    /// </summary>
    /// <exception cref="MediaFileException">The path cannot be used; the message says why.</exception>
    public static void CheckOutput(string output, ClipFormat format)
    {
        output = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output));
        if (format != ClipFormat.Png)
        {
            if (Directory.Exists(output))
                throw new MediaFileException($"{output} is a folder. Name a file in it.");
            if (Encoding.UTF8.GetByteCount(Path.GetFileName(output)) > 255)
                throw new MediaFileException($"The name {Path.GetFileName(output)[..40]}... is longer than the 255 bytes that file " +
                    "systems take. Choose a shorter one.");
            return;
        }
        if (File.Exists(output))
            throw new MediaFileException($"{output} is a file; PNG pictures go into a folder. Choose another name.");
        if (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output)
            .FirstOrDefault(e => Directory.Exists(e) || !OwnPicture().IsMatch(Path.GetFileName(e))) is { } other)
            throw new MediaFileException($"{output} holds other things ({Path.GetFileName(other)}). PNG pictures replace a whole folder: " +
                "choose a new one.");
    }

    /// <summary>Makes the final file.</summary>
    /// <param name="segments">In order of time.</param>
    /// <param name="source">Where the sound is taken from.</param>
    /// <param name="soundStart">Time on the source's timeline of the clip's first frame.</param>
    /// <param name="last">Time of the clip's last frame on its timeline.</param>
    /// <param name="end">Where the clip ends: the last frame is shown until then, and sound beyond it is cut.</param>
    /// <param name="format">What to write.</param>
    /// <param name="output">File, or folder for <see cref="ClipFormat.Png"/>.</param>
    /// <param name="tags">Metadata: tier, model, prompts.</param>
    /// <returns>Why the source's sound is missing or changed; null when it is unchanged, or the source has none.</returns>
    /// <exception cref="MediaFileException">ffmpeg failed; the message says why.</exception>
    public static async Task<string?> RunAsync(IReadOnlyList<ClipSegment> segments, MediaFile source, TimeSpan soundStart, TimeSpan last,
        TimeSpan end, ClipFormat format, string output, IReadOnlyDictionary<string, string> tags, CancellationToken cancel)
    {
        output = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output));
        CheckOutput(output, format);
        var folder = Path.GetDirectoryName(Path.GetFullPath(segments[0].Path))!;
        var text = new StringBuilder("ffconcat version 1.0\n");
        for (var i = 0; i < segments.Count; i++)
        {
            text.Append("file '").Append(Path.GetFileName(segments[i].Path)).Append("'\n");
            var next = i + 1 < segments.Count ? segments[i + 1].Start : end;
            text.Append(CultureInfo.InvariantCulture, $"duration {(next - segments[i].Start).TotalSeconds:0.######}\n");
        }
        await File.WriteAllTextAsync(Path.Combine(folder, List), text.ToString(), cancel).ConfigureAwait(false);
        RemovePartials(output);
        // A new name for each join: that of a killed process may still be writing to its own.
        var partial = NewPartial(output);
        var job = new Join(folder, partial, soundStart, last, end, format, source.FrameRate, tags);
        try
        {
            var note = await WriteWithSoundAsync(job, source, cancel).ConfigureAwait(false);
            var sourceType = tags.GetValueOrDefault(AiMark.Tag);
            if (format == ClipFormat.Png)
            {
                CheckOutput(output, format);
                if (sourceType is not null)
                    await Xmp.AddToPngsAsync(partial, sourceType, cancel).ConfigureAwait(false);
                if (Directory.Exists(output))
                    Directory.Delete(output, true);
                Directory.Move(partial, output);
            }
            else
            {
                if (format == ClipFormat.Gif && tags.TryGetValue("comment", out var comment))
                {
                    var commented = NewPartial(output);
                    await GifComment.CopyAsync(partial, commented, comment, sourceType, cancel).ConfigureAwait(false);
                    partial = commented;
                }
                if (sourceType is not null && format is (ClipFormat.Mp4 or ClipFormat.Av1 or ClipFormat.Mov))
                    Xmp.AddToMp4(partial, sourceType);
                File.Move(partial, output, overwrite: true);
            }
            return note;
        }
        finally
        {
            RemovePartials(output);
        }
    }

    // Hours of work are not discarded because the sound cannot be decoded or the source has been deleted.
    private static async Task<string?> WriteWithSoundAsync(Join job, MediaFile source, CancellationToken cancel)
    {
        if (source.Sound.Count == 0 || job.Format is ClipFormat.Gif or ClipFormat.Png)
        {
            await WriteAsync(job, null, [], cancel).ConfigureAwait(false);
            return source.Sound.Count > 0 ? "The sound is left out: the format has none." : null;
        }
        try
        {
            await WriteAsync(job, source, SoundCoding.Arguments(source, job.SoundStart, job.Format, plain: false), cancel)
                .ConfigureAwait(false);
            return SoundCoding.Changed(source, await SoundOfAsync(job.Partial, cancel).ConfigureAwait(false));
        }
        catch (MediaFileException failure)
        {
            try
            {
                await WriteAsync(job, source, SoundCoding.Arguments(source, job.SoundStart, job.Format, plain: true), cancel)
                    .ConfigureAwait(false);
                return $"Only the first {(source.Sound[0].Channels > 1 ? "two channels" : "channel")} of the first track of sound could " +
                    $"be taken. {failure.Message}";
            }
            catch (MediaFileException again)
            {
                await WriteAsync(job, null, [], cancel).ConfigureAwait(false);
                return $"The clip has no sound: that of the source could not be read. {again.Message}";
            }
        }
    }

    private static async Task WriteAsync(Join job, MediaFile? source, string[] sound, CancellationToken cancel)
    {
        var hold = job.End - job.Last;
        // Each packet says how long its picture is shown; for the last one that is known only now. The filter counts in the segments' time
        // base, a millisecond, and some releases of ffmpeg pass it packets in the output file's: the two must be the same.
        string[] copy = ["-map", "0:v:0", "-c:v", "copy", "-bsf:v",
            string.Create(CultureInfo.InvariantCulture,
            $"setts=duration=if(gte(PTS*TB\\,{(job.Last - Tick).TotalSeconds:0.######})\\,{hold.TotalSeconds:0.######}/TB\\,DURATION)")];
        string[] coding = job.Format switch
        {
            ClipFormat.Mp4 or ClipFormat.Av1 or ClipFormat.Mov =>
                [.. copy, .. sound, "-movflags", "+faststart+use_metadata_tags", "-video_track_timescale", "1000", "-f",
                job.Format == ClipFormat.Mov ? "mov" : "mp4"],
            ClipFormat.WebM => [.. copy, .. sound, "-f", "webm"],
            ClipFormat.Mkv => [.. copy, .. sound, "-f", "matroska"],
            ClipFormat.Gif =>
                ["-filter_complex",
                $"[0:v]{(job.Rate > GifRate ? $"fps={GifRate}," : "")}split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=bayer:bayer_scale=4", "-fps_mode", "passthrough",
                "-final_delay", Math.Clamp((int)Math.Round(hold.TotalSeconds * 100), 1, ushort.MaxValue)
                    .ToString(CultureInfo.InvariantCulture), "-f", "gif"],
            _ => ["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "image2"],
        };
        if (job.Format == ClipFormat.Png)
            Directory.CreateDirectory(job.Partial);
        else if (Path.GetDirectoryName(job.Partial) is { Length: > 0 } parent)
            Directory.CreateDirectory(parent);
        string[] arguments = [
            // The list and its segments are named relative to their folder: ffmpeg treats longer paths as URLs, in which # and ? have a
            // meaning.
            "-loglevel", "error", "-y", "-protocol_whitelist", "file,pipe", "-f", "concat", "-safe", "1", "-i", List,
            .. source is not null && SoundCoding.Seeks(source, job.SoundStart)
                ? ["-ss", job.SoundStart.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture)]
                : Array.Empty<string>(),
            .. source is not null ? FfmpegChild.SafeInput(source.Path) : [],
            "-t", job.End.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture),
            .. job.Tags.SelectMany(t => new[] { "-metadata", $"{t.Key}={t.Value}" }), .. coding,
            // A percent sign in the output's own name is not part of the pattern.
            "file:" + (job.Format == ClipFormat.Png
                ? Path.Combine(job.Partial.Replace("%", "%%", StringComparison.Ordinal), "%06d.png")
                : job.Partial)];
        await using var child = FfmpegChild.Start("ffmpeg", arguments, TimeSpan.FromHours(2), background: true, folder: job.Folder);
        await child.Output.CopyToAsync(Stream.Null, cancel).ConfigureAwait(false);
        if (await child.WaitAsync(cancel).ConfigureAwait(false) != 0)
            throw await child.FailureAsync(source is null ? "The clip could not be joined" : "ffmpeg says").ConfigureAwait(false);
    }

    private static async Task<SoundTrack[]> SoundOfAsync(string path, CancellationToken cancel)
    {
        await using var probe = FfmpegChild.Start("ffprobe",
            ["-v", "error", .. FfmpegChild.SafeInput(path), "-select_streams", "a", "-show_entries", "stream=channels,channel_layout",
            "-of", "csv=p=0"], TimeSpan.FromSeconds(20));
        using var reader = new StreamReader(probe.Output);
        var lines = (await reader.ReadToEndAsync(cancel).ConfigureAwait(false))
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return [.. lines.Select(l => l.Split(',')).Select(f =>
            new SoundTrack(int.TryParse(f[0], CultureInfo.InvariantCulture, out var channels) ? channels : 0,
            f.Length > 1 && f[1] != "unknown" ? f[1] : null))];
    }

    private sealed record Join(string Folder, string Partial, TimeSpan SoundStart, TimeSpan Last, TimeSpan End, ClipFormat Format,
        double Rate, IReadOnlyDictionary<string, string> Tags);

    private static string NewPartial(string output) => OutputName.Beside(output, $".{Path.GetRandomFileName()[..8]}.partial");

    private static void RemovePartials(string output)
    {
        if (Path.GetDirectoryName(output) is not { Length: > 0 } folder || !Directory.Exists(folder))
            return;
        var ours = Path.GetFileName(OutputName.Beside(output, ".12345678.partial"))[..^"12345678.partial".Length];
        foreach (var left in Directory.EnumerateFileSystemEntries(folder)
            .Where(e => Path.GetFileName(e) is var name && name.StartsWith(ours, StringComparison.Ordinal)
            && PartialEnding().IsMatch(name[ours.Length..])).ToArray())
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
