using System.Globalization;
using System.Security.Cryptography;

namespace TrueLive.WebRtc.Sdp;

/// <summary>
/// Offer/answer (RFC 8829, the subset a media server needs): BUNDLE onto one transport, rtcp-mux, one video section per
/// direction, one Opus section, one data channel section. Everything else in an offer is rejected section by section.
/// </summary>
public static class SdpNegotiation
{
    /// <summary>Answers an offer.</summary>
    /// <param name="offer">The far side's offer.</param>
    /// <param name="preferences">What we want.</param>
    /// <param name="local">Our transport.</param>
    /// <param name="answer">The answer to send back, lines ended by CR LF.</param>
    /// <exception cref="SdpNotAcceptableException">It is well formed, and <see cref="MediaPreferences.Whole"/> cannot be kept.</exception>
    /// <exception cref="SdpException">The offer is malformed or has nothing we can carry.</exception>
    public static MediaPlan Answer(string offer, MediaPreferences preferences, TransportDescription local, out string answer)
    {
        var session = Parse(offer);
        var bundle = BundledMids(session);
        var usable = session.Media.Where(m => !SectionReading.IsRejected(m) && InBundle(m)).ToList();
        if (preferences.Whole)
            WholeOffer.Require(session, usable, preferences);

        if (usable.Count == 0)
            throw new SdpException("the offer has no section that can be used: sections must be part of a=group:BUNDLE");

        var cname = NewCName();
        var plan = new PlanMaker(session, preferences, cname);
        var sections = session.Media.ConvertAll(m => usable.Contains(m) ? plan.Take(m) : null);
        var accepted = session.Media.Where((_, i) => sections[i] is not null).ToList();
        if (accepted.Count == 0)
            throw new SdpException("nothing in the offer can be carried: video must be H264 (baseline to high; packetization-mode 1 to be sent) or VP8, audio opus/48000/2, data UDP/DTLS/SCTP webrtc-datachannel");

        var carrier = accepted[0];
        // An offerer puts its transport in the first bundled section even when that one is not ours to accept.
        var remote = SectionReading.Transport(session, usable.Find(m => m.Attribute("ice-ufrag") is not null) ?? carrier);
        var theirs = carrier.Attribute("setup") ?? session.Attribute("setup") ?? "actpass";
        var client = theirs switch
        {
            "actpass" or "active" => false,
            "passive" => true,
            _ => throw new SdpException($"a=setup:{theirs} cannot be used; send actpass, active or passive"),
        };

        var writing = new SectionWriting(local, preferences, client ? "active" : "passive", cname);
        writing.Session(RandomId(), session.Attribute("group") is null ? [] : accepted.Select(m => m.Attribute("mid") ?? ""));
        for (var i = 0; i < sections.Count; i++)
        {
            if (sections[i] is { } write)
            {
                write(writing, ReferenceEquals(session.Media[i], carrier));
            }
            else
            {
                writing.Rejected(session.Media[i]);
            }
        }

        answer = writing.Text;
        return plan.Finish(remote, client, carrier.Attribute("mid") ?? "");

        bool InBundle(MediaDescription m) =>
            session.Media.Count == 1 || (m.Attribute("mid") is { Length: > 0 } mid && bundle.Contains(mid));
    }

    internal static SessionDescription Parse(string text) =>
        SessionDescription.TryParse(text, out var session, out var error) ? session : throw new SdpException(error);

    internal static HashSet<string> BundledMids(SessionDescription session)
    {
        var group = session.Attributes.Where(a => a.Name == "group" && a.Value.StartsWith("BUNDLE ", StringComparison.Ordinal)).Select(a => a.Value[7..]).FirstOrDefault();
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
