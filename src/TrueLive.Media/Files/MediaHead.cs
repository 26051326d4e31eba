using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace TrueLive.Media.Files;

/// <summary>Makes a <see cref="MediaFile"/> from the output of ffprobe, which is run again for what no header contains.</summary>
internal static partial class MediaHead
{
    private static readonly TimeSpan FrameTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan PacketTime = TimeSpan.FromSeconds(60);

    // Browsers show their pixels as square; their dots per inch apply to print.
    private static readonly string[] Square = ["png", "apng", "gif", "webp"];

    // Codecs that are never interlaced.
    private static readonly string[] Progressive = ["gif", "png", "apng", "webp", "vp8", "vp9", "av1"];

    // By EXIF orientation: whether the picture lies on its side, whether it is mirrored, and how many degrees clockwise turn it upright.
    private static readonly (bool Sideways, bool Mirrored, double Degrees)[] Held =
        [default, default, (false, true, 0), (false, false, 180), (false, true, 180), (true, true, 90), (true, false, 90),
            (true, true, 270), (true, false, 270)];

    private static bool? _zscale;

    /// <summary>The message that the installed ffmpeg does not read a kind of file.</summary>
    public static string Unread(string name, string kind)
    {
        var advice = kind.StartsWith("HEIC", StringComparison.Ordinal)
            ? "Install libheif's tools (apt-get install libheif-examples), or save"
            : "Save";
        return $"{name}: {kind} are not read by the installed ffmpeg. {advice} it as JPEG or PNG.";
    }

    /// <exception cref="MediaFileException">Not a video, or over a limit.</exception>
    public static async Task<MediaFile> ReadAsync(string path, JsonElement root, CancellationToken cancel)
    {
        var name = Path.GetFileName(path);
        var streams = root.TryGetProperty("streams", out var s) ? s.EnumerateArray().ToArray() : [];
        var films = streams.Where(x => Text(x, "codec_type") == "video"
            && !(x.TryGetProperty("disposition", out var d) && d.TryGetProperty("attached_pic", out var pic) && pic.GetInt32() == 1))
            .ToArray();
        if (films is not [var video, ..])
            throw new MediaFileException(
                $"{name} holds no video{(streams.Length > 0 ? $" (only {string.Join(", ", streams.Select(x => Text(x, "codec_type")).Distinct())})" : "")}.");
        int width = Whole(video, "width"), height = Whole(video, "height");
        if (width < 1 || height < 1)
            throw new MediaFileException($"{name} does not say how large its picture is: the file is cut off, or its picture has more " +
                $"than {MediaFile.MaxPixels / 1_000_000} million pixels.");
        if ((long)width * height > MediaFile.MaxPixels)
            throw new MediaFileException($"{name} is {width}x{height}; at most {MediaFile.MaxPixels / 1_000_000} million " +
                "pixels are taken.");
        var head = root.TryGetProperty("format", out var f) ? f : default;
        var format = Text(head, "format_name") ?? "";
        var photograph = FileSignature.PhotographOf(path);
        // A photograph with an alpha plane or a thumbnail has two streams.
        if (photograph is not null && films.Length > 2)
            throw new MediaFileException(Unread(name, $"{photograph} photographs made of tiles"));
        var picture = photograph is not null || format.EndsWith("_pipe", StringComparison.Ordinal);
        var codec = Text(video, "codec_name") ?? "unknown";
        var notes = new List<string>();
        var zscale = Text(video, "color_transfer") is not ("smpte2084" or "arib-std-b67") && Text(video, "color_primaries") != "bt2020"
            || await HasZscaleAsync(cancel).ConfigureAwait(false);
        var chain = SourcePicture.From(video, format, width, height, zscale, notes);
        var aspect = Ratio(Text(video, "sample_aspect_ratio"), ':');
        chain = chain with { SquarePixels = picture || Square.Contains(codec) };
        if (aspect is > 0.1 and < 10 && Math.Abs(aspect - 1) > 0.001 && !chain.SquarePixels)
            width = Math.Max(1, (int)Math.Round(width * aspect));
        var turn = Turn(video);
        if (codec is "png" or "webp" && picture && ExifOrientation.Of(path) is > 1 and var held)
        {
            chain = chain with { Orientation = held };
            turn = Held[held];
        }
        if (codec == "mjpeg" || (Text(video, "field_order") is null or "unknown" && !Progressive.Contains(codec)))
        {
            var frame = await FrameAsync(path, cancel).ConfigureAwait(false);
            turn ??= Turn(frame);
            if (Whole(frame, "interlaced_frame") == 1 && !chain.Interlaced)
            {
                chain = chain with { Interlaced = true };
                notes.Add(SourcePicture.InterlacedNote);
            }
        }
        if (turn is { Sideways: true })
            (width, height) = (height, width);
        if (turn is { } turned && (turned.Degrees != 0 || turned.Mirrored))
            notes.Add($"The picture is {(turned.Mirrored ? "mirrored" : $"turned by {turned.Degrees:0} degrees")}, as the file asks.");
        var file = new MediaFile(path, width, height, 0, TimeSpan.Zero, 1, codec, streams.Any(x => Text(x, "codec_type") == "audio"), notes)
        {
            IsPicture = picture,
            Picture = chain,
            Sound = [.. streams.Where(x => Text(x, "codec_type") == "audio")
                .Select(x => new SoundTrack(Whole(x, "channels"), Text(x, "channel_layout")))],
            SeeksExactly = format.StartsWith("mov,", StringComparison.Ordinal) || format.StartsWith("matroska", StringComparison.Ordinal),
            Start = TimeSpan.FromSeconds(Number(head, "start_time") is { } start && Math.Abs(start) < 1e6 ? start : 0),
        };
        return picture
            ? file
            : Timed(file, video, head, await PacketsAsync(path, Whole(video, "index"), format is "mpegts" or "mpeg" or "ogg", cancel)
            .ConfigureAwait(false), notes);
    }

