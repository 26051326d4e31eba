using System.Collections.Immutable;
using System.Globalization;
using TrueLive.Core.Models;

namespace TrueLive.Models.Prompts;

/// <summary>What <see cref="PromptReader"/> found in a prompt, and the sentence that says so.</summary>
internal sealed class PromptFindings(float[] weights)
{
    private readonly SortedDictionary<AdjustmentKind, float> _amounts = [];

    /// <summary>Weight of each look.</summary>
    public float[] Weights => weights;

    /// <summary>Whether a look is applied.</summary>
    public bool Looks { get; set; }

    /// <summary>Whether the picture itself was asked for.</summary>
    public bool Kept { get; private set; }

    public bool Edit { get; set; }

    public bool Foreign { get; set; }

    /// <summary>The look that was nearest, though too far away to be applied.</summary>
    public string? Nearest { get; set; }

    public double Confidence { get; set; }

    public List<string> Unknown { get; } = [];

    public List<string> Emoji { get; } = [];

    /// <summary>Looks that are not wanted.</summary>
    public List<string> LeftOut { get; } = [];

    /// <summary>What is not wanted and no look stands for.</summary>
    public List<string> NotLeftOut { get; } = [];

    /// <summary>Adjustments that are not wanted.</summary>
    public List<AdjustmentKind> Refused { get; } = [];

    public ImmutableArray<Adjustment> Adjustments =>
        [.. _amounts.Where(a => a.Value != 0).Select(a => new Adjustment(a.Key, Math.Clamp(MathF.Round(a.Value, 3), -1, 1)))];

    /// <summary>Whether the prompt is served, be it by leaving the picture as it is.</summary>
    public bool Understood => Looks || Kept || LeftOut.Count > 0 || Refused.Count > 0 || Adjustments.Length > 0;

    public void Keep() => (Kept, Confidence) = (true, 1);

    public void Add(List<Adjustment> found, List<AdjustmentKind> refused, float weight)
    {
        Refused.AddRange(refused);
        foreach (var one in found)
            _amounts[one.Kind] = _amounts.GetValueOrDefault(one.Kind) + one.Amount * weight;
        if (found.Count + refused.Count > 0)
            Confidence = 1;
    }

    /// <summary>What is done and what is not; null where the looks say it all.</summary>
    public string? Note()
    {
        var says = new List<string>();
        if (Adjustments is { Length: > 0 } adjustments)
            says.Add($"Graded: {string.Join(", ", adjustments.Select(Words))}.");
        if (LeftOut.Count > 0)
            says.Add($"Left out: {string.Join(", ", LeftOut)}.");
        if (NotLeftOut.Count > 0)
            says.Add($"This model cannot leave this out: {string.Join(", ", NotLeftOut)}.");
        if (Refused.Count > 0)
            says.Add($"Not changed, as asked: {string.Join(", ", Refused.Distinct()).ToLowerInvariant()}.");
        if (Edit)
            says.Add("This model restyles the picture and cannot add or change things.");
        if (Emoji.Count > 0)
            says.Add($"Emoji are not read ({string.Concat(Emoji.Take(5))}): write it in words.");
        if (Foreign)
            says.Add("Only English is read.");
        if (Nearest is not null)
            says.Add($"No look is near enough to these words; the nearest is {Nearest}: write it to have it.");
        if (Unknown.Count > 0 && (Understood || says.Count > 0))
            says.Add($"Not understood: {string.Join(", ", Unknown.Distinct())}.");
        if (!Understood && says.Count == 0)
            return "These words mean nothing to this model, so the picture stays as it is. Name a look, or describe one in other words.";
        if (!Looks && Adjustments.IsEmpty && !(Kept && says.Count == 0))
            says.Add("The picture stays as it is.");
        return says.Count == 0 ? null : string.Join(' ', says);
    }

    private static string Words(Adjustment adjustment) => adjustment switch
    {
        { Kind: AdjustmentKind.Saturation, Amount: <= -1 } => "without colour",
        { Amount: var amount } => string.Create(CultureInfo.InvariantCulture, $"{Math.Abs(amount) * 100:0} % ") + (adjustment.Kind switch
        {
            AdjustmentKind.Brightness => amount > 0 ? "brighter" : "darker",
            AdjustmentKind.Contrast => amount > 0 ? "more contrast" : "less contrast",
            AdjustmentKind.Saturation => amount > 0 ? "more saturated" : "less saturated",
            AdjustmentKind.Warmth => amount > 0 ? "warmer" : "cooler",
            _ => amount > 0 ? "sharper" : "softer",
        }),
    };
}
