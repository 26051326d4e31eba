using CsCheck;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Tests.Sdp;

/// <summary>
/// The results of negotiation with the offers of important clients. Chromium's offer is a capture; the others follow the documented form
/// of each client, shortened to what negotiation uses.
/// </summary>
public class NegotiationTests
{
    private const string Head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n";
    private const string Transport = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\na=fingerprint:sha-256 " +
        "AA:BB\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\n";

    [Theory]
    //                              codec       pt   rtx  receive send  audio  data   twcc   playout mode
    [InlineData("chromium-156-offer", VideoCodec.H264, 108, 109, true, true, true, true, true, 5)]
    [InlineData("firefox-offer", VideoCodec.H264, 126, 127, true, true, true, true, true, 6)]
    [InlineData("safari-offer", VideoCodec.H264, 98, 99, false, true, false, false, true, 6)]
    [InlineData("obs-whip-offer", VideoCodec.H264, 96, -1, true, false, true, false, false, 0)]
    [InlineData("gstreamer-offer", VideoCodec.H264, 96, -1, true, true, false, false, false, 0)]
    [InlineData("aiortc-offer", VideoCodec.H264, 101, 102, true, true, false, true, false, 0)]
    public void Each_client_gets_what_it_and_we_can_do(string client, VideoCodec codec, int payloadType, int rtx, bool receives, bool sends,
        bool audio, bool data, bool transportCc, int playoutDelay)
    {
        var plan = SdpNegotiation.Answer(Read(client), new MediaPreferences(), ChromiumOfferTests.Local, out var answer);

        var video = (plan.ReceiveVideo ?? plan.SendVideo)!;
        Assert.Equal((codec, payloadType, rtx), (video.Formats[0].Codec, video.Formats[0].PayloadType,
            video.Formats[0].RtxPayloadType ?? -1));
        Assert.Equal((receives, sends, audio, data), (plan.ReceiveVideo is not null, plan.SendVideo is not null,
            (plan.ReceiveAudio ?? plan.SendAudio) is not null, plan.Data is not null));
        Assert.Equal((transportCc, playoutDelay), (video.Feedback.TransportCc, video.Extensions.PlayoutDelay));
        Assert.Equal(1, video.Formats[0].PacketizationMode);
        AssertAnswerFits(Read(client), answer);
    }

