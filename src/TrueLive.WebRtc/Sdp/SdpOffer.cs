using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Sdp;

/// <summary>An offer of ours, waiting for its answer (RFC 3264 sections 5 and 7, RFC 8829 section 5.2.1).</summary>
public sealed class SdpOffer
{
    private static readonly ExtensionIds OfferedExtensions = new(Mid: 1, TransportSequence: 2, PlayoutDelay: 3, ColourSpace: 4);
    private readonly MediaPreferences _preferences;
    private readonly string _cname = SdpNegotiation.NewCName();
    private readonly (uint Media, uint Rtx) _video = (SdpNegotiation.NewSsrc(), SdpNegotiation.NewSsrc());
    private readonly (uint Media, uint Rtx) _audio = (SdpNegotiation.NewSsrc(), 0);

    /// <summary>Writes an offer for what <paramref name="preferences"/> ask for: <c>setup:actpass</c>, BUNDLE, rtcp-mux.</summary>
    /// <exception cref="SdpException">The preferences ask for nothing.</exception>
    public SdpOffer(MediaPreferences preferences, TransportDescription local)
    {
        _preferences = preferences;
        var direction = (preferences.SendVideo ? MediaDirection.Send : 0) | (preferences.ReceiveVideo ? MediaDirection.Receive : 0);
        var formats = preferences.Codecs.Where(c => c is VideoCodec.H264 or VideoCodec.Vp8).Distinct().Select(Format).ToList();
        var sections = new List<Action<SectionWriting, string, bool>>();
        if (direction != 0 && formats.Count > 0)
        {
            var plan = new VideoPlan
            {
                Mid = "",
                Formats = formats,
                Extensions = OfferedExtensions,
                Feedback = new FeedbackSupport(true, true, true, true),
                ReducedSizeRtcp = true,
                LocalSsrc = _video.Media,
                LocalRtxSsrc = _video.Rtx,
            };
            sections.Add((w, mid, first) => w.Video("UDP/TLS/RTP/SAVPF", plan with { Mid = mid }, direction, first));
        }

        if (direction != 0 && preferences.Audio)
        {
            var ids = OfferedExtensions with { PlayoutDelay = 0, ColourSpace = 0 };
            sections.Add((w, mid, first) => w.Audio("UDP/TLS/RTP/SAVPF",
                new AudioPlan { Mid = mid, PayloadType = 111, Extensions = ids, LocalSsrc = _audio.Media }, direction, true, first));
        }

        if (preferences.DataChannels)
            sections.Add((w, mid, first) => w.Data("UDP/DTLS/SCTP", SectionWriting.Channels, mid, first));

        if (sections.Count == 0)
            throw new SdpException("an offer needs video, audio or data channels");

        var writing = new SectionWriting(local, preferences, "actpass", _cname);
        writing.Session(SdpNegotiation.RandomId(), 1, Enumerable.Range(0, sections.Count).Select(i => $"{i}"));
        for (var i = 0; i < sections.Count; i++)
            sections[i](writing, $"{i}", i == 0);

        Text = writing.Text;
    }

    /// <summary>The offer to send, lines ended by CR LF.</summary>
    public string Text { get; }

    /// <summary>Reads the answer.</summary>
    /// <exception cref="SdpException">The answer is malformed, does not fit the offer, or accepts nothing.</exception>
    public MediaPlan Complete(string answer)
    {
        var session = SdpNegotiation.Parse(answer);
        var ours = SdpNegotiation.Parse(Text);
        if (session.Media.Count != ours.Media.Count)
            throw new SdpException($"the answer has {session.Media.Count} media sections, the offer had {ours.Media.Count}");

        var maker = new PlanMaker(session, _preferences, _cname, before: null);
        MediaDescription? carrier = null;
        for (var i = 0; i < session.Media.Count; i++)
        {
            var section = session.Media[i];
            if (section.Kind != ours.Media[i].Kind)
                throw new SdpException($"section {i} of the answer is {section.Kind}, in the offer it was {ours.Media[i].Kind}");

            if (!SectionReading.IsRejected(section) && maker.Take(section, _ => section.Kind == "video" ? _video : _audio) is not null)
                carrier ??= section;
        }

        if (carrier is null)
            throw new SdpException("the answer accepts no section of the offer");

        var setup = carrier.Attribute("setup") ?? session.Attribute("setup");
        var client = setup switch
        {
            "passive" => true,
            "active" => false,
            _ => throw new SdpException("the answer must say a=setup:active or a=setup:passive"),
        };
        return maker.Finish(SectionReading.Transport(session, carrier), client, carrier.Attribute("mid") ?? "");
    }

    private static VideoFormat Format(VideoCodec codec) => codec == VideoCodec.H264
        ? new VideoFormat(VideoCodec.H264, 102, 103, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
        : new VideoFormat(VideoCodec.Vp8, 96, 97, "");
}
