using System.Globalization;

namespace TrueLive.Models.Prompts;

/// <summary>A part of a prompt and its weight.</summary>
internal readonly record struct PromptPart(string Text, float Weight, bool Weighted);

/// <summary>
/// The written form of a prompt: free text, and parts in brackets with a weight, as in <c>(ink:0.6) (neon:0.4)</c>, <c>(pencil)</c>
/// or <c>van gogh (noir:-0.3)</c>. Weights are clamped to -2..2. A bracket that does not close, or a weight that is not a number, is
/// read as plain text.
/// </summary>
internal static class PromptSyntax
{
    public static List<PromptPart> Split(string text)
    {
        var parts = new List<PromptPart>();
        var plain = new System.Text.StringBuilder();
        var at = 0;
        while (at < text.Length)
        {
            var open = text.IndexOf('(', at);
            var close = open < 0 ? -1 : text.IndexOf(')', open);
            if (close < 0)
            {
                plain.Append(text.AsSpan(at));
                break;
            }
            plain.Append(text.AsSpan(at, open - at)).Append(' ');
            var inside = text[(open + 1)..close];
            var colon = inside.LastIndexOf(':');
            if (colon > 0 && float.TryParse(inside.AsSpan(colon + 1).Trim(), NumberStyles.Float, CultureInfo.InvariantCulture,
                out var weight) && float.IsFinite(weight))
                parts.Add(new PromptPart(inside[..colon].Trim(), Math.Clamp(weight, -2, 2), true));
            else if (inside.Trim().Length > 0)
                parts.Add(new PromptPart(inside.Trim(), 1, true));
            at = close + 1;
        }
        var free = plain.ToString().Trim(' ', ',', ';', '\t', '\n', '\r');
        if (free.Length > 0)
            parts.Insert(0, new PromptPart(free, 1, parts.Count > 0));
        return parts;
    }
}
