using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Fleet.Tests;

/// <summary>What goes on without a control node, and without the store.</summary>
[Trait("Run", "long")]
public sealed class ControlLossTests : IAsyncLifetime
{
    private readonly TestFleet _fleet = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Sessions_go_on_without_any_control_node_and_the_next_one_learns_of_them()
    {
        var port = FreePort.Next();
        await _fleet.StartControlAsync(o => o.Port = port);
        await _fleet.StartWorkerAsync("gpu-1");
        await TestFleet.UntilAsync(async () => await _fleet.StateAsync("gpu-1") == "ready");
        await using var client = await NativeClient.ConnectAsync(new Uri(_fleet.Door, "/whip?prompt=kept"));
        await client.PicturesAsync(3);
        var id = client.Whip.Resource!.Segments[2].TrimEnd('/');
        await _fleet.StopControlAsync();
        await client.PicturesAsync(5);
        await _fleet.StartControlAsync(o => o.Port = port);
        await TestFleet.UntilAsync(async () => (await _fleet.Http.GetAsync($"/v1/sessions/{id}", Cancel)).StatusCode == HttpStatusCode.OK);
        Assert.Equal("kept", (string?)(await _fleet.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel))!["prompt"]!["text"]);
        await client.PicturesAsync(3);
        Assert.Equal((1, 1), ((int)(await _fleet.WorkersAsync())[0]!["sessions"]!,
            (await _fleet.ViewAsync())["sessions"]!.AsArray().Count));
    }

    // Without its store a control node takes two minutes to stop.
    [Fact]
    [Trait("Run", "full")]
    public async Task Sessions_are_placed_and_found_while_the_store_is_away()
    {
        using var redis = new RedisServer();
        await _fleet.StartControlAsync(o => (o.Store, o.SiloPort) = (redis.Address, 0));
        await _fleet.StartWorkerAsync("gpu-1");
        await TestFleet.UntilAsync(async () => await _fleet.StateAsync("gpu-1") == "ready");
        redis.Stop();
        var session = await _fleet.NewSessionAsync("kept");
        Assert.Equal("kept",
            (string?)(await _fleet.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{session["id"]}", Cancel))!["prompt"]!["text"]);
        await _fleet.NewSessionAsync();
    }
}
