using System.Security.Cryptography;
using System.Text;

namespace TrueLive.Hub.Repositories;

/// <summary>
/// What a hub says of a file's content, and its name in the cache: the SHA-256 of a large file, or of a small one the name that git gives
/// it
/// (the SHA-1 of a head and the content).
/// </summary>
/// <param name="Hex">64 or 40 digits in lower case.</param>
public readonly record struct FileHash(string Hex)
{
    private const int Sha256Digits = 64;
    private const int GitDigits = 40;

    /// <summary>It is one of the two.</summary>
    internal static bool IsHash(string? text) => text is { Length: Sha256Digits or GitDigits } && text.All(char.IsAsciiHexDigitLower);

    internal static bool IsCommit(string? text) => text is { Length: GitDigits } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>A file has this content.</summary>
    internal async Task<bool> MatchesAsync(string path, CancellationToken cancel)
    {
        await using var file = File.OpenRead(path);
        using var hash = IncrementalHash.CreateHash(Hex.Length == Sha256Digits ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (Hex.Length == GitDigits)
            hash.AppendData(Encoding.ASCII.GetBytes($"blob {file.Length}\0"));
        var buffer = new byte[1 << 20];
        while (await file.ReadAsync(buffer, cancel).ConfigureAwait(false) is > 0 and var read)
            hash.AppendData(buffer.AsSpan(0, read));
        return Convert.ToHexStringLower(hash.GetHashAndReset()) == Hex;
    }
}
