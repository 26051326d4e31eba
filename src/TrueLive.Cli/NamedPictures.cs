using System.Text.RegularExpressions;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Files;

namespace TrueLive.Cli;

/// <summary>Values of parameters on a command line name a reference picture by its file.</summary>
internal static partial class NamedPictures
{
    /// <summary>The values with the pictures' ids instead of their files.</summary>
    /// <exception cref="MediaException">A file is not a picture that can be read.</exception>
    public static async Task<(string? Values, IReadOnlyList<ReferencePicture> Pictures)> ReadAsync(
        string? values, IReadOnlyList<ModelParameter> declared, CancellationToken cancel)
    {
        var pictures = new List<ReferencePicture>();
        var pool = new FramePool("reference picture", 1);
        foreach (var value in Pair().Matches(values ?? "").Reverse()
            .Where(v => declared.Any(p => p.Kind == ParameterKind.Image && p.Id == v.Groups["id"].Value)))
        {
            var (file, written) = (value.Groups["file"], value.Groups["value"]);
            if (file.Length == 0)
                continue;
            using var frame = await PictureFile.ReadAsync(file.Value, ReferencePicture.MaxSide, pool, cancel).ConfigureAwait(false);
            pictures.Add(ReferencePicture.Of(frame, ""));
            values = values![..written.Index] + pictures[^1].Id + values[(written.Index + written.Length)..];
        }
        return (values, pictures);
    }

    [GeneratedRegex("""(?<id>[a-z0-9_]{1,64})=(?<value>"(?<file>[^"]*)"|(?<file>[^\s";]+))""")]
    private static partial Regex Pair();
}
