using System.Globalization;
using System.Text.RegularExpressions;

namespace TrueLive.Models.Prompts;

internal enum PromptTokenKind
{
    Word,

    /// <summary>A percentage, or a number with a sign.</summary>
    Amount,

    /// <summary>The end of a clause.</summary>
    Break,

    Emoji,
}

/// <summary>A part of a prompt's text; words are in lower case.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">As it was written, but in lower case and with straight apostrophes.</param>
/// <param name="Share">Of an amount: 0.2 for 20 %.</param>
internal readonly partial record struct PromptToken(PromptTokenKind Kind, string Text, float Share = 0)
{
    /// <summary>Whether the amount has a sign of its own.</summary>
    public bool Signed => Kind == PromptTokenKind.Amount && Text[0] is '+' or '-';

    /// <summary>The clauses of a text: runs of tokens without breaks, of which none is empty.</summary>
    public static List<PromptToken[]> Clauses(string text)
    {
        var clauses = new List<PromptToken[]>();
        var clause = new List<PromptToken>();
        foreach (Match match in Pattern().Matches(text.Replace('’', '\'').ToLowerInvariant()))
        {
            var token = Of(match);
            if (token.Kind != PromptTokenKind.Break)
            {
                clause.Add(token);
                continue;
            }
            if (clause.Count > 0)
                clauses.Add([.. clause]);
            clause.Clear();
        }
        if (clause.Count > 0)
            clauses.Add([.. clause]);
        return clauses;
    }

    private static PromptToken Of(Match match)
    {
        if (match.Groups["amount"] is { Success: true } amount)
        {
            var number = amount.Value.Replace(',', '.');
            return new(PromptTokenKind.Amount, match.Value, float.Parse(number, NumberStyles.Float, CultureInfo.InvariantCulture) / 100);
        }
        return match.Groups["word"].Success
            ? new(match.Value == "but" ? PromptTokenKind.Break : PromptTokenKind.Word, match.Value)
            : new(match.Groups["emoji"].Success ? PromptTokenKind.Emoji : PromptTokenKind.Break, match.Value);
    }

    // Words as LookMatcher reads them. Pictographs are surrogates or symbols, and may go on with joiners and selectors.
    // Amounts are in ASCII digits, which are the ones that float.Parse reads; other digits are words.
    [GeneratedRegex(@"(?<amount>[+-]?[0-9]{1,6}(?:[.,][0-9]{1,3})?)\s?(?:%|percent\b)|(?<amount>(?<!\w)[+-][0-9]{1,6})\b"
        + @"|(?<word>[^\W_]+(?:[-'][^\W_]+)*)|(?<emoji>[\p{Cs}\p{So}\u200d\ufe0f\u20e3]+)|(?<break>[,;.!?:/|\r\n])",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Pattern();
}
