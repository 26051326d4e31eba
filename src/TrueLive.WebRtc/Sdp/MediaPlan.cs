using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Sdp;

/// <summary>One side's transport parameters: ICE (RFC 8839) and DTLS (RFC 8122, RFC 8842).</summary>
public sealed record TransportDescription
{
    /// <summary>ICE user fragment, 4 to 256 characters.</summary>
    public required string IceUfrag { get; init; }

    /// <summary>ICE password, 22 to 256 characters.</summary>
    public required string IcePassword { get; init; }

    /// <summary>Hash name and certificate digest as in the <c>fingerprint</c> attribute, for example <c>sha-256 AB:CD:...</c>.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>
    /// Candidates: attribute values without <c>a=</c>, each beginning <c>candidate:</c>. Strange ones are for ICE to ignore.
    /// </summary>
    public IReadOnlyList<string> Candidates { get; init; } = [];

    /// <summary>The side only answers connectivity checks (RFC 8445 section 2.5).</summary>
    public bool IceLite { get; init; }

    /// <summary>No further candidates follow.</summary>
    public bool EndOfCandidates { get; init; }
}

/// <summary>Ids of the RTP header extensions in use (RFC 8285 section 5); 0 where the extension is not negotiated.</summary>
/// <param name="Mid">RFC 8843 section 15.</param>
/// <param name="TransportSequence">draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2.</param>
/// <param name="PlayoutDelay">The playout-delay experiment of WebRTC: minimum and maximum in units of 10 ms, 12 bits each.</param>
/// <param name="ColourSpace">The color-space experiment of WebRTC.</param>
public readonly record struct ExtensionIds(byte Mid, byte TransportSequence, byte PlayoutDelay, byte ColourSpace)
{
    /// <summary>
    /// RFC 8852 section 3.1. We need none, but Chromium refuses simulcast offers of its own where an earlier answer left it out.
    /// </summary>
    public byte Rid { get; init; }

    /// <summary>The same of retransmissions (RFC 8852 section 3.1).</summary>
    public byte RepairedRid { get; init; }
}

/// <summary>One video payload format that both sides accept.</summary>
/// <param name="Codec">Coding.</param>
/// <param name="PayloadType">RTP payload type.</param>
/// <param name="RtxPayloadType">Payload type of its retransmissions (RFC 4588), null when not negotiated.</param>
/// <param name="Fmtp">The format parameters of the offer.</param>
public sealed record VideoFormat(VideoCodec Codec, byte PayloadType, byte? RtxPayloadType, string Fmtp)
{
    /// <summary>H.264 packetization-mode (RFC 6184 section 8.1): 1 allows fragments. VP8: always 1.</summary>
    public int PacketizationMode { get; init; } = 1;

    /// <summary>H.264 parameter sets sent beside the stream, as Annex B; empty when none.</summary>
    public ReadOnlyMemory<byte> ParameterSets { get; init; }
}

/// <summary>The feedback that both sides agreed on (RFC 4585, RFC 5104).</summary>
public readonly record struct FeedbackSupport(bool Nack, bool Pli, bool Fir, bool TransportCc);

/// <summary>
/// The parameters negotiated for one video section. A section that carries video both ways appears in both places of the plan.
/// </summary>
public sealed record VideoPlan
{
    /// <summary>Media identification tag (RFC 5888), at most 16 bytes when it is to travel in RTP.</summary>
    public required string Mid { get; init; }

    /// <summary>Accepted formats in order of preference; the first one is sent.</summary>
    public required IReadOnlyList<VideoFormat> Formats { get; init; }

    /// <summary>Header extension ids.</summary>
    public required ExtensionIds Extensions { get; init; }

    /// <summary>Feedback in use.</summary>
    public required FeedbackSupport Feedback { get; init; }

    /// <summary>RTCP packets may travel alone (RFC 5506).</summary>
    public bool ReducedSizeRtcp { get; init; }

    /// <summary>The one layer of a simulcast that is taken (RFC 8853); null where the far side offers none.</summary>
    public string? Layer { get; init; }

    /// <summary>Our media stream when we send.</summary>
    public uint LocalSsrc { get; init; }

    /// <summary>Our retransmission stream when we send and RTX is agreed.</summary>
    public uint LocalRtxSsrc { get; init; }
}

