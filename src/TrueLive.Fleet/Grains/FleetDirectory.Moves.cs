using TrueLive.Fleet.Placement;

namespace TrueLive.Fleet.Grains;

/// <content>Sessions that go from a drained worker to another one with their memory.</content>
internal sealed partial class FleetDirectory
{
    // What is left of a drained worker's sessions when its time is up is moved all the same, and has as long for it.
    private static readonly TimeSpan LastMoves = TimeSpan.FromSeconds(30);

    // A move that nobody ended is one of a control node that is lost.
    private static readonly TimeSpan MoveTime = TimeSpan.FromSeconds(30);

    private readonly HashSet<Seat> _moving = [];

    /// <summary>
    /// Keeps a place for a session of a drained worker on another one; null where none has room, or there is nothing to move.
    /// </summary>
    /// <param name="session">Id of the session.</param>
    /// <param name="from">The worker that is drained.</param>
    /// <param name="except">Workers that have refused it.</param>
    public SessionMove? BeginMove(string session, string from, IReadOnlyCollection<string> except)
    {
        _moving.RemoveWhere(s => time.GetElapsedTime(s.NextAt) > MoveTime);
        if (!_seats.TryGetValue(session, out var seat) || !_workers.TryGetValue(from, out var worker) || seat.Last is not { } last
            || _moving.Contains(seat) || seat.Holder != HolderOf(worker) || IsLost(worker) || worker.DrainedAt is not { } since)
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

    /// <summary>A move is over: the session is where it was to go, or still where it was.</summary>
    public void EndMove(string session, string to, bool arrived)
    {
        if (!_seats.TryGetValue(session, out var seat) || seat.Next.Worker != to || !_moving.Remove(seat))
            return;
        if (!arrived)
        {
            seat.StuckAt = time.GetTimestamp();
            return;
        }
        Move(session, seat, seat.Next);
        var now = time.GetTimestamp();
        // A report of its new worker that is on its way does not name it yet.
        (seat.Confirmed, seat.Before, seat.StuckAt, seat.Since, seat.HeardAt, seat.MadeAt) = (false, null, null, now, now, now);
        _counts = _counts with { Moved = _counts.Moved + 1 };
    }

    private IEnumerable<SessionAsk> ComingTo(Worker worker) => _moving.Where(s => s.Next == HolderOf(worker)).Select(s => s.Ask);

    private bool IsToEnd(Seat seat, long drained)
    {
        var over = time.GetElapsedTime(drained) - drain;
        return over > LastMoves || (over > TimeSpan.Zero && seat.StuckAt is { } stuck && !_moving.Contains(seat)
            && time.GetElapsedTime(stuck) < over);
    }
}
