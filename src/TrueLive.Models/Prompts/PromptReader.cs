using System.Collections.Frozen;
using System.Text.RegularExpressions;
using TrueLive.Core.Models;

namespace TrueLive.Models.Prompts;

/// <summary>
/// Reads a prompt: adjustments, what is not wanted, requests for other content, and the looks of the rest. What cannot be served is said in
/// the note, and a look is applied only if its score is high enough; else the nearest one is named.
/// </summary>
internal sealed partial class PromptReader(LookMatcher matcher)
{
    // A question is no description, unless it names a look.
    private const double KnownInQuestions = 0.9;

    // From this score on a look that is not wanted is left out.
    private const double Named = 0.75;

    // A look below this score is too far away to be named.
    private const double Near = 0.57;

    private static readonly FrozenSet<string> Negators = AdjustmentWords.Set("not no without don't dont never avoid isn't remove");

    private static readonly FrozenSet<string> Nothing = AdjustmentWords.Set("""
        filter filters effect effects style styles change changes look looks thanks thank prompt
        """);

    private static readonly FrozenSet<string> Questions = AdjustmentWords.Set("what who why when how where which");

    private static readonly FrozenSet<string> Colours = AdjustmentWords.Set("red green blue yellow orange brown black white gray grey");

    private static readonly FrozenSet<string> Keep = AdjustmentWords.Set(
        "leave keep original unchanged untouched natural normal reset undo stop off clear none nothing disable switch");

    // Of prompts for other programs.
    private static readonly FrozenSet<string> Tags = new[]
    {
        "masterpiece", "best quality", "high quality", "highly detailed", "detailed", "8k", "4k", "hd", "uhd", "1girl", "1boy", "solo",
        "cinematic lighting", "sharp focus", "trending on artstation", "intricate details", "realistic",
    }.ToFrozenSet();

    public PromptReading Read(string text)
    {
        var read = new PromptFindings(matcher.NoWeights());
        var parts = PromptSyntax.Split(text.Length > Prompt.MaxLength ? text[..Prompt.MaxLength] : text);
        foreach (var part in parts)
            Read(part, read);
        var (style, looks) = matcher.Blend(read.Weights);
        if (parts.Count == 0)
            return new PromptReading(true, 1, looks, [], style, null);
        return new PromptReading(read.Understood, (float)Math.Clamp(read.Confidence, 0, 1), looks,
            [.. read.Unknown.Distinct()], style, read.Note()) { Adjustments = read.Adjustments };
    }

    private void Read(PromptPart part, PromptFindings read)
    {
        var clauses = PromptToken.Clauses(Phrases(part.Text));
        if (clauses.Any(c => !Tags.Contains(Joined(c))))
            clauses.RemoveAll(c => Tags.Contains(Joined(c)));
        var rest = new List<string>();
        var left = new HashSet<string>();
        var words = clauses.SelectMany(c => c).Where(t => t.Kind == PromptTokenKind.Word).Select(t => t.Text).ToArray();
        if (ForeignWords.Are(words, [.. words.Where(w => !matcher.IsNamed(w) && !matcher.Knows(w))], words.Any(matcher.IsNamed)))
        {
            read.Foreign = true;
            return;
        }
        foreach (var clause in clauses)
        {
            read.Emoji.AddRange(clause.Where(t => t.Kind == PromptTokenKind.Emoji).Select(t => t.Text));
            Read([.. clause.Where(t => t.Kind != PromptTokenKind.Emoji)], part.Weight, read, rest, left);
        }
        if (matcher.Tokens(string.Join(' ', rest)).Count > 0)
            Match(rest, left, part.Weight, read);
    }

    private void Read(PromptToken[] clause, float weight, PromptFindings read, List<string> rest, HashSet<string> left)
    {
        if (matcher.IsNamed(Joined(clause)))
        {
            rest.AddRange(Words(clause));
            return;
        }
        var grammar = new AdjustmentGrammar(clause).Read();
        var asked = grammar.Found.Count + grammar.Refused.Count > 0;
        var whole = asked && IsFilling(grammar.Rest);
        var words = Words(grammar.Rest).ToList();
        var look = Trimmed(words);
        var named = matcher.IsNamed(string.Join(' ', look)) || (look.Count > 0 && look.TrueForAll(matcher.IsNamed));
        PromptToken[] style = [];
        if (!whole && !named && !IsKept(words) && ContentEdits.IsEdit(clause, matcher.IsNamed, out style))
        {
            read.Edit = true;
            rest.AddRange(Words(style));
            return;
        }
        read.Add(grammar.Found, grammar.Refused, weight);
        if (whole)
            return;
        if (named || style.Length > 0)
        {
            rest.AddRange(named ? look : Words(style));
            return;
        }
        var not = words.FindIndex(Negators.Contains);
        if (not < 0)
        {
            rest.AddRange(words);
            return;
        }
        rest.AddRange(words[..not]);
        LeaveOut(words[(not + 1)..], read, left);
    }

