using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using TrueLive.Fleet.Links;
using TrueLive.Server.Access;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Fleet.Tests;

/// <summary>What clients meet at the front door of a fleet of two workers.</summary>
public sealed class FrontDoorTests(TestFleet fleet) : IClassFixture<TestFleet>, IAsyncLifetime
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await fleet.ClearAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_live_session_over_the_WebSocket_goes_through_and_takes_prompts()
    {
        await using var client = await JpegClient.ConnectAsync(fleet.Door, "prompt=first");
        var hello = await client.MessageAsync("session");
        Assert.Equal("first", (string?)hello["prompt"]!["text"]);
        await client.SendUntilPictureAsync();
        await client.SayAsync("""{"type":"prompt","id":"p1","text":"second"}""");
        Assert.Equal("second", (string?)(await client.SendUntilAsync("accepted"))["prompt"]!["text"]);
        Assert.Equal("p1", (string?)(await client.SendUntilAsync("applied"))["id"]);
    }

    [Fact]
    public async Task A_WHIP_client_sends_its_pictures_straight_to_the_worker_and_a_viewer_gets_them_there()
    {
        await using var client = await NativeClient.ConnectAsync(new Uri(fleet.Door, "/whip"));
        await client.OpenControlAsync();
        await client.PicturesAsync(5);
        var id = client.Whip.Resource!.Segments[2].TrimEnd('/');
        Assert.Equal(fleet.Door.Port, client.Whip.Resource.Port);
        Assert.True(client.Channel!.Send("""{"type":"prompt","id":"p1","text":"over the channel"}"""));
        await client.MessageAsync(m => (string?)m["type"] == "accepted");
        var session = await fleet.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel);
        Assert.Equal("over the channel", (string?)session!["prompt"]!["text"]);
        await using var viewer = await NativeClient.ConnectAsync(new Uri(fleet.Door, $"/whep/{id}"), sends: false);
        await viewer.PicturesAsync(3);
        await TestFleet.UntilAsync(async () => (await fleet.ViewAsync())["sessions"]!.AsArray().Any(s => (string?)s!["id"] == id
            && (long)s["made"]! > 0));
    }

    [Fact]
    public async Task Of_64_clients_that_come_at_once_exactly_as_many_get_in_as_there_are_places()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => fleet.Http.PostAsJsonAsync("/v1/sessions", new { }, Cancel)));
        Assert.Equal(2 * TestFleet.Places, answers.Count(a => a.StatusCode == HttpStatusCode.Created));
        foreach (var refused in answers.Where(a => a.StatusCode != HttpStatusCode.Created))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.True(refused.Headers.RetryAfter!.Delta > TimeSpan.Zero);
            var problem = await refused.Content.ReadFromJsonAsync<JsonNode>(Cancel);
            Assert.Equal(("urn:truelive:problem:full", 6, 6),
                ((string?)problem!["type"], (int)problem["capacity"]!, (int)problem["running"]!));
        }
        // A worker that does not answer in two seconds is left out of the list.
        await TestFleet.UntilAsync(async () => (await fleet.Http.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel))!["sessions"]!
            .AsArray().Select(s => (string?)s!["id"]).Distinct().Count() == 6);
        Assert.All(await fleet.WorkersAsync(), w => Assert.Equal(TestFleet.Places, (int)w!["sessions"]!));
    }

    [Fact]
    public async Task A_place_that_came_to_nothing_is_free_again()
    {
        for (var i = 0; i < 3 * TestFleet.Places; i++)
        {
            using var bad = await fleet.Http.PostAsync("/whip", new StringContent("no SDP", null, "application/sdp"), Cancel);
            Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
            using var socket = await fleet.Http.GetAsync("/v1/live", Cancel);
            Assert.Equal(HttpStatusCode.UpgradeRequired, socket.StatusCode);
            // It is given back when the answer has been passed on.
            await TestFleet.UntilAsync(async () => (int)(await fleet.ViewAsync())["free"]!["passthrough"]! == 2 * TestFleet.Places);
        }
    }

    [Fact]
    public async Task A_client_that_comes_back_with_its_token_finds_its_session_whatever_the_others_do()
    {
        string token;
        await using (var client = await JpegClient.ConnectAsync(fleet.Door, "prompt=mine"))
        {
            token = (string)(await client.MessageAsync("session"))["token"]!;
            await client.SendUntilPictureAsync();
        }
        var others = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => fleet.NewSessionAsync()));
        await using var back = await JpegClient.ConnectAsync(fleet.Door, $"token={token}");
        var hello = await back.MessageAsync("session");
        Assert.Equal(("mine", true), ((string?)hello["prompt"]!["text"], hello["resumed"] is not null));
        // Another session's id before it makes no token of it.
        var forged = $"{others[0]["id"]}.{token.Split('.')[1]}";
        using var refused = await fleet.Http.GetAsync($"/v1/live?token={forged}", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
    }

    [Fact]
    public async Task A_worker_takes_requests_from_its_front_door_alone()
    {
        var worker = new Uri((string)(await fleet.WorkersAsync())[0]!["address"]!);
        using var http = new HttpClient { BaseAddress = worker };
        foreach (var path in new[] { "/v1/sessions", "/v1/capabilities", "/v1/live", "/openapi/v1.json" })
        {
            using var refused = await http.GetAsync(path, Cancel);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Contains("front door", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
        // A client cannot bring a ticket of its own through the front door either: it is replaced.
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/capabilities");
        request.Headers.Add(GatewayTicket.Header, new GatewayTicket("gpu-1", "", "somebody", "x", false, long.MaxValue)
            .Sign(new byte[GatewayTicket.KeyLength]));
        using var passed = await fleet.Http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.OK, passed.StatusCode);
        Assert.Single(passed.Headers.GetValues("X-Content-Type-Options"));
    }

    [Fact]
    public async Task A_drained_worker_gets_no_new_sessions_until_it_is_taken_back()
    {
        using (var drained = await fleet.Http.PostAsync("/v1/fleet/workers/gpu-1/drain", null, Cancel))
            Assert.Equal(HttpStatusCode.NoContent, drained.StatusCode);
        for (var i = 0; i < TestFleet.Places; i++)
            await fleet.NewSessionAsync();
        using (var full = await fleet.Http.PostAsJsonAsync("/v1/sessions", new { }, Cancel))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, full.StatusCode);
        Assert.Equal("draining", await fleet.StateAsync("gpu-1"));
        using (var back = await fleet.Http.DeleteAsync("/v1/fleet/workers/gpu-1/drain", Cancel))
            Assert.Equal(HttpStatusCode.NoContent, back.StatusCode);
        await fleet.NewSessionAsync();
        Assert.All(await fleet.WorkersAsync(), w => Assert.InRange((int)w!["sessions"]!, 1, TestFleet.Places));
        using var unknown = await fleet.Http.PostAsync("/v1/fleet/workers/nobody/drain", null, Cancel);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Fact]
    public async Task What_belongs_to_no_session_goes_to_a_worker_as_well_and_figures_are_told()
    {
        Assert.Equal("passthrough", (string?)(await fleet.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", Cancel))!["default_model"]);
        Assert.Contains("<title>", await fleet.Http.GetStringAsync("/", Cancel), StringComparison.Ordinal);
        using var unknown = await fleet.Http.GetAsync("/v1/sessions/0123456789abcdef01234567", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        // The figures are those of the last look at the fleet, which may have been before its first worker came.
        await TestFleet.UntilAsync(async () => await fleet.Http.GetStringAsync("/metrics", Cancel) is var metrics
            && metrics.Contains("truelive_free_places", StringComparison.Ordinal)
            && metrics.Contains("truelive_fleet_placements_total", StringComparison.Ordinal));
        using var ready = await fleet.Http.GetAsync("/readyz", Cancel);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
    }

    [Fact]
    public async Task A_key_that_is_wrong_or_revoked_links_nobody_and_bytes_that_are_no_message_end_a_link()
    {
        Assert.Contains("401", (await Assert.ThrowsAsync<WebSocketException>(() => LinkAsync("truelive_wrong"))).Message,
            StringComparison.Ordinal);
        var key = fleet.NewJoinKey("stranger");
        await TestFleet.UntilAsync(async () => await LinksAsync(key));
        byte[][] nonsense = ["{"u8.ToArray(), "{\"type\":\"welcome\"}"u8.ToArray(), [0, 1, 2], new byte[5 << 20]];
        foreach (var bytes in nonsense)
        {
            using var socket = await LinkAsync(key);
            try
            {
                await socket.SendAsync(bytes, WebSocketMessageType.Text, true, Cancel);
                await socket.ReceiveAsync(new byte[1024], Cancel);
            }
            catch (WebSocketException)
            {
                // It was closed in the middle of what is too long.
            }
            Assert.NotEqual(WebSocketState.Open, socket.State);
        }
        ApiKeyFile.Revoke(JoinKeyFile.PathIn(fleet.ControlFolder), "stranger");
        await TestFleet.UntilAsync(async () => !await LinksAsync(key));
        Assert.All(await fleet.WorkersAsync(), w => Assert.Equal("ready", (string?)w!["state"]));
    }

    private async Task<bool> LinksAsync(string key)
    {
        try
        {
            (await LinkAsync(key)).Dispose();
            return true;
        }
        catch (WebSocketException)
        {
            return false;
        }
    }

    private async Task<ClientWebSocket> LinkAsync(string key)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + key);
        try
        {
            await socket.ConnectAsync(new UriBuilder(fleet.Door) { Scheme = "ws", Path = "/fleet/link" }.Uri, Cancel);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
