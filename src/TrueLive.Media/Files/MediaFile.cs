using System.Text.Json;

namespace TrueLive.Media.Files;

/// <summary>What a video file holds, as ffprobe reads it, checked against the limits.</summary>
/// <param name="Path">Path of the file.</param>
/// <param name="Width">Width as shown: after rotation, with square pixels.</param>
/// <param name="Height">Height as shown.</param>
/// <param name="FrameRate">Mean frames per second; 0 when the file does not say.</param>
/// <param name="Duration">
/// Length of the video by its packets, with the time for which the last picture is shown; zero for a single picture.
/// </param>
/// <param name="Frames">Number of frames, by its packets.</param>
/// <param name="Codec">Name of the video codec.</param>
/// <param name="HasAudio">Whether there is sound.</param>
/// <param name="Notes">What the user should know: high dynamic range, turned picture, ten bits.</param>
public sealed record MediaFile(string Path, int Width, int Height, double FrameRate, TimeSpan Duration, long Frames, string Codec,
    bool HasAudio, IReadOnlyList<string> Notes)
{
    /// <summary>Most pixels in a picture: 8192 x 4608.</summary>
    public const long MaxPixels = 8192L * 4608;

    /// <summary>Time of the earliest sample of any stream, where the file's own timeline begins.</summary>
    public TimeSpan Start { get; init; }

    /// <summary>How its pictures are converted to one form.</summary>
    public SourcePicture Picture { get; init; } = new();

    /// <summary>Tracks of sound, in the order of the file.</summary>
    public IReadOnlyList<SoundTrack> Sound { get; init; } = [];

    /// <summary>Time for which the last picture is shown; null when the file does not say.</summary>
    public TimeSpan? LastPicture { get; init; }

    /// <summary>Whether timestamps restart within the file, as in recordings that were concatenated.</summary>
    public bool Restarts { get; init; }

    /// <summary>Whether the file is a single picture (PNG, JPEG, WebP), which has no duration.</summary>
    public bool IsPicture { get; init; }

    /// <summary>
    /// Whether the container has an index of its pictures (MP4, MOV, Matroska, WebM), so that a seek finds the requested picture or one
    /// before it.
    /// </summary>
    public bool SeeksExactly { get; init; }

    /// <summary>The same file with another colour behind its transparent parts.</summary>
    public MediaFile Over(Backdrop colour) => this with
    {
        Picture = Picture with { Backdrop = colour },
        Notes = [.. Notes.Select(n => n == SourcePicture.TransparentNote(Picture.Backdrop) ? SourcePicture.TransparentNote(colour) : n)],
    };

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
        await using var probe = FfmpegChild.Start("ffprobe",
            ["-v", "error", .. FfmpegChild.SafeInput(path), "-print_format", "json", "-show_streams", "-show_format"],
            TimeSpan.FromSeconds(20));
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
                : FileSignature.PhotographOf(path) is { } kind ? MediaHead.Unread(info.Name, $"{kind} photographs")
                : $"{info.Name} cannot be read as a video: {why}.");
        }
        try
        {
            using var json = JsonDocument.Parse(text);
            return await MediaHead.ReadAsync(path, json.RootElement, cancel).ConfigureAwait(false);
        }
        catch (JsonException e)
        {
            throw new MediaFileException($"{info.Name} has more streams or tags than are read here.", e);
        }
    }
}
