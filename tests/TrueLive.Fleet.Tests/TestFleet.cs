using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Models;
using TrueLive.Fleet.Links;
using TrueLive.Server;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;

namespace TrueLive.Fleet.Tests;

/// <summary>A control node and workers in this process, each with a folder of its own, linked over loopback.</summary>
public sealed class TestFleet : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-fleet-").FullName;
    private readonly List<WebApplication> _apps = [];

    /// <summary>Places of each worker of the shared fleet.</summary>
    public const int Places = 3;

    public Uri Door { get; private set; } = null!;

    internal HttpClient Http { get; private set; } = null!;

    /// <summary>Folder of the control node.</summary>
    internal string ControlFolder => Path.Combine(_folder, "control");

    public async ValueTask InitializeAsync()
    {
        await StartControlAsync(_ => { });
        await StartWorkerAsync("gpu-1");
        await StartWorkerAsync("gpu-2");
        await UntilAsync(async () => (await WorkersAsync()).Count(w => (string?)w!["state"] == "ready") == 2);
        // Nobody is told that the fleet is full, or a session unknown, before every worker has had time to report.
        using (await Http.GetAsync("/v1/sessions/none", TestContext.Current.CancellationToken)) { }
    }

    internal async Task StartControlAsync(Action<ServerOptions> change, string? key = null)
    {
        // Nobody dies here: on a busy machine a worker may be silent for long.
        var options = new ServerOptions { Port = 0, LogLevel = "Warning", DataFolder = ControlFolder, WorkerSilenceMs = 60_000 };
        change(options);
        var app = await ControlNode.BuildAsync(options, TestContext.Current.CancellationToken);
        Door = await RunAsync(app);
        Http = new HttpClient { BaseAddress = Door, Timeout = Patience };
        if (key is not null)
            Http.DefaultRequestHeaders.Authorization = new("Bearer", key);
    }

    internal string NewJoinKey(string name) => ApiKeyFile.Create(JoinKeyFile.PathIn(ControlFolder), name, KeyScopes.None,
        TimeProvider.System.GetUtcNow(), null);

    internal async Task<Uri> StartWorkerAsync(string name, Action<ServerOptions>? change = null, IVideoModel? model = null)
    {
        var options = new ServerOptions
        {
            Port = 0,
            WebrtcPort = 0,
            LogLevel = "Warning",
            DataFolder = Path.Combine(_folder, name),
            Size = "64x64",
            MaxSessions = Places,
            // None is over because a step of a test took long.
            KeepSeconds = 3600,
            Join = Door.ToString().TrimEnd('/'),
            JoinKey = NewJoinKey(name),
        };
        change?.Invoke(options);
        return await RunAsync(TrueLiveServer.Build(options, new ModelStore([model ?? new PassthroughModel()])));
    }

    /// <summary>Stops the worker that was started last, as a system does.</summary>
    internal Task StopLastAsync() => StopAsync(_apps[^1]);

    /// <summary>Stops the control node.</summary>
    internal async Task StopControlAsync()
    {
        Http.Dispose();
        await StopAsync(_apps[0]);
    }

    private async Task StopAsync(WebApplication app)
    {
        _apps.Remove(app);
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
    }

    internal async Task<JsonNode> ViewAsync() =>
        (await Http.GetFromJsonAsync<JsonNode>("/v1/fleet", TestContext.Current.CancellationToken))!;

    internal async Task<JsonArray> WorkersAsync() => (await ViewAsync())["workers"]!.AsArray();

    internal async Task<string> StateAsync(string worker) =>
        (await WorkersAsync()).FirstOrDefault(w => (string?)w!["name"] == worker)?["state"]?.ToString() ?? "";

    internal async Task<JsonNode> NewSessionAsync(string prompt = "")
    {
        using var made = await Http.PostAsJsonAsync("/v1/sessions", new { prompt }, TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.Created, made.StatusCode);
        return (await made.Content.ReadFromJsonAsync<JsonNode>(TestContext.Current.CancellationToken))!;
    }

    /// <summary>Name of the worker that has a session; empty while none has.</summary>
    internal async Task<string> WorkerOfAsync(string session) => (await ViewAsync())["sessions"]!.AsArray()
        .FirstOrDefault(s => (string?)s!["id"] == session)?["worker"]?.ToString() ?? "";

    /// <summary>Ends all sessions, and waits until the directory knows.</summary>
    internal async Task ClearAsync()
    {
        await UntilAsync(async () =>
        {
            var left = (await ViewAsync())["sessions"]!.AsArray();
            foreach (var session in left)
                using (await Http.DeleteAsync($"/v1/sessions/{session!["id"]}", TestContext.Current.CancellationToken)) { }
            return left.Count == 0;
        });
    }

    internal static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        while (!await condition())
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Http?.Dispose();
        foreach (var app in Enumerable.Reverse(_apps))
        {
            await app.StopAsync(CancellationToken.None);
            await app.DisposeAsync();
        }
        Directory.Delete(_folder, true);
    }

    private async Task<Uri> RunAsync(WebApplication app)
    {
        _apps.Add(app);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }
}
