using System.Text.RegularExpressions;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Tests.Sdp;

/// <summary>
/// Successive offers in one connection. Chromium's are recorded (room-offers.html makes them again); those of a native client are written
/// by hand from its documentation, and labelled so.
/// </summary>
public sealed class ReofferTests
{
    private readonly SdpAnswerer _answerer = new(new MediaPreferences { Sent = new SentMedia("ai|camera", "picture", "sound") });
    private readonly List<string> _answers = [];
    private string? _ufrag;
    private int _restarts;

    [Fact]
    public void Chromium_joins_publishes_mutes_restarts_unpublishes_and_stops()
    {
        var first = Answer("chromium-156-room-first");
        Assert.Equal(("3", "0", "6"), (first.SendVideo!.Mid, first.SendAudio!.Mid, first.Data!.Mid));
        Assert.Null(first.ReceiveVideo);
        Assert.Null(first.ReceiveAudio);

        var published = Answer("chromium-156-room-publish");
        Assert.Equal(("7", "8", "f"), (published.ReceiveVideo!.Mid, published.ReceiveAudio!.Mid, published.ReceiveVideo.Layer));
        var camera = Section("7");
        Assert.Contains("a=rid:f recv\r\na=simulcast:recv f\r\n", camera, StringComparison.Ordinal);
        Assert.Contains("a=recvonly\r\n", camera, StringComparison.Ordinal);

        // Layers that it has stopped are offered as ~q;~h.
        var muted = Answer("chromium-156-room-mute");
        Assert.Equal("f", muted.ReceiveVideo!.Layer);

        var restarted = Answer("chromium-156-room-restart");
        Assert.Equal(1, _restarts);
        Assert.NotEqual(muted.Remote.IceUfrag, restarted.Remote.IceUfrag);
        Assert.Equal(("7", "8"), (restarted.ReceiveVideo!.Mid, restarted.ReceiveAudio!.Mid));

        var unpublished = Answer("chromium-156-room-unpublish");
        Assert.Null(unpublished.ReceiveVideo);
        Assert.StartsWith("m=video 9 ", Section("7"), StringComparison.Ordinal);
        Assert.Contains("a=inactive\r\n", Section("7"), StringComparison.Ordinal);

        var stopped = Answer("chromium-156-room-stop");
        Assert.StartsWith("m=video 0 ", Section("7"), StringComparison.Ordinal);
        Assert.DoesNotContain(" 7", Line("a=group:BUNDLE"), StringComparison.Ordinal);
        Assert.Null(stopped.ReceiveAudio);
        Assert.All([published, muted, restarted, unpublished, stopped], plan => AssertSameStreams(first, plan));
        AssertOneSession();
    }

    [Fact]
    public void A_native_client_joins_publishes_adds_a_microphone_and_restarts()
    {
        var first = Answer("native-room-first");
        var published = Answer("native-room-publish");
        Assert.Equal(("7", "f", null), (published.ReceiveVideo!.Mid, published.ReceiveVideo.Layer, published.ReceiveAudio));
        // The first listed formats that we support; redundancy and other codings are left out.
        Assert.Equal([98, 96], published.ReceiveVideo.Formats.Select(f => (int)f.PayloadType));
        Assert.DoesNotContain("red/", _answers[^1], StringComparison.Ordinal);
        Assert.DoesNotContain("dependency-descriptor", _answers[^1], StringComparison.Ordinal);
        var sounding = Answer("native-room-microphone");
        Assert.Equal(("7", "8", "0"), (sounding.ReceiveVideo!.Mid, sounding.ReceiveAudio!.Mid, sounding.SendAudio!.Mid));
        Answer("native-room-restart");
        Assert.Equal(1, _restarts);
        Assert.All([published, sounding], plan => AssertSameStreams(first, plan));
        AssertOneSession();
    }

