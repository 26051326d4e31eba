using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using TrueLive.Fleet.Links;
using TrueLive.Server.Access;

namespace TrueLive.Fleet.Tests;

/// <summary>Workers that die and hang, as processes of their own.</summary>
[Trait("Run", "alone")]
public sealed class LostWorkerTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-lost-").FullName;
    private readonly Dictionary<string, ServerProcess> _workers = [];
    private ServerProcess _control = null!;
    private HttpClient _http = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        // Long enough that a worker that lives is not taken for lost on a busy machine.
        _control = await ServerProcess.StartControlAsync("--data-folder", Path.Combine(_folder, "control"), "--worker-silence-ms", "5000");
        _http = new HttpClient { BaseAddress = new Uri(_control.Address), Timeout = TimeSpan.FromMinutes(5) };
        string[] names = ["dies", "hangs", "lives"];
        foreach (var (name, worker) in names.Zip(await Task.WhenAll(names.Select(StartAsync))))
            _workers[name] = worker;
        await TestFleet.UntilAsync(async () => (await ViewAsync())["workers"]!.AsArray().Count(w =>
            (string?)w!["state"] == "ready") == names.Length);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        foreach (var worker in _workers.Values)
        {
            await worker.SignalAsync("CONT");
            await worker.DisposeAsync();
        }
        await _control.DisposeAsync();
        Directory.Delete(_folder, true);
    }

    [Fact]
    public async Task The_sessions_of_a_worker_that_dies_or_hangs_go_on_elsewhere_and_the_others_notice_nothing()
    {
        // One session on each, since the one with most room is taken.
        var clients = new Dictionary<string, (JpegClient Client, string Token, string Id)>();
        for (var i = 0; i < 3; i++)
        {
            var client = await JpegClient.ConnectAsync(_http.BaseAddress!, $"model=passthrough&prompt=number%20{i}&strength=0.5");
            var hello = await client.MessageAsync("session");
            var id = (string)hello["session"]!;
            await client.SendUntilPictureAsync();
            var worker = "";
            await TestFleet.UntilAsync(async () => (worker = await WorkerOfAsync(id)).Length > 0);
            clients[worker] = (client, (string)hello["token"]!, id);
        }
        Assert.Equal(["dies", "hangs", "lives"], clients.Keys.Order());
        foreach (var name in new[] { "dies", "hangs" })
        {
            var before = (await _http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{clients[name].Id}", Cancel))!;
            var lives = (await _http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{clients["lives"].Id}", Cancel))!;
            await (name == "dies" ? _workers[name].KillAsync() : _workers[name].SignalAsync("STOP"));
            // What goes over the front door to it ends, so that its client is not left hanging.
            await Assert.ThrowsAnyAsync<Exception>(() => EndedAsync(clients[name].Client));
            await using var back = await ComeBackAsync(clients[name].Token);
            var hello = await back.MessageAsync("session");
            Assert.Equal((clients[name].Id, (string?)before["prompt"]!["text"], 0.5),
                ((string?)hello["session"], (string?)hello["prompt"]!["text"], (double)hello["prompt"]!["strength"]!));
            Assert.True((int)hello["epoch"]! > (int)before["epoch"]!);
            Assert.Contains("another one goes on", (string?)hello["resumed"]!["lost"], StringComparison.Ordinal);
            Assert.False((bool)hello["resumed"]!["memory_kept"]!);
            await back.SendUntilPictureAsync();
            Assert.NotEqual(name, await WorkerOfAsync(clients[name].Id));
            // The others: the same connection, the same session, and its counters go on.
            await clients["lives"].Client.SendUntilPictureAsync();
            var still = (await _http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{clients["lives"].Id}", Cancel))!;
            Assert.Equal((int)lives["epoch"]!, (int)still["epoch"]!);
            Assert.True((long)still["stats"]!["received"]! > (long)lives["stats"]!["received"]!);
        }
        // The one that hung is told what it lost, and takes sessions again.
        await _workers["hangs"].SignalAsync("CONT");
        await TestFleet.UntilAsync(async () => (string?)(await ViewAsync())["workers"]!.AsArray().First(w =>
            (string?)w!["name"] == "hangs")!["state"] == "ready");
        await TestFleet.UntilAsync(() =>
            Task.FromResult(_workers["hangs"].Log.Contains("Another machine goes on", StringComparison.Ordinal)));
        Assert.NotEqual("hangs", await WorkerOfAsync(clients["hangs"].Id));
        foreach (var (client, _, _) in clients.Values)
            await client.DisposeAsync();
    }

    // Until the worker counts as lost, the front door asks to come again.
    private async Task<JpegClient> ComeBackAsync(string token)
    {
        JpegClient? back = null;
        await TestFleet.UntilAsync(async () =>
        {
            try
            {
                back = await JpegClient.ConnectAsync(_http.BaseAddress!, $"token={token}");
                return true;
            }
            catch (WebSocketException)
            {
                return false;
            }
        });
        return back!;
    }

    private static async Task EndedAsync(JpegClient client)
    {
        while (true)
            await client.PictureAsync();
    }

    private async Task<string> WorkerOfAsync(string session) =>
        (await ViewAsync())["sessions"]!.AsArray().FirstOrDefault(s => (string?)s!["id"] == session)?["worker"]?.ToString() ?? "";

    private async Task<JsonNode> ViewAsync() => (await _http.GetFromJsonAsync<JsonNode>("/v1/fleet", Cancel))!;

    private Task<ServerProcess> StartAsync(string name)
    {
        var key = ApiKeyFile.Create(JoinKeyFile.PathIn(Path.Combine(_folder, "control")), name, KeyScopes.None,
            TimeProvider.System.GetUtcNow(), null);
        return ServerProcess.StartAsync(
            "--join", _control.Address, "--join-key", key, "--data-folder", Path.Combine(_folder, name), "--model", "passthrough", "--size",
                "64x64", "--target-rate", "5", "--max-sessions", "4");
    }
}
