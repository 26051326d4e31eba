using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TrueLive.Server.Tests.Http;

/// <summary>The waiting line of a single server, as its clients meet it.</summary>
public sealed class WaitingLineHttpTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_waits_on_a_full_server_is_told_the_position_and_gets_the_next_place_whichever_way_it_comes()
    {
        await using var server = await RunningServer.StartAsync(o =>
            (o.MaxSessions, o.Queue, o.QueuePerClient) = (1, 5, 3));
        var (status, made) = await AskAsync(server, "");
        Assert.Equal(HttpStatusCode.Created, status);
        var (_, first) = await AskAsync(server, "");
        var line = first!["line"]!;
        Assert.Equal(("urn:truelive:problem:full", 1, 1, 0, null), ((string?)first["type"], (int)line["position"]!, (int)line["waiting"]!,
            (int)line["estimate_from"]!, line["estimate_s"]));
        Assert.Equal(2, (int)(await AskAsync(server, "")).Body!["line"]!["position"]!);
        var third = (await AskAsync(server, "")).Body!["line"]!;
        Assert.Contains("as many as may", (string?)(await AskAsync(server, "")).Body!["detail"], StringComparison.Ordinal);
        using (var left = await server.Http.DeleteAsync($"/v1/line/{third["ticket"]}", Cancel))
            Assert.Equal(HttpStatusCode.NoContent, left.StatusCode);

        // A stream's session waits like any other.
        Assert.Equal((string?)line["ticket"], (string?)(await AskAsync(server, (string?)line["ticket"], "/v1/streams",
            new { source = "rtmp://:19350/live/secret-key-1?mode=listener" })).Body!["line"]!["ticket"]);
        using (var ended = await server.Http.DeleteAsync($"/v1/sessions/{made!["id"]}", Cancel))
            Assert.Equal(HttpStatusCode.OK, ended.StatusCode);
        // The place is free, and not for whoever comes now.
        var (passed, words) = await AskAsync(server, "");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, true),
            (passed, ((string?)words!["detail"])!.Contains("wait in line", StringComparison.Ordinal)));
        // A browser asks over HTTP why it had no WebSocket: now it would get one, and keeps its position until it does.
        var ticket = (string?)line["ticket"];
        for (var i = 0; i < 2; i++)
        {
            using var asked = await server.Http.GetAsync($"/v1/live?line={ticket}", Cancel);
            Assert.Equal(HttpStatusCode.UpgradeRequired, asked.StatusCode);
        }
        await using var client = await JpegClient.ConnectAsync(server.Address, $"line={ticket}");
        Assert.NotNull((await client.MessageAsync("session"))["token"]);
        // The ticket is used up.
        Assert.NotEqual(ticket, (string?)(await AskAsync(server, ticket)).Body!["line"]!["ticket"]);
    }

    [Fact]
    public async Task Who_does_not_know_the_line_is_not_in_it_and_gets_the_place_when_nobody_waits()
    {
        await using var server = await RunningServer.StartAsync(o => (o.MaxSessions, o.Queue) = (1, 5));
        var (_, made) = await AskAsync(server, "");
        for (var i = 0; i < 3; i++)
        {
            var (status, full) = await AskAsync(server, null);
            Assert.Equal((HttpStatusCode.ServiceUnavailable, 1, null), (status, (int)full!["running"]!, full["line"]));
        }
        var ticket = (string?)(await AskAsync(server, "")).Body!["line"]!["ticket"];
        using (await server.Http.DeleteAsync($"/v1/sessions/{made!["id"]}", Cancel)) { }
        // Nor does it pass those who wait.
        Assert.Contains("wait in line", (string?)(await AskAsync(server, null)).Body!["detail"], StringComparison.Ordinal);
        using (await server.Http.DeleteAsync($"/v1/line/{ticket}", Cancel)) { }
        Assert.Equal(HttpStatusCode.Created, (await AskAsync(server, null)).Status);
    }

    // An empty ticket joins the line; null is a client that does not know it.
    private static async Task<(HttpStatusCode Status, JsonNode? Body)> AskAsync(RunningServer server, string? ticket,
        string path = "/v1/sessions", object? body = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body ?? new { }) };
        if (ticket is not null)
            request.Headers.Add("X-TrueLive-Line", ticket);
        using var answer = await server.Http.SendAsync(request, Cancel);
        var said = await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel);
        if (said?["line"] is { } line)
            Assert.Equal((string?)line["ticket"], Assert.Single(answer.Headers.GetValues("X-TrueLive-Line")));
        return (answer.StatusCode, said);
    }
}