    [Theory]
    [InlineData("chromium-156-room-first", 3)]
    [InlineData("chromium-156-room-publish", 4)]
    [InlineData("native-room-first", 3)]
    public void Extensions_of_simulcast_are_echoed_in_every_video_section_from_the_first_answer_on(string offer, int videos)
    {
        Answer(offer);
        var sections = Regex.Split(_answers[^1], "(?=^m=)", RegexOptions.Multiline)
            .Where(s => s.StartsWith("m=video", StringComparison.Ordinal)).ToList();
        Assert.Equal(videos, sections.Count);
        Assert.All(sections, s =>
        {
            Assert.Contains("a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n", s, StringComparison.Ordinal);
            Assert.Contains("a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n", s, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("send q;h;f", "f")]
    [InlineData("send f;h;q", "f")]
    [InlineData("send q;h", "h")]
    [InlineData("send q,x;h,y", "h")]
    [InlineData("send ~f;h;q", "h")]
    [InlineData("send ~f;~h", "f")]
    [InlineData("recv a;b send low;high", "low")]
    [InlineData("recv a", null)]
    [InlineData("send", null)]
    [InlineData("send ;;", null)]
    [InlineData("send ~", null)]
    [InlineData("send a\"b", null)]
    public void One_layer_of_a_simulcast_is_taken(string simulcast, string? layer)
    {
        var offer = Read("native-room-publish").Replace("a=simulcast:send f;h;q", "a=simulcast:" + simulcast, StringComparison.Ordinal);
        var plan = _answerer.Answer(offer, Local, out var answer);
        Assert.Equal(layer, plan.ReceiveVideo!.Layer);
        Assert.Equal(layer is not null, answer.Contains($"a=simulcast:recv {layer}\r\n", StringComparison.Ordinal));
    }

    [Fact]
    public void The_caller_chooses_the_layers_and_the_names_of_what_is_sent()
    {
        var answerer = new SdpAnswerer(new MediaPreferences
        { Layers = ["q"], Sent = new SentMedia("PA_ai|camera", "TR_picture", "TR_sound") });
        var plan = answerer.Answer(Read("chromium-156-room-publish"), Local, out var answer);
        Assert.Equal("q", plan.ReceiveVideo!.Layer);
        Assert.Contains("a=msid:PA_ai|camera TR_picture\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("a=msid:PA_ai|camera TR_sound\r\n", answer, StringComparison.Ordinal);
    }

    [Fact]
    public void A_section_in_use_does_not_give_way_to_one_that_stands_before_it()
    {
        var before = Answer("chromium-156-room-publish");
        // The first section, which only received, now sends as well.
        var offer = Read("chromium-156-room-publish");
        var at = offer.IndexOf("a=recvonly", offer.IndexOf("a=mid:3", StringComparison.Ordinal), StringComparison.Ordinal);
        var after = _answerer.Answer(offer.Remove(at, 10).Insert(at, "a=sendrecv"), Local, out _);
        Assert.Equal(before.ReceiveVideo!.Mid, after.ReceiveVideo!.Mid);
        Assert.Equal(before.SendVideo!.Mid, after.SendVideo!.Mid);
    }

    [Fact]
    public void An_offer_that_is_refused_changes_nothing()
    {
        var first = Answer("chromium-156-room-first");
        var offer = Read("chromium-156-room-publish");
        var another = Regex.Replace(offer, "a=fingerprint:sha-256 ..", "a=fingerprint:sha-256 00");
        Assert.Contains("new connection", Assert.Throws<SdpException>(() => _answerer.Answer(another, Local, out _)).Message,
            StringComparison.Ordinal);
        Assert.Throws<SdpException>(() => _answerer.Answer(offer.Replace("a=rtcp-mux", "a=x", StringComparison.Ordinal), Local, out _));
        AssertSameStreams(first, Answer("chromium-156-room-publish"));
        AssertOneSession();
    }

    private MediaPlan Answer(string name)
    {
        var plan = _answerer.Answer(Read(name), Local, out var answer);
        _answers.Add(answer);
        Assert.Equal(VideoCodec.H264, (plan.SendVideo ?? plan.ReceiveVideo)!.Formats[0].Codec);
        return plan;
    }

    private TransportDescription Local(TransportDescription theirs)
    {
        _restarts += _ufrag is not null && _ufrag != theirs.IceUfrag ? 1 : 0;
        _ufrag = theirs.IceUfrag;
        return ChromiumOfferTests.Local;
    }

    private void AssertOneSession()
    {
        var lines = _answers.ConvertAll(a => a.Split("\r\n")[1].Split(' '));
        Assert.Single(lines.Select(l => l[1]).Distinct());
        Assert.Equal(Enumerable.Range(1, lines.Count).Select(i => $"{i}"), lines.Select(l => l[2]));
        Assert.All(_answers, a => Assert.DoesNotContain("a=setup:active", a, StringComparison.Ordinal));
    }

    private static void AssertSameStreams(MediaPlan first, MediaPlan plan) => Assert.Equal(
        (first.SendVideo!.LocalSsrc, first.SendVideo.LocalRtxSsrc, first.SendAudio!.LocalSsrc, first.CName),
        (plan.SendVideo!.LocalSsrc, plan.SendVideo.LocalRtxSsrc, plan.SendAudio!.LocalSsrc, plan.CName));

    private string Section(string mid) =>
        Regex.Split(_answers[^1], "(?=^m=)", RegexOptions.Multiline).Single(s => s.Contains($"a=mid:{mid}\r\n", StringComparison.Ordinal));

    private string Line(string start) => _answers[^1].Split("\r\n").First(l => l.StartsWith(start, StringComparison.Ordinal));

    private static string Read(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Sdp", name + ".sdp"));
}