    private static MediaFile Timed(
        MediaFile file, JsonElement video, JsonElement head, (PacketTimes Times, bool Whole, bool All) read, List<string> notes)
    {
        var (times, whole, all) = read;
        var name = Path.GetFileName(file.Path);
        if (times.Count == 0)
            throw new MediaFileException($"{name} cannot be read as a video: it holds no picture.");
        var tail = times.Tail(whole ? Stated(video) : null);
        var claimed = Number(video, "duration") ?? Number(head, "duration") ?? 0;
        // A file too large to be scanned is taken to be as long as it claims.
        var seconds = Math.Max(times.Last - times.First + tail, all ? 0 : claimed);
        if (seconds > MediaFile.MaxDuration.TotalSeconds)
            throw new MediaFileException($"{name} is {seconds / 3600:0.0} hours long; at most {MediaFile.MaxDuration.TotalHours:0} " +
                "hours are taken.");
        var rate = Ratio(Text(video, "avg_frame_rate"), '/');
        var mean = times.Mean > 0 ? 1 / times.Mean : 0;
        // The header's figure is exact where it is right; times may be rounded to milliseconds.
        if (!(rate is > 0 and <= 1000 && (mean == 0 || Math.Abs(rate / mean - 1) < 0.02)))
            rate = mean is > 0 and <= 1000 ? mean : 0;
        if (claimed - seconds > Math.Max(2, 3 * times.Mean))
            notes.Add(string.Create(CultureInfo.InvariantCulture,
                $"The file says that it is {claimed:0.0} s long, but its pictures end at {seconds:0.0} s."));
        return file with
        {
            FrameRate = rate,
            Duration = TimeSpan.FromSeconds(seconds),
            Frames = times.Count,
            LastPicture = TimeSpan.FromSeconds(tail),
            Restarts = times.Restarts,
        };
    }

    private static async Task<(PacketTimes Times, bool Whole, bool All)> PacketsAsync(
        string path, int video, bool mends, CancellationToken cancel)
    {
        var times = new PacketTimes(video);
        await using var probe = FfmpegChild.Start(
            "ffprobe", ["-v", "error", .. FfmpegChild.SafeInput(path), "-show_entries",
                "packet=stream_index,pts_time,dts_time,duration_time,flags", "-of", "csv=p=0"], PacketTime, background: true);
        using var reader = new StreamReader(probe.Output);
        while (await reader.ReadLineAsync(cancel).ConfigureAwait(false) is { } line)
            times.Read(line, mends);
        var code = await probe.WaitAsync(cancel).ConfigureAwait(false);
        return (times, !probe.Complained, !FfmpegChild.IsKilled(code));
    }

