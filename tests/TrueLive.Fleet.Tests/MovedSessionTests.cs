using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Core.Models;
using TrueLive.Models.Onnx;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Fleet.Tests;

/// <summary>A drain through the eyes of its clients.</summary>
[Trait("Run", "long")]
public sealed class MovedSessionTests : IAsyncLifetime
{
    private readonly TestFleet _fleet = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _fleet.StartControlAsync(o => o.DrainSeconds = 3600);
        await _fleet.StartWorkerAsync("new", null, Model());
        // The one with most room is taken first.
        await _fleet.StartWorkerAsync("old", o => o.MaxSessions = TestFleet.Places + 3, Model());
        await TestFleet.UntilAsync(async () => await _fleet.StateAsync("new") == "ready" && await _fleet.StateAsync("old") == "ready");
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task A_drain_moves_sessions_with_prompt_and_memory_and_keeps_those_whose_clients_would_not_know()
    {
        await using var socket = await JpegClient.ConnectAsync(_fleet.Door, "prompt=ink&strength=0.5");
        var before = await socket.MessageAsync("session");
        var (first, token) = ((string)before["session"]!, (string)before["token"]!);
        await socket.SendUntilPictureAsync();
        await using var knowing = await NativeClient.ConnectAsync(new Uri(_fleet.Door, "/whip?prompt=neon"));
        await knowing.OpenControlAsync();
        await knowing.PicturesAsync(2);
        var second = (string)(await knowing.MessageAsync(m => (string?)m["type"] == "session"))["session"]!;
        // Like OBS, without a channel.
        await using var plain = await NativeClient.ConnectAsync(new Uri(_fleet.Door, "/whip?prompt=oil"));
        await plain.PicturesAsync(2);
        var third = plain.Whip.Resource!.Segments[2].TrimEnd('/');
        foreach (var id in new[] { first, second, third })
            await TestFleet.UntilAsync(async () => await _fleet.WorkerOfAsync(id) == "old");
        // Only the control node moves sessions.
        foreach (var method in new[] { HttpMethod.Post, HttpMethod.Put, HttpMethod.Delete, HttpMethod.Patch })
        {
            using var request = new HttpRequestMessage(method, $"/v1/sessions/{first}/move");
            using var refused = await _fleet.Http.SendAsync(request, Cancel);
            Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        }
        using (await _fleet.Http.PostAsync("/v1/fleet/workers/old/drain", null, Cancel)) { }
        await socket.SendAtPaceUntilAsync(TimeSpan.FromMilliseconds(100), "state", m => (string?)m["cause"] == "control_moved", Cancel);
        await using var back = await JpegClient.ConnectAsync(_fleet.Door, $"token={token}");
        var hello = await back.MessageAsync("session");
        Assert.Equal((first, "ink", 0.5),
            ((string?)hello["session"], (string?)hello["prompt"]!["text"], (double)hello["prompt"]!["strength"]!));
        Assert.True((bool)hello["resumed"]!["memory_kept"]!, hello.ToString());
        Assert.Contains("moved to another machine", (string?)hello["resumed"]!["lost"], StringComparison.Ordinal);
        Assert.True((int)hello["epoch"]! > (int)before["epoch"]!);
        await back.SendUntilPictureAsync();
        Assert.Equal("new", await _fleet.WorkerOfAsync(first));
        // It went on with the memory: nothing was forgotten since.
        var session = (await _fleet.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{first}", Cancel))!;
        Assert.Equal((int)hello["epoch"]!, (int)session["epoch"]!);
        await knowing.MessageAsync(m => (string?)m["cause"] == "control_moved");
        await TestFleet.UntilAsync(async () => await _fleet.WorkerOfAsync(second) == "new");
        Assert.Equal("old", await _fleet.WorkerOfAsync(third));
        await plain.PicturesAsync(2);
    }

    private static OnnxVideoModel Model() => OnnxVideoModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "live-tiny"), 1,
        TimeProvider.System);
}
