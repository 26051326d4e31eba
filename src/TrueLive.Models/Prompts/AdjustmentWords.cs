using System.Collections.Frozen;
using TrueLive.Core.Models;

namespace TrueLive.Models.Prompts;

internal enum AdjustmentForm
{
    /// <summary>Needs a direction: "contrast".</summary>
    Noun,

    /// <summary>Asks for nothing in a description, but does alone or with a degree: "warm".</summary>
    Adjective,

    /// <summary>Asks by itself: "warmer", "darken".</summary>
    Request,
}

/// <summary>A word that names an adjustment, and the direction in which it points.</summary>
internal readonly record struct AdjustmentWord(AdjustmentKind Kind, int Sign, AdjustmentForm Form);

/// <summary>The words of <see cref="AdjustmentGrammar"/>.</summary>
internal static class AdjustmentWords
{
    public const float Usual = 0.25f;
    public const float Small = 0.12f;
    public const float Large = 0.5f;

    public static readonly FrozenDictionary<string, AdjustmentWord> Targets = Read("""
        brightness + request: brighter lighter brighten lighten
        brightness - request: darker dimmer darken dim
        brightness + adjective: bright light overexposed
        brightness - adjective: dark underexposed gloomy
        brightness + noun: brightness exposure
        contrast + request: punchier
        contrast - request: flatter
        contrast + adjective: contrasty punchy
        contrast - adjective: flat
        contrast + noun: contrast contrasts
        saturation + request: saturate
        saturation - request: desaturate duller paler greyer grayer colourless colorless
        saturation + adjective: saturated vivid vibrant colourful colorful intense
        saturation - adjective: desaturated muted pale dull grey gray
        saturation + noun: saturation vibrance colour colours color colors vividness
        warmth + request: warmer yellower
        warmth - request: cooler colder bluer
        warmth + adjective: warm
        warmth - adjective: cool cold
        warmth + noun: warmth
        sharpness + request: sharper crisper clearer sharpen
        sharpness - request: softer blurrier smoother fuzzier soften
        sharpness + adjective: sharp crisp
        sharpness - adjective: soft blurry blurred fuzzy blur
        sharpness + noun: sharpness clarity
        """);

    public static readonly FrozenSet<string> Up = Set(
        "more higher increase increased raise boost add up extra stronger plus high strong bump");

    public static readonly FrozenSet<string> Down = Set(
        "less lower reduce reduced decrease decreased cut down weaker low fewer minus weak drop");

    public static readonly FrozenSet<string> Negators = Set("not no without don't dont doesn't never avoid isn't remove take");

    public static readonly FrozenDictionary<string, float> Degrees = Degree("""
        0.12: bit little slightly somewhat touch tad subtly gently slight subtle tiny hint
        0.5: much lot lots far way very really strongly significantly considerably heavily super
        0.75: extremely
        1: completely fully totally entirely twice double
        """);

    /// <summary>Degrees that can only belong to the adjective behind them: "very dark ink" asks for more than "dark ink".</summary>
    public static readonly FrozenSet<string> Adverbs = Set("very really extremely slightly somewhat");

    /// <summary>Words between a degree and its target, or around an adjustment, that ask for nothing themselves.</summary>
    public static readonly FrozenSet<string> Glue = Set("""
        a an the of it it's its is are be with make making made please in by to image picture video everything overall tones tone colours
        colors colour color can could would you i want turn get bring set go even just look looks me some this that so as all please put
        let's now like lighting give out away crank dial pump whole entire
        """);

    private static FrozenDictionary<string, AdjustmentWord> Read(string lines) => Lines(lines).SelectMany(l =>
    {
        var head = l.Name.Split(' ');
        var word = new AdjustmentWord(Enum.Parse<AdjustmentKind>(head[0], ignoreCase: true), head[1] == "+" ? 1 : -1,
            Enum.Parse<AdjustmentForm>(head[2], ignoreCase: true));
        return l.Words.Select(w => (w, word));
    }).ToFrozenDictionary(w => w.w, w => w.word);

    private static FrozenDictionary<string, float> Degree(string lines) =>
        Lines(lines).SelectMany(l => l.Words.Select(w => (w, float.Parse(l.Name, System.Globalization.CultureInfo.InvariantCulture))))
            .ToFrozenDictionary(w => w.w, w => w.Item2);

    private static IEnumerable<(string Name, string[] Words)> Lines(string lines) =>
        lines.Split('\n').Select(l => l.Split(':', 2)).Select(l => (l[0].Trim(), Words(l[1])));

    internal static FrozenSet<string> Set(string words) => Words(words).ToFrozenSet();

    private static string[] Words(string words) => words.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}
