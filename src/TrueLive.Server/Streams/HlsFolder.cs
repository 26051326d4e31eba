using System.Text;
using System.Text.RegularExpressions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Streams;

/// <summary>
/// The folder into which the child of an HLS output writes its playlist and the last segments, and out of which they are served. It is gone
/// when the output ends.
/// </summary>
internal sealed partial class HlsFolder(ServerOptions options, string session, string output)
{
    /// <summary>Name of the playlist.</summary>
    public const string Playlist = "index.m3u8";

    /// <summary>Names of the segments, as ffmpeg counts them.</summary>
    public const string SegmentPattern = "segment%06d.ts";

    private readonly string _path = System.IO.Path.Combine(options.DataPath, "hls", $"{session}-{output}");

    /// <summary>Its path; made when first asked for, empty.</summary>
    public string Make()
    {
        Delete();
        PrivateFiles.MakeFolder(_path);
        return _path;
    }

    /// <summary>Deletes it with all that it holds.</summary>
    public void Delete()
    {
        if (Directory.Exists(_path))
            Directory.Delete(_path, recursive: true);
    }

    /// <summary>The playlist, its segments named with what opens them; null before the first segment is whole.</summary>
    /// <param name="token">Token of the signed link that the playlist was asked for with; empty for none.</param>
    public string? Read(string token)
    {
        var file = System.IO.Path.Combine(_path, Playlist);
        if (!File.Exists(file))
            return null;
        var text = new StringBuilder();
        var opens = token.Length > 0 ? $"?token={Uri.EscapeDataString(token)}" : "";
        foreach (var line in File.ReadLines(file))
            text.Append(line).Append(line is [not '#', ..] ? opens : "").Append('\n');
        return text.ToString();
    }

    /// <summary>Path of a segment that is there; null for any other name.</summary>
    public string? SegmentOf(string name) =>
        SegmentName().IsMatch(name) && System.IO.Path.Combine(_path, name) is var file && File.Exists(file) ? file : null;

    [GeneratedRegex("^segment[0-9]{6,12}\\.ts$")]
    private static partial Regex SegmentName();
}
