using System.Globalization;
using System.Security.Cryptography;

namespace TrueLive.WebRtc.Sdp;

/// <summary>Offer and answer (RFC 3264), and what both sides of it share.</summary>
public static class SdpNegotiation
{
    /// <summary>Answers an offer that is the first of its far side, as <see cref="SdpAnswerer"/> does.</summary>
    /// <exception cref="SdpNotAcceptableException">It is well formed, and <see cref="MediaPreferences.Whole"/> cannot be kept.</exception>
    /// <exception cref="SdpException">The offer is malformed or has nothing we can carry.</exception>
    public static MediaPlan Answer(string offer, MediaPreferences preferences, TransportDescription local, out string answer) =>
        new SdpAnswerer(preferences).Answer(offer, _ => local, out answer);

    internal static SessionDescription Parse(string text) =>
        SessionDescription.TryParse(text, out var session, out var error) ? session : throw new SdpException(error);

    internal static HashSet<string> BundledMids(SessionDescription session)
    {
        var group = session.Attributes.Where(a => a.Name == "group" && a.Value.StartsWith("BUNDLE ", StringComparison.Ordinal))
            .Select(a => a.Value[7..]).FirstOrDefault();
        return [.. (group ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)];
    }

    internal static ulong RandomId()
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>RFC 7022 section 4.2: a short-term persistent name of random bits.</summary>
    internal static string NewCName() => RandomId().ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>RFC 3550 section 8: random, and never 0, which some stacks take for "none".</summary>
    internal static uint NewSsrc() => (uint)RandomNumberGenerator.GetInt32(1, int.MaxValue);
}
