using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Tests.Http;

/// <summary>A viewer who joins while no new pictures come sees the last one, marked as a repeat, and is told why no more follow.</summary>
public sealed class ViewerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("paused", VideoCodec.H264)]
    [InlineData("paused", VideoCodec.Vp8)]
    [InlineData("still", VideoCodec.H264)]
    [InlineData("detached", VideoCodec.H264)]
    [InlineData("detached", VideoCodec.Vp8)]
    [Trait("Run", "long")]
    public async Task A_viewer_who_joins_while_nothing_new_comes_gets_the_last_picture_and_the_state_at_once(string why, VideoCodec codec)
    {
        await using var server = await RunningServer.StartAsync();
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.OpenControlAsync();
        await client.PicturesAsync(10);
        var hosted = Assert.Single(server.Services.GetRequiredService<SessionRegistry>().Hosted);
        if (why == "paused")
            hosted.Session.Pause(true);
        else if (why == "still")
            await client.FreezeAsync();
        else
            await client.VanishAsync();
        // The picture that is being made at the pause still goes out: then every one that came is accounted for.
        await NativeClient.UntilAsync(() => why == "still"
            ? hosted.Session.Stats.GeneratedPerSecond == 0
            : hosted.Session.State.ToString().Equals(why, StringComparison.OrdinalIgnoreCase)
                && (why != "paused" || IsIdle(hosted.Session.Stats)));
        var sent = hosted.Session.Stats.Sent;

        for (var viewers = 0; viewers < 2; viewers++)
        {
            await using var viewer = await NativeClient.ConnectAsync(client.WhepOf(server), codec, sends: false);
            await viewer.OpenControlAsync();
            var state = await viewer.MessageAsync(m => (string?)m["type"] == "state");
            Assert.Equal(why == "still" ? "live" : why, (string?)state["state"]);
            await viewer.PicturesAsync(1);
            var trace = await viewer.MessageAsync(m => (string?)m["type"] == "frame" && (string?)m["origin"] == "repeated");
            // The last picture made may have found the client's link already closed.
            Assert.InRange((long)trace["output"]!, sent - 1, sent);
        }
        Assert.Equal(sent, hosted.Session.Stats.Sent);
        var seen = await server.Http.GetFromJsonAsync<JsonNode>(client.WhepOf(server), Cancel);
        Assert.Equal(why == "still" ? "live" : why, (string?)seen!["state"]);
        if (why == "detached")
            Assert.Contains("video stopped", (string?)seen["reason"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_viewer_is_told_what_becomes_of_the_session_and_its_picture_goes_on_after_a_pause()
    {
        await using var server = await RunningServer.StartAsync();
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.PicturesAsync(3);
        var hosted = Assert.Single(server.Services.GetRequiredService<SessionRegistry>().Hosted);
        hosted.Session.Pause(true);
        await NativeClient.UntilAsync(() => hosted.Session.Stats.Paused > 10);
        await using var viewer = await NativeClient.ConnectAsync(client.WhepOf(server), sends: false);
        await viewer.OpenControlAsync();
        await viewer.PicturesAsync(1);
        hosted.Session.Pause(false);
        // The pictures that follow depend on the repeated key frame.
        await viewer.PicturesAsync(20);
        await client.PicturesAsync(20);
        await viewer.MessageAsync(m => (string?)m["type"] == "state" && (string?)m["state"] == "live");
        // The repeated one may come again, to a decoder that asks for it.
        Assert.Equal(viewer.Numbers.Order(), viewer.Numbers);
        Assert.InRange(viewer.Numbers.Distinct().Count(), 10, viewer.Numbers.Count);
        hosted.Session.End(EndCause.ControlServer);
        await viewer.MessageAsync(m => (string?)m["type"] == "state" && (string?)m["state"] == "ended");
    }

    private static bool IsIdle(SessionStats s) =>
        s.Received == s.Sent + s.Replaced + s.Stale + s.Paused + s.StepFailed + s.Flushed + s.SinkFull + s.Superseded;

    [Fact]
    public async Task A_viewer_of_a_session_that_nobody_sends_into_yet_is_told_so()
    {
        await using var server = await RunningServer.StartAsync();
        var made = (await (await server.Http.PostAsJsonAsync("/v1/sessions", new { prompt = "ink" },
            Cancel)).Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
        await using var viewer = await NativeClient.ConnectAsync(new Uri(server.Address, (string)made["whep"]!), sends: false);
        await viewer.OpenControlAsync();
        Assert.Equal("created", (string?)(await viewer.MessageAsync(m => (string?)m["type"] == "state"))["state"]);
        await using var sender = await NativeClient.ConnectAsync(new Uri(server.Address, (string)made["whip"]!), receives: false);
        await viewer.PicturesAsync(5);
    }
}
