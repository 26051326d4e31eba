namespace TrueLive.Models.Manifest;

/// <summary>
/// The JSON of Python's libraries as JSON: without a byte order mark, and with an empty object for each number that is not finite, which
/// Python writes by name. Schedulers of diffusers have such numbers in fields that do not matter here (<c>lambda_min_clipped</c>).
/// </summary>
internal static class PythonJson
{
    private static ReadOnlySpan<byte> Mark => [0xef, 0xbb, 0xbf];

    /// <summary>The same document; what is no JSON either way stays what it is.</summary>
    public static byte[] Plain(byte[] bytes)
    {
        var plain = (bytes.AsSpan().StartsWith(Mark) ? bytes.AsSpan(Mark.Length) : bytes).ToArray();
        var text = false;
        for (var i = 0; i < plain.Length; i++)
        {
            if (text && plain[i] == '\\')
                i++;
            else if (plain[i] == '"')
                text = !text;
            else if (!text && Named(plain.AsSpan(i)) is > 0 and var length)
                "{}       "u8[..length].CopyTo(plain.AsSpan(i));
        }
        return plain;
    }

    private static int Named(ReadOnlySpan<byte> json) =>
        json.StartsWith("NaN"u8) ? 3 : json.StartsWith("Infinity"u8) ? 8 : json.StartsWith("-Infinity"u8) ? 9 : 0;
}
