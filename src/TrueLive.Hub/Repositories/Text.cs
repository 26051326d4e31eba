namespace TrueLive.Hub.Repositories;

/// <summary>Words from a hub, for people: they may hold anything, also what a terminal obeys.</summary>
internal static class Text
{
    private const int Most = 200;

    /// <summary>On one line, bounded, without control characters.</summary>
    public static string Shown(string? text)
    {
        var shown = new string([.. (text ?? "").Select(c => char.IsControl(c) || char.IsSurrogate(c)
            || c is '\u2028' or '\u2029' or (>= '\u202a' and <= '\u202e') ? ' ' : c).Take(Most + 1)]).Trim();
        return shown.Length > Most ? shown[..Most] + "..." : shown;
    }
}
