using System.Security.Cryptography;
using System.Text;

namespace TrueLive.Media.Files;

/// <summary>Names of the temporary files beside an output while it is made.</summary>
public static class OutputName
{
    // Most bytes that file systems allow in a name.
    private const int Longest = 255;

    /// <summary>The output's path with a suffix. If the name would become too long, its end is replaced by a hash of it.</summary>
    public static string Beside(string output, string ending)
    {
        output = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output));
        var name = Path.GetFileName(output);
        if (Encoding.UTF8.GetByteCount(name + ending) <= Longest)
            return output + ending;
        var hash = "~" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..8] + ending;
        var kept = new StringBuilder();
        var room = Longest - Encoding.UTF8.GetByteCount(hash);
        foreach (var rune in name.EnumerateRunes())
        {
            if ((room -= rune.Utf8SequenceLength) < 0)
                break;
            kept.Append(rune);
        }
        return Path.Combine(Path.GetDirectoryName(output) ?? "/", kept + hash);
    }
}
