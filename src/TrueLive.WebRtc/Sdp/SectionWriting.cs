using System.Globalization;
using System.Text;
using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Sdp;

/// <summary>Writes the parts that our offers and answers share.</summary>
internal sealed class SectionWriting(TransportDescription local, MediaPreferences preferences, string setup, string cname)
{
    /// <summary>The format of a section of data channels (RFC 8841).</summary>
    internal const string Channels = "webrtc-datachannel";

    private readonly StringBuilder _text = new();
    private readonly SentMedia _sent = preferences.Sent ?? new SentMedia(cname, $"{cname}-video", $"{cname}-audio");

    internal string Text => _text.ToString();

    internal void Session(ulong id, int version, IEnumerable<string> bundled)
    {
        Line($"v=0");
        Line($"o=- {id & long.MaxValue} {version} IN IP4 0.0.0.0");
        Line($"s=-");
        Line($"t=0 0");
        var mids = string.Join(' ', bundled);
        if (mids.Length > 0)
            Line($"a=group:BUNDLE {mids}");

        Line($"a=extmap-allow-mixed");
        Line($"a=msid-semantic: WMS *");
        if (local.IceLite)
            Line($"a=ice-lite");
    }

    internal void Rejected(MediaDescription section)
    {
        Line($"m={section.Kind} 0 {section.Protocol} {string.Join(' ', section.Formats)}");
        Line($"c=IN IP4 0.0.0.0");
        if (section.Attribute("mid") is { } mid)
            Line($"a=mid:{mid}");

        Line($"a=inactive");
    }

    internal void Video(string protocol, VideoPlan plan, MediaDirection direction, bool carriesCandidates)
    {
        var payloadTypes = plan.Formats.SelectMany(f => f.RtxPayloadType is { } rtx ? new[] { f.PayloadType, rtx } : [f.PayloadType]);
        Header("video", protocol, string.Join(' ', payloadTypes), plan.Mid, carriesCandidates);
        Rtp(plan.Extensions, direction, plan.ReducedSizeRtcp);
        foreach (var format in plan.Formats)
        {
            var name = format.Codec == VideoCodec.H264 ? "H264" : "VP8";
            Line($"a=rtpmap:{format.PayloadType} {name}/90000");
            Feedback(format.PayloadType, plan.Feedback);
            var parameters = format.Codec == VideoCodec.H264
                ? $"level-asymmetry-allowed=1;packetization-mode={format.PacketizationMode};profile-level-id={SectionReading.Parameter(format.Fmtp, "profile-level-id") ?? "420010"}"
                : "";
            if (preferences.StartBitrate > 0)
                parameters += (parameters.Length > 0 ? ";" : "")
                    + string.Create(CultureInfo.InvariantCulture, $"x-google-start-bitrate={preferences.StartBitrate / 1000}");

            if (parameters.Length > 0)
                Line($"a=fmtp:{format.PayloadType} {parameters}");

            if (format.RtxPayloadType is { } rtx)
            {
                Line($"a=rtpmap:{rtx} rtx/90000");
                Line($"a=fmtp:{rtx} apt={format.PayloadType}");
            }
        }

        if (direction.HasFlag(MediaDirection.Receive) && plan.Layer is { } layer)
        {
            // Without it Chromium keeps the first layer, which may be the smallest; with it, it codes this one alone.
            Line($"a=rid:{layer} recv");
            Line($"a=simulcast:recv {layer}");
        }

        if (direction.HasFlag(MediaDirection.Send))
        {
            Line($"a=msid:{_sent.Stream} {_sent.VideoTrack}");
            if (plan.Formats.Any(f => f.RtxPayloadType is not null))
            {
                Line($"a=ssrc-group:FID {plan.LocalSsrc} {plan.LocalRtxSsrc}");
                Line($"a=ssrc:{plan.LocalSsrc} cname:{cname}");
                Line($"a=ssrc:{plan.LocalRtxSsrc} cname:{cname}");
            }
            else
            {
                Line($"a=ssrc:{plan.LocalSsrc} cname:{cname}");
            }
        }
    }

