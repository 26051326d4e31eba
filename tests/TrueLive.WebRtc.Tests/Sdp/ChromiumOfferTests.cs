using TrueLive.Core.Frames;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Tests.Sdp;

public class ChromiumOfferTests
{
    internal static readonly TransportDescription Local = new()
    {
        IceUfrag = "srvr",
        IcePassword = "0123456789abcdef012345",
        Fingerprint = "sha-256 AA:BB",
        IceLite = true,
        Candidates = ["candidate:1 1 udp 2130706431 192.0.2.1 9000 typ host",
            "candidate:2 1 tcp 1694498815 192.0.2.1 9000 typ host tcptype passive"],
        EndOfCandidates = true,
    };

    internal static readonly string Offer = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Sdp", "chromium-156-offer.sdp"));

    [Fact]
    public void Chromium_gets_constrained_baseline_first_with_its_own_payload_types()
    {
        var plan = SdpNegotiation.Answer(Offer, new MediaPreferences(), Local, out var answer);

        var video = plan.ReceiveVideo!;
        Assert.Same(video, plan.SendVideo);
        Assert.Equal("1", video.Mid);
        Assert.Equal((VideoCodec.H264, 108, (byte?)109),
            (video.Formats[0].Codec, video.Formats[0].PayloadType, video.Formats[0].RtxPayloadType));
        Assert.Equal([108, 102, 116, 96], video.Formats.Select(f => (int)f.PayloadType));
        Assert.Equal(new ExtensionIds(4, 3, 5, 8) { Rid = 10, RepairedRid = 11 }, video.Extensions);
        Assert.Equal(new FeedbackSupport(true, true, true, true), video.Feedback);
        Assert.Equal(111, plan.SendAudio!.PayloadType);
        Assert.Same(plan.SendAudio, plan.ReceiveAudio);
        Assert.Equal(new DataPlan("2", 5000, 262144), plan.Data);
        Assert.Equal("Qa7L", plan.Remote.IceUfrag);
        Assert.Equal(2, plan.Remote.Candidates.Count);
        Assert.False(plan.DtlsClient);
        Assert.Contains("a=group:BUNDLE 0 1 2\r\n", answer);
        Assert.Contains("a=setup:passive\r\n", answer);
        Assert.Contains("a=ice-lite\r\n", answer);
        Assert.Contains("m=video 9 UDP/TLS/RTP/SAVPF 108 109 102 103 116 117 96 97\r\n", answer);
        Assert.Contains("a=fmtp:109 apt=108\r\n", answer);
        Assert.Contains("a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space\r\n", answer);
        Assert.Equal(2, answer.Split("a=candidate:").Length - 1);
    }
}
