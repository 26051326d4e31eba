using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Prompts;

/// <summary>
/// Word vectors, pruned and quantised: magic <c>TLW1</c>, u32 count, u32 dimensions, count x (f32 scale, f32 weight), count x
/// dimensions i8, then the words joined by line feeds in UTF-8; all little-endian. Vectors have unit length.
/// </summary>
internal sealed class WordTable
{
    private const int MaxBytes = 64 << 20;

    private readonly Dictionary<string, int> _index;
    private readonly sbyte[] _body;
    private readonly float[] _heads;

    private WordTable(Dictionary<string, int> index, float[] heads, sbyte[] body, int dimensions) =>
        (_index, _heads, _body, Dimensions) = (index, heads, body, dimensions);

    public int Dimensions { get; }

    public static WordTable Load(string path) => Parse(FolderFile.Read(path, "prompt.words", MaxBytes), path);

    /// <param name="bytes">The file.</param>
    /// <param name="path">Path of the file, for error messages.</param>
    internal static WordTable Parse(byte[] bytes, string path)
    {
        if (bytes.Length < 12)
            throw new ModelException($"{path} (prompt.words) is not a word table: it has only {bytes.Length} bytes.");
        var count = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4));
        var dimensions = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8));
        if (!bytes.AsSpan(0, 4).SequenceEqual("TLW1"u8) || count is 0 or > 1_000_000 || dimensions is 0 or > 1024
            || 12 + count * 8L + count * (long)dimensions > bytes.Length)
            throw new ModelException($"{path} (prompt.words) is not a word table: it must begin with TLW1 and hold as many words " +
                "as it says.");
        var n = (int)count;
        var heads = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(12, n * 8)).ToArray();
        var body = MemoryMarshal.Cast<byte, sbyte>(bytes.AsSpan(12 + n * 8, n * (int)dimensions)).ToArray();
        var names = Encoding.UTF8.GetString(bytes.AsSpan(12 + n * 8 + n * (int)dimensions)).Split('\n');
        if (names.Length != n)
            throw new ModelException($"{path} (prompt.words) names {names.Length} words but has vectors for {n}.");
        var index = new Dictionary<string, int>(n, StringComparer.Ordinal);
        for (var i = 0; i < n; i++)
            index[names[i]] = i;
        return new WordTable(index, heads, body, (int)dimensions);
    }

    /// <summary>A table without words, with which only the names of looks are understood.</summary>
    public static WordTable Empty { get; } = new([], [], [], 0);

    /// <summary>Index of a word, or else of the word without hyphens, a possessive or a plural s; -1 if none of these is known.</summary>
    public int Find(string word)
    {
        if (_index.TryGetValue(word, out var i) || _index.TryGetValue(word.Replace("-", "", StringComparison.Ordinal), out i)
            || _index.TryGetValue(word.Replace("'s", "", StringComparison.Ordinal), out i)
            || (word.EndsWith('s') && _index.TryGetValue(word[..^1], out i)))
            return i;
        return -1;
    }

    /// <summary>Weight of a word: near 1 for rare words, near 0.1 for frequent ones.</summary>
    public float Weight(int word) => _heads[word * 2 + 1];

    /// <summary>Adds <paramref name="factor"/> times the word's vector.</summary>
    public void Add(int word, float factor, Span<float> sum)
    {
        var scale = _heads[word * 2] * factor;
        var row = _body.AsSpan(word * Dimensions, Dimensions);
        for (var i = 0; i < row.Length; i++)
            sum[i] += row[i] * scale;
    }

    public float Dot(int word, ReadOnlySpan<float> vector)
    {
        var row = _body.AsSpan(word * Dimensions, Dimensions);
        float sum = 0;
        for (var i = 0; i < row.Length; i++)
            sum += row[i] * vector[i];
        return sum * _heads[word * 2];
    }

    public static void Normalise(Span<float> vector)
    {
        var length = TensorPrimitives.Norm(vector);
        TensorPrimitives.Divide(vector, length + 1e-9f, vector);
    }
}
