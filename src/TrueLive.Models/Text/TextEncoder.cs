using System.Collections.Immutable;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Models;
using TrueLive.Models.Devices;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Text;

/// <summary>
/// Texts as the numbers that a UNet is conditioned on: of each token those of the one encoder, or of both one after the other, and then
/// those of the whole text where the second has them. Parts in brackets are blended by their weights, a negative weight pushes away from
/// its part. Thread-safe.
/// </summary>
internal sealed class TextEncoder
{
    private const int MaxKept = 32;

    private readonly IReadOnlyList<(ClipTokenizer Tokens, InferenceSession Session, string Output)> _encoders;
    private readonly bool _pools;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (float[] Numbers, string Cut)> _kept = [];

    private TextEncoder(IReadOnlyList<(ClipTokenizer, InferenceSession, string)> encoders, bool pools)
    {
        (_encoders, _pools) = (encoders, pools);
        Nothing = Encode("").Numbers;
    }

    /// <param name="folder">The model's folder, with a tokenizer for each encoder.</param>
    /// <param name="encoders">Their graphs, with the output that holds the tokens; the graphs stay the caller's.</param>
    /// <param name="pools">Whether the last of them has <c>text_embeds</c> that are wanted.</param>
    /// <exception cref="ModelException">A tokenizer cannot be used.</exception>
    public static TextEncoder Load(string folder, IReadOnlyList<(InferenceSession Session, string Tokens)> encoders, bool pools) =>
        new([.. encoders.Select((e, i) => (ClipTokenizer.Load(folder, i == 0 ? "tokenizer" : $"tokenizer_{i + 1}"), e.Session, e.Tokens))],
            pools);

    /// <summary>The numbers of no text.</summary>
    public float[] Nothing { get; }

    public PromptReading Read(string text)
    {
        if (text.Length > Prompt.MaxLength)
            text = text[..Prompt.MaxLength];
        var parts = PromptSyntax.Split(text);
        if (parts.Count == 0)
            return PromptReading.Empty with { Style = [.. Nothing] };
        try
        {
            var encoded = parts.Select(p => (Encoded: Encode(p.Text), p.Weight)).ToArray();
            var positive = encoded.Sum(p => Math.Max(0, p.Weight));
            var mixed = positive > 0 ? new float[Nothing.Length] : (float[])Nothing.Clone();
            foreach (var ((numbers, _), weight) in encoded)
            {
                for (var i = 0; i < mixed.Length; i++)
                    mixed[i] += weight > 0 ? weight / positive * numbers[i] : weight * (numbers[i] - Nothing[i]);
            }
            var cut = string.Join(" ", encoded.Select(p => p.Encoded.Cut).Where(c => c.Length > 0));
            return new PromptReading(true, 1, [], [], ImmutableArray.Create(mixed),
                cut.Length == 0 ? null : $"Too long: the model does not see '{cut}'.");
        }
        catch (OnnxRuntimeException e)
        {
            return PromptReading.Empty with
            {
                Understood = false,
                Confidence = 0,
                Note = $"The text encoder failed, so the text has no effect: {e.Message.ReplaceLineEndings(" ")}",
            };
        }
    }

    private (float[] Numbers, string Cut) Encode(string text)
    {
        lock (_gate)
        {
            if (_kept.TryGetValue(text, out var known))
                return known;
        }
        var (cut, tokens, whole) = ("", new List<float[]>(), Array.Empty<float>());
        var ids = new int[ClipTokenizer.Length];
        foreach (var (tokenizer, session, output) in _encoders)
        {
            var left = tokenizer.Encode(text, ids);
            cut = cut.Length > 0 ? cut : left;
            using var tensor = new TensorBuffer(session.InputMetadata["input_ids"].ElementDataType, [1, ids.Length]);
            tensor.Write(Array.ConvertAll(ids, id => (float)id));
            using var options = new RunOptions();
            using var turn = GraphDevice.Turn();
            var last = _pools && session == _encoders[^1].Session;
            using var results = session.Run(options, ["input_ids"], [tensor.Value], last ? [output, "text_embeds"] : [output]);
            tokens.Add(Floats(results[0]));
            if (last)
                whole = Floats(results[1]);
        }
        var made = ((float[])[.. tokens.Count == 1 ? tokens[0] : Joined(tokens), .. whole], cut);
        lock (_gate)
        {
            // While a user types, the page asks for every prefix of the text.
            if (_kept.Count >= MaxKept)
                _kept.Clear();
            _kept[text] = made;
        }
        return made;
    }

    private static IEnumerable<float> Joined(List<float[]> encoders)
    {
        for (var token = 0; token < ClipTokenizer.Length; token++)
        {
            foreach (var numbers in encoders)
            {
                var width = numbers.Length / ClipTokenizer.Length;
                for (var i = 0; i < width; i++)
                    yield return numbers[token * width + i];
            }
        }
    }

    private static float[] Floats(OrtValue value)
    {
        if (value.GetTensorTypeAndShape().ElementDataType == TensorElementType.Float)
            return value.GetTensorDataAsSpan<float>().ToArray();
        var halves = MemoryMarshal.Cast<Float16, Half>(value.GetTensorDataAsSpan<Float16>());
        var numbers = new float[halves.Length];
        TensorPrimitives.ConvertToSingle(halves, numbers);
        return numbers;
    }
}
