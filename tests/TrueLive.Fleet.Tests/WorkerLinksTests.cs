using System.Net.WebSockets;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using TrueLive.Fleet.Grains;
using TrueLive.Fleet.Links;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Fleet;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Tests;

public sealed class WorkerLinksTests : IDisposable
{
    private static readonly TimeProvider Time = TimeProvider.System;

    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-links-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_worker_that_the_directory_has_just_heard_of_can_be_asked_at_once()
    {
        var options = new ServerOptions { DataFolder = _folder };
        var key = ApiKeyFile.Create(JoinKeyFile.PathIn(options.DataPath), "gpu-1", KeyScopes.None, Time.GetUtcNow(), null);
        var grains = DispatchProxy.Create<IGrainFactory, HastyGrains>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        using var routes = new WorkerRoutes(Time);
        var mover = new SessionMover(grains, routes, Time, NullLogger<SessionMover>.Instance);
        var links = new WorkerLinks(grains, new JoinKeys(options, Time), new FailedKeys(Time), routes, Time, app.Lifetime, mover,
            new FleetUsage(new UsageLedger(Time), new ApiKeyRing(options, Time, NullLogger<ApiKeyRing>.Instance), Time),
            NullLogger<WorkerLinks>.Instance);
        app.UseWebSockets();
        app.Map(LinkMessage.Path, links.ServeAsync);
        await app.StartAsync(Cancel);

        using var worker = new ClientWebSocket();
        worker.Options.SetRequestHeader("Authorization", "Bearer " + key);
        await worker.ConnectAsync(new UriBuilder(app.Urls.First()) { Scheme = "ws", Path = LinkMessage.Path }.Uri, Cancel);
        await SendAsync(new Hello(LinkMessage.Protocol, "1.0.0", "run", app.Urls.First(), null));
        Assert.IsType<Welcome>(await LinkCodec.ReceiveAsync(worker, Cancel));
        await SendAsync(new WorkerReport(true, 1, "passthrough", "64x64", 30, [], []));
        var asked = ((HastyGrains)(object)grains).Asked.Task;
        // The answer to the report and the question come in any order.
        while (!asked.IsCompleted && await LinkCodec.ReceiveAsync(worker, Cancel) is { } message)
        {
            if (message is not Place place)
                continue;
            await SendAsync(new Placed(place.Call, 0, ""));
            await asked;
        }
        Assert.Equal((0, ""), ((await asked).Status, (await asked).Words));

        Task SendAsync(LinkMessage message) => worker.SendAsync(LinkCodec.Write(message), WebSocketMessageType.Text, true, Cancel);
    }

    public void Dispose() => Directory.Delete(_folder, true);

    /// <summary>A directory that sends a client to a worker before whoever reported it has its answer.</summary>
    internal class HastyGrains : DispatchProxy
    {
        public TaskCompletionSource<Placed> Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override object? Invoke(MethodInfo? method, object?[]? given) => method!.Name switch
        {
            nameof(IGrainFactory.GetGrain) => With(Create<IFleetGrain, HastyGrains>()),
            nameof(IGrainFactory.CreateObjectReference) => given![0],
            nameof(IFleetGrain.HearAsync) => Hear((IControlNode)given![2]!),
            _ => Task.CompletedTask,
        };

        private HastyGrains? Owner { get; set; }

        private IFleetGrain With(IFleetGrain grain)
        {
            ((HastyGrains)(object)grain).Owner = this;
            return grain;
        }

        private Task<ReportAnswer> Hear(IControlNode node)
        {
            _ = AskAsync(node);
            return Task.FromResult(new ReportAnswer(null, new Heard(false, [])));
        }

        private async Task AskAsync(IControlNode node) =>
            Owner!.Asked.TrySetResult(await node.PlaceAsync("gpu-1", new Place(0, "session", null, null, null, 0)));
    }
}
