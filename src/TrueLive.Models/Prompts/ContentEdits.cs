using System.Collections.Frozen;

namespace TrueLive.Models.Prompts;

/// <summary>
/// Recognises requests to add, remove or change things in the picture, which no look can serve, and the looks that contradict a text
/// although their words are close to it: vectors of words that are opposites lie near each other.
/// </summary>
internal static class ContentEdits
{
    private static readonly FrozenSet<string> Polite = AdjustmentWords.Set(
        "please can could you would i want to let's now just and then also");

    private static readonly FrozenSet<string> Verbs = AdjustmentWords.Set("""
        add put place insert give remove delete erase replace swap change hide wear dress grow shave attach take move open close cover
        fill zoom rotate flip crop mirror turn transform make draw blur keep
        """);

    // After these the text goes on with what is wanted as a whole.
    private static readonly FrozenSet<string> Whole = AdjustmentWords.Set("""
        it this that everything picture image video stream camera screen frame photo scene me us myself style look all
        """);

    private static readonly FrozenSet<string> Scenes = AdjustmentWords.Set("""
        wearing holding sitting standing riding behind background foreground beside dancing smiling flying
        """);

    private static readonly FrozenSet<string> Things = AdjustmentWords.Set("""
        hair beard moustache mustache glasses sunglasses hat cap crown shirt dress suit tie jacket coat eyes eye lips nose ears ear teeth
        makeup tattoo helmet earrings necklace scarf wig wall walls window lamp sofa couch table chair ceiling floor door bed car dog cat
        horse tree trees hand hands head face skin clothes shoes pants trousers
        """);

    private static readonly FrozenSet<string> Articles = AdjustmentWords.Set("a an the my");

    private static readonly FrozenSet<string> Weather = AdjustmentWords.Set("rain raining snow snowing fly dance smile explode burn move");

    private static readonly FrozenSet<string> Styles = AdjustmentWords.Set("""
        look style effect filter feel vibe painting drawing sketch print cartoon tone grade art
        """);

    private static readonly (FrozenSet<string> Words, string[] Looks)[] Opposites =
    [
        (AdjustmentWords.Set("autumn fall spring summer hot desert tropical sunny sunshine beach fire lava flames jungle harvest blossom"
            + " meadow"), ["winter", "underwater", "night-vision"]),
        (AdjustmentWords.Set("day daylight noon morning sunrise sunny sunshine sky clouds"), ["starry-night", "night-vision"]),
        (AdjustmentWords.Set("ice frozen snow cold winter"), ["thermal"]),
        (AdjustmentWords.Set("modern futuristic future digital"), ["sepia", "film"]),
        (AdjustmentWords.Set("colourful colorful rainbow"), ["noir", "sepia"]),
    ];

    /// <summary>
    /// Whether a clause asks for a change of content. <paramref name="left"/> is what it says of a style, as in "a beard, as a pencil
    /// sketch"; where it describes things in a look that it names ("my dog in watercolour"), that look.
    /// </summary>
    public static bool IsEdit(PromptToken[] clause, Func<string, bool> isLook, out PromptToken[] left)
    {
        left = [];
        var words = clause.Where(t => t.Kind == PromptTokenKind.Word).ToArray();
        var at = 0;
        while (at < words.Length && Polite.Contains(words[at].Text))
            at++;
        var asked = words[at..].Select(w => w.Text).ToArray();
        if (asked.Length == 0)
            return false;
        if (!IsCommand(asked) && !asked.Any(Scenes.Contains))
        {
            if (!asked.Any(Things.Contains) || asked.Any(Styles.Contains))
                return false;
            left = LookOf(words[at..], isLook);
            return left.Length == 0;
        }
        left = Tail(words[at..]);
        return true;
    }

    private static bool IsCommand(string[] asked)
    {
        if (!Verbs.Contains(asked[0]) || asked.Length == 1)
            return false;
        var rest = asked.SkipWhile((w, i) => i == 0 || Articles.Contains(w) || w is "all" or "whole" or "entire").ToArray();
        var whole = rest.Length == 0 || (asked[0] is not ("add" or "put" or "remove" or "hide" or "delete") && Whole.Contains(rest[0]));
        return asked[0] switch
        {
            "make" => !whole || asked.Any(Weather.Contains),
            "turn" or "transform" => !whole,
            "draw" or "keep" => asked.Any(w => w is "on" or "my" or "face"),
            "change" or "swap" => asked[1] is not ("to" or "into") && !whole,
            _ => !whole && !asked.Any(Styles.Contains) || (asked[0] is "put" or "give" && whole && !asked.Any(Styles.Contains)),
        };
    }

    // "... as a pencil sketch", "... in watercolour style"
    private static PromptToken[] Tail(PromptToken[] words)
    {
        var at = Array.FindLastIndex(words, w => w.Text is "as" or "in" or "into");
        return at > 0 && words[at..].Any(w => Styles.Contains(w.Text)) ? words[(at + 1)..] : [];
    }

    // The look at the start or behind a preposition, unless it describes a thing ("gold crown") or is not wanted.
    private static PromptToken[] LookOf(PromptToken[] description, Func<string, bool> isLook)
    {
        var words = description.Where(w => !Articles.Contains(w.Text)).ToArray();
        if (words.Any(w => AdjustmentWords.Negators.Contains(w.Text)))
            return [];
        for (var i = 0; i < words.Length; i++)
        {
            for (var end = words.Length; end > i && (i == 0 || words[i - 1].Text is "in" or "as" or "like"); end--)
            {
                if (isLook(string.Join(' ', words[i..end].Select(w => w.Text)))
                    && (end == words.Length || !Things.Contains(words[end].Text)))
                    return words[i..end];
            }
        }
        return [];
    }

    /// <summary>Whether the words of a text contradict a look that is not named in it.</summary>
    public static bool Contradicts(IReadOnlyList<string> words, string look, IEnumerable<string> anchors) =>
        Opposites.Any(o => o.Looks.Contains(look) && words.Any(o.Words.Contains)) && !anchors.Any(a => a.Split(' ').All(words.Contains));
}
