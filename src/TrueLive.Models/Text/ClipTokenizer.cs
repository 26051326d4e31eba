using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Text;

/// <summary>
/// Byte-level byte-pair tokens as CLIP's text encoders take them: lower case, a start token, at most 75 tokens, an end token, padded to 77.
/// Reads <c>vocab.json</c> and <c>merges.txt</c>, or <c>tokenizer.json</c>, which newer exporters write instead, and, for the padding,
/// <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c>. Thread-safe.
/// </summary>
internal sealed partial class ClipTokenizer
{
    /// <summary>Tokens of a text.</summary>
    public const int Length = 77;

    private const int MaxBytes = 8 << 20;
    private const int MaxWords = 200_000;
    private const string Start = "<|startoftext|>";
    private const string End = "<|endoftext|>";
    private const string Whole = "tokenizer.json";

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
        var place = Path.Combine(folder, part);
        bool Has(string name) => File.Exists(Path.Combine(place, name));
        byte[] Read(string name) => FolderFile.Read(Path.Combine(place, name), "diffusion", MaxBytes);
        byte[] May(string name) => Has(name) ? Read(name) : [];
        var (config, special) = (May("tokenizer_config.json"), May("special_tokens_map.json"));
        return !Has("vocab.json") && Has(Whole) ? ParseWhole(Read(Whole), config, special, place)
            : Parse(Read("vocab.json"), Read("merges.txt"), config, special, place);
    }

    /// <param name="whole">tokenizer.json.</param>
    /// <param name="config">tokenizer_config.json; empty when there is none.</param>
    /// <param name="special">special_tokens_map.json; empty when there is none.</param>
    /// <param name="folder">For the messages.</param>
    /// <exception cref="ModelException">As <see cref="Load"/>.</exception>
    internal static ClipTokenizer ParseWhole(byte[] whole, byte[] config, byte[] special, string folder)
    {
        try
        {
            var model = Members(whole, folder, Whole).LastOrDefault(m => m.Name == "model").Value;
            if (model.ValueKind != JsonValueKind.Object || !model.TryGetProperty("vocab", out var words)
                || !model.TryGetProperty("merges", out var merges) || merges.ValueKind != JsonValueKind.Array)
                throw Wrong(folder, Whole, "it lacks model.vocab or model.merges; only tokenizers of CLIP's kind are supported");
            return Make(Members(words, folder, Whole), [.. merges.EnumerateArray().Select(Pair)], config, special, folder, (Whole, Whole));
        }
        catch (InvalidOperationException)
        {
            throw Wrong(folder, Whole, "a text in it is not Unicode");
        }

        // Written as one text, or as a list of two.
        static string Pair(JsonElement merge) => merge.ValueKind == JsonValueKind.String ? merge.GetString()!
            : merge.ValueKind == JsonValueKind.Array && merge.EnumerateArray().All(t => t.ValueKind == JsonValueKind.String)
                ? string.Join(' ', merge.EnumerateArray().Select(t => t.GetString()))
                : "";
    }

    /// <param name="vocabulary">vocab.json.</param>
    /// <param name="merges">merges.txt.</param>
    /// <param name="config">tokenizer_config.json; empty when there is none.</param>
    /// <param name="special">special_tokens_map.json; empty when there is none.</param>
    /// <param name="folder">For the messages.</param>
    /// <exception cref="ModelException">As <see cref="Load"/>.</exception>
    internal static ClipTokenizer Parse(byte[] vocabulary, byte[] merges, byte[] config, byte[] special, string folder) =>
        Make(Members(vocabulary, folder, "vocab.json"),
            [.. FolderFile.Text(merges).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Where(l => !l.StartsWith("#version", StringComparison.Ordinal))],
            config, special, folder, ("vocab.json", "merges.txt"));

    private static ClipTokenizer Make(IEnumerable<(string Name, JsonElement Value)> vocabulary, string[] pairs, byte[] config,
        byte[] special, string folder, (string Words, string Pairs) files)
    {
        var words = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (word, id) in vocabulary)
        {
            if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out var number) || number is < 0 or > 1 << 20)
                throw Wrong(folder, files.Words, $"the token '{Short(word)}' has no number from 0 to {1 << 20}");
            words[word] = number;
        }
        if (words.Count > MaxWords)
            throw Wrong(folder, files.Words, $"it has {words.Count} tokens; at most {MaxWords} are taken");
        if (!words.TryGetValue(Start, out var start) || !words.TryGetValue(End, out var end))
            throw Wrong(folder, files.Words, $"it lacks {Start} or {End}; only tokenizers of CLIP's kind are supported");
        var pad = words.TryGetValue(PadToken(config, special, folder) ?? End, out var padding) ? padding : end;
        if (pairs.FirstOrDefault(p => p.Split(' ') is not [{ Length: > 0 }, { Length: > 0 }]) is { } broken)
            throw Wrong(folder, files.Pairs, $"the line '{Short(broken)}' is not a pair");
        if (pairs.FirstOrDefault(p => !words.ContainsKey(p.Replace(" ", "", StringComparison.Ordinal))) is { } missing)
            throw Wrong(folder, files.Pairs, $"the pair '{Short(missing)}' makes a token that {files.Words} lacks");
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
            throw new ModelException($"{folder} ({files.Words}, {files.Pairs}) is not a tokenizer: {e.Message}", e);
        }
    }

    // As transformers reads them: the map wins over a configuration of the form that does not list the added tokens.
    private static string? PadToken(byte[] config, byte[] special, string folder)
    {
        var told = config.Length > 0 ? Members(config, folder, "tokenizer_config.json").ToList() : [];
        var map = special.Length > 0 && told.All(m => m.Name != "added_tokens_decoder")
            ? Members(special, folder, "special_tokens_map.json") : [];
        try
        {
            return map.Concat(told).Where(m => m.Name == "pad_token").Select(m => Text(m.Value)).FirstOrDefault(t => t is not null);
        }
        catch (InvalidOperationException)
        {
            throw Wrong(folder, "tokenizer_config.json", "pad_token is not Unicode");
        }

        // Written as text, or as an object with the text as its content.
        static string? Text(JsonElement given) =>
            given.ValueKind == JsonValueKind.Object && given.TryGetProperty("content", out var content) ? Text(content)
            : given.ValueKind == JsonValueKind.String ? given.GetString() : null;
    }

    private static ModelException Wrong(string folder, string file, string why) =>
        new($"{Path.Combine(folder, file)} is not a tokenizer's: {why}.");

    private static IEnumerable<(string Name, JsonElement Value)> Members(byte[] bytes, string folder, string file)
    {
        try
        {
            return Members(JsonSerializer.Deserialize(PythonJson.Plain(bytes), TokenizerJson.Default.JsonElement), folder, file);
        }
        catch (JsonException)
        {
            throw Wrong(folder, file, "it is not JSON");
        }
    }

    private static IEnumerable<(string Name, JsonElement Value)> Members(JsonElement root, string folder, string file)
    {
        try
        {
            return root.ValueKind == JsonValueKind.Object ? [.. root.EnumerateObject().Select(m => (m.Name, m.Value))]
                : throw Wrong(folder, file, "it is not an object");
        }
        catch (InvalidOperationException)
        {
            throw Wrong(folder, file, "it is not JSON");
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
