using TrueLive.Fleet.Placement;
using TrueLive.Server.Capacity;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Fleet.Grains;

/// <summary>
/// Which worker has which session, and who gets the next one. All of it is rebuilt from the workers' reports, so nothing is kept on disk.
/// Not thread-safe: it is called in turns.
/// </summary>
/// <param name="time">Clock.</param>
/// <param name="silence">Time without word after which a worker is lost.</param>
/// <param name="drain">Time that the sessions of a drained worker have.</param>
/// <param name="line">Those who wait for a place.</param>
internal sealed partial class FleetDirectory(TimeProvider time, TimeSpan silence, TimeSpan drain, WaitingLine<SessionAsk> line)
{
    /// <summary>Time within which a place that was taken must have become a session: a model may have to be loaded first.</summary>
    public static readonly TimeSpan PlaceTime = TimeSpan.FromSeconds(70);

    // A report that was on its way when a session was made has come by then.
    private static readonly TimeSpan ReportTime = TimeSpan.FromSeconds(1);

    // A client that comes back has as long at least, as on a server of its own.
    private static readonly TimeSpan LeastKept = TimeSpan.FromSeconds(30);

    /// <summary>Every worker that lives has reported by then, however long one may be silent.</summary>
    public static readonly TimeSpan WakeTime = TimeSpan.FromSeconds(3);

    // How long a worker that is lost is shown.
    private static readonly TimeSpan WorkerTime = TimeSpan.FromMinutes(10);
    private static readonly Heard Nothing = new(false, []);

    private readonly Dictionary<string, Worker> _workers = new(StringComparer.Ordinal);
    private readonly long _began = time.GetTimestamp();
    private FleetCounts _counts = new(0, 0, 0, 0, 0, 0);

    /// <summary>A worker says what it has; the answer says what of that it must end.</summary>
    public ReportAnswer Hear(LinkedWorker linked, WorkerReport report)
    {
        var now = time.GetTimestamp();
        if (_workers.TryGetValue(linked.Name, out var worker) && worker.Linked.Run != linked.Run)
        {
            if (!IsLost(worker))
            {
                var words = $"A worker named {linked.Name} is linked already, from {worker.Linked.Address}.";
                return new ReportAnswer($"{words} Each worker needs a key of its own ('truelive fleet keys create').", Nothing);
            }
            worker = null;
        }
        if (worker is null)
            _workers[linked.Name] = worker = new Worker { Linked = linked, Report = report };
        (worker.Linked, worker.Report, worker.HeardAt, worker.Left) = (linked, report, now, false);
        var end = Settle(worker, report);
        Forget();
        return new ReportAnswer(null, new Heard(worker.DrainedAt is not null, end));
    }

    /// <summary>A worker says that it stops: its sessions can be placed anew at once.</summary>
    public void Leave(string name, string run)
    {
        if (_workers.TryGetValue(name, out var worker) && worker.Linked.Run == run)
            worker.Left = true;
    }

    /// <summary>Takes a place for a new session.</summary>
    /// <param name="session">Id of the session.</param>
    /// <param name="ask">What it needs.</param>
    /// <param name="except">Workers that have refused it.</param>
    /// <param name="claim">Its client, who may wait in line; null does not.</param>
    public TakenPlace Place(string session, SessionAsk ask, IReadOnlyCollection<string> except, LineClaim? claim = null)
    {
        Forget();
        if (_seats.ContainsKey(session))
            return new TakenPlace(null, 409, $"There is a session '{session}' already.", 0, 0);
        if (claim is not null && HasAll(claim.Owner, claim.MaxSessions))
            return new TakenPlace(null, 429, "", 0, 0, MaxSessions: claim.MaxSessions);
        var choice = Choose(ask, except, line.Ahead(claim?.Ticket));
        if (choice.Worker is not { } name)
            return claim is null ? Refuse(choice) : Queue(choice, ask, claim);
        var worker = _workers[name];
        Take(session, worker, ask).Owner = claim?.Owner;
        line.Serve(claim?.Ticket, session);
        _counts = _counts with { Placed = _counts.Placed + 1 };
        return new TakenPlace(worker.Linked, 0, "", choice.Capacity, choice.Running);
    }

    /// <summary>Takes a place for a session whose worker is lost.</summary>
    public TakenPlace Replace(string session, IReadOnlyCollection<string> except)
    {
        Forget();
        if (!_seats.TryGetValue(session, out var seat) || !IsLost(seat) || seat.Last is not { } last)
            return new TakenPlace(null, 409, "The session is placed already. Try again.", 0, 0);
        var choice = Choose(seat.Ask, except);
        if (choice.Worker is not { } name)
            return Refuse(choice);
        var worker = _workers[name];
        var silent = time.GetElapsedTime(seat.HeardAt);
        // Its new worker does not know it yet: a report that is on its way must not end it.
        (seat.Before, seat.Left, seat.Confirmed, seat.MadeAt, seat.Since) = (seat.Holder, null, false, null, time.GetTimestamp());
        // It does not go where it was being moved to.
        _moving.Remove(seat);
        Move(session, seat, HolderOf(worker));
        _counts = _counts with { Restored = _counts.Restored + 1 };
        return new TakenPlace(worker.Linked, 0, "", choice.Capacity, choice.Running, last, silent.TotalMilliseconds);
    }

    /// <summary>The session of a place was made: its worker names it from now on, or it is over.</summary>
    public void Made(string session)
    {
        line.Settle(session, made: true);
        if (_seats.TryGetValue(session, out var seat))
            seat.MadeAt = time.GetTimestamp();
    }

