using System.Collections.Immutable;
using System.Numerics.Tensors;
using System.Text.RegularExpressions;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Prompts;

/// <summary>
/// Finds the looks that a text means. A phrase is the weighted mean of its word vectors; a look's score is half that of its nearest
/// anchor to the whole phrase and half that of its nearest anchor to a single word. A softmax turns the best scores into weights. The
/// reference is training/prompts.py; what a prompt asks for beside looks is up to <see cref="PromptReader"/>.
/// </summary>
internal sealed partial class LookMatcher
{
    private readonly PromptSpec _spec;
    private readonly WordTable _words;
    private readonly HashSet<string> _stop;
    private readonly LookSpec[] _looks;
    private readonly (string Text, float[]? Vector)[][] _anchors;
    private readonly HashSet<string> _anchorTexts;
    private readonly int _identity;

    public LookMatcher(PromptSpec spec, LookSpec[] looks, WordTable words)
    {
        (_spec, _looks, _words, _stop) = (spec, looks, words, [.. spec.Stop ?? []]);
        _anchors = [.. looks.Select(l => l.Anchors.Select(a => (a, Embed(a).Vector)).ToArray())];
        _anchorTexts = [.. looks.SelectMany(l => l.Anchors)];
        _identity = Math.Max(0, Array.FindIndex(looks, l => l.Id == "identity"));
    }

    /// <summary>Below this score a text means no look.</summary>
    public double Known => _spec.Known;

    /// <summary>The id of a look.</summary>
    public string Id(int look) => _looks[look].Id;

    /// <summary>What a look is called in words.</summary>
    public IReadOnlyList<string> Anchors(int look) => _looks[look].Anchors;

    /// <summary>Whether a text is the name of a look, or written as one of its anchors.</summary>
    public bool IsNamed(string text) => _anchorTexts.Contains(text) || _looks.Any(l => l.Id == text);

    /// <summary>Whether the table has a word, or it is one that does not count.</summary>
    public bool Knows(string word) => _words.Find(word) >= 0 || _stop.Contains(word);

    /// <summary>Adds the weights of the looks that a text's scores stand for, at most three.</summary>
    public void Weigh(double[] scores, float weight, float[] weights)
    {
        var top = scores.Max();
        var shares = scores.Select(s => Math.Exp((s - top) / _spec.Temperature)).ToArray();
        var kept = shares.Where(s => s >= _spec.Keep).OrderDescending().Take(3).ToArray();
        for (var i = 0; i < shares.Length; i++)
        {
            if (shares[i] >= kept[^1])
                weights[i] += (float)(shares[i] / kept.Sum()) * weight;
        }
    }

    /// <summary>Weights of no look.</summary>
    public float[] NoWeights() => new float[_looks.Length];

    /// <summary>The style vector of some looks, and the looks that it was made of.</summary>
    public (ImmutableArray<float> Style, ImmutableArray<LookWeight> Looks) Blend(float[] weights)
    {
        // Weights that sum to more than one look would leave the space that the model was trained on.
        var positive = weights.Sum(w => Math.Max(w, 0));
        var scale = positive > 1 ? 1 / positive : 1;
        var origin = _looks[_identity].Style;
        var style = (float[])origin.Clone();
        var difference = new float[origin.Length];
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = Math.Max(weights[i] * scale, -1);
            if (weights[i] == 0)
                continue;
            TensorPrimitives.Subtract(_looks[i].Style, origin, difference);
            TensorPrimitives.MultiplyAdd(difference, weights[i], style, style);
        }
        var looks = weights.Select((w, i) => new LookWeight(_looks[i].Id, MathF.Round(w, 3))).Where(l => l.Weight != 0)
            .OrderByDescending(l => l.Weight).ToImmutableArray();
        return ([.. style], looks.IsEmpty ? [new LookWeight(_looks[_identity].Id, 1)] : looks);
    }

    /// <summary>How near each look is to a text; false where none of its words is known.</summary>
    public bool Score(string text, out double[] scores, List<string> unknown)
    {
        var tokens = Tokens(text);
        var (vector, known, missing) = Embed(text);
        // A word that the table lacks still counts if it is an anchor itself.
        var literal = _looks.Select((l, i) => _anchors[i].Any(a => missing.Contains(a.Text)) || tokens.Contains(l.Id)).ToArray();
        unknown.AddRange(missing.Where(w => !_anchorTexts.Contains(w)));
        scores = new double[_looks.Length];
        if (tokens.Count == 0)
        {
            scores[_identity] = 1;
            return true;
        }
        if (vector is null && !literal.Contains(true))
            return false;
        var total = known.Sum(_words.Weight);
        for (var i = 0; i < scores.Length; i++)
        {
            if (literal[i])
            {
                scores[i] = 1;
                continue;
            }
            if (vector is null)
                continue;
            double whole = 0, single = 0;
            foreach (var (_, anchor) in _anchors[i])
            {
                if (anchor is null)
                    continue;
                whole = Math.Max(whole, TensorPrimitives.Dot(vector, anchor));
                foreach (var word in known)
                    single = Math.Max(single, _words.Dot(word, anchor) * (0.6 + 0.4 * Math.Sqrt(_words.Weight(word) / total)));
            }
            scores[i] = 0.5 * whole + 0.5 * single;
        }
        return true;
    }

    private (float[]? Vector, List<int> Known, List<string> Missing) Embed(string text)
    {
        var known = new List<int>();
        var missing = new List<string>();
        foreach (var token in Tokens(text))
        {
            var word = _words.Find(token);
            if (word >= 0)
            {
                known.Add(word);
                continue;
            }
            var parts = token.Contains('-') ? token.Split('-').Where(p => !_stop.Contains(p)).Select(_words.Find).ToArray() : [];
            if (parts.Length > 0 && parts.All(p => p >= 0))
                known.AddRange(parts);
            else
                missing.Add(token);
        }
        if (known.Count == 0)
            return (null, known, missing);
        var sum = new float[_words.Dimensions];
        foreach (var word in known)
            _words.Add(word, _words.Weight(word), sum);
        WordTable.Normalise(sum);
        return (sum, known, missing);
    }

    /// <summary>The words that count.</summary>
    public List<string> Tokens(string text) =>
        [.. Word().Matches(text).Select(m => m.Value.ToLowerInvariant()).Where(w => !_stop.Contains(w))];

    [GeneratedRegex(@"[^\W_]+(?:[-'][^\W_]+)*")]
    private static partial Regex Word();
}
