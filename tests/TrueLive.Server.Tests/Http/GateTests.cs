using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using TrueLive.Server.Access;
using TrueLive.Server.Http;

namespace TrueLive.Server.Tests.Http;

/// <summary>Which requests get access, by their headers and keys.</summary>
public sealed class GateTests
{
    private const string Key = "a-key-of-enough-characters";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_browsers_WebSocket_shows_its_key_as_a_subprotocol_and_a_key_in_an_address_opens_nothing()
    {
        const string odd = "a key/with+signs=\u00e9";
        await using var server = await RunningServer.StartAsync(o => (o.ApiKeys, o.MaxSessions) = ([Key, odd], 8));
        foreach (var key in new[] { Key, odd })
        {
            using var socket = await ConnectAsync(server, "", SocketProtocol.Name, Offered(key));
            Assert.Equal((WebSocketState.Open, SocketProtocol.Name), (socket.State, socket.SubProtocol));
        }
        foreach (var wrong in new[] { Offered(Key + "x"), "truelive.key.", "truelive.key.!", "truelive.key.AA", Key })
            await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(server, "", SocketProtocol.Name, wrong));
        await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(server, $"key={Key}"));
        var refused = await server.Http.GetAsync($"/v1/live?key={Key}", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Contains("in the logs of proxies", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);

        static string Offered(string key) => "truelive.key." + System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key));
    }

    [Fact]
    public async Task A_sessions_token_that_another_key_holder_found_brings_nobody_but_its_client_back()
    {
        const string other = "another-key-0123456789";
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key, other]);
        using var make = new HttpRequestMessage(HttpMethod.Post, "/v1/sessions")
        { Content = new StringContent("{}", Encoding.UTF8, "application/json") };
        make.Headers.Authorization = new("Bearer", Key);
        var token = (string)JsonNode.Parse(await (await server.Http.SendAsync(make, Cancel)).Content.ReadAsStringAsync(Cancel))!["token"]!;
        Assert.Equal(HttpStatusCode.NotFound, await Asked(server, HttpMethod.Get, $"/v1/live?token={token}",
            ("Authorization", $"Bearer {other}")));
        Assert.Equal(HttpStatusCode.UpgradeRequired, await Asked(server, HttpMethod.Get, $"/v1/live?token={token}",
            ("Authorization", $"Bearer {Key}")));
    }

    private static async Task<ClientWebSocket> ConnectAsync(RunningServer server, string query, params string[] protocols)
    {
        var socket = new ClientWebSocket();
        foreach (var protocol in protocols)
            socket.Options.AddSubProtocol(protocol);
        await socket.ConnectAsync(new UriBuilder(server.Address) { Scheme = "ws", Path = "/v1/live", Query = query }.Uri, Cancel);
        return socket;
    }

    [Theory]
    [InlineData("http://localhost:3000")]
    [InlineData("http://127.0.0.1:1")]
    [InlineData("https://127.0.0.1:PORT")]
    [InlineData("http://localhost:PORT")]
    [InlineData("null")]
    public async Task Without_keys_a_page_of_another_program_on_this_machine_cannot_use_the_server(string origin)
    {
        await using var server = await RunningServer.StartAsync();
        origin = origin.Replace("PORT", $"{server.Address.Port}", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, await Asked(server, HttpMethod.Get, "/v1/sessions", ("Origin", origin)));
        Assert.Equal(HttpStatusCode.Forbidden, await Asked(server, HttpMethod.Post, "/v1/sessions", ("Origin", origin)));
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", origin);
        await Assert.ThrowsAsync<WebSocketException>(() =>
            socket.ConnectAsync(new UriBuilder(server.Address) { Scheme = "ws", Path = "/v1/live" }.Uri, Cancel));
    }

    [Fact]
    public async Task Pages_of_its_own_origin_and_of_those_that_the_operator_named_may()
    {
        await using var server = await RunningServer.StartAsync(o => o.Origins = ["http://localhost:3000/"]);
        Assert.Equal(HttpStatusCode.OK, await Asked(server, HttpMethod.Get, "/v1/sessions",
            ("Origin", server.Address.GetLeftPart(UriPartial.Authority))));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/sessions");
        request.Headers.Add("Origin", "http://localhost:3000");
        var answer = await server.Http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("http://localhost:3000", Assert.Single(answer.Headers.GetValues("Access-Control-Allow-Origin")));
        Assert.Equal(HttpStatusCode.Forbidden, await Asked(server, HttpMethod.Get, "/v1/sessions", ("Origin", "http://localhost:3001")));
    }

    [Fact]
    public async Task Off_loopback_without_keys_names_that_anybody_can_point_at_it_are_refused_as_well()
    {
        await using var server = await RunningServer.StartAsync(o => (o.Host, o.Insecure) = ("127.0.0.2", true));
        var own = $"{server.Address.Host}:{server.Address.Port}";
        Assert.Equal(HttpStatusCode.OK, await Asked(server, HttpMethod.Get, "/v1/sessions", ("Origin", $"http://{own}")));
        Assert.Equal(HttpStatusCode.Forbidden, await Asked(server, HttpMethod.Get, "/v1/sessions", ("Origin", "https://example.org")));
        Assert.Equal(HttpStatusCode.MisdirectedRequest,
            await Asked(server, HttpMethod.Get, "/v1/sessions", ("Host", "rebound.example.org")));
    }

    [Fact]
    public async Task Without_keys_nobody_comes_in_through_a_proxy_that_the_operator_did_not_name()
    {
        await using (var server = await RunningServer.StartAsync())
        {
            foreach (var header in new[] { "X-Forwarded-For", "Forwarded", "X-Real-IP", "Via" })
                Assert.Equal(HttpStatusCode.Forbidden, await Asked(server, HttpMethod.Get, "/v1/sessions", (header, "203.0.113.9")));
        }
        await using var named = await RunningServer.StartAsync(o =>
            (o.Proxies, o.Origins) = (["127.0.0.1"], ["https://studio.example.org"]));
        (string, string)[] proxied = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "studio.example.org")];
        Assert.Equal(HttpStatusCode.OK, await Asked(named, HttpMethod.Get, "/v1/sessions",
            [.. proxied, ("Origin", "https://studio.example.org")]));
        Assert.Equal(HttpStatusCode.MisdirectedRequest,
            await Asked(named, HttpMethod.Get, "/v1/sessions", [proxied[0], proxied[1], ("X-Forwarded-Host", "other.example.org")]));
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/v1/sessions")]
    [InlineData("/whip")]
    public async Task Options_shows_nothing_to_those_without_a_key(string path)
    {
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key]);
        using var request = new HttpRequestMessage(HttpMethod.Options, path);
        var answer = await server.Http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsStringAsync(Cancel));
        using var preflight = new HttpRequestMessage(HttpMethod.Options, path);
        preflight.Headers.Add("Origin", "https://example.org");
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        Assert.Equal("*", Assert.Single((await server.Http.SendAsync(preflight, Cancel)).Headers.GetValues("Access-Control-Allow-Origin")));
    }

    [Fact]
    public async Task Wrong_keys_without_end_are_answered_with_a_pause_and_the_right_one_still_opens()
    {
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key]);
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < FailedKeys.Most + 2; i++)
            answers.Add(await Asked(server, HttpMethod.Get, "/v1/sessions", ("X-Api-Key", $"wrong-{i}")));
        Assert.Equal(FailedKeys.Most, answers.Count(a => a == HttpStatusCode.Unauthorized));
        Assert.Equal(2, answers.Count(a => a == HttpStatusCode.TooManyRequests));
        Assert.Equal(HttpStatusCode.OK, await Asked(server, HttpMethod.Get, "/v1/sessions", ("X-Api-Key", Key)));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/docs/")]
    [InlineData("/v1/capabilities")]
    [InlineData("/no-such-thing")]
    public async Task Every_answer_says_that_it_is_what_it_says_and_tells_no_other_server_its_address(string path)
    {
        await using var server = await RunningServer.StartAsync();
        var answer = await server.Http.GetAsync(path, Cancel);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Equal(path is "/" or "/docs/", answer.Headers.Contains("Content-Security-Policy"));
        Assert.False(answer.Headers.Contains("Strict-Transport-Security"));
    }

    [Fact]
    public void One_address_holds_only_so_many_connections_and_others_are_served_beside_it()
    {
        var limit = new ConnectionLimit([]);
        var (greedy, other) = (IPAddress.Parse("203.0.113.9"), IPAddress.Parse("203.0.113.10"));
        for (var i = 0; i < ConnectionLimit.OfOneAddress; i++)
            Assert.True(limit.Enter(greedy));
        Assert.False(limit.Enter(greedy));
        Assert.True(limit.Enter(other));
        limit.Leave(greedy);
        Assert.True(limit.Enter(greedy));
    }

    private static async Task<HttpStatusCode> Asked(
        RunningServer server, HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        if (method == HttpMethod.Post)
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return (await server.Http.SendAsync(request, Cancel)).StatusCode;
    }
}