/// <summary>
/// The parameters negotiated for one Opus section (RFC 7587). A section that carries sound both ways appears in both places of the plan.
/// </summary>
public sealed record AudioPlan
{
    /// <summary>Media identification tag.</summary>
    public required string Mid { get; init; }

    /// <summary>Payload type of Opus.</summary>
    public required byte PayloadType { get; init; }

    /// <summary>Header extension ids.</summary>
    public required ExtensionIds Extensions { get; init; }

    /// <summary>Our audio stream when we send.</summary>
    public uint LocalSsrc { get; init; }
}

/// <summary>The parameters negotiated for the data channel section (RFC 8841).</summary>
/// <param name="Mid">Media identification tag.</param>
/// <param name="SctpPort">The far side's SCTP port.</param>
/// <param name="MaxMessageSize">Largest message the far side takes, in bytes; 0 means no limit.</param>
public sealed record DataPlan(string Mid, int SctpPort, long MaxMessageSize);

/// <summary>The outcome of an offer/answer exchange (RFC 8829): all that transport and media need to run.</summary>
public sealed record MediaPlan
{
    /// <summary>The far side's transport.</summary>
    public required TransportDescription Remote { get; init; }

    /// <summary>True when we start the DTLS handshake (<c>setup:active</c>).</summary>
    public required bool DtlsClient { get; init; }

    /// <summary>Section on which video comes in; null when none.</summary>
    public VideoPlan? ReceiveVideo { get; init; }

    /// <summary>Section on which video goes out; null when none.</summary>
    public VideoPlan? SendVideo { get; init; }

    /// <summary>Section on which sound comes in; null when none.</summary>
    public AudioPlan? ReceiveAudio { get; init; }

    /// <summary>Section on which sound goes out; null when none.</summary>
    public AudioPlan? SendAudio { get; init; }

    /// <summary>Whether any media was agreed on.</summary>
    internal bool HasMedia => (ReceiveVideo ?? SendVideo) is not null || (ReceiveAudio ?? SendAudio) is not null;

    /// <summary>Data channels, null when none.</summary>
    public DataPlan? Data { get; init; }

    /// <summary>Mid of the section that carries the transport (the BUNDLE tag); trickled candidates refer to it.</summary>
    public required string TransportMid { get; init; }

    /// <summary>Our canonical name in RTCP (RFC 3550 section 6.5.1).</summary>
    public required string CName { get; init; }
}

/// <summary>What this side asks of a session.</summary>
public sealed record MediaPreferences
{
    /// <summary>Take video from the far side if it sends.</summary>
    public bool ReceiveVideo { get; init; } = true;

    /// <summary>Send video to the far side if it receives.</summary>
    public bool SendVideo { get; init; } = true;

    /// <summary>Pass Opus through, in the same directions as video.</summary>
    public bool Audio { get; init; } = true;

    /// <summary>
    /// Refuse an offer whose video or sound could be carried only in part, or that has no video for the direction wanted. Off, what cannot
    /// be carried is rejected section by section.
    /// </summary>
    public bool Whole { get; init; }

    /// <summary>Take or offer data channels.</summary>
    public bool DataChannels { get; init; } = true;

    /// <summary>Video codings in order of preference; only H.264 and VP8 can be carried.</summary>
    public IReadOnlyList<VideoCodec> Codecs { get; init; } = [VideoCodec.H264, VideoCodec.Vp8];

    /// <summary>
    /// Layers of a simulcast by name, the best first: the first of them that is offered is taken, else the first one offered.
    /// </summary>
    public IReadOnlyList<string> Layers { get; init; } = ["f", "h", "q"];

    /// <summary>Names of what is sent, as the far side sees them; null makes them up.</summary>
    public SentMedia? Sent { get; init; }

    /// <summary>Bitrate in bit/s that Chromium is asked to start at; 0 leaves it to the browser.</summary>
    public int StartBitrate { get; init; } = 1_500_000;
}

/// <summary>Names of the media that are sent (RFC 8830): one stream, so that sound and picture are played together.</summary>
/// <param name="Stream">Identifier of the stream.</param>
/// <param name="VideoTrack">Identifier of the video track.</param>
/// <param name="AudioTrack">Identifier of the audio track.</param>
public sealed record SentMedia(string Stream, string VideoTrack, string AudioTrack);
