using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Peers;

/// <summary>What a connection is made of.</summary>
internal sealed record PeerSettings
{
    /// <summary>What was agreed on.</summary>
    public required MediaPlan Plan { get; init; }

    /// <summary>ICE credentials of this side.</summary>
    public required IceCredentials Local { get; init; }

    /// <summary>This side only answers checks.</summary>
    public required bool Lite { get; init; }

    /// <summary>Certificate of this side.</summary>
    public required DtlsCertificate Certificate { get; init; }

    /// <summary>Where timestamps of frames come from.</summary>
    public required Clock Clock { get; init; }

    /// <summary>Bitrates and delays.</summary>
    public RtpSessionOptions Media { get; init; } = new();
}
