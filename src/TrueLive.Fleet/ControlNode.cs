using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using Orleans;
using Orleans.Runtime;
using TrueLive.Fleet.Gateway;
using TrueLive.Fleet.Grains;
using TrueLive.Fleet.Links;
using TrueLive.Server;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Fleet;
using TrueLive.Server.Http;
using TrueLive.Server.Telemetry;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet;

/// <summary>Puts a control node together: the fleet's front door, its part in the directory, and the ends of workers' links.</summary>
public static class ControlNode
{
    /// <summary>A control node that is ready to run.</summary>
    /// <param name="options">Checked settings.</param>
    /// <param name="cancel">Ends the wait for the store.</param>
    /// <param name="time">Clock; null takes the system's.</param>
    /// <exception cref="ConfigurationException">The store or a port cannot be used.</exception>
    public static async Task<WebApplication> BuildAsync(ServerOptions options, CancellationToken cancel, TimeProvider? time = null)
    {
        time ??= TimeProvider.System;
        var builder = TrueLiveServer.MakeDoor(options, time);
        builder.Logging.AddFilter("Orleans", LogLevel.Error).AddFilter("Yarp", LogLevel.Error).AddFilter("Polly", LogLevel.Error);
        await ControlCluster.AddAsync(builder, options, cancel).ConfigureAwait(false);
        var services = builder.Services;
        services.AddSingleton(p => new Gate(options, p.GetRequiredService<ApiKeyRing>(), p.GetRequiredService<SignedLinks>(),
            p.GetRequiredService<FailedKeys>())
        { LeavesLinksToWorkers = true });
        services.AddHttpForwarder();
        services.AddSingleton<JoinKeys>().AddSingleton<WorkerRoutes>().AddSingleton<PlacementTimes>().AddSingleton<SessionMover>()
            .AddSingleton<FleetUsage>().AddSingleton<UsageMetrics>()
            .AddSingleton<WorkerLinks>().AddSingleton<SessionPlaces>().AddSingleton<FrontDoor>();
        services.AddHostedService(p => p.GetRequiredService<UsageKeeper>());
        services.AddSingleton<FleetWatch>().AddHostedService(p => p.GetRequiredService<FleetWatch>());
        services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(FleetWatch.MeterName, ServerMetrics.MeterName, "System.Runtime")
            .AddPrometheusExporter());
        TraceExport.Add(services, "truelive-control");
        var app = builder.Build();
        app.Services.GetRequiredService<UsageMetrics>();
        var grains = app.Services.GetRequiredService<IGrainFactory>();
        app.Services.GetRequiredService<Quotas>().UsedUp = async (owner, words) =>
        {
            try
            {
                await grains.GetGrain<IFleetGrain>(0).StopAsync(owner, words).ConfigureAwait(false);
            }
            catch (Exception away) when (away is OrleansException or TimeoutException or InvalidOperationException)
            {
                // The directory is on its way to another node, or this one starts: it is told again with the next look.
            }
        };
        TrueLiveServer.UseDoor(app);
        var page = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "fleet-page"));
        app.UseStaticFiles(new StaticFileOptions { FileProvider = page, OnPrepareResponse = TrueLiveServer.PageHeaders });
        // What is a file is answered before the front door, which takes every address.
        app.UseRouting();
        FleetEndpoints.Map(app);
        UsageEndpoints.Map(app);
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.Map(LinkMessage.Path, app.Services.GetRequiredService<WorkerLinks>().ServeAsync);
        app.Map("/{**path}", app.Services.GetRequiredService<FrontDoor>().ServeAsync);
        return app;
    }
}
