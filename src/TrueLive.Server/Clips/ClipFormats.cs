using TrueLive.Media.Files;

namespace TrueLive.Server.Clips;

/// <summary>Names of the formats as people, files and HTTP know them.</summary>
public static class ClipFormats
{
    /// <summary>The formats by name, for a sentence that lists them.</summary>
    public const string Names = "mp4, mov, mkv, webm, av1, gif or png";

    /// <summary>A format by its name; null for an unknown name.</summary>
    public static ClipFormat? Named(string name) => name.ToLowerInvariant() switch
    {
        "mp4" or "m4v" => ClipFormat.Mp4,
        "mov" => ClipFormat.Mov,
        "mkv" => ClipFormat.Mkv,
        "webm" => ClipFormat.WebM,
        "av1" => ClipFormat.Av1,
        "gif" => ClipFormat.Gif,
        "png" => ClipFormat.Png,
        _ => null,
    };

    /// <summary>The format of an output, by its file name or by the format asked for; the two must agree.</summary>
    /// <param name="name">Format asked for; null takes it from the file extension.</param>
    /// <param name="output">Path of the output.</param>
    /// <exception cref="ArgumentException">
    /// The file extension is unknown, or belongs to another format than the one asked for; the message says what is allowed.
    /// </exception>
    public static ClipFormat ForOutput(string? name, string output)
    {
        var ending = Path.GetExtension(Path.TrimEndingDirectorySeparator(output)).TrimStart('.');
        ClipFormat? asked = name is null ? null : Named(name) ?? throw new ArgumentException($"The format '{name}' is not one of {Names}.");
        if (ending.Length == 0)
            return asked ?? ClipFormat.Png;
        ClipFormat? byName = ending.ToLowerInvariant() is "av1" or "png" ? null : Named(ending);
        if (asked == ClipFormat.Png && byName is null)
            return ClipFormat.Png;
        if (byName is not { } written)
            throw new ArgumentException($"'.{Shown(ending)}' is not written. The output's name ends with .mp4, .m4v, .mov, .mkv, .webm " +
                "or .gif; one without an ending, or any with --format png, becomes a folder of PNG pictures.");
        return asked is not { } format || Container(format) == Container(written) ? asked ?? written
            : throw new ArgumentException($"'.{Shown(ending)}' is the ending of another format than {name}, which is written as " +
                $"{Of(format).Ending}. Change one of the two.");
    }

    /// <summary>File extension and content type of a result; pictures are delivered as a ZIP.</summary>
    public static (string Ending, string ContentType) Of(ClipFormat format) => format switch
    {
        ClipFormat.Mov => (".mov", "video/quicktime"),
        ClipFormat.Mkv => (".mkv", "video/x-matroska"),
        ClipFormat.WebM => (".webm", "video/webm"),
        ClipFormat.Gif => (".gif", "image/gif"),
        ClipFormat.Png => (".zip", "application/zip"),
        _ => (".mp4", "video/mp4"),
    };

    private static string Container(ClipFormat format) => Of(format).Ending;

    private static string Shown(string ending) => ending.Length <= 20 ? ending : ending[..20] + "...";
}
