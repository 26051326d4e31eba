using System.Text;

namespace TrueLive.Server.Configuration;

/// <summary>
/// A secret in a file of its own, as container engines and service managers hand it over: <c>TRUELIVE_JOIN_KEY_FILE=/run/secrets/key</c>.
/// </summary>
internal static class SecretFile
{
    /// <summary>What follows the name of a setting's variable.</summary>
    public const string Suffix = "_FILE";

    private const int MaxBytes = 64 * 1024;

    /// <summary>
    /// The file's text without white space around it; each line is one entry of a list. Null when it cannot be used, which
    /// <paramref name="problems"/> then says.
    /// </summary>
    public static string? Read(string path, string variable, bool isList, List<string> problems)
    {
        try
        {
            // The length that the system states is 0 for what is no plain file.
            using var file = File.OpenRead(path);
            var bytes = new byte[MaxBytes + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > MaxBytes)
                throw new IOException($"it is longer than {MaxBytes} bytes");
            var text = Encoding.UTF8.GetString(bytes, 0, length).Trim();
            if (text.Length == 0)
                throw new IOException("it is empty");
            var entries = text.ReplaceLineEndings(",");
            return isList || entries == text ? entries : throw new IOException("it has more than one line");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            problems.Add($"{variable} names the file {path}, which cannot be read: {error.Message}");
            return null;
        }
    }
}
