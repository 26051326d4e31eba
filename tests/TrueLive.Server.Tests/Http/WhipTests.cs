using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Frames;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Live.Transports;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Server.Tests.Http;

/// <summary>WHIP and WHEP against the real server with real codecs; the browser's side is in the end-to-end tests.</summary>
public sealed class WhipTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(VideoCodec.H264, true)]
    [InlineData(VideoCodec.Vp8, true)]
    [InlineData(VideoCodec.H264, false)]
    public async Task Every_picture_that_comes_back_is_one_that_went_in_and_the_trace_says_which(VideoCodec codec, bool udp)
    {
        // Where both are open, the one whose check comes back first is taken.
        await using var server = await RunningServer.StartAsync(o => (o.WebrtcUdp, o.WebrtcTcp) = (udp, !udp));
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?model=passthrough"), codec);
        await client.OpenControlAsync();
        await client.PicturesAsync(30);
        Assert.Equal(!udp, client.Whip.Peer.Path!.Value.IsTcp);
        // Numbers of the scene in order: no picture was reordered, or repeated without a word. A server that makes no picture for a third
        // of a second repeats the last one to whoever waits for a key frame.
        Assert.Equal(client.Numbers.Order(), client.Numbers);
        await NativeClient.UntilAsync(() => client.Numbers.Count - client.Numbers.Distinct().Count()
            <= client.Messages.Count(m => (string?)m["origin"] == "repeated"));
        Assert.InRange(client.Numbers[^1], 29, 3000);
        var hello = await client.MessageAsync(m => (string?)m["type"] == "session");
        Assert.Equal("webrtc", (string?)hello["transport"]);
        // The scene counts media time in frames of 3000.
        var trace = await client.MessageAsync(m => (string?)m["type"] == "frame");
        Assert.Equal(0, (long)trace["media_time"]! % 3000);
        Assert.Equal("passed_through", (string?)trace["origin"]);
    }

    [Fact]
    public async Task A_prompt_over_the_data_channel_is_accepted_and_then_applied()
    {
        await using var server = await RunningServer.StartAsync();
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.OpenControlAsync();
        await client.PicturesAsync(5);
        Assert.True(client.Channel!.Send("""{"type":"prompt","id":"p1","text":"ink"}"""));
        var accepted = await client.MessageAsync(m => (string?)m["type"] == "accepted");
        Assert.Equal(("p1", "ink"), ((string?)accepted["id"], (string?)accepted["prompt"]!["text"]));
        var applied = await client.MessageAsync(m => (string?)m["type"] == "applied");
        Assert.Equal((long)accepted["prompt"]!["revision"]!, (long)applied["first_frame"]!["revision"]!);
        Assert.True(client.Channel.Send("no JSON"));
        Assert.Contains("not a JSON object", (string?)(await client.MessageAsync(m => (string?)m["type"] == "error"))["reason"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Viewers_see_the_session_and_command_nothing()
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxViewers = 2);
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.PicturesAsync(5);
        var whep = client.WhepOf(server);
        await using var first = await NativeClient.ConnectAsync(whep, sends: false);
        await using var second = await NativeClient.ConnectAsync(whep, VideoCodec.Vp8, sends: false);
        await first.PicturesAsync(20);
        await second.PicturesAsync(20);
        foreach (var seen in new[] { first.Numbers, second.Numbers })
        {
            Assert.Equal(seen.Order(), seen);
            Assert.InRange(seen.Distinct().Count(), 10, seen.Count);
        }

        await first.OpenControlAsync();
        Assert.True(first.Channel!.Send("""{"type":"end","id":"x"}"""));
        await first.MessageAsync(m => (string?)m["type"] == "frame");
        await client.PicturesAsync(10);
        Assert.DoesNotContain(first.Messages, m => (string?)m["type"] is "accepted" or "session");

        var full = await Assert.ThrowsAsync<WhipException>(() => NativeClient.ConnectAsync(whep, sends: false));
        Assert.Contains("503", full.Message, StringComparison.Ordinal);
        Assert.Contains("max_viewers", full.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_that_never_open_take_only_a_few_places_and_viewers_never_more_than_there_are()
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxViewers = 6);
        var made = await server.Http.PostAsync("/v1/sessions", null, Cancel);
        var id = (string)(await made.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["id"]!;
        var hosted = server.Services.GetRequiredService<SessionRegistry>().Find(id)!;
        var watching = await Task.WhenAll(Enumerable.Range(0, 20)
            .Select(_ => server.Http.PostAsync($"/whep/{id}", new StringContent(Offer(), Encoding.UTF8, "application/sdp"), Cancel)));
        Assert.Equal(6, watching.Count(a => a.StatusCode == HttpStatusCode.Created));
        Assert.Equal(6, hosted.Viewers.Count);
        var sending = new List<HttpStatusCode>();
        for (var i = 0; i < 12; i++)
            sending.Add((await server.Http.PostAsync($"/whip/{id}", new StringContent(Offer(), Encoding.UTF8, "application/sdp"),
                Cancel)).StatusCode);
        Assert.Equal(8, sending.Count(s => s == HttpStatusCode.Created));
        Assert.Equal(4, sending.Count(s => s == HttpStatusCode.ServiceUnavailable));
        Assert.Equal(14, server.Services.GetRequiredService<WebRtcPort>().Pending);
    }

    [Fact]
    public async Task A_client_that_vanished_comes_back_with_its_token()
    {
        await using var server = await RunningServer.StartAsync();
        var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?prompt=oil"));
        await client.OpenControlAsync();
        await client.PicturesAsync(5);
        var hello = await client.MessageAsync(m => (string?)m["type"] == "session");
        var (token, id) = ((string)hello["token"]!, (string)hello["session"]!);
        var vanished = server.Services.GetRequiredService<SessionRegistry>().Find(id)!.Session;
        await client.VanishAsync();
        await NativeClient.UntilAsync(() => State(server, id) == "detached");
        Assert.Equal("The client's video stopped. The far side closed the connection.", vanished.Last!.End!.Words);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/whip")
        { Content = new StringContent(Offer(), Encoding.UTF8, "application/sdp") };
        request.Headers.Add("X-TrueLive-Token", token);
        var back = await server.Http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Created, back.StatusCode);
        Assert.StartsWith($"/whip/{id}/", back.Headers.Location!.ToString(), StringComparison.Ordinal);
        var session = await server.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel);
        Assert.Equal("oil", (string?)session!["prompt"]!["text"]);
    }

    [Fact]
    public async Task A_client_that_closes_its_connection_before_it_says_that_it_stops_frees_its_place_nevertheless()
    {
        await using var server = await RunningServer.StartAsync();
        var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.OpenControlAsync();
        await client.PicturesAsync(5);
        var id = (string)(await client.MessageAsync(m => (string?)m["type"] == "session"))["session"]!;
        var hosted = server.Services.GetRequiredService<SessionRegistry>().Find(id)!;
        var name = Assert.Single(hosted.Senders).Key;
        await client.VanishAsync();
        await NativeClient.UntilAsync(() => State(server, id) == "detached" && hosted.Senders.IsEmpty);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.DeleteAsync($"/whip/{id}/0123456789abcdef", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.DeleteAsync($"/whip/{id}/{name}", Cancel)).StatusCode);
        await NativeClient.UntilAsync(() => server.Services.GetRequiredService<SessionRegistry>().Find(id) is null);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.DeleteAsync($"/whip/{id}/{name}", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_client_whose_certificate_is_not_the_one_it_named_is_told_of_in_the_end_of_its_session()
    {
        await using var server = await RunningServer.StartAsync();
        using var endpoint = new RtcEndpoint(new RtcEndpointOptions(), TimeProvider.System);
        using var peer = endpoint.Offer(new MediaPreferences());
        var forged = System.Text.RegularExpressions.Regex.Replace(peer.LocalDescription, "a=fingerprint:sha-256 [0-9A-F:]+",
            "a=fingerprint:sha-256 " + string.Join(':', Enumerable.Repeat("AB", 32)));
        var made = await server.Http.PostAsync("/whip", new StringContent(forged, Encoding.UTF8, "application/sdp"), Cancel);
        var session = server.Services.GetRequiredService<SessionRegistry>().Find(made.Headers.Location!.ToString().Split('/')[2])!.Session;
        peer.Accept(await made.Content.ReadAsStringAsync(Cancel));
        await NativeClient.UntilAsync(() => session.Ended is not null);
        Assert.StartsWith("The client's video stopped. The DTLS handshake failed:", session.Ended!.Words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_small_bitrate_limit_holds_from_the_first_picture()
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxKbps = 200);
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?model=passthrough"));
        var peer = Assert.Single(server.Services.GetRequiredService<SessionRegistry>().Hosted).Senders.Values.Single().Peer;
        Assert.InRange(peer.TargetBitrate, 1, 200_000);
        await client.PicturesAsync(10);
        Assert.InRange(peer.TargetBitrate, 1, 200_000);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_offer_without_end_is_refused_however_it_is_sent(bool chunked)
    {
        await using var server = await RunningServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/whip")
        { Content = new StringContent(new string('a', 200_000), Encoding.UTF8, "application/sdp") };
        request.Headers.TransferEncodingChunked = chunked;
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await server.Http.SendAsync(request, Cancel)).StatusCode);
    }

    [Theory]
    [InlineData("text/plain", "v=0", 415)]
    [InlineData("application/sdp", "hello", 400)]
    [InlineData("application/sdp", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 406)]
    public async Task An_offer_that_is_none_is_refused_in_words_and_leaves_no_session(string type, string body, int status)
    {
        await using var server = await RunningServer.StartAsync();
        var answer = await server.Http.PostAsync("/whip", new StringContent(body, Encoding.UTF8, type), Cancel);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.NotEmpty((string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["detail"]!);
        var list = await server.Http.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel);
        Assert.Empty(list!["sessions"]!.AsArray());
    }

    internal static string Offer() => new SdpOffer(new MediaPreferences(), new TransportDescription
    {
        IceUfrag = "aaaa",
        IcePassword = "0123456789012345678901",
        Fingerprint = "sha-256 " + string.Join(':', Enumerable.Repeat("AA", 32)),
    }).Text;

    private static string? State(RunningServer server, string id) =>
        (string?)server.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel).GetAwaiter().GetResult()!["state"];
}
