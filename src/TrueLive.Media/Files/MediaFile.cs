using System.Globalization;
using System.Text.Json;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>What a video file holds, as ffprobe reads it, checked against the limits.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="Width">Width as shown: after rotation, with square pixels.</param>
/// <param name="Height">Height as shown.</param>
/// <param name="FrameRate">Mean frames per second; 0 when the file does not say.</param>
/// <param name="Duration">Length of the video, counted where the file does not say; zero for a single picture.</param>
/// <param name="Frames">Frames expected from rate and length; 0 when unknown.</param>
/// <param name="Codec">Name of the video codec.</param>
/// <param name="HasAudio">Whether there is sound.</param>
/// <param name="Notes">What the user should know: high dynamic range, turned picture, ten bits.</param>
public sealed record MediaFile(string Path, int Width, int Height, double FrameRate, TimeSpan Duration, long Frames, string Codec, bool HasAudio, IReadOnlyList<string> Notes)
{
    /// <summary>Most pixels in a picture: 8192 x 4608.</summary>
    public const long MaxPixels = 8192L * 4608;

    /// <summary>Time of the earliest sample of any stream, where the file's own timeline begins.</summary>
    public TimeSpan Start { get; init; }

    /// <summary>
    /// Whether the file does not say which matrix its colours have and is of a size that goes by BT.709, as players take it: more than
    /// 576 lines or at least 1280 columns.
    /// </summary>
    public bool HighDefinitionUntagged { get; init; }

    /// <summary>A single picture (PNG, JPEG, WebP), which has no length.</summary>
    public bool IsPicture { get; init; }

    /// <summary>The container has an index of its pictures (MP4, MOV, Matroska, WebM): a seek lands on the picture that was asked for, or before it.</summary>
    public bool SeeksExactly { get; init; }

    /// <summary>Longest video.</summary>
    public static readonly TimeSpan MaxDuration = TimeSpan.FromHours(4);

    /// <summary>Reads the headers of a file.</summary>
    /// <exception cref="MediaFileException">Not a video, not readable, or over a limit; the message says which.</exception>
    public static async Task<MediaFile> OpenAsync(string path, CancellationToken cancel)
    {
        var info = new FileInfo(path);
        if (!info.Exists)
            throw new MediaFileException($"{path} does not exist.");
        if (info.Length == 0)
            throw new MediaFileException($"{info.Name} is empty.");
        await using var probe = FfmpegChild.Start("ffprobe", ["-v", "error", .. FfmpegChild.SafeInput(path), "-print_format", "json", "-show_streams", "-show_format"], TimeSpan.FromSeconds(20));
        string text;
        using (var reader = new StreamReader(probe.Output))
        {
            var buffer = new char[1 << 20];
            var length = await reader.ReadBlockAsync(buffer, cancel).ConfigureAwait(false);
            text = new string(buffer, 0, length);
        }
        if (await probe.WaitAsync(cancel).ConfigureAwait(false) != 0)
        {
            var why = await probe.ComplaintAsync().ConfigureAwait(false);
            throw new MediaFileException(why.Contains("max pixel count", StringComparison.Ordinal)
                ? $"{info.Name} is too large a picture; at most {MaxPixels / 1_000_000} million pixels are taken."
                : $"{info.Name} cannot be read as a video: {why}.");
        }
        MediaFile file;
        try
        {
            using var json = JsonDocument.Parse(text);
            file = Read(path, json.RootElement);
        }
        catch (JsonException e)
        {
            throw new MediaFileException($"{info.Name} has more streams or tags than are read here.", e);
        }
        return file.IsPicture || file.Duration > TimeSpan.Zero ? file : await MeasureAsync(file, cancel).ConfigureAwait(false);
    }

    // What was written while it happened (a browser's recording, a stream) does not say how long it is. Its packets do.
    private static async Task<MediaFile> MeasureAsync(MediaFile file, CancellationToken cancel)
    {
        await using var probe = FfmpegChild.Start(
            "ffprobe", ["-v", "error", .. FfmpegChild.SafeInput(file.Path), "-select_streams", "V:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0"], TimeSpan.FromSeconds(60), background: true);
        using var reader = new StreamReader(probe.Output);
        var (first, last, count) = (double.MaxValue, double.MinValue, 0L);
        while (await reader.ReadLineAsync(cancel).ConfigureAwait(false) is { } line)
        {
            if (!double.TryParse(line.TrimEnd(','), NumberStyles.Float, CultureInfo.InvariantCulture, out var at) || !double.IsFinite(at))
                continue;
            (first, last, count) = (Math.Min(first, at), Math.Max(last, at), count + 1);
            if (last - first > MaxDuration.TotalSeconds)
                throw new MediaFileException($"{System.IO.Path.GetFileName(file.Path)} is longer than the {MaxDuration.TotalHours:0} hours that are taken.");
        }
        if (count < 2 || last <= first)
            return file with { Frames = Math.Min(count, 1) };
        var mean = (last - first) / (count - 1);
        return file with { Duration = TimeSpan.FromSeconds(last - first + mean), FrameRate = 1 / mean <= 1000 ? 1 / mean : file.FrameRate, Frames = count };
    }

