using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using TrueLive.Fleet.Grains;
using TrueLive.Fleet.Links;

namespace TrueLive.Fleet.Gateway;

/// <summary>Looks at the fleet several times a second: ends the ways to workers that are lost, and keeps figures for /metrics.</summary>
internal sealed partial class FleetWatch : BackgroundService
{
    public const string MeterName = "TrueLive.Fleet";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private const int ViewEvery = 5;

    private readonly IGrainFactory _grains;
    private readonly WorkerRoutes _routes;
    private readonly TimeProvider _time;
    private readonly ILogger<FleetWatch> _logger;
    private readonly Meter _meter = new(MeterName);
    private Dictionary<string, string> _states = new(StringComparer.Ordinal);

    public FleetWatch(IGrainFactory grains, WorkerRoutes routes, TimeProvider time, ILogger<FleetWatch> logger)
    {
        (_grains, _routes, _time, _logger) = (grains, routes, time, logger);
        _meter.CreateObservableGauge(
            "truelive.fleet.workers", () => Of(v =>
                v.Workers.GroupBy(w => w.State).Select(g => new Measurement<int>(g.Count(), Tag("state", g.Key)))), "{worker}",
                "Workers by state.");
        _meter.CreateObservableGauge("truelive.fleet.sessions", () => Of<int>(v => [new Measurement<int>(v.Sessions.Count)]), "{session}",
            "Live sessions of the fleet, those that wait for a new worker included.");
        _meter.CreateObservableGauge("truelive.waiting", () => Of<int>(v => [new Measurement<int>(v.Waiting)]), "{client}",
            "Clients that wait in line for a place.");
        _meter.CreateObservableGauge(
            "truelive.free.places", () => Of(v => v.Free.Select(f => new Measurement<int>(f.Value, Tag("model", f.Key)))), "{session}",
                "Further sessions that the workers hold, by model, at their usual size.");
        _meter.CreateObservableCounter(
            "truelive.fleet.placements",
            () => Of<long>(v => [new(v.Counts.Placed, Tag("result", "placed")), new(v.Counts.Refused, Tag("result", "refused")),
                new(v.Counts.Restored, Tag("result", "restored")), new(v.Counts.Fenced, Tag("result", "fenced")),
                new(v.Counts.Moved, Tag("result", "moved")), new(v.Counts.Queued, Tag("result", "queued"))]),
            "{session}",
            "Sessions placed, refused, placed anew after their worker was lost, ended on a worker that came back, and moved by a drain; " +
            "clients that joined the waiting line.");
    }

    /// <summary>The fleet as it was a moment ago; null before the first look.</summary>
    public FleetView? Latest { get; private set; }

    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var fleet = _grains.GetGrain<IFleetGrain>(0);
        for (var round = 0; !stoppingToken.IsCancellationRequested; round++)
        {
            try
            {
                _routes.Keep(await fleet.LivingAsync().ConfigureAwait(false));
                // All sessions of a large fleet are many.
                if (round % ViewEvery == 0)
                {
                    Latest = await fleet.ViewAsync().ConfigureAwait(false);
                    Tell(Latest);
                }
            }
            catch (Exception away) when (away is OrleansException or TimeoutException or InvalidOperationException)
            {
                // The directory moves to another node, or this one stops: what was known stays until it answers.
            }
            await Task.Delay(Pause, _time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Tell(FleetView view)
    {
        var now = view.Workers.ToDictionary(w => w.Name, w => w.State, StringComparer.Ordinal);
        foreach (var worker in view.Workers.Where(w => _states.GetValueOrDefault(w.Name) != w.State))
            LogState(worker.Name, worker.State, worker.Problem ?? $"It has {worker.Sessions} session(s).");
        _states = now;
    }

    private IEnumerable<Measurement<T>> Of<T>(Func<FleetView, IEnumerable<Measurement<T>>> figures) where T : struct => Latest is { } view
        ? figures(view) : [];

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    [LoggerMessage(EventId = 8103, EventName = "fleet_worker", Level = LogLevel.Information,
        Message = "Worker {Worker} is {State}. {Detail}")]
    private partial void LogState(string worker, string state, string detail);
}
