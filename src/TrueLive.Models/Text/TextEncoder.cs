using System.Collections.Immutable;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Models;
using TrueLive.Models.Graphs;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Text;

/// <summary>
/// Texts as the numbers that a UNet is conditioned on. Parts in brackets are blended by their weights, a negative weight pushes away
/// from its part. Thread-safe.
/// </summary>
internal sealed class TextEncoder : IDisposable
{
    private const int MaxKept = 32;

    private readonly ClipTokenizer _tokens;
    private readonly InferenceSession _session;
    private readonly string _output;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (float[] Numbers, string Cut)> _kept = [];

    public TextEncoder(ClipTokenizer tokens, InferenceSession session, string output)
    {
        (_tokens, _session, _output) = (tokens, session, output);
        Nothing = Encode("").Numbers;
    }

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
            return new PromptReading(true, 1, [], [], ImmutableArray.Create(mixed), cut.Length == 0 ? null : $"Too long: the model does not see '{cut}'.");
        }
        catch (OnnxRuntimeException e)
        {
            return PromptReading.Empty with { Understood = false, Confidence = 0, Note = $"The text encoder failed, so the text has no effect: {e.Message.ReplaceLineEndings(" ")}" };
        }
    }

    public void Dispose() => _session.Dispose();

    private (float[] Numbers, string Cut) Encode(string text)
    {
        lock (_gate)
        {
            if (_kept.TryGetValue(text, out var known))
                return known;
        }
        var ids = new int[ClipTokenizer.Length];
        var cut = _tokens.Encode(text, ids);
        using var tensor = new TensorBuffer(_session.InputMetadata["input_ids"].ElementDataType, [1, ids.Length]);
        tensor.Write(Array.ConvertAll(ids, id => (float)id));
        using var options = new RunOptions();
        using var results = _session.Run(options, ["input_ids"], [tensor.Value], [_output]);
        var made = (Floats(results[0]), cut);
        lock (_gate)
        {
            // While a user types, the page asks for every prefix of the text.
            if (_kept.Count >= MaxKept)
                _kept.Clear();
            _kept[text] = made;
        }
        return made;
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
