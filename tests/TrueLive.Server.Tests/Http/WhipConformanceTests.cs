using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Tests.Http;

/// <summary>RFC 9725 as covered in docs/whip.md: each row of the table there names one of these tests.</summary>
public sealed class WhipConformanceTests
{
    private const string Restart = "a=ice-ufrag:abcdef\r\na=ice-pwd:0123456789012345678901\r\na=candidate:1 1 udp 1 127.0.0.1 9 " +
        "typ host\r\n";
    private const string Trickle = "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n";
    private const string Key = "conformance-key-0123456789";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_offer_becomes_a_connection_with_an_address_of_its_own_and_a_strong_tag()
    {
        await using var server = await RunningServer.StartAsync();
        var made = await Post(server, "/whip");
        Assert.Equal((HttpStatusCode.Created, "application/sdp"), (made.StatusCode, made.Content.Headers.ContentType!.MediaType));
        Assert.Matches("^/whip/[0-9a-f]{24}/[0-9a-f]{16}$", made.Headers.Location!.ToString());
        Assert.False(made.Headers.ETag!.IsWeak);
        Assert.StartsWith("v=0", await made.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.False(made.Headers.Contains("Link"));
    }

    [Theory]
    [InlineData("/whip/")]
    [InlineData("/whip?prompt=ink")]
    [InlineData("/whip/?prompt=ink")]
    [InlineData("/whip/{id}")]
    [InlineData("/whip/{id}/")]
    [InlineData("/whip/{id}?codec=h264")]
    public async Task An_address_is_the_same_with_a_slash_at_its_end_and_is_not_redirected(string address)
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxSessions = 4);
        var id = (string)(await Made(server))["id"]!;
        Assert.Equal(HttpStatusCode.Created, (await Post(server, address.Replace("{id}", id, StringComparison.Ordinal))).StatusCode);
    }

    [Theory]
    [InlineData("/whip", "OPTIONS, POST", "Accept-Post", "application/sdp")]
    [InlineData("/whip/x", "OPTIONS, POST", "Accept-Post", "application/sdp")]
    [InlineData("/whip/x/y", "OPTIONS, PATCH, DELETE", "Accept-Patch", "application/trickle-ice-sdpfrag")]
    [InlineData("/whep/x", "OPTIONS, POST", "Accept-Post", "application/sdp")]
    [InlineData("/whep/x/y", "OPTIONS, PATCH, DELETE", "Accept-Patch", "application/trickle-ice-sdpfrag")]
    public async Task Options_says_what_an_address_takes_to_other_pages_too(string address, string allow, string header, string type)
    {
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key]);
        using var plain = new HttpRequestMessage(HttpMethod.Options, address);
        var answer = await server.Http.SendAsync(plain, Cancel);
        Assert.Equal((HttpStatusCode.NoContent, allow, type),
            (answer.StatusCode, string.Join(", ", answer.Content.Headers.Allow), answer.Headers.GetValues(header).Single()));

        using var preflight = new HttpRequestMessage(HttpMethod.Options, address);
        preflight.Headers.Add("Origin", "https://example.org");
        preflight.Headers.Add("Access-Control-Request-Method", header == "Accept-Post" ? "POST" : "PATCH");
        preflight.Headers.Add("Access-Control-Request-Headers", "authorization, content-type, if-match");
        answer = await server.Http.SendAsync(preflight, Cancel);
        Assert.True(answer.IsSuccessStatusCode);
        Assert.Equal(("*", type), (answer.Headers.GetValues("Access-Control-Allow-Origin").Single(),
            answer.Headers.GetValues(header).Single()));
        Assert.Contains("DELETE", string.Join(',', answer.Headers.GetValues("Access-Control-Allow-Methods")), StringComparison.Ordinal);
        Assert.Contains("if-match", string.Join(',', answer.Headers.GetValues("Access-Control-Allow-Headers")),
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Other_pages_read_the_headers_that_they_need()
    {
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/whip") { Content = Body(WhipTests.Offer()) };
        request.Headers.Add("Origin", "https://example.org");
        request.Headers.Add("Authorization", $"Bearer {Key}");
        var answer = await server.Http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var shown = string.Join(',', answer.Headers.GetValues("Access-Control-Expose-Headers"));
        Assert.All(["Location", "ETag", "Link", "X-TrueLive-Token", "X-TrueLive-Connection"],
            name => Assert.Contains(name, shown, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/whip", "GET,HEAD,PUT,PATCH,DELETE")]
    [InlineData("/whip/{id}", "GET,HEAD,PUT,PATCH,DELETE")]
    [InlineData("{connection}", "GET,HEAD,POST,PUT")]
    public async Task Methods_that_later_versions_may_use_are_not_allowed(string address, string methods)
    {
        await using var server = await RunningServer.StartAsync();
        var id = (string)(await Made(server))["id"]!;
        var connection = (await Post(server, $"/whip/{id}")).Headers.Location!.ToString();
        foreach (var method in methods.Split(','))
        {
            using var request = new HttpRequestMessage(new HttpMethod(method),
                address.Replace("{id}", id, StringComparison.Ordinal).Replace("{connection}", connection, StringComparison.Ordinal));
            Assert.Equal((method, HttpStatusCode.MethodNotAllowed), (method, (await server.Http.SendAsync(request, Cancel)).StatusCode));
        }
    }

    [Theory]
    [InlineData(Restart, "*", 200)]
    [InlineData(Restart, "\"*\"", 200)]
    [InlineData(Restart, "{tag}", 200)]
    [InlineData(Restart, "\"another\", {tag}", 200)]
    [InlineData(Restart, "\"another\"", 412)]
    [InlineData(Restart, "W/{tag}", 412)]
    [InlineData(Restart, "no tag", 412)]
    [InlineData(Restart, null, 428)]
    [InlineData(Trickle, "{tag}", 204)]
    [InlineData(Trickle, "*", 204)]
    [InlineData(Trickle, "\"another\"", 412)]
    [InlineData(Trickle, null, 428)]
    [InlineData("", "{tag}", 204)]
    [InlineData("a=candidate:1 1 udp 1 no-such-host.invalid 9 typ host\r\na=candidate:x\r\n", "{tag}", 204)]
    [InlineData("a=ice-ufrag:abc\r\na=ice-pwd:0123456789012345678901\r\n", "*", 400)]
    public async Task A_patch_names_the_ice_session_that_it_means(string body, string? match, int status)
    {
        await using var server = await RunningServer.StartAsync();
        var made = await Post(server, "/whip");
        var tag = made.Headers.ETag!.ToString();
        var answer = await Patch(server, made.Headers.Location!, body, match?.Replace("{tag}", tag, StringComparison.Ordinal));
        Assert.Equal(status, (int)answer.StatusCode);
        if (status == 200)
        {
            Assert.Equal("application/trickle-ice-sdpfrag", answer.Content.Headers.ContentType!.MediaType);
            var text = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.All(["a=ice-lite", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"],
                line => Assert.Contains(line, text, StringComparison.Ordinal));
            Assert.NotEqual(tag, answer.Headers.ETag!.ToString());
            // The tag from before the restart is no longer valid.
            Assert.Equal(HttpStatusCode.PreconditionFailed, (await Patch(server, made.Headers.Location!, Trickle, tag)).StatusCode);
        }
        else
        {
            Assert.Null(answer.Headers.ETag);
            // A request that failed leaves the ICE session as it is.
            Assert.Equal(HttpStatusCode.NoContent, (await Patch(server, made.Headers.Location!, Trickle, tag)).StatusCode);
        }
    }

    [Theory]
    [InlineData("POST", "text/plain", 415)]
    [InlineData("POST", "application/sdpx", 415)]
    [InlineData("POST", "application/trickle-ice-sdpfrag", 415)]
    [InlineData("POST", null, 415)]
    [InlineData("POST", "application/sdp; charset=utf-8", 201)]
    [InlineData("POST", "Application/SDP", 201)]
    [InlineData("PATCH", "application/sdp", 415)]
    [InlineData("PATCH", null, 415)]
    public async Task Another_content_type_is_refused(string method, string? type, int status)
    {
        await using var server = await RunningServer.StartAsync();
        var address = method == "POST" ? "/whip" : (await Post(server, "/whip")).Headers.Location!.ToString();
        using var request = new HttpRequestMessage(new HttpMethod(method), address)
        { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(WhipTests.Offer())) };
        if (type is not null)
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        request.Headers.TryAddWithoutValidation("If-Match", "*");
        Assert.Equal(status, (int)(await server.Http.SendAsync(request, Cancel)).StatusCode);
    }

    // As OBS 31 (HEVC, AV1), GStreamer (VP9, PCMU) and cameras (4:2:2) offer it; written by hand.
    [Theory]
    [InlineData("H265/90000", "profile-id=1;tier-flag=0;level-id=120", "H265 (HEVC)")]
    [InlineData("AV1/90000", "profile=0", "AV1")]
    [InlineData("VP9/90000", "profile-id=0", "VP9")]
    [InlineData("H264/90000", "profile-level-id=7a001f;packetization-mode=1", "H264 with profile-level-id=7a001f")]
    public async Task Video_that_cannot_be_taken_is_refused_in_words_beside_sound_that_could_be_and_takes_no_place(
        string coding, string parameters, string named)
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxSessions = 1);
        var answer = await Post(server, "/whip", Sdp(Video(coding, parameters), Audio("opus/48000/2")));
        Assert.Equal(HttpStatusCode.NotAcceptable, answer.StatusCode);
        var words = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["detail"]!;
        Assert.All([named, "H264", "VP8"], word => Assert.Contains(word, words, StringComparison.Ordinal));
        Assert.Empty(server.Services.GetRequiredService<SessionRegistry>().Hosted);
        // On a full server the answer is the same, and a session named in the address is not touched.
        var id = (string)(await Made(server))["id"]!;
        Assert.Equal(HttpStatusCode.NotAcceptable,
            (await Post(server, "/whip", Sdp(Video(coding, parameters), Audio("opus/48000/2")))).StatusCode);
        Assert.Equal(HttpStatusCode.NotAcceptable, (await Post(server, $"/whip/{id}", Sdp(Video(coding, parameters)))).StatusCode);
        Assert.Empty(Assert.Single(server.Services.GetRequiredService<SessionRegistry>().Hosted).Senders);
    }

    [Theory]
    [InlineData("H264+PCMU", 406)]
    [InlineData("opus", 422)]
    [InlineData("", 422)]
    [InlineData("H264+H264", 422)]
    [InlineData("H264+opus+opus", 422)]
    [InlineData("H264+opus, the video outside of the bundle", 422)]
    [InlineData("H264", 201)]
    [InlineData("VP8+opus", 201)]
    [InlineData("AV1 received, H264 sent", 201)]
    public async Task An_offer_is_carried_as_a_whole_or_not_at_all(string what, int status)
    {
        await using var server = await RunningServer.StartAsync();
        const string Data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=sctp-port:5000\r\n";
        var (h264, opus) = (Video("H264/90000", "profile-level-id=42e01f;packetization-mode=1"), Audio("opus/48000/2"));
        var offer = what switch
        {
            "" => Sdp(Data),
            "H264+PCMU" => Sdp(h264, Audio("PCMU/8000")),
            "opus" => Sdp(opus),
            "H264+H264" => Sdp(h264, h264),
            "H264+opus+opus" => Sdp(h264, opus, opus),
            "H264" => Sdp(h264),
            "VP8+opus" => Sdp(Video("VP8/90000", ""), opus, Data),
            "AV1 received, H264 sent" => Sdp(h264, Video("AV1/90000", "").Replace("sendonly", "recvonly", StringComparison.Ordinal)),
            _ => Sdp(h264, opus).Replace("BUNDLE 0 1", "BUNDLE 1", StringComparison.Ordinal),
        };
        var answer = await Post(server, "/whip", offer);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 201 ? 1 : 0, server.Services.GetRequiredService<SessionRegistry>().Count);
    }

    [Theory]
    [InlineData("AV1/90000", "", 406)]
    [InlineData("H264/90000", "profile-level-id=42e01f;packetization-mode=0", 406)]
    [InlineData("VP8/90000", "", 201)]
    public async Task A_viewer_that_could_be_sent_nothing_is_refused(string coding, string parameters, int status)
    {
        await using var server = await RunningServer.StartAsync();
        var whep = (string)(await Made(server))["whep"]!;
        Assert.Equal(status,
            (int)(await Post(server, whep,
            Sdp(Video(coding, parameters).Replace("sendonly", "recvonly", StringComparison.Ordinal)))).StatusCode);
    }

    [Fact]
    public async Task Delete_ends_the_connection_and_a_session_made_ahead_takes_the_next_one_at_the_same_address_with_its_viewers()
    {
        await using var server = await RunningServer.StartAsync();
        var made = await Made(server);
        var (id, whip) = ((string)made["id"]!, new Uri(server.Address, (string)made["whip"]!));
        var hosted = server.Services.GetRequiredService<SessionRegistry>().Find(id)!;
        var sender = await NativeClient.ConnectAsync(whip);
        await sender.PicturesAsync(5);
        await using var viewer = await NativeClient.ConnectAsync(new Uri(server.Address, (string)made["whep"]!), sends: false);
        await viewer.PicturesAsync(5);
        for (var start = 0; start < 3; start++)
        {
            var resource = sender.Whip.Resource!;
            // Stops like OBS: DELETE and then nothing.
            Assert.Equal(HttpStatusCode.OK, (await server.Http.DeleteAsync(resource, Cancel)).StatusCode);
            await NativeClient.UntilAsync(() => hosted.Session.State == Core.Sessions.SessionState.Detached);
            Assert.Equal("The client's video stopped. The sender stopped.", hosted.Session.Last!.End!.Words);
            await NativeClient.UntilAsync(async () => (await server.Http.DeleteAsync(resource, Cancel)).StatusCode
                == HttpStatusCode.NotFound);
            Assert.Equal(HttpStatusCode.NotFound, (await Patch(server, resource, Trickle, "*")).StatusCode);
            Assert.Equal("detached",
                (string?)(await server.Http.GetFromJsonAsync<JsonNode>(hosted.Session.Id.Insert(0, "/whep/"), Cancel))!["state"]);
            await sender.DisposeAsync();
            sender = await NativeClient.ConnectAsync(whip);
            await sender.PicturesAsync(5);
            Assert.NotEqual(resource, sender.Whip.Resource);
            await viewer.PicturesAsync(10);
        }
        Assert.Equal(WebRtc.Peers.PeerState.Connected, viewer.Whip.Peer.State);
        await sender.DisposeAsync();
    }

    [Fact]
    public async Task Delete_ends_a_session_that_was_made_for_its_connection_so_that_its_place_is_free_for_the_next_start()
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxSessions = 1);
        for (var start = 0; start < 3; start++)
        {
            await using var sender = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?prompt=ink"));
            await sender.PicturesAsync(3);
        }
        // The same for a connection that never opened.
        var made = await Post(server, "/whip");
        Assert.Equal(HttpStatusCode.OK, (await server.Http.DeleteAsync(made.Headers.Location, Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await Post(server, "/whip")).StatusCode);
    }

    [Fact]
    public async Task A_connection_that_another_replaced_cannot_end_what_goes_on_without_it()
    {
        await using var server = await RunningServer.StartAsync();
        var older = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await older.PicturesAsync(3);
        var hosted = Assert.Single(server.Services.GetRequiredService<SessionRegistry>().Hosted);
        await using var newer = await NativeClient.ConnectAsync(new Uri(server.Address, $"/whip/{hosted.Session.Id}"));
        await newer.PicturesAsync(3);
        await older.DisposeAsync();
        await newer.PicturesAsync(10);
        Assert.Equal(Core.Sessions.SessionState.Live, hosted.Session.State);
    }

    [Fact]
    public async Task Offers_that_never_become_connections_are_bounded()
    {
        await using var server = await RunningServer.StartAsync();
        var id = (string)(await Made(server))["id"]!;
        for (var i = 0; i < 8; i++)
            Assert.Equal(HttpStatusCode.Created, (await Post(server, $"/whip/{id}")).StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Post(server, $"/whip/{id}")).StatusCode);
    }

    [Fact]
    public async Task A_full_server_says_when_to_come_back()
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxSessions = 1);
        await Post(server, "/whip");
        var full = await Post(server, "/whip");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, full.StatusCode);
        Assert.True(full.Headers.RetryAfter!.Delta > TimeSpan.Zero);
    }

    [Theory]
    [InlineData("POST", "/whip")]
    [InlineData("POST", "/whip/{id}")]
    [InlineData("PATCH", "{connection}")]
    [InlineData("DELETE", "{connection}")]
    public async Task Every_request_shows_its_bearer_token(string method, string address)
    {
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key]);
        using var make = new HttpRequestMessage(HttpMethod.Post, "/whip") { Content = Body(WhipTests.Offer()) };
        make.Headers.Add("Authorization", $"Bearer {Key}");
        var connection = (await server.Http.SendAsync(make, Cancel)).Headers.Location!.ToString();
        using var request = new HttpRequestMessage(new HttpMethod(method),
            address.Replace("{id}", connection.Split('/')[2], StringComparison.Ordinal)
            .Replace("{connection}", connection, StringComparison.Ordinal));
        var refused = await server.Http.SendAsync(request, Cancel);
        Assert.Equal((HttpStatusCode.Unauthorized, "Bearer"), (refused.StatusCode, refused.Headers.WwwAuthenticate.Single().Scheme));
    }

    private static async Task<JsonNode> Made(RunningServer server) =>
        (await (await server.Http.PostAsJsonAsync("/v1/sessions", new { prompt = "ink" },
            Cancel)).Content.ReadFromJsonAsync<JsonNode>(Cancel))!;

    private static Task<HttpResponseMessage> Post(RunningServer server, string address, string? offer = null) =>
        server.Http.PostAsync(address, Body(offer ?? WhipTests.Offer()), Cancel);

    private static StringContent Body(string offer) => new(offer, Encoding.UTF8, "application/sdp");

    private static async Task<HttpResponseMessage> Patch(RunningServer server, Uri location, string body, string? match)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, location)
        { Content = new StringContent(body, Encoding.UTF8, "application/trickle-ice-sdpfrag") };
        if (match is not null)
            request.Headers.TryAddWithoutValidation("If-Match", match);
        return await server.Http.SendAsync(request, Cancel);
    }

    private static string Video(string coding, string parameters) =>
        $"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:{{mid}}\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 " +
            $"{coding}\r\n{(parameters.Length > 0 ? $"a=fmtp:96 {parameters}\r\n" : "")}";

    private static string Audio(string coding) =>
        $"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:{{mid}}\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 {coding}\r\n";

    private static string Sdp(params string[] sections)
    {
        var text = new StringBuilder("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
        text.Append($"a=group:BUNDLE {string.Join(' ', Enumerable.Range(0, sections.Length))}\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n");
        text.Append($"a=fingerprint:sha-256 {string.Join(':', Enumerable.Repeat("AA", 32))}\r\n");
        for (var i = 0; i < sections.Length; i++)
            text.Append(sections[i].Replace("{mid}", $"{i}", StringComparison.Ordinal));
        return text.ToString();
    }
}
