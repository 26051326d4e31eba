using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Server.Tests.Http;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Fleet.Tests;

/// <summary>A worker that stops, and senders that know their address and nothing of tokens.</summary>
[Trait("Run", "long")]
public sealed class StoppedWorkerTests : IAsyncLifetime
{
    private readonly TestFleet _fleet = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _fleet.StartControlAsync(o => o.DrainSeconds = 0);
        await _fleet.StartWorkerAsync("stays");
        await _fleet.StartWorkerAsync("stops", o => o.MaxSessions = TestFleet.Places + 1);
        await TestFleet.UntilAsync(async () => await _fleet.StateAsync("stays") == "ready" && await _fleet.StateAsync("stops") == "ready");
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task A_sender_that_begins_anew_at_its_address_goes_on_at_another_worker_with_its_prompt()
    {
        // The one with most room.
        var made = await _fleet.NewSessionAsync("kept");
        var (address, id) = (new Uri(_fleet.Door, (string)made["whip"]!), (string)made["id"]!);
        Task stopping;
        await using (var client = await NativeClient.ConnectAsync(address))
        {
            await client.PicturesAsync(3);
            await TestFleet.UntilAsync(async () => (await PlacedAsync(id))?["worker"]?.ToString() == "stops");
            // Its clients come back while it still closes its connections.
            stopping = _fleet.StopLastAsync();
            await TestFleet.UntilAsync(async () => await _fleet.StateAsync("stops") == "stopped");
        }
        await using var again = await ConnectAsync(address);
        await again.PicturesAsync(3);
        Assert.Equal("stays", (string?)(await PlacedAsync(id))!["worker"]);
        var session = await _fleet.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel);
        Assert.Equal(("kept", 1), ((string?)session!["prompt"]!["text"], (int)session["prompt"]!["revision"]!));
        await stopping;
    }

    [Fact]
    public async Task A_session_of_a_drained_worker_goes_on_at_another_one()
    {
        await using var client = await JpegClient.ConnectAsync(_fleet.Door, "prompt=kept");
        var hello = await client.MessageAsync("session");
        await client.SendUntilPictureAsync();
        var id = (string)hello["session"]!;
        await TestFleet.UntilAsync(async () => (await PlacedAsync(id))?["worker"]?.ToString() == "stops");
        using (await _fleet.Http.PostAsync("/v1/fleet/workers/stops/drain", null, Cancel)) { }
        await TestFleet.UntilAsync(async () => await _fleet.WorkerOfAsync(id) == "stays");
        await using var back = await JpegClient.ConnectAsync(_fleet.Door, $"token={hello["token"]}");
        Assert.Equal("kept", (string?)(await back.MessageAsync("session"))["prompt"]!["text"]);
        await back.SendUntilPictureAsync();
        Assert.Equal("stays", (string?)(await PlacedAsync(id))!["worker"]);
    }

    private async Task<JsonNode?> PlacedAsync(string id) => (await _fleet.ViewAsync())["sessions"]!.AsArray().FirstOrDefault(s =>
        (string?)s!["id"] == id);

    // Until the directory knows that the worker stops, the front door asks to come again.
    private async Task<NativeClient> ConnectAsync(Uri address)
    {
        NativeClient? client = null;
        var said = "";
        try
        {
            await TestFleet.UntilAsync(async () =>
            {
                try
                {
                    client = await NativeClient.ConnectAsync(address);
                }
                catch (WhipException refused)
                {
                    said = refused.Message;
                }
                return client is not null;
            });
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"The address stays closed: {said}\n{await _fleet.ViewAsync()}");
        }
        return client!;
    }
}