    // Facts that only the decoded picture has: interlacing, and how the camera was held (EXIF).
    private static async Task<JsonElement> FrameAsync(string path, CancellationToken cancel)
    {
        await using var probe = FfmpegChild.Start(
            "ffprobe", ["-v", "error", .. FfmpegChild.SafeInput(path), "-select_streams", "V:0", "-read_intervals", "%+#1", "-show_entries",
                "frame=interlaced_frame:frame_side_data", "-of", "json"], FrameTime);
        try
        {
            using var json = await JsonDocument.ParseAsync(probe.Output, default, cancel).ConfigureAwait(false);
            return json.RootElement.TryGetProperty("frames", out var frames)
                && frames.EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } frame ? frame.Clone() : default;
        }
        catch (JsonException)
        {
            // It cannot be decoded; reading its pictures reports that.
            return default;
        }
    }

    private static async Task<bool> HasZscaleAsync(CancellationToken cancel)
    {
        if (_zscale is null)
        {
            await using var child = FfmpegChild.Start("ffmpeg", ["-filters"], FrameTime);
            using var reader = new StreamReader(child.Output);
            _zscale = (await reader.ReadToEndAsync(cancel).ConfigureAwait(false)).Contains(" zscale ", StringComparison.Ordinal);
        }
        return _zscale.Value;
    }

    // ffmpeg rotates pictures by itself; the rotation is needed for the size and the notes.
    private static (bool Sideways, bool Mirrored, double Degrees)? Turn(JsonElement of)
    {
        if (of.ValueKind != JsonValueKind.Object || !of.TryGetProperty("side_data_list", out var list))
            return null;
        foreach (var side in list.EnumerateArray())
        {
            if (!side.TryGetProperty("rotation", out var r) || !r.TryGetDouble(out var degrees))
                continue;
            var m = MatrixNumber().Matches(Text(side, "displaymatrix") ?? "")
                .Select(x => double.Parse(x.Groups[1].ValueSpan, CultureInfo.InvariantCulture)).ToArray();
            var mirrored = m.Length >= 5 && m[0] * m[4] - m[1] * m[3] < 0;
            return (Math.Abs(Math.Abs(degrees) - 90) < 1 || Math.Abs(Math.Abs(degrees) - 270) < 1, mirrored, -degrees);
        }
        return null;
    }

    // Matroska writers store the length of each track in a tag of that track: "00:00:12.000000000".
    private static double? Stated(JsonElement video) => video.TryGetProperty("tags", out var tags)
        ? tags.EnumerateObject().Where(t => t.Name.StartsWith("DURATION", StringComparison.OrdinalIgnoreCase))
            .Select(t => t.Value.GetString()?.Split(':') is [var h, var m, var sec]
            && int.TryParse(h, CultureInfo.InvariantCulture, out var hours)
            && int.TryParse(m, CultureInfo.InvariantCulture, out var minutes)
            && double.TryParse(sec, CultureInfo.InvariantCulture, out var rest) ? hours * 3600 + minutes * 60 + rest : (double?)null)
            .FirstOrDefault()
        : null;

    private static string? Text(JsonElement e, string name) => e.ValueKind == JsonValueKind.Object && e.TryGetProperty(name, out var v)
        && v.ValueKind == JsonValueKind.String ? v.GetString() : null;

    private static int Whole(JsonElement e, string name) =>
        e.ValueKind == JsonValueKind.Object && e.TryGetProperty(name, out var v) && v.TryGetInt32(out var i) ? i : 0;

    private static double? Number(JsonElement e, string name) =>
        double.TryParse(Text(e, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var v) ? v : null;

    private static double Ratio(string? text, char separator) =>
        text?.Split(separator) is [var a, var b] && double.TryParse(a, CultureInfo.InvariantCulture, out var x)
            && double.TryParse(b, CultureInfo.InvariantCulture, out var y) && y > 0 ? x / y : 0;

    [GeneratedRegex(@"(?:^|\s)(-?\d+)(?=\s|$)")]
    private static partial Regex MatrixNumber();
}