    private static MediaFile Read(string path, JsonElement root)
    {
        var name = System.IO.Path.GetFileName(path);
        var streams = root.TryGetProperty("streams", out var s) ? s.EnumerateArray().ToArray() : [];
        var video = streams.FirstOrDefault(x => Text(x, "codec_type") == "video" && !(x.TryGetProperty("disposition", out var d) && d.TryGetProperty("attached_pic", out var pic) && pic.GetInt32() == 1));
        if (video.ValueKind != JsonValueKind.Object)
            throw new MediaFileException($"{name} holds no video{(streams.Length > 0 ? $" (only {string.Join(", ", streams.Select(x => Text(x, "codec_type")).Distinct())})" : "")}.");
        int width = Whole(video, "width"), height = Whole(video, "height");
        if (width < 1 || height < 1)
            throw new MediaFileException($"{name} does not say how large its picture is: the file is cut off, or its picture has more than {MaxPixels / 1_000_000} million pixels.");
        if ((long)width * height > MaxPixels)
            throw new MediaFileException($"{name} is {width}x{height}; at most {MaxPixels / 1_000_000} million pixels are taken.");
        var untagged = (Text(video, "color_space") ?? "unknown") is "unknown" && Text(video, "pix_fmt")?.StartsWith("yuv", StringComparison.Ordinal) == true && (height > 576 || width >= 1280);
        var notes = new List<string>();
        var aspect = Ratio(Text(video, "sample_aspect_ratio"), ':');
        if (aspect is > 0.1 and < 10 && Math.Abs(aspect - 1) > 0.001)
            width = Math.Max(1, (int)Math.Round(width * aspect));
        var turn = video.TryGetProperty("side_data_list", out var side)
            ? side.EnumerateArray().Select(x => x.TryGetProperty("rotation", out var r) && r.TryGetDouble(out var v) ? v : 0).FirstOrDefault(r => r != 0)
            : 0;
        if (Math.Abs(turn) is > 45 and < 135 or > 225)
            (width, height) = (height, width);
        if (turn != 0)
            notes.Add($"The picture is turned by {-turn:0} degrees, as the file asks.");
        if (Text(video, "color_transfer") is "smpte2084" or "arib-std-b67")
            notes.Add("The file is high dynamic range; its brightness is not tone-mapped.");
        var rate = Ratio(Text(video, "avg_frame_rate"), '/');
        if (rate is not (> 0 and <= 1000))
            rate = 0;
        var seconds = Number(video, "duration") ?? (root.TryGetProperty("format", out var f) ? Number(f, "duration") : null) ?? 0;
        if (!(seconds >= 0 && seconds <= MaxDuration.TotalSeconds))
            throw new MediaFileException($"{name} is {seconds / 3600:0.0} hours long; at most {MaxDuration.TotalHours:0} hours are taken.");
        var format = root.TryGetProperty("format", out var h) ? Text(h, "format_name") ?? "" : "";
        var picture = format.EndsWith("_pipe", StringComparison.Ordinal) || format == "image2";
        var counted = picture ? 1 : Number(video, "nb_frames") is { } n and > 0 ? (long)n : (long)Math.Round(seconds * rate);
        return new MediaFile(path, width, height, rate, TimeSpan.FromSeconds(seconds), counted, Text(video, "codec_name") ?? "unknown", streams.Any(x => Text(x, "codec_type") == "audio"), notes)
        {
            IsPicture = picture,
            SeeksExactly = format.StartsWith("mov,", StringComparison.Ordinal) || format.StartsWith("matroska", StringComparison.Ordinal),
            HighDefinitionUntagged = untagged,
            Start = TimeSpan.FromSeconds(root.TryGetProperty("format", out var g) && Number(g, "start_time") is { } start && Math.Abs(start) < 1e6 ? start : 0),
        };
    }

    private static string? Text(JsonElement e, string name) => e.TryGetProperty(name, out var v) && v.ValueKind == JsonValueKind.String ? v.GetString() : null;

    private static int Whole(JsonElement e, string name) => e.TryGetProperty(name, out var v) && v.TryGetInt32(out var i) ? i : 0;

    private static double? Number(JsonElement e, string name) =>
        double.TryParse(Text(e, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var v) ? v : null;

    private static double Ratio(string? text, char separator) =>
        text?.Split(separator) is [var a, var b] && double.TryParse(a, CultureInfo.InvariantCulture, out var x) && double.TryParse(b, CultureInfo.InvariantCulture, out var y) && y > 0 ? x / y : 0;
}