    /// <summary>Gives back a place that did not become a session; one whose worker was lost before waits again for its client.</summary>
    public void Release(string session)
    {
        line.Settle(session, made: false);
        if (!_seats.TryGetValue(session, out var seat) || seat.Confirmed)
            return;
        if (seat.Before is { } before)
        {
            (seat.Before, seat.Confirmed) = (null, true);
            Move(session, seat, before);
        }
        else
        {
            Remove(session, seat);
        }
    }

    public Whereabouts Find(string session)
    {
        Forget();
        if (!_seats.TryGetValue(session, out var seat))
            return new Whereabouts(IsWaking ? SessionPlace.Waking : SessionPlace.Unknown, null, null);
        if (!IsLost(seat))
            return new Whereabouts(SessionPlace.Here, _workers[seat.Holder.Worker].Linked, null);
        return seat.Last is { } last ? new Whereabouts(SessionPlace.Lost, null, last.Owner)
            : new Whereabouts(SessionPlace.Unknown, null, null);
    }

    /// <summary>Drains a worker, or takes it back. False where there is none of that name.</summary>
    public bool Drain(string name, bool on)
    {
        if (!_workers.TryGetValue(name, out var worker))
            return false;
        worker.DrainedAt = !on ? null : worker.DrainedAt ?? time.GetTimestamp();
        return true;
    }

    /// <summary>Workers that answer.</summary>
    public IReadOnlyList<LinkedWorker> Living() =>
        [.. _workers.Values.Where(w => !IsLost(w) && w.Linked.Problem is null).Select(w => w.Linked)];

    private PlacementChoice Choose(SessionAsk ask, IReadOnlyCollection<string> except, IReadOnlyList<SessionAsk>? ahead = null)
    {
        var open = _workers.Values.Where(w => IsOpen(w) && !except.Contains(w.Linked.Name)).Select(LoadOf).ToList();
        var choice = PlacementRule.Choose(ask, open, _workers.Values.Count(w => !IsLost(w)) - open.Count);
        if (choice.Worker is null || ahead is not { Count: > 0 })
            return choice;
        return PlacementRule.Choose(ask, PlacementRule.After(ahead, open), 0).Worker is { } left ? choice with { Worker = left }
            : choice with { Worker = null, Status = 503, Words = "Those who wait in line get the places that become free." };
    }

    // Until every worker has reported once, what it has is not known: nothing is said to be full, or not to be there.
    private bool IsWaking => time.GetElapsedTime(_began) is var awake && awake < 2 * silence && awake < WakeTime;

    private TakenPlace Refuse(PlacementChoice choice)
    {
        _counts = _counts with { Refused = _counts.Refused + 1 };
        return IsWaking
            ? new TakenPlace(null, 503, "The directory of the fleet has just begun and waits for the workers. Try again in a few seconds.",
                0, 0)
            : new TakenPlace(null, choice.Status, choice.Words, choice.Capacity, choice.Running);
    }

    private WorkerLoad LoadOf(Worker worker) => new(
        worker.Linked.Name, worker.Report, [.. SeatsOf(worker).Select(s => s.Seat.Ask), .. ComingTo(worker)]);

    // What a worker has of sessions that were placed elsewhere, or that it never was given, it must end. One that nobody knows was given to
    // it before this directory began.
    private List<EndedHere> Settle(Worker worker, WorkerReport report)
    {
        var end = new List<EndedHere>();
        var told = new HashSet<string>(StringComparer.Ordinal);
        foreach (var session in report.Sessions)
        {
            told.Add(session.Id);
            var ask = new SessionAsk(session.Model, session.Size);
            if (!_seats.TryGetValue(session.Id, out var seat))
            {
                seat = Take(session.Id, worker, ask);
                seat.Owner = IsWaking ? session.Owner : null;
            }
            // It has just arrived or is about to leave, and whoever moves it says so in a moment.
            if ((seat.Next == HolderOf(worker) && _moving.Contains(seat)) || (seat.Holder != HolderOf(worker) && Leaves(seat, worker)))
                continue;
            if (seat.Holder != HolderOf(worker))
            {
                end.Add(new EndedHere(session.Id, "Another machine goes on with the session, since this one was silent."));
                _counts = _counts with { Fenced = _counts.Fenced + 1 };
                continue;
            }
            if (!seat.Confirmed)
                line.Settle(session.Id, made: true);
            (seat.Last, seat.HeardAt, seat.Confirmed, seat.Before, seat.Ask) = (session, worker.HeardAt, true, null, ask);
            if (WhyStopped(session.Owner) is { } why)
                end.Add(new EndedHere(session.Id, why));
            if (worker.DrainedAt is not { } since || !IsToEnd(seat, since))
                continue;
            end.Add(new EndedHere(session.Id, "The machine is taken out of service. Connect again: another one takes the session."));
            Move(session.Id, seat, Nobody);
        }
        foreach (var (id, seat) in SeatsOf(worker).Where(s => !told.Contains(s.Id) && IsKnownToItsWorker(s.Seat)))
        {
            Remove(id, seat);
            line.Turnover.End(time.GetElapsedTime(seat.Since));
        }
        return end;
    }

    // One that is too old a report missed is taken in again with the next.
    private bool IsKnownToItsWorker(Seat seat) => seat.Confirmed || (seat.MadeAt is { } made && time.GetElapsedTime(made) > ReportTime);

    private bool IsOpen(Worker worker) => !IsLost(worker) && worker is { Report.Ready: true, DrainedAt: null, Linked.Problem: null };

    private bool IsLost(Worker worker) => worker.Left || time.GetElapsedTime(worker.HeardAt) > silence;
}
