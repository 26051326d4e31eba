using System.Security.Cryptography;
using Orleans;
using Orleans.Runtime;
using TrueLive.Fleet.Grains;
using TrueLive.Fleet.Links;
using TrueLive.Fleet.Placement;
using TrueLive.Server.Capacity;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Gateway;

/// <summary>Finds the worker of a session, and places those that are new or have lost theirs.</summary>
internal sealed class SessionPlaces(IGrainFactory grains, PlacementTimes times, TimeProvider time)
{
    // Workers that are asked before a session is refused.
    private const int Attempts = 3;

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    private IFleetGrain Fleet => grains.GetGrain<IFleetGrain>(0);

    /// <summary>A worker that takes a new session, and the id of the session.</summary>
    /// <exception cref="RequestRefusedException">None does: 503 with figures, or what the workers say.</exception>
    public async Task<(LinkedWorker Worker, string Session)> PlaceAsync(SessionAsk ask, LineClaim claim)
    {
        var session = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
        using var span = SessionTrace.Part("placement");
        var began = time.GetTimestamp();
        try
        {
            var worker = await TakeAsync(session, ask, except => Fleet.PlaceAsync(session, ask, except, claim)).ConfigureAwait(false);
            times.Placed(time.GetElapsedTime(began));
            span?.SetTag("truelive.session", session).SetTag("truelive.worker", worker.Name);
            return (worker, session);
        }
        catch (RequestRefusedException refused)
        {
            span.Fail(refused.Message);
            throw;
        }
    }

    /// <summary>The worker that has a session, or that goes on with it; null where there is no such session.</summary>
    /// <param name="session">Its id.</param>
    /// <param name="owner">Who asks: only the session's owner has it placed anew.</param>
    /// <param name="cancel">Nobody waits any more.</param>
    /// <exception cref="RequestRefusedException">Its worker is lost, and no other takes it now.</exception>
    public async Task<LinkedWorker?> FindAsync(string session, string owner, CancellationToken cancel)
    {
        for (var began = time.GetTimestamp(); ; await Task.Delay(LookAgain, time, cancel).ConfigureAwait(false))
        {
            var where = await Fleet.FindAsync(session).ConfigureAwait(false);
            switch (where.Place)
            {
                case SessionPlace.Here:
                    return where.Worker;
                case SessionPlace.Lost when where.Owner == owner:
                    return await TakeAsync(session, new SessionAsk(null, null), except => Fleet.ReplaceAsync(session, except))
                        .ConfigureAwait(false);
                case SessionPlace.Lost:
                    throw new RequestRefusedException(
                        503, "The machine that had the session is lost. It goes on elsewhere when its sender is back. Try again in a " +
                            "few seconds.");
                case SessionPlace.Waking when time.GetElapsedTime(began) < FleetDirectory.WakeTime:
                    continue;
                default:
                    return null;
            }
        }
    }

    /// <summary>A request that was to make a session is over, and has made it or not.</summary>
    public Task SettleAsync(string session, bool made) => made ? Fleet.MadeAsync(session) : Fleet.ReleaseAsync(session);

    /// <summary>A client does not wait any more.</summary>
    public Task LeaveLineAsync(string ticket) => Fleet.LeaveLineAsync(ticket);

    private async Task<LinkedWorker> TakeAsync(string session, SessionAsk ask, Func<string[], Task<TakenPlace>> take)
    {
        for (var refusals = new List<string>(); ;)
        {
            var place = await take([.. refusals]).ConfigureAwait(false);
            if (place.MaxSessions > 0)
                throw Quotas.TooMany(place.MaxSessions);
            if (place.Worker is not { } worker)
            {
                throw new RequestRefusedException(
                    place.Status, place.Words, place.Status == 503 && (place.Capacity > 0 || place.Line is not null)
                        ? new Refusal(place.Words, place.Capacity, place.Running, place.Line?.RetryAfter ?? TimeSpan.FromSeconds(15),
                            place.Line) : null);
            }
            var placed = await AskAsync(worker, new Place(0, session, ask.Model, ask.Size, place.Restore, place.SilentMs))
                .ConfigureAwait(false);
            if (placed.Status == 0)
                return worker;
            await Fleet.ReleaseAsync(session).ConfigureAwait(false);
            refusals.Add(worker.Name);
            // What is wrong with the request is wrong everywhere.
            if (placed.Status is < 500 or > 599 || refusals.Count == Attempts)
                throw new RequestRefusedException(placed.Status, placed.Words);
        }
    }

    // A control node that is lost takes the worker's answer with it: the place is given back like any that was refused.
    private async Task<Placed> AskAsync(LinkedWorker worker, Place place)
    {
        try
        {
            return await Fleet.NodeOfAsync(worker.Name).ConfigureAwait(false) is { } node
                ? await node.PlaceAsync(worker.Name, place).ConfigureAwait(false) : WorkerLink.Silent;
        }
        catch (Exception away) when (away is OrleansException or TimeoutException)
        {
            return WorkerLink.Silent;
        }
    }
}
