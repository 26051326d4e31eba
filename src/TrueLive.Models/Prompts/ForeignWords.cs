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
    public static bool Are(IReadOnlyList<string> words, IReadOnlyCollection<string> unknown) =>
        words.Any(w => Small.Contains(w)) || unknown.Any(w => w.Any(c => char.IsLetter(c) && c > 'ɏ'))
        || unknown.Count(w => w.Any(c => c > '\u007f')) * 2 >= Math.Max(1, words.Count);
}
