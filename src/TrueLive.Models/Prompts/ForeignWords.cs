using System.Collections.Frozen;

namespace TrueLive.Models.Prompts;

/// <summary>Tells texts that are not in English: by their script, or by small words that English does not have.</summary>
internal static class ForeignWords
{
    private static readonly FrozenSet<string> Small = AdjustmentWords.Set("""
        der das ein eine einen einer und mit wie ohne mehr weniger bitte nicht auf für
        le les une des du avec sans pour et est comme moins très
        el una más menos como muy sin para por del
        il gli uno più meno molto senza della
        os uma com sem mais muito
        een het zonder meer minder de
        """);

    /// <summary>Whether a text is not in English.</summary>
    /// <param name="words">All of its words.</param>
    /// <param name="unknown">Those that the model does not know.</param>
    /// <param name="named">Whether one of them names a look.</param>
    public static bool Are(IReadOnlyList<string> words, IReadOnlyCollection<string> unknown, bool named) =>
        HasSmall(words, unknown, named) || unknown.Any(w => w.Any(c => char.IsLetter(c) && c > 'ɏ'))
        || unknown.Count(w => w.Any(c => char.IsLetter(c) && c > '\u007f')) * 2 >= Math.Max(1, words.Count);

    // One small word may be part of the name of a person or an English word as well ("sin city").
    private static bool HasSmall(IReadOnlyList<string> words, IReadOnlyCollection<string> unknown, bool named)
    {
        var small = words.Count(Small.Contains);
        if (small == 0 || (small == 1 && named))
            return false;
        var strange = unknown.Count(w => !Small.Contains(w));
        return words.Count - small - strange <= strange + 2 * (small - 1);
    }
}
