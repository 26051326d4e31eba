using System.Globalization;

namespace TrueLive.WebRtc.Sdp;

/// <summary>Decides for each section of the far side's description how it is used, and builds the plan.</summary>
internal sealed class PlanMaker(SessionDescription session, MediaPreferences preferences, string cname, MediaPlan? before)
{
    private VideoPlan? _receive;
    private VideoPlan? _send;
    private AudioPlan? _receiveAudio;
    private AudioPlan? _sendAudio;
    private DataPlan? _data;

    internal delegate void Write(SectionWriting writing, bool carriesCandidates);

    /// <summary>Takes a section into the plan. Null: cannot be carried, reject it.</summary>
    /// <param name="section">The far side's section.</param>
    /// <param name="streams">Our streams for a section of this first payload type, when they have been named already.</param>
    /// <exception cref="SdpException">An RTP section without rtcp-mux.</exception>
    internal Write? Take(MediaDescription section, Func<byte, (uint Media, uint Rtx)>? streams = null)
    {
        switch (section.Kind)
        {
            case "video" when IsRtp(section):
                return TakeVideo(section, streams ?? NewStreams);
            case "audio" when IsRtp(section):
                return TakeAudio(section, streams ?? NewStreams);
            case "application" when preferences.DataChannels && _data is null && CarriesChannels(section):
                return TakeData(section);
            default:
                return null;
        }
    }

    internal MediaPlan Finish(TransportDescription remote, bool dtlsClient, string transportMid) => new()
    {
        Remote = remote,
        DtlsClient = dtlsClient,
        TransportMid = transportMid,
        ReceiveVideo = _receive,
        SendVideo = _send,
        ReceiveAudio = _receiveAudio,
        SendAudio = _sendAudio,
        Data = _data,
        CName = cname,
    };

    private Write? TakeVideo(MediaDescription section, Func<byte, (uint Media, uint Rtx)> streams)
    {
        var formats = SectionReading.VideoFormats(section, preferences.Codecs);
        if (formats.Count == 0)
            return null;

        RequireMux(section);
        var theirs = SectionReading.Direction(session, section);
        var receives = preferences.ReceiveVideo && _receive is null && theirs.HasFlag(MediaDirection.Send)
            && IsFree(before?.ReceiveVideo?.Mid, section, MediaDirection.Send);
        // RFC 6184 section 6.2: single NAL unit mode has no fragments, and our encoder makes slices larger than a packet. We can only
        // receive it.
        var fragments = formats[0].PacketizationMode == 1;
        var sends = preferences.SendVideo && _send is null && theirs.HasFlag(MediaDirection.Receive) && fragments
            && IsFree(before?.SendVideo?.Mid, section, MediaDirection.Receive);
        if (!receives && !fragments)
            return null;

        var (media, rtx) = streams(formats[0].PayloadType);
        var plan = new VideoPlan
        {
            Mid = section.Attribute("mid") ?? "",
            Formats = formats,
            Extensions = SectionReading.Extensions(session, section),
            Feedback = SectionReading.Feedback(section, formats[0].PayloadType),
            ReducedSizeRtcp = section.Attribute("rtcp-rsize") is not null,
            Layer = receives ? SectionReading.Layer(section, preferences.Layers) : null,
            LocalSsrc = media,
            LocalRtxSsrc = rtx,
        };
        _receive = receives ? plan : _receive;
        _send = sends ? plan : _send;
        var ours = (sends ? MediaDirection.Send : 0) | (receives ? MediaDirection.Receive : 0);
        return (writing, candidates) => writing.Video(section.Protocol, plan, ours, candidates);
    }

    private Write? TakeAudio(MediaDescription section, Func<byte, (uint Media, uint Rtx)> streams)
    {
        if (SectionReading.Opus(section) is not { } opus)
            return null;

        RequireMux(section);
        var theirs = SectionReading.Direction(session, section);
        var receives = preferences.Audio && preferences.ReceiveVideo && _receiveAudio is null && theirs.HasFlag(MediaDirection.Send)
            && IsFree(before?.ReceiveAudio?.Mid, section, MediaDirection.Send);
        var sends = preferences.Audio && preferences.SendVideo && _sendAudio is null && theirs.HasFlag(MediaDirection.Receive)
            && IsFree(before?.SendAudio?.Mid, section, MediaDirection.Receive);
        var plan = new AudioPlan
        {
            Mid = section.Attribute("mid") ?? "",
            PayloadType = opus,
            Extensions = SectionReading.Extensions(session, section) with { PlayoutDelay = 0, ColourSpace = 0, Rid = 0, RepairedRid = 0 },
            LocalSsrc = streams(opus).Media,
        };
        _receiveAudio = receives ? plan : _receiveAudio;
        _sendAudio = sends ? plan : _sendAudio;
        var ours = (sends ? MediaDirection.Send : 0) | (receives ? MediaDirection.Receive : 0);
        var reducedSize = section.Attribute("rtcp-rsize") is not null;
        return (writing, candidates) => writing.Audio(section.Protocol, plan, ours, reducedSize, candidates);
    }

    // What a section in use carries does not move to one that came later and stands before it, as long as the far side offers it there.
    private bool IsFree(string? usedBy, MediaDescription section, MediaDirection theirs) =>
        usedBy is null || usedBy == section.Attribute("mid")
        || !session.Media.Exists(m => m.Attribute("mid") == usedBy && !SectionReading.IsRejected(m)
            && SectionReading.Direction(session, m).HasFlag(theirs));

    private static (uint Media, uint Rtx) NewStreams(byte payloadType) => (SdpNegotiation.NewSsrc(), SdpNegotiation.NewSsrc());

    private Write TakeData(MediaDescription section)
    {
        // RFC 8841 sections 5.1 and 6.1: without the attributes the port is 5000 and the limit 64 KiB.
        var port = int.TryParse(section.Attribute("sctp-port") ?? section.Formats[0], NumberStyles.None, CultureInfo.InvariantCulture,
            out var p) && p is > 0 and <= 65535 ? p : 5000;
        var limit = long.TryParse(section.Attribute("max-message-size"), NumberStyles.None, CultureInfo.InvariantCulture, out var s)
            ? s
            : 65536;
        var mid = section.Attribute("mid") ?? "";
        _data = new DataPlan(mid, port, limit);
        return (writing, candidates) => writing.Data(section.Protocol, section.Formats[0], mid, candidates);
    }

    // The form before RFC 8841 (draft-ietf-mmusic-sctp-sdp-05), which aiortc still offers, names the SCTP port where the format stands now.
    private static bool CarriesChannels(MediaDescription section) => section.Formats[0] == SectionWriting.Channels
        ? section.Protocol.EndsWith("DTLS/SCTP", StringComparison.Ordinal)
        : section.Protocol == "DTLS/SCTP" && section.Attribute("sctpmap")?.StartsWith($"{section.Formats[0]} {SectionWriting.Channels}",
            StringComparison.Ordinal) == true;

    private static bool IsRtp(MediaDescription section) =>
        section.Protocol is "UDP/TLS/RTP/SAVPF" or "TCP/TLS/RTP/SAVPF" or "RTP/SAVPF" or "DTLS/RTP/SAVPF";

    private static void RequireMux(MediaDescription section)
    {
        if (section.Attribute("rtcp-mux") is null)
            throw new SdpException($"the {section.Kind} section has no a=rtcp-mux; RTP and RTCP must share one port");
    }
}
