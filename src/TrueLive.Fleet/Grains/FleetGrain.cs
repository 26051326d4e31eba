using Orleans.Concurrency;
using TrueLive.Fleet.Placement;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Fleet;

namespace TrueLive.Fleet.Grains;

/// <summary>The one directory of a fleet, on whichever control node it lives; calls take turns, so that no place is given twice.</summary>
internal interface IFleetGrain : IGrainWithIntegerKey
{
    Task<ReportAnswer> HearAsync(LinkedWorker linked, WorkerReport report, IControlNode node);

    Task LeaveAsync(string name, string run);

    Task<TakenPlace> PlaceAsync(string session, SessionAsk ask, string[] except, LineClaim claim);

    Task<TakenPlace> ReplaceAsync(string session, string[] except);

    Task MadeAsync(string session);

    Task ReleaseAsync(string session);

    Task LeaveLineAsync(string ticket);

    Task<Whereabouts> FindAsync(string session);

    Task<bool> DrainAsync(string name, bool on);

    Task<SessionMove?> BeginMoveAsync(string session, string from, string[] except);

    Task<bool> EndMoveAsync(string session, string to, bool arrived);

    Task StopAsync(string owner, string words);

    Task<LinkedWorker[]> LivingAsync();

    Task<FleetView> ViewAsync();

    /// <summary>The control node that holds the link of a worker; null where none does.</summary>
    Task<IControlNode?> NodeOfAsync(string worker);
}

/// <summary>A control node, as another one calls it.</summary>
internal interface IControlNode : IGrainObserver
{
    /// <summary>Asks a worker that is linked here to take a session.</summary>
    [ResponseTimeout("00:01:10")]
    Task<Placed> PlaceAsync(string worker, Place place);
}

/// <inheritdoc cref="IFleetGrain"/>
[KeepAlive]
internal sealed class FleetGrain : Grain, IFleetGrain
{
    private readonly WaitingLine<SessionAsk> _line;
    private readonly FleetDirectory _directory;
    private readonly Dictionary<string, IControlNode> _nodes = new(StringComparer.Ordinal);

    public FleetGrain(ServerOptions options, TimeProvider time)
    {
        _line = new WaitingLine<SessionAsk>(options.Queue, options.QueuePerClient, TimeSpan.FromMinutes(options.QueueMinutes), time);
        _directory = new FleetDirectory(time, TimeSpan.FromMilliseconds(options.WorkerSilenceMs),
            TimeSpan.FromSeconds(options.DrainSeconds), _line);
    }

    public Task<ReportAnswer> HearAsync(LinkedWorker linked, WorkerReport report, IControlNode node)
    {
        var answer = _directory.Hear(linked, report);
        if (answer.Refused is null)
            _nodes[linked.Name] = node;
        return Task.FromResult(answer);
    }

    public Task LeaveAsync(string name, string run)
    {
        _directory.Leave(name, run);
        return Task.CompletedTask;
    }

    public Task<TakenPlace> PlaceAsync(string session, SessionAsk ask, string[] except, LineClaim claim) =>
        Task.FromResult(_directory.Place(session, ask, except, claim));

    public Task<TakenPlace> ReplaceAsync(string session, string[] except) => Task.FromResult(_directory.Replace(session, except));

    public Task MadeAsync(string session)
    {
        _directory.Made(session);
        return Task.CompletedTask;
    }

    public Task ReleaseAsync(string session)
    {
        _directory.Release(session);
        return Task.CompletedTask;
    }

    public Task LeaveLineAsync(string ticket)
    {
        _line.Leave(ticket);
        return Task.CompletedTask;
    }

    public Task<Whereabouts> FindAsync(string session) => Task.FromResult(_directory.Find(session));

    public Task<bool> DrainAsync(string name, bool on) => Task.FromResult(_directory.Drain(name, on));

    public Task<SessionMove?> BeginMoveAsync(string session, string from, string[] except) =>
        Task.FromResult(_directory.BeginMove(session, from, except));

    public Task<bool> EndMoveAsync(string session, string to, bool arrived) =>
        Task.FromResult(_directory.EndMove(session, to, arrived));

    public Task StopAsync(string owner, string words)
    {
        _directory.Stop(owner, words);
        return Task.CompletedTask;
    }

    public Task<LinkedWorker[]> LivingAsync() => Task.FromResult(_directory.Living().ToArray());

    public Task<FleetView> ViewAsync() => Task.FromResult(_directory.View());

    public Task<IControlNode?> NodeOfAsync(string worker) => Task.FromResult(_nodes.GetValueOrDefault(worker));
}
