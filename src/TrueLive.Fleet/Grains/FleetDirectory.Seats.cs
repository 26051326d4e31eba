using TrueLive.Fleet.Placement;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Fleet.Grains;

/// <content>Workers and places as they are kept, and when they are forgotten.</content>
internal sealed partial class FleetDirectory
{
    // Of a session that its worker was told to end, and that another one may go on with.
    private static readonly (string Worker, string Run) Nobody = ("", "");

    private static readonly TimeSpan ForgetEvery = TimeSpan.FromMilliseconds(200);

    private readonly Dictionary<string, Seat> _seats = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Worker, string Run), Dictionary<string, Seat>> _held = [];
    private long? _forgot;

    private static (string Worker, string Run) HolderOf(Worker worker) => (worker.Linked.Name, worker.Linked.Run);

    private (string Id, Seat Seat)[] SeatsOf(Worker worker) => _held.TryGetValue(HolderOf(worker), out var held)
        ? [.. held.Select(s => (s.Key, s.Value))] : [];

    private Seat Take(string id, Worker worker, SessionAsk ask)
    {
        var seat = _seats[id] = new Seat { Ask = ask, Since = time.GetTimestamp() };
        Move(id, seat, HolderOf(worker));
        return seat;
    }

    private void Move(string id, Seat seat, (string Worker, string Run) holder)
    {
        Leave(id, seat);
        seat.Holder = holder;
        if (!_held.TryGetValue(holder, out var held))
            _held[holder] = held = new Dictionary<string, Seat>(StringComparer.Ordinal);
        held[id] = seat;
    }

    private void Remove(string id, Seat seat)
    {
        Leave(id, seat);
        _seats.Remove(id);
        _moving.Remove(seat);
    }

    private void Leave(string id, Seat seat)
    {
        if (_held.TryGetValue(seat.Holder, out var held) && held.Remove(id) && held.Count == 0)
            _held.Remove(seat.Holder);
    }

    private void Forget()
    {
        if (_forgot is { } at && time.GetElapsedTime(at) < ForgetEvery)
            return;
        _forgot = time.GetTimestamp();
        _moving.RemoveWhere(s => time.GetElapsedTime(s.NextAt) > MoveTime);
        foreach (var (id, seat) in _seats.Where(s => IsOver(s.Value)).ToList())
        {
            Remove(id, seat);
            // Of a place that was never a session, its client waits on; a session that was one has freed its place.
            line.Settle(id, made: false);
            if (seat.Last is not null)
                line.Turnover.End(time.GetElapsedTime(seat.Since));
        }
        line.Turnover.Runs(_seats.Count);
        foreach (var (name, worker) in _workers.Where(w => IsLost(w.Value) && time.GetElapsedTime(w.Value.HeardAt) > WorkerTime).ToList())
            _workers.Remove(name);
    }

    private bool IsOver(Seat seat)
    {
        if (!seat.Confirmed && time.GetElapsedTime(seat.Since) > PlaceTime)
            return true;
        if (!IsLost(seat))
            return false;
        var kept = TimeSpan.FromSeconds(_workers.GetValueOrDefault(seat.Holder.Worker)?.Report.KeepSeconds ?? 0);
        return time.GetElapsedTime(seat.HeardAt) > (kept > LeastKept ? kept : LeastKept);
    }

    private bool IsLost(Seat seat) =>
        !_workers.TryGetValue(seat.Holder.Worker, out var worker) || worker.Linked.Run != seat.Holder.Run || IsLost(worker);

    private sealed class Worker
    {
        public required LinkedWorker Linked { get; set; }

        public required WorkerReport Report { get; set; }

        public long HeardAt { get; set; }

        public bool Left { get; set; }

        public long? DrainedAt { get; set; }
    }

    private sealed class Seat
    {
        public required SessionAsk Ask { get; set; }

        /// <summary>Whose it is, for quotas; null where only a worker says so.</summary>
        public string? Owner { get; set; }

        /// <summary>The run of a worker that has the session, or had it last.</summary>
        public (string Worker, string Run) Holder { get; set; } = Nobody;

        /// <summary>When the place was taken.</summary>
        public long Since { get; set; }

        /// <summary>When the request that took the place had made the session.</summary>
        public long? MadeAt { get; set; }

        /// <summary>Its worker has said that the session is there.</summary>
        public bool Confirmed { get; set; }

        public KeptSession? Last { get; set; }

        public long HeardAt { get; set; }

        /// <summary>Where it is being moved to; a place is kept for it there.</summary>
        public (string Worker, string Run) Next { get; set; } = Nobody;

        /// <summary>Since when.</summary>
        public long NextAt { get; set; }

        /// <summary>When the last move of it that came to nothing began.</summary>
        public long? StuckAt { get; set; }

        /// <summary>When the last move of it for which there was room came to nothing.</summary>
        public long? TriedAt { get; set; }

        /// <summary>Who had it before it was moved.</summary>
        public (string Worker, string Run)? Left { get; set; }

        /// <summary>Who had it, while it is being placed anew.</summary>
        public (string Worker, string Run)? Before { get; set; }
    }
}
