using System.Globalization;
using System.Text.RegularExpressions;
using TrueLive.Core.Models;

namespace TrueLive.Models.Palettes;

/// <summary>
/// Finds in a prompt how much of the palette it asks for, such as "half of the palette", "palette 30 %" or "without the palette", beside a
/// look. The last such phrase counts. A "warm palette" is the model's to read.
/// </summary>
internal static partial class PaletteWords
{
    private const RegexOptions Options = RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    private const string The = @"(?:the|my|this|that|its)\s+";
    private const string Palette = @"palette(?!\s+(?:of|in|from|knife|knives)\b)";
    private const string Whose = $@"(?:of|from)\s+{The}(?:reference\s+)?(?:picture|photo|image|painting|palette|reference)";
    private const string Colours = $@"(?:{The})?(?:colou?rs|palette)\s+{Whose}";
    private const string It = $@"(?:{Colours}|{The}{Palette})";

    /// <summary>The strength that a text asks for, or null; <paramref name="rest"/> is the text without it.</summary>
    public static float? Read(string text, out string rest)
    {
        (rest, float? strength) = (text.Length > Prompt.MaxLength ? text[..Prompt.MaxLength] : text, null);
        if (!Subject().IsMatch(rest))
            return null;
        rest = Phrase().Replace(rest, match =>
        {
            strength = Of(match);
            return ", ";
        });
        if (strength is not null)
            rest = Seams().Replace(rest, m => m.Groups["inner"].Success ? ", " : "");
        return strength;
    }

    /// <summary>What is done, in a sentence.</summary>
    public static string Say(float strength) => strength <= 0 ? "No palette is used."
        : string.Create(CultureInfo.InvariantCulture, $"Of the palette picture, where one is set, {strength:0 %} is used.");

    private static float Of(Match match)
    {
        if (match.Groups["percent"] is { Success: true } percent)
            return Math.Clamp(float.Parse(percent.ValueSpan, CultureInfo.InvariantCulture) / 100, 0, 1);
        return match.Groups["none"].Success ? 0
            : match.Groups["half"].Success ? 0.5f
            : match.Groups["little"].Success ? 0.25f : 1;
    }

    // Most prompts end here.
    [GeneratedRegex("palette|colou?rs", Options)]
    private static partial Regex Subject();

    [GeneratedRegex(@"(?<![\w-])(?:"
        + $@"(?<none>(?:without|no|not|remove|drop|ignore|(?:do not|don'?t|never) use)\s+(?:{It}|(?:a\s+)?{Palette}))"
        + $@"|(?:with\s+|use\s+|at\s+)?(?:(?<half>half)|(?<percent>\d{{1,3}})\s*(?:%|percent)|(?<little>a (?:little|bit|touch)))"
            + $@"(?:\s+of)?\s+(?:{It}|{Palette})"
        + $@"|(?:{The})?palette\s+(?:(?:at|to|of)\s+)?(?<percent>\d{{1,3}})\s*(?:%|percent)"
        + $@"|(?:(?:in|with|use|using|take|match|apply)\s+){It}"
        + @")(?![\w-])", Options)]
    private static partial Regex Phrase();

    // What is left between and beside the phrases.
    [GeneratedRegex(@"^(?:[\s,;.!&]|\b(?:and|but|with|then|please)\b)+|(?:[\s,;.!&]|\b(?:and|but|with|then|please|in)\b)+$"
        + @"|(?<inner>\s*,(?:\s*,)+\s*)", Options)]
    private static partial Regex Seams();
}
