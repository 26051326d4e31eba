using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Text;

/// <summary>
/// Byte-level byte-pair tokens as CLIP's text encoders take them: lower case, a start token, at most 75 tokens, an end token, padded to 77.
/// Reads <c>vocab.json</c> and <c>merges.txt</c> and, for the padding, <c>tokenizer_config.json</c>. Thread-safe.
/// </summary>
internal sealed partial class ClipTokenizer
{
    /// <summary>Tokens of a text.</summary>
    public const int Length = 77;

    private const int MaxBytes = 8 << 20;
    private const int MaxWords = 200_000;
    private const string Start = "<|startoftext|>";
    private const string End = "<|endoftext|>";

    private readonly BpeTokenizer _pairs;
    private readonly int _start;
    private readonly int _end;
    private readonly int _pad;

    private ClipTokenizer(BpeTokenizer pairs, int start, int end, int pad) => (_pairs, _start, _end, _pad) = (pairs, start, end, pad);

    /// <param name="folder">The model's folder.</param>
    /// <param name="part">The folder in it, such as <c>tokenizer</c>.</param>
    /// <exception cref="ModelException">A file is missing or is no tokenizer's.</exception>
    public static ClipTokenizer Load(string folder, string part)
    {
        string Path(string name) => System.IO.Path.Combine(folder, part, name);
        var config = Path("tokenizer_config.json");
        return Parse(
            FolderFile.Read(Path("vocab.json"), "diffusion", MaxBytes), FolderFile.Read(Path("merges.txt"), "diffusion", MaxBytes),
            File.Exists(config) ? FolderFile.Read(config, "diffusion", MaxBytes) : [], System.IO.Path.Combine(folder, part));
    }

    /// <param name="vocabulary">vocab.json.</param>
    /// <param name="merges">merges.txt.</param>
    /// <param name="config">tokenizer_config.json; empty when there is none.</param>
    /// <param name="folder">For the messages.</param>
    /// <exception cref="ModelException">As <see cref="Load"/>.</exception>
    internal static ClipTokenizer Parse(byte[] vocabulary, byte[] merges, byte[] config, string folder)
    {
        var words = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (word, id) in Members(vocabulary, "vocab.json"))
        {
            if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out var number) || number is < 0 or > 1 << 20)
                throw Wrong("vocab.json", $"the token '{Short(word)}' has no number from 0 to {1 << 20}");
            words[word] = number;
        }
        if (words.Count > MaxWords)
            throw Wrong("vocab.json", $"it has {words.Count} tokens; at most {MaxWords} are taken");
        if (!words.TryGetValue(Start, out var start) || !words.TryGetValue(End, out var end))
            throw Wrong("vocab.json", $"it lacks {Start} or {End}; only tokenizers of CLIP's kind are supported");
        var pad = config.Length > 0 && words.TryGetValue(PadToken() ?? End, out var padding) ? padding : end;
        var pairs = Encoding.UTF8.GetString(merges).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(l => !l.StartsWith("#version", StringComparison.Ordinal)).ToArray();
        if (pairs.FirstOrDefault(p => p.Split(' ') is not [{ Length: > 0 }, { Length: > 0 }]) is { } broken)
            throw Wrong("merges.txt", $"the line '{Short(broken)}' is not a pair");
        if (pairs.FirstOrDefault(p => !words.ContainsKey(p.Replace(" ", "", StringComparison.Ordinal))) is { } missing)
            throw Wrong("merges.txt", $"the pair '{Short(missing)}' makes a token that vocab.json lacks");
        try
        {
            return new ClipTokenizer(BpeTokenizer.Create(new BpeOptions(words)
            {
                Merges = pairs,
                ByteLevel = true,
                EndOfWordSuffix = "</w>",
                Normalizer = LowerCaseNormalizer.Instance,
                PreTokenizer = new RegexPreTokenizer(Words(), null),
            }), start, end, pad);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ModelException($"{folder} (vocab.json, merges.txt) is not a tokenizer: {e.Message}", e);
        }

        // Written as text, or as an object with the text as its content.
        string? PadToken()
        {
            var given = Members(config, "tokenizer_config.json").FirstOrDefault(m => m.Name == "pad_token").Value;
            if (given is { ValueKind: JsonValueKind.Object } && given.TryGetProperty("content", out var content))
                given = content;
            try
            {
                return given.ValueKind == JsonValueKind.String ? given.GetString() : null;
            }
            catch (InvalidOperationException)
            {
                throw Wrong("tokenizer_config.json", "pad_token is not UTF-8");
            }
        }

        ModelException Wrong(string file, string why) => new($"{System.IO.Path.Combine(folder, file)} is not a tokenizer's: {why}.");

        IEnumerable<(string Name, JsonElement Value)> Members(byte[] bytes, string file)
        {
            JsonElement root;
            try
            {
                root = JsonSerializer.Deserialize(bytes, TokenizerJson.Default.JsonElement);
                if (root.ValueKind != JsonValueKind.Object)
                    throw Wrong(file, "it is not an object");
                return [.. root.EnumerateObject().Select(m => (m.Name, m.Value))];
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw Wrong(file, "it is not JSON");
            }
        }
    }

    /// <summary>The tokens of a text.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="ids"><see cref="Length"/> numbers.</param>
    /// <returns>What was left out at the end because it is too long; empty when nothing was.</returns>
    public string Encode(string text, Span<int> ids)
    {
        var found = _pairs.EncodeToIds(text, Length - 2, out var normalized, out var consumed);
        ids.Fill(_pad);
        ids[0] = _start;
        for (var i = 0; i < found.Count; i++)
            ids[i + 1] = found[i];
        ids[found.Count + 1] = _end;
        return (normalized ?? text)[consumed..].Trim();
    }

    private static string Short(string text) => text.Length > 40 ? text[..40] + "..." : text;

    // CLIP's own division into words, without its special tokens: those are not for a prompt to write.
    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}

[System.Text.Json.Serialization.JsonSerializable(typeof(JsonElement))]
internal sealed partial class TokenizerJson : System.Text.Json.Serialization.JsonSerializerContext;
