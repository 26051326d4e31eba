using System.Globalization;
using TrueLive.Probe.Estimators;

namespace TrueLive.Probe.Verdicts;

/// <summary>What a system makes of the pictures that it is sent.</summary>
public enum Nature
{
    /// <summary>The evidence does not decide.</summary>
    CannotTell,

    /// <summary>The input itself.</summary>
    PassesThrough,

    /// <summary>The input with other tones and colours.</summary>
    FiltersColours,

    /// <summary>Edges, blurs and tones of the input's neighbourhoods.</summary>
    FiltersStructure,

    /// <summary>More than a local filter makes of the input, and made from the input.</summary>
    Restyles,
}

/// <summary>The judgement of a run on what the system makes of its input, apart from when it does so.</summary>
/// <param name="Nature">What it is.</param>
/// <param name="Sentence">In words, with what the test cannot tell.</param>
/// <param name="Gate">The gate that decided, with its evidence.</param>
public sealed record NatureVerdict(Nature Nature, string Sentence, Gate Gate)
{
    /// <summary>The label as printed.</summary>
    public static string Text(Nature nature) => nature switch
    {
        Nature.PassesThrough => "passes through",
        Nature.FiltersColours => "filters colours",
        Nature.FiltersStructure => "filters structure",
        Nature.Restyles => "restyles or generates",
        _ => "cannot be told",
    };

    /// <summary>Judges what the pairs of input and output show.</summary>
    internal static NatureVerdict Judge(NatureFindings? found, Thresholds limits)
    {
        if (found is null || !found.Structure.Measured)
        {
            var why = found is null
                ? "the output could not be aligned with the input"
                : $"{found.Pairs} pairs of input and output, or too little change in them";
            return new(Nature.CannotTell, "What it makes of its input cannot be told.",
                new Gate("N1", "what it makes of its input", null, why));
        }
        var rest = found.Remainder;
        var evidence = string.Create(CultureInfo.InvariantCulture,
            $"of the changes in {found.Pairs} pairs the input explains {Share(found.Same)}, a filter of colours {Share(found.Colour)}, a " +
                $"filter of structure {Share(found.Structure)} (limit {limits.Filter:0.00}); what remains answers with p " +
                $"{rest.Aligned.P:0.0000}, {100 * rest.Predicted:0} % of it predicted (needs {100 * limits.Predicted:0} %)");
        var (nature, sentence) =
            found.Same.Low >= limits.Same && Math.Abs(found.Gain - 1) <= limits.Gain && found.Offset <= limits.Offset
                ? (Nature.PassesThrough, "It passes the picture through.")
            : found.Colour.Low >= limits.Filter
                ? (Nature.FiltersColours, string.Create(CultureInfo.InvariantCulture,
                    $"A colour filter ({100 * found.Colour.Value:0} % explained)."))
            : found.Structure.Low >= limits.Filter
                ? (Nature.FiltersStructure, string.Create(CultureInfo.InvariantCulture,
                    $"A filter of edges, blurs and tones ({100 * found.Structure.Value:0} % explained)."))
            : rest.Aligned.ForRules <= limits.DependenceP && rest.Predicted >= limits.Predicted
                ? (Nature.Restyles, string.Create(CultureInfo.InvariantCulture,
                    $"It restyles or generates ({100 * found.Structure.Value:0} % explained by local filters, the rest made from the " +
                    $"same input; a drawing by rules reads alike)."))
            : (Nature.CannotTell, "It follows the input; generation is not shown.");
        return new(nature, sentence, new Gate("N1", "what it makes of its input",
            nature == Nature.CannotTell ? null : nature == Nature.Restyles, evidence));
    }

    private static string Share(Estimate e) =>
        string.Create(CultureInfo.InvariantCulture, $"{e.Value:0.00} ({e.Low:0.00} to {e.High:0.00})");
}