    [Theory]
    [InlineData("chromium-156-offer.sdp")]
    [InlineData("firefox-offer.sdp")]
    public void Redundancy_of_video_is_offered_and_not_answered(string client)
    {
        var offer = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Sdp", client));
        Assert.Contains(" ulpfec/90000", offer, StringComparison.Ordinal);
        SdpNegotiation.Answer(offer, new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
        Assert.DoesNotContain("ulpfec", answer, StringComparison.Ordinal);
        Assert.DoesNotContain(" red/90000", answer, StringComparison.Ordinal);
    }

    [Fact]
    public void Channels_in_the_form_before_rfc_8841_are_answered_in_that_form()
    {
        var plan = SdpNegotiation.Answer(Read("aiortc-offer"), new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
        Assert.Equal(new DataPlan("1", 5000, 65536), plan.Data);
        Assert.Contains("m=application 9 DTLS/SCTP 5000\r\n", answer);
        Assert.Contains("a=sctpmap:5000 webrtc-datachannel 65535\r\n", answer);
        Assert.DoesNotContain("a=sctp-port", answer);
    }

    [Theory]
    [InlineData("42e01f", "1", true)]
    [InlineData("42001f", "1", true)]
    [InlineData("4d0032", "1", true)]
    [InlineData("640c1f", "1", true)]
    [InlineData("64001f", "1", true)]
    [InlineData("58e01f", "1", true)]
    [InlineData("58001f", "1", false)]
    [InlineData("6e001f", "1", false)]
    [InlineData("f4001f", "1", false)]
    [InlineData("42e0", "1", false)]
    [InlineData("zzzzzz", "1", false)]
    public void H264_is_taken_from_baseline_to_high(string profile, string mode, bool taken)
    {
        var offer = Video("96", $"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode={mode};profile-level-id={profile}\r\n");
        if (taken)
        {
            var plan = SdpNegotiation.Answer(offer, new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
            Assert.Equal(int.Parse(mode), plan.SendVideo!.Formats[0].PacketizationMode);
            Assert.Contains($"packetization-mode={mode};profile-level-id={profile}", answer);
        }
        else
        {
            Assert.Contains("H264 (baseline to high", Refused(offer));
        }
    }

    [Fact]
    public void H264_without_fragments_is_read_and_never_sent()
    {
        const string Format = "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=0;profile-level-id=42e01f\r\n";
        var plan = SdpNegotiation.Answer(Video("96", Format), new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
        Assert.Equal((0, null), (plan.ReceiveVideo!.Formats[0].PacketizationMode, plan.SendVideo));
        Assert.Contains("a=recvonly", answer, StringComparison.Ordinal);
        Assert.Contains("packetization-mode 1", Refused(Video("96", Format + "a=recvonly\r\n")), StringComparison.Ordinal);
    }

    [Fact]
    public void Fragments_are_preferred_and_single_unit_mode_is_not_mixed_in()
    {
        var offer = Video("96 97",
            "a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=42e01f\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 " +
            "packetization-mode=1;profile-level-id=64001f\r\n");
        var plan = SdpNegotiation.Answer(offer, new MediaPreferences(), ChromiumOfferTests.Local, out _);
        Assert.Equal([97], plan.SendVideo!.Formats.Select(f => (int)f.PayloadType));
    }

    [Theory]
    [InlineData("sendrecv", true, true, "sendrecv")]
    [InlineData("sendonly", true, false, "recvonly")]
    [InlineData("recvonly", false, true, "sendonly")]
    [InlineData("inactive", false, false, "inactive")]
    public void Directions_are_mirrored(string theirs, bool receives, bool sends, string ours)
    {
        var plan = SdpNegotiation.Answer(Video("96", $"a={theirs}\r\na=rtpmap:96 VP8/90000\r\n"), new MediaPreferences(),
            ChromiumOfferTests.Local, out var answer);
        Assert.Equal((receives, sends), (plan.ReceiveVideo is not null, plan.SendVideo is not null));
        Assert.Contains($"a={ours}\r\n", answer);
    }

    [Theory]
    [InlineData(VideoCodec.H264, VideoCodec.Vp8, 108)]
    [InlineData(VideoCodec.Vp8, VideoCodec.H264, 96)]
    public void Our_order_of_codecs_decides(VideoCodec first, VideoCodec second, int payloadType)
    {
        var plan = SdpNegotiation.Answer(ChromiumOfferTests.Offer, new MediaPreferences { Codecs = [first, second] },
            ChromiumOfferTests.Local, out _);
        Assert.Equal(payloadType, plan.SendVideo!.Formats[0].PayloadType);
    }

    [Fact]
    public void A_section_without_a_common_codec_is_rejected_and_the_rest_goes_on()
    {
        var offer = Read("firefox-offer").Replace("VP8/90000", "AV1/90000").Replace("H264/90000", "H265/90000");
        var plan = SdpNegotiation.Answer(offer, new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
        Assert.Null(plan.SendVideo);
        Assert.NotNull(plan.Data);
        Assert.Contains("m=video 0 UDP/TLS/RTP/SAVPF", answer);
        Assert.Contains("a=group:BUNDLE 0 2\r\n", answer);
        AssertAnswerFits(offer, answer);
    }

    [Theory]
    [InlineData("actpass", false, "passive")]
    [InlineData("active", false, "passive")]
    [InlineData("passive", true, "active")]
    public void The_dtls_role_follows_from_theirs(string theirs, bool client, string ours)
    {
        var plan = SdpNegotiation.Answer(Video("96", "a=rtpmap:96 VP8/90000\r\n").Replace("setup:actpass", "setup:" + theirs),
            new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
        Assert.Equal(client, plan.DtlsClient);
        Assert.Contains($"a=setup:{ours}\r\n", answer);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("hello", "line 1")]
    [InlineData("v=1\r\n", "v=0")]
    [InlineData("v=0\r\nm=video\r\n", "line 2: unreadable m= line")]
    [InlineData("v=0\r\nm=video x UDP/TLS/RTP/SAVPF 96\r\n", "line 2")]
    [InlineData("v=0\r\ns=-\r\n", "no section that can be used")]
    public void What_is_no_offer_is_refused_with_its_line(string offer, string word) => Assert.Contains(word, Refused(offer));

    [Theory]
    [InlineData("a=rtcp-mux\r\n", "", "rtcp-mux")]
    [InlineData("a=ice-pwd:0123456789abcdef012345\r\n", "", "ice-pwd")]
    [InlineData("a=ice-pwd:0123456789abcdef012345\r\n", "a=ice-pwd:short\r\n", "ice-pwd")]
    [InlineData("a=fingerprint:sha-256 AA:BB\r\n", "", "fingerprint")]
    [InlineData("setup:actpass", "setup:holdconn", "holdconn")]
    [InlineData("VP8/90000", "AV1/90000", "VP8")]
    public void What_an_offer_lacks_is_named(string line, string instead, string word) =>
        Assert.Contains(word, Refused(Video("96", "a=rtpmap:96 VP8/90000\r\n").Replace(line, instead)));

    [Fact]
    public void Sizes_are_bounded()
    {
        Assert.Contains("at most", Refused("v=0\r\n" + new string('a', SessionDescription.MaxLength)));
        Assert.Contains("attributes", Refused("v=0\r\n" + string.Concat(Enumerable.Repeat("a=x\r\n", 4001))));
        Assert.Contains("sections", Refused("v=0\r\n" + string.Concat(Enumerable.Repeat("m=video 9 X 96\r\n", 129))));
    }

    [Theory]
    [InlineData(true, true, true, true)]
    [InlineData(true, false, false, false)]
    [InlineData(false, true, true, false)]
    [InlineData(false, false, false, true)]
    public void An_offer_of_ours_comes_back_as_the_mirror_of_what_the_far_side_agreed(bool send, bool receive, bool audio, bool data)
    {
        var ours = new MediaPreferences { SendVideo = send, ReceiveVideo = receive, Audio = audio, DataChannels = data };
        var offer = new SdpOffer(ours, ChromiumOfferTests.Local with { IceLite = false });
        var theirs = SdpNegotiation.Answer(offer.Text, new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
        var plan = offer.Complete(answer);

        Assert.Equal((theirs.SendVideo is null, theirs.ReceiveVideo is null), (plan.ReceiveVideo is null, plan.SendVideo is null));
        Assert.Equal((send, receive, data), (plan.SendVideo is not null, plan.ReceiveVideo is not null, plan.Data is not null));
        Assert.NotEqual(theirs.DtlsClient, plan.DtlsClient);
        Assert.Equal(plan.SendVideo?.Extensions, theirs.ReceiveVideo?.Extensions);
        Assert.Equal(plan.SendVideo?.Formats[0].PayloadType, theirs.ReceiveVideo?.Formats[0].PayloadType);
        Assert.True(plan.Remote.IceLite);
    }

    [Theory]
    [InlineData("m=application 9", "m=audio 9", "audio")]
    [InlineData("a=setup:passive", "a=setup:actpass", "setup")]
    [InlineData("m=application 9", "m=application 0", "accepts no section")]
    public void An_answer_that_does_not_fit_is_refused(string line, string instead, string word)
    {
        var offer = new SdpOffer(new MediaPreferences { SendVideo = false, ReceiveVideo = false, Audio = false }, ChromiumOfferTests.Local);
        SdpNegotiation.Answer(offer.Text, new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
        Assert.Contains(word, Assert.Throws<SdpException>(() => offer.Complete(answer.Replace(line, instead))).Message);
    }

    [Fact]
    public void Any_damage_to_an_offer_ends_in_an_answer_or_in_a_clear_refusal()
    {
        var offers = new[] { "chromium-156-offer", "firefox-offer", "safari-offer", "obs-whip-offer", "gstreamer-offer",
            "aiortc-offer" }.Select(Read).ToArray();
        Gen.Select(Gen.Int[0, offers.Length - 1], Gen.Select(Gen.Int[0, 9000], Gen.Int[0, 40], Gen.Char.AlphaNumeric.Array[0, 8]).List[1,
            4]).Sample((which, changes) =>
        {
            var text = offers[which];
            foreach (var (at, length, insert) in changes)
            {
                var from = Math.Min(at, text.Length);
                text = text[..from] + new string(insert) + text[Math.Min(from + length, text.Length)..];
            }

            try
            {
                SdpNegotiation.Answer(text, new MediaPreferences(), ChromiumOfferTests.Local, out var answer);
                AssertAnswerFits(text, answer);
            }
            catch (SdpException e)
            {
                Assert.True(e.Message.Length > 10);
            }
        }, seed: "0000000000001", iter: 2000);
    }

    /// <summary>RFC 3264 section 6: as many sections as the offer, of the same kind, with formats that it named.</summary>
    private static void AssertAnswerFits(string offer, string answer)
    {
        Assert.True(SessionDescription.TryParse(offer, out var theirs, out _));
        Assert.True(SessionDescription.TryParse(answer, out var ours, out var error), error);
        Assert.Equal(theirs.Media.Count, ours.Media.Count);
        foreach (var (their, our) in theirs.Media.Zip(ours.Media))
        {
            Assert.Equal((their.Kind, their.Protocol, their.Attribute("mid")), (our.Kind, our.Protocol, our.Attribute("mid")));
            Assert.Subset(their.Formats.ToHashSet(), our.Formats.ToHashSet());
        }
    }

    private static string Video(string formats, string lines) =>
        $"{Head}m=video 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\n{Transport}{lines}";

    private static string Refused(string offer) =>
        Assert.Throws<SdpException>(() => SdpNegotiation.Answer(offer, new MediaPreferences(), ChromiumOfferTests.Local, out _)).Message;

    private static string Read(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Sdp", name + ".sdp"));
}
