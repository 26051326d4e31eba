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
        await using var client = await JpegClient.ConnectAsync(server.Address, "model=passthrough");
        var (trace, number) = await client.SendUntilPictureAsync();
        Assert.Equal((number + 1) * 3000L, (long)trace["media_time"]!);
        Assert.Equal(("passthrough", "1", "passed_through"),
            ((string?)trace["model"], (string?)trace["model_version"], (string?)trace["origin"]));
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
        // Nothing ever comes through the media port. Asking over HTTP why a WebSocket fails does not end the session.
        Assert.Equal(HttpStatusCode.UpgradeRequired, (await server.Http.GetAsync($"/v1/live?token={token}", Cancel)).StatusCode);

        await using var client = await JpegClient.ConnectAsync(server.Address, $"token={token}");
        var hello = await client.MessageAsync("session");
        Assert.StartsWith($"/whip/{hello["session"]}/", made.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal(("ink", "websocket-jpeg"), ((string?)hello["prompt"]!["text"], (string?)hello["transport"]));
        Assert.Null(hello["resumed"]);
        Assert.True((await client.SendUntilPictureAsync()).Number >= 0);
        var list = await server.Http.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel);
        Assert.Equal("live", (string?)Assert.Single(list!["sessions"]!.AsArray())!["state"]);
    }

    [Fact]
    public async Task What_a_lost_connection_still_waited_for_is_not_told_to_the_next_which_counts_its_commands_anew()
    {
        await using var server = await RunningServer.StartAsync();
        string token;
        await using (var lost = await JpegClient.ConnectAsync(server.Address, "model=passthrough"))
        {
            token = (string)(await lost.MessageAsync("session"))["token"]!;
            await lost.SayAsync("{\"type\":\"prompt\",\"id\":\"c1\",\"text\":\"ink\"}");
            await lost.MessageAsync("accepted");
        }
        await using var back = await JpegClient.ConnectAsync(server.Address, $"token={token}");
        Assert.Equal("ink", (string?)(await back.MessageAsync("session"))["prompt"]!["text"]);
        await back.SayAsync("{\"type\":\"prompt\",\"id\":\"c1\",\"text\":\"oil\"}");
        await back.MessageAsync("accepted");
        Assert.Equal(2, (long)(await back.SendUntilAsync("applied"))["first_frame"]!["revision"]!);
        // A second answer for c1 would come before this one.
        await back.SayAsync("{\"type\":\"prompt\",\"id\":\"c2\",\"text\":\"neon\"}");
        Assert.Equal("c2", (string?)(await back.SendUntilAsync("applied"))["id"]);
    }

    [Fact]
    public async Task A_page_that_is_loaded_again_while_its_session_is_paused_gets_the_last_picture_as_a_repeat()
    {
        await using var server = await RunningServer.StartAsync();
        string token;
        int shown;
        await using (var first = await JpegClient.ConnectAsync(server.Address, "model=passthrough"))
        {
            token = (string)(await first.MessageAsync("session"))["token"]!;
            shown = (await first.SendUntilPictureAsync()).Number;
            await first.SayAsync("{\"type\":\"pause\",\"id\":\"p\"}");
            await first.MessageAsync("applied");
        }
        await using var back = await JpegClient.ConnectAsync(server.Address, $"token={token}");
        Assert.True((bool)(await back.MessageAsync("session"))["paused"]!);
        var (trace, number) = await back.PictureAsync();
        Assert.Equal(("repeated", 0), ((string?)trace["origin"], (int)trace["epoch"]!));
        Assert.True(number >= shown, $"{number} after {shown}");
    }
}
