namespace TrueLive.WebRtc.Sdp;

/// <summary>
/// Answers the offers of one far side, one after the other (RFC 8829, the subset a media server needs): BUNDLE onto one transport,
/// rtcp-mux, one video and one Opus section for each direction, one data channel section. Everything else in an offer is answered as
/// inactive where we know the coding, and rejected where not. What was said once stays: session, names, streams and DTLS role; a section
/// that is in use stays in use as long as the far side offers it. Not thread-safe.
/// </summary>
public sealed class SdpAnswerer
{
    private readonly MediaPreferences _preferences;
    private readonly ulong _session = SdpNegotiation.RandomId();
    private readonly string _cname = SdpNegotiation.NewCName();
    private readonly Dictionary<(string Mid, byte PayloadType), (uint Media, uint Rtx)> _streams = [];
    private MediaPlan? _plan;
    private int _version;

    /// <summary>An answerer that wants the same of each offer.</summary>
    public SdpAnswerer(MediaPreferences preferences) => _preferences = preferences;

    /// <summary>Answers an offer. One that is refused changes nothing.</summary>
    /// <param name="offer">The far side's offer.</param>
    /// <param name="local">Our transport, for the far side's.</param>
    /// <param name="answer">The answer to send back, lines ended by CR LF.</param>
    /// <exception cref="SdpNotAcceptableException">It is well formed, and <see cref="MediaPreferences.Whole"/> cannot be kept.</exception>
    /// <exception cref="SdpException">The offer is malformed, has nothing we can carry, or is another certificate's.</exception>
    public MediaPlan Answer(string offer, Func<TransportDescription, TransportDescription> local, out string answer)
    {
        var session = SdpNegotiation.Parse(offer);
        var bundle = SdpNegotiation.BundledMids(session);
        var usable = session.Media.Where(m => !SectionReading.IsRejected(m) && InBundle(m)).ToList();
        if (_preferences.Whole)
            WholeOffer.Require(session, usable, _preferences);
        if (usable.Count == 0)
            throw new SdpException("the offer has no section that can be used: sections must be part of a=group:BUNDLE");

        var maker = new PlanMaker(session, _preferences, _cname, _plan);
        var writes = usable.ToDictionary(m => m, m => maker.Take(m, payloadType => StreamsOf(m, payloadType)));
        var accepted = usable.FindAll(m => writes[m] is not null);
        if (accepted.Count == 0)
        {
            throw new SdpException(
                "nothing in the offer can be carried: video must be H264 (baseline to high; packetization-mode 1 to be sent) or VP8, "
                + "audio opus/48000/2, data UDP/DTLS/SCTP webrtc-datachannel");
        }

        var carrier = accepted[0];
        // An offerer puts its transport in the first bundled section even when that one is not ours to accept.
        var remote = SectionReading.Transport(session, usable.Find(m => m.Attribute("ice-ufrag") is not null) ?? carrier);
        if (_plan is { } before && !remote.Fingerprint.Equals(before.Remote.Fingerprint, StringComparison.OrdinalIgnoreCase))
            throw new SdpException("a=fingerprint is another than before: a new certificate needs a new connection");

        var client = _plan?.DtlsClient ?? IsClient(carrier.Attribute("setup") ?? session.Attribute("setup") ?? "actpass");
        var writing = new SectionWriting(local(remote), _preferences, client ? "active" : "passive", _cname);
        writing.Session(_session, ++_version, session.Attribute("group") is null ? [] : accepted.Select(m => m.Attribute("mid") ?? ""));
        foreach (var section in session.Media)
        {
            if (writes.GetValueOrDefault(section) is { } write)
                write(writing, ReferenceEquals(section, carrier));
            else
                writing.Rejected(section);
        }

        answer = writing.Text;
        return _plan = maker.Finish(remote, client, carrier.Attribute("mid") ?? "");

        bool InBundle(MediaDescription m) =>
            session.Media.Count == 1 || (m.Attribute("mid") is { Length: > 0 } mid && bundle.Contains(mid));
    }

    // Another coding is another stream: sequence numbers and keys of SRTP go with the number of the stream.
    private (uint Media, uint Rtx) StreamsOf(MediaDescription section, byte payloadType)
    {
        var key = (section.Attribute("mid") ?? "", payloadType);
        if (!_streams.TryGetValue(key, out var streams))
            _streams[key] = streams = (SdpNegotiation.NewSsrc(), SdpNegotiation.NewSsrc());
        return streams;
    }

    private static bool IsClient(string theirs) => theirs switch
    {
        "actpass" or "active" => false,
        "passive" => true,
        _ => throw new SdpException($"a=setup:{theirs} cannot be used; send actpass, active or passive"),
    };
}
