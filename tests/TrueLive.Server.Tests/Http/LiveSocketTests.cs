using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace TrueLive.Server.Tests.Http;

/// <summary>The fallback over one WebSocket, against the real server.</summary>
public sealed class LiveSocketTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_picture_comes_back_with_the_trace_of_how_it_came_about()
    {
        await using var server = await RunningServer.StartAsync();
        await using var client = await JpegClient.ConnectAsync(server, "model=passthrough");
        await client.SendPictureAsync();
        var (trace, number) = await client.PictureAsync();
        Assert.Equal((0, 3000L), (number, (long)trace["media_time"]!));
        Assert.Equal(("passthrough", "1", "passed_through"), ((string?)trace["model"], (string?)trace["model_version"], (string?)trace["origin"]));
        foreach (var stage in new[] { "decode_ms", "wait_ms", "step_ms", "encode_ms" })
            Assert.InRange((double)trace[stage]!, 0, 30_000);
        Assert.True((double)trace["encode_ms"]! > 0, "a picture is not coded in no time");
    }

    [Fact]
    public async Task Where_the_media_port_is_blocked_the_same_session_goes_on_over_the_WebSocket()
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxSessions = 1);
        using var offer = new StringContent(WhipTests.Offer(), Encoding.UTF8, "application/sdp");
        var made = await server.Http.PostAsync("/whip?model=passthrough&prompt=ink", offer, Cancel);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var token = Assert.Single(made.Headers.GetValues("X-TrueLive-Token"));
        // Nothing ever comes through the media port. To ask in words why a WebSocket fails does not cost the session.
        Assert.Equal(HttpStatusCode.UpgradeRequired, (await server.Http.GetAsync($"/v1/live?token={token}", Cancel)).StatusCode);

        await using var client = await JpegClient.ConnectAsync(server, $"token={token}");
        var hello = await client.MessageAsync("session");
        Assert.Equal(made.Headers.Location!.ToString(), $"/whip/{hello["session"]}");
        Assert.Equal(("ink", "websocket-jpeg"), ((string?)hello["prompt"]!["text"], (string?)hello["transport"]));
        Assert.Null(hello["resumed"]);
        await client.SendPictureAsync();
        Assert.Equal(0, (await client.PictureAsync()).Number);
        var list = await server.Http.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel);
        Assert.Equal("live", (string?)Assert.Single(list!["sessions"]!.AsArray())!["state"]);
    }
}
