using TrueLive.Media.Files;

namespace TrueLive.Server.Clips;

/// <summary>Names of the formats as people, files and HTTP know them.</summary>
public static class ClipFormats
{
    /// <summary>By name, or by the output's ending when there is no name; null for a name that is none of them.</summary>
    public static ClipFormat? Find(string? name, string output) => (name ?? Path.GetExtension(output).TrimStart('.')).ToLowerInvariant() switch
    {
        "mp4" or "m4v" => ClipFormat.Mp4,
        "webm" => ClipFormat.WebM,
        "av1" => ClipFormat.Av1,
        "gif" => ClipFormat.Gif,
        "png" => ClipFormat.Png,
        _ => name is null ? (Path.GetExtension(output).Length == 0 ? ClipFormat.Png : ClipFormat.Mp4) : null,
    };

    /// <summary>Ending of a finished file, and its content type; pictures are handed out as a ZIP.</summary>
    public static (string Ending, string ContentType) Of(ClipFormat format) => format switch
    {
        ClipFormat.WebM => (".webm", "video/webm"),
        ClipFormat.Gif => (".gif", "image/gif"),
        ClipFormat.Png => (".zip", "application/zip"),
        _ => (".mp4", "video/mp4"),
    };
}