    private void LeaveOut(List<string> words, PromptFindings read, HashSet<string> left)
    {
        var phrase = matcher.Tokens(string.Join(' ', words.Where(w => !Negators.Contains(w))));
        if (phrase.Count == 0 || phrase.All(Nothing.Contains))
        {
            read.Keep();
            return;
        }
        if (!matcher.Score(string.Join(' ', phrase), out var scores, []) || scores.Max() < Named)
        {
            read.NotLeftOut.Add(string.Join(' ', phrase));
            return;
        }
        read.Confidence = Math.Max(read.Confidence, scores.Max());
        for (var i = 0; i < scores.Length; i++)
        {
            if (scores[i] >= Named && left.Add(matcher.Id(i)))
                read.LeftOut.Add(matcher.Id(i));
        }
    }

    private void Match(List<string> words, HashSet<string> left, float weight, PromptFindings read)
    {
        var text = string.Join(' ', words);
        if (IsKept(words))
        {
            read.Keep();
            return;
        }
        if (!matcher.Score(text, out var scores, read.Unknown))
            return;
        for (var i = 0; i < scores.Length; i++)
        {
            if (left.Contains(matcher.Id(i)) || ContentEdits.Contradicts(words, matcher.Id(i), matcher.Anchors(i)))
                scores[i] = 0;
        }
        var top = scores.Max();
        var best = Array.IndexOf(scores, top);
        read.Confidence = Math.Max(read.Confidence, top);
        if (top < (Questions.Contains(words[0]) ? KnownInQuestions : matcher.Known) || (!matcher.IsNamed(text) && IsAdjective(words, best)))
        {
            if (top >= Near && matcher.Id(best) != "identity")
                read.Nearest ??= matcher.Id(best);
            return;
        }
        read.Looks = true;
        matcher.Weigh(scores, weight, read.Weights);
    }

    // Whether only words such as "bright" or "red" speak for a look; they would say the same of any picture.
    private bool IsAdjective(List<string> words, int look)
    {
        var others = words.FindAll(w => !Colours.Contains(w)
            && (!AdjustmentWords.Targets.TryGetValue(w, out var t) || t.Form != AdjustmentForm.Adjective));
        return others.Count < words.Count && (!matcher.Score(string.Join(' ', others), out var scores, [])
            || scores[look] < matcher.Known - 0.06);
    }

    // "Turn off the effect"
    private static bool IsKept(List<string> words) => words.Exists(Keep.Contains)
        && words.TrueForAll(w => Keep.Contains(w) || Nothing.Contains(w) || AdjustmentWords.Glue.Contains(w));

    // Without what surrounds the name of a look in a plain request, as in "turn it into ink please" or "make a sketch of my dog".
    private static List<string> Trimmed(List<string> words)
    {
        var first = words.FindIndex(w => w is not "into" && !AdjustmentWords.Glue.Contains(w));
        if (first < 0)
            return [];
        var of = words[0] is "make" or "give" ? words.IndexOf("of", first) : -1;
        return words[first..(of < 0 ? words.FindLastIndex(w => !AdjustmentWords.Glue.Contains(w)) + 1 : of)];
    }

    private static bool IsFilling(PromptToken[] tokens) => tokens.All(t => t.Kind != PromptTokenKind.Word
        || AdjustmentWords.Glue.Contains(t.Text) || AdjustmentWords.Degrees.ContainsKey(t.Text) || t.Text is "and" or "then" or "also");

    private static string Joined(PromptToken[] clause) => string.Join(' ', Words(clause));

    private static IEnumerable<string> Words(PromptToken[] tokens) =>
        tokens.Where(t => t.Kind == PromptTokenKind.Word).Select(t => t.Text);

    private static string Phrases(string text) => Negation().Replace(text, " not ");

    [GeneratedRegex(@"\b(?:anything but|(?:the )?opposite of|other than|instead of|rather than|do not|nothing like|without any)\b",
        RegexOptions.IgnoreCase)]
    private static partial Regex Negation();
}
