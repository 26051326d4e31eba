using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Fleet.Links;
using TrueLive.Server.Access;

namespace TrueLive.Fleet.Tests;

/// <summary>All workers are replaced, one after the other, as processes of their own, while ten clients send.</summary>
[Trait("Run", "alone")]
public sealed class RollingUpgradeTests : IAsyncLifetime
{
    private const int Sessions = 10;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(200);

    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-rolling-").FullName;
    private readonly Dictionary<string, ServerProcess> _workers = [];
    private readonly Dictionary<string, string> _keys = [];
    private ServerProcess _control = null!;
    private HttpClient _http = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _control = await ServerProcess.StartControlAsync("--data-folder", Path.Combine(_folder, "control"), "--drain-seconds", "3600",
            "--worker-silence-ms", "60000");
        _http = new HttpClient { BaseAddress = new Uri(_control.Address), Timeout = TimeSpan.FromMinutes(5) };
        foreach (var name in new[] { "one", "two" })
        {
            _keys[name] = ApiKeyFile.Create(JoinKeyFile.PathIn(Path.Combine(_folder, "control")), name, KeyScopes.None,
                TimeProvider.System.GetUtcNow(), null);
            await StartAsync(name);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        foreach (var worker in _workers.Values)
            await worker.DisposeAsync();
        await _control.DisposeAsync();
        Directory.Delete(_folder, true);
    }

    [Fact]
    public async Task Two_workers_are_replaced_one_after_the_other_and_none_of_ten_sessions_loses_its_prompt_or_memory()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var moves = new ConcurrentDictionary<int, int>();
        var begun = new CountdownEvent(Sessions);
        var clients = Enumerable.Range(0, Sessions).Select(i => FollowAsync(i, begun, moves, stop.Token)).ToArray();
        await TestFleet.UntilAsync(() => Task.FromResult(begun.IsSet || clients.Any(c => c.IsFaulted)));
        await Task.WhenAll(clients.Where(c => c.IsFaulted));
        foreach (var name in new[] { "one", "two" })
        {
            var before = moves.Values.Sum();
            var held = await SessionsOfAsync(name);
            using (await _http.PostAsync($"/v1/fleet/workers/{name}/drain", null, Cancel)) { }
            // Every client that was moved is back, and has a picture.
            await TestFleet.UntilAsync(async () => clients.Any(c => c.IsFaulted)
                || (await SessionsOfAsync(name) == 0 && moves.Values.Sum() >= before + held));
            await Task.WhenAll(clients.Where(c => c.IsFaulted));
            await _workers[name].DisposeAsync();
            await StartAsync(name);
        }
        await Task.WhenAll(clients.Where(c => c.IsFaulted));
        var view = await ViewAsync();
        Assert.Equal(Sessions, view["sessions"]!.AsArray().Count);
        Assert.Equal((0, 0), ((int)view["counts"]!["restored"]!, (int)view["counts"]!["fenced"]!));
        Assert.Equal((int)view["counts"]!["moved"]!, moves.Values.Sum());
        await stop.CancelAsync();
        foreach (var client in clients)
            await Assert.ThrowsAnyAsync<Exception>(() => client);
    }

    // A client that goes where its session goes.
    private async Task FollowAsync(int number, CountdownEvent begun, ConcurrentDictionary<int, int> moves, CancellationToken stop)
    {
        var client = await JpegClient.ConnectAsync(_http.BaseAddress!, $"prompt=ink&strength=0.{number}");
        try
        {
            var token = (string)(await client.MessageAsync("session"))["token"]!;
            await client.SendUntilPictureAsync();
            for (begun.Signal(); ; moves.AddOrUpdate(number, 1, (_, n) => n + 1))
            {
                await client.SendAtPaceUntilAsync(Pace, "state", m => (string?)m["cause"] == "control_moved", stop);
                await client.DisposeAsync();
                client = await JpegClient.ConnectAsync(_http.BaseAddress!, $"token={token}");
                var hello = await client.MessageAsync("session");
                Assert.Equal(("ink", number / 10.0, true), ((string?)hello["prompt"]!["text"],
                    Math.Round((double)hello["prompt"]!["strength"]!, 3), (bool)hello["resumed"]!["memory_kept"]!));
                await client.SendUntilPictureAsync();
            }
        }
        finally
        {
            await client.DisposeAsync();
        }
    }

    private async Task<int> SessionsOfAsync(string worker) =>
        (int)(await ViewAsync())["workers"]!.AsArray().First(w => (string?)w!["name"] == worker)!["sessions"]!;

    private async Task<JsonNode> ViewAsync() => (await _http.GetFromJsonAsync<JsonNode>("/v1/fleet", Cancel))!;

    private async Task StartAsync(string name)
    {
        _workers[name] = await ServerProcess.StartAsync("--join", _control.Address, "--join-key", _keys[name],
            "--data-folder", Path.Combine(_folder, name), "--size", "64x64", "--target-rate", "5", "--max-sessions", $"{Sessions}");
        await TestFleet.UntilAsync(async () => (string?)(await ViewAsync())["workers"]!.AsArray().FirstOrDefault(w =>
            (string?)w!["name"] == name)?["state"] == "ready");
    }
}
