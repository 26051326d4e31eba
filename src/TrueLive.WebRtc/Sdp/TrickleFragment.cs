using System.Diagnostics.CodeAnalysis;

namespace TrueLive.WebRtc.Sdp;

/// <summary>
/// A fragment that a client sends after its offer: further candidates, or new credentials for an ICE restart (RFC 8840 section 9, RFC 9725
/// section 4.3). Lines of no use here are passed over.
/// </summary>
/// <param name="Ufrag">ICE user fragment; null when not named.</param>
/// <param name="Password">ICE password; null when not named.</param>
/// <param name="Candidates">Attribute values as they came, for ICE to read; at most <see cref="MaxCandidates"/>.</param>
public sealed record TrickleFragment(string? Ufrag, string? Password, IReadOnlyList<string> Candidates)
{
    /// <summary>Candidates that are read, as many as a description may have.</summary>
    public const int MaxCandidates = 64;

    private const int MaxLength = 128 * 1024;

    /// <summary>Reads a fragment. False when it is too long or its credentials are not of the length of RFC 8839 section 5.4.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out TrickleFragment? fragment)
    {
        fragment = null;
        if (text.Length > MaxLength)
            return false;
        string? ufrag = null, password = null;
        var candidates = new List<string>();
        foreach (var raw in text.EnumerateLines())
        {
            var line = raw.Trim();
            if (line.StartsWith("a=ice-ufrag:"))
            {
                if (line["a=ice-ufrag:".Length..] is not { Length: >= 4 and <= 256 } value)
                    return false;
                ufrag = value.ToString();
            }
            else if (line.StartsWith("a=ice-pwd:"))
            {
                if (line["a=ice-pwd:".Length..] is not { Length: >= 22 and <= 256 } value)
                    return false;
                password = value.ToString();
            }
            else if (line.StartsWith("a=candidate:") && candidates.Count < MaxCandidates)
            {
                candidates.Add(line["a=".Length..].ToString());
            }
        }
        fragment = new TrickleFragment(ufrag, password, candidates);
        return true;
    }
}
