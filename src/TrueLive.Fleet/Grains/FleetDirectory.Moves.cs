using TrueLive.Fleet.Placement;

namespace TrueLive.Fleet.Grains;

/// <content>Sessions that go from a drained worker to another one with their memory.</content>
internal sealed partial class FleetDirectory
{
    // What is left of a drained worker's sessions when its time is up is moved all the same, and has as long for it.
    private static readonly TimeSpan LastMoves = TimeSpan.FromSeconds(30);

    // A move that nobody ended is one of a control node that is lost.
    private static readonly TimeSpan MoveTime = TimeSpan.FromSeconds(90);

    // Each attempt may stop the session for a moment.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

    // The worker that a session has left is told so by whoever moves it, and its reports name it until then.
    private static readonly TimeSpan LeaveTime = TimeSpan.FromSeconds(5);

    private readonly HashSet<Seat> _moving = [];

    /// <summary>
    /// Keeps a place for a session of a drained worker on another one; null where none has room, or there is nothing to move.
    /// </summary>
    /// <param name="session">Id of the session.</param>
    /// <param name="from">The worker that is drained.</param>
    /// <param name="except">Workers that have refused it.</param>
    public SessionMove? BeginMove(string session, string from, IReadOnlyCollection<string> except)
    {
        if (!_seats.TryGetValue(session, out var seat) || !_workers.TryGetValue(from, out var worker) || seat.Last is not { } last
            || _moving.Contains(seat) || seat.Holder != HolderOf(worker) || IsLost(worker) || worker.DrainedAt is not { } since
            || (except.Count == 0 && Rests(seat, since)))
            return null;
        if (Choose(seat.Ask, except).Worker is not { } name)
        {
            seat.StuckAt = time.GetTimestamp();
            return null;
        }
        (seat.Next, seat.NextAt) = (HolderOf(_workers[name]), time.GetTimestamp());
        _moving.Add(seat);
        return new SessionMove(_workers[name].Linked, last, time.GetElapsedTime(since) > drain);
    }

    /// <summary>
    /// A move is over: the session is where it was to go, or still where it was. False where nothing is known of the move any more: the
    /// session has not gone there then.
    /// </summary>
    public bool EndMove(string session, string to, bool arrived)
    {
        if (!_seats.TryGetValue(session, out var seat) || seat.Next.Worker != to || !_moving.Remove(seat))
            return false;
        var now = time.GetTimestamp();
        if (!arrived)
        {
            (seat.StuckAt, seat.TriedAt) = (seat.NextAt, now);
            return true;
        }
        seat.Left = seat.Holder;
        Move(session, seat, seat.Next);
        // A report of its new worker that is on its way does not name it yet.
        (seat.Confirmed, seat.Before, seat.StuckAt, seat.Since, seat.HeardAt, seat.MadeAt) = (false, null, null, now, now, now);
        _counts = _counts with { Moved = _counts.Moved + 1 };
        return true;
    }

    private IEnumerable<SessionAsk> ComingTo(Worker worker) => _moving.Where(s => s.Next == HolderOf(worker)).Select(s => s.Ask);

    private bool Leaves(Seat seat, Worker worker) => seat.Left == HolderOf(worker) && time.GetElapsedTime(seat.Since) < LeaveTime;

    // Once its time is up it is moved in cases in which it was not before.
    private bool Rests(Seat seat, long drained) => seat.TriedAt is { } tried && time.GetElapsedTime(tried) is var ago && ago < Rest
        && (time.GetElapsedTime(drained) - drain is var over && (over <= TimeSpan.Zero || ago < over));

    private bool IsToEnd(Seat seat, long drained)
    {
        var over = time.GetElapsedTime(drained) - drain;
        return over > LastMoves || (over > TimeSpan.Zero && seat.StuckAt is { } stuck && !_moving.Contains(seat)
            && time.GetElapsedTime(stuck) < over);
    }
}