    internal void Audio(string protocol, AudioPlan plan, MediaDirection direction, bool reducedSize, bool carriesCandidates)
    {
        Header("audio", protocol, plan.PayloadType.ToString(CultureInfo.InvariantCulture), plan.Mid, carriesCandidates);
        Rtp(plan.Extensions, direction, reducedSize);
        Line($"a=rtpmap:{plan.PayloadType} opus/48000/2");
        if (plan.Extensions.TransportSequence != 0)
            Line($"a=rtcp-fb:{plan.PayloadType} transport-cc");

        Line($"a=fmtp:{plan.PayloadType} minptime=10;useinbandfec=1");
        if (direction.HasFlag(MediaDirection.Send))
        {
            Line($"a=msid:{_sent.Stream} {_sent.AudioTrack}");
            Line($"a=ssrc:{plan.LocalSsrc} cname:{cname}");
        }
    }

    internal void Data(string protocol, string format, string mid, bool carriesCandidates)
    {
        var modern = format == Channels;
        Header("application", protocol, modern ? format : "5000", mid, carriesCandidates);
        if (modern)
        {
            Line($"a=sctp-port:5000");
        }
        else
        {
            Line($"a=sctpmap:5000 {Channels} 65535");
        }

        Line($"a=max-message-size:262144");
    }

    private void Header(string kind, string protocol, string formats, string mid, bool carriesCandidates)
    {
        Line($"m={kind} 9 {protocol} {formats}");
        Line($"c=IN IP4 0.0.0.0");
        if (kind != "application")
            Line($"a=rtcp:9 IN IP4 0.0.0.0");

        // RFC 8843 section 7.1.1: candidates stand in the section that carries the bundle; ufrag and fingerprint stand in all, which old
        // clients need.
        if (carriesCandidates)
        {
            foreach (var candidate in local.Candidates)
                Line($"a={candidate}");

            if (local.EndOfCandidates)
                Line($"a=end-of-candidates");
        }

        Line($"a=ice-ufrag:{local.IceUfrag}");
        Line($"a=ice-pwd:{local.IcePassword}");
        Line($"a=ice-options:trickle");
        Line($"a=fingerprint:{local.Fingerprint}");
        Line($"a=setup:{setup}");
        if (mid.Length > 0)
            Line($"a=mid:{mid}");
    }

    private void Rtp(ExtensionIds ids, MediaDirection direction, bool reducedSize)
    {
        Extension(ids.Mid, SectionReading.MidUri);
        Extension(ids.TransportSequence, SectionReading.TransportSequenceUri);
        Extension(ids.PlayoutDelay, SectionReading.PlayoutDelayUri);
        Extension(ids.ColourSpace, SectionReading.ColourSpaceUri);
        Extension(ids.Rid, SectionReading.RidUri);
        Extension(ids.RepairedRid, SectionReading.RepairedRidUri);
        Line($"a={direction switch { MediaDirection.Both => "sendrecv", MediaDirection.Send => "sendonly", MediaDirection.Receive => "recvonly", _ => "inactive" }}");
        Line($"a=rtcp-mux");
        if (reducedSize)
            Line($"a=rtcp-rsize");
    }

    private void Feedback(byte payloadType, FeedbackSupport feedback)
    {
        if (feedback.TransportCc)
            Line($"a=rtcp-fb:{payloadType} transport-cc");

        if (feedback.Fir)
            Line($"a=rtcp-fb:{payloadType} ccm fir");

        if (feedback.Nack)
            Line($"a=rtcp-fb:{payloadType} nack");

        if (feedback.Pli)
            Line($"a=rtcp-fb:{payloadType} nack pli");
    }

    private void Extension(byte id, string uri)
    {
        if (id != 0)
            Line($"a=extmap:{id} {uri}");
    }

    private void Line(FormattableString line) => _text.Append(FormattableString.Invariant(line)).Append("\r\n");
}
