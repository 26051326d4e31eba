using System.Security.Cryptography;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Capacity;

/// <summary>A request for a place, as a waiting line sees its client.</summary>
/// <param name="Ticket">The ticket that the client was given before; null for none.</param>
/// <param name="Client">Whom the limit per client counts: the owner of a key, or an address where no keys are asked for.</param>
/// <param name="Joins">Whether it joins the line when there is no place: only who says so will show the ticket again.</param>
/// <param name="Owner">Whose session it is to be.</param>
/// <param name="MaxSessions">Sessions that the owner may have at a time; 0 for any number.</param>
internal sealed record LineClaim(string? Ticket, string Client, bool Joins, string Owner = "", int MaxSessions = 0);

/// <summary>A client's position in a line; null where it does not wait, with the reason in words where there is one.</summary>
internal sealed record LineAnswer(LineStand? Stand, string Words);

/// <summary>
/// Clients that wait for a place, first come first served. They ask again with their tickets; one that does not is gone after a while. Not
/// thread-safe.
/// </summary>
/// <typeparam name="TAsk">What a client asks for.</typeparam>
/// <param name="longest">Clients that may wait; 0 lets nobody wait.</param>
/// <param name="perClient">As many of one client.</param>
/// <param name="most">Time that each may wait.</param>
/// <param name="time">Clock.</param>
internal sealed class WaitingLine<TAsk>(int longest, int perClient, TimeSpan most, TimeProvider time)
{
    // A hidden page may look at its clock only once a minute.
    private static readonly TimeSpan Lateness = TimeSpan.FromSeconds(65);

    // A place that was taken becomes a session within this time, or is given back: a model may have to be loaded first.
    private static readonly TimeSpan ServeTime = TimeSpan.FromSeconds(75);

    private static readonly LineAnswer Off = new(null, "");

    // In the order in which they came.
    private readonly List<Waiter> _line = [];

    /// <summary>How often places become free.</summary>
    public PlaceTurnover Turnover { get; } = new(time);

    /// <summary>Clients that wait.</summary>
    public int Waiting
    {
        get
        {
            Sweep();
            return Here.Count();
        }
    }

    /// <summary>What those ask for who come before the holder of this ticket: all where it is null or unknown.</summary>
    public IReadOnlyList<TAsk> Ahead(string? ticket)
    {
        Sweep();
        return [.. Here.TakeWhile(w => w.Ticket != ticket).Select(w => w.Ask)];
    }

    /// <summary>There is no place for a request: its client keeps its position in the line, or joins it.</summary>
    /// <param name="claim">The client.</param>
    /// <param name="ask">What it asks for.</param>
    /// <param name="running">Sessions that run where it could.</param>
    /// <param name="competes">Whether another one waits for the same places.</param>
    public LineAnswer Wait(LineClaim claim, TAsk ask, int running, Func<TAsk, bool> competes)
    {
        if (longest == 0)
            return Off;
        Sweep();
        if (_line.RemoveAll(w => w.Ticket == claim.Ticket && IsOver(w)) > 0)
            return new LineAnswer(null, $"Your {most.TotalMinutes:0} minutes in the waiting line are over. Ask again to join it anew.");
        var waiter = _line.Find(w => w.Ticket == claim.Ticket);
        if (waiter is { Session: not null })
            return new LineAnswer(null, "Another request with this ticket is being answered.");
        if (waiter is null)
        {
            if (!claim.Joins)
                return Off;
            if (_line.Count(w => !IsOver(w)) >= longest)
                return new LineAnswer(null, $"The waiting line is full, too: {longest} wait.");
            if (_line.Count(w => w.Client == claim.Client && !IsOver(w)) >= perClient)
                return new LineAnswer(null, $"{perClient} requests of yours wait in line already, which is as many as may.");
            waiter = new Waiter(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), claim.Client, time.GetTimestamp(), ask);
            _line.Add(waiter);
        }
        waiter.Ask = ask;
        var rivals = Here.Where(w => competes(w.Ask)).ToList();
        var position = rivals.IndexOf(waiter) + 1;
        var retry = TimeSpan.FromSeconds(Math.Clamp(position, 2, 15));
        waiter.KeepFor(retry + Lateness, time);
        var wait = Turnover.Until(position, running);
        return new LineAnswer(new LineStand(waiter.Ticket, position, rivals.Count, wait, Turnover.Ended, retry), "");
    }

    /// <summary>The holder of a ticket has got a place; others may not use the ticket meanwhile.</summary>
    public void Serve(string? ticket, string session)
    {
        if (_line.Find(w => w.Ticket == ticket && w.Session is null) is not { } waiter)
            return;
        waiter.Session = session;
        waiter.KeepFor(ServeTime, time);
    }

    /// <summary>The place became a session, and its client leaves the line; or it did not, and the client waits where it was.</summary>
    public void Settle(string session, bool made)
    {
        if (_line.Find(w => w.Session == session) is not { } waiter)
            return;
        if (made)
        {
            _line.Remove(waiter);
            return;
        }
        waiter.Session = null;
        waiter.KeepFor(Lateness, time);
    }

    /// <summary>The holder of a ticket does not wait any more.</summary>
    public void Leave(string ticket) => _line.RemoveAll(w => w.Ticket == ticket && w.Session is null);

    // Who has waited for too long is passed over, and stays to be told so.
    private IEnumerable<Waiter> Here => _line.Where(w => w.Session is null && !IsOver(w));

    // Nothing came of a place whose request never said how it ended: its client waits on where it was.
    private void Sweep()
    {
        foreach (var unserved in _line.Where(w => w.Session is not null && w.IsGone(time)))
        {
            unserved.Session = null;
            unserved.KeepLonger(Lateness);
        }
        _line.RemoveAll(w => w.IsGone(time));
    }

    private bool IsOver(Waiter waiter) => waiter.Session is null && time.GetElapsedTime(waiter.Since) > most;

    private sealed class Waiter(string ticket, string client, long since, TAsk ask)
    {
        private long _heardAt = since;
        private TimeSpan _lease = TimeSpan.Zero;

        public string Ticket => ticket;

        public string Client => client;

        public long Since { get; } = since;

        public TAsk Ask { get; set; } = ask;

        /// <summary>The session that is being made for it.</summary>
        public string? Session { get; set; }

        public void KeepFor(TimeSpan lease, TimeProvider time) => (_heardAt, _lease) = (time.GetTimestamp(), lease);

        public void KeepLonger(TimeSpan by) => _lease += by;

        public bool IsGone(TimeProvider time) => time.GetElapsedTime(_heardAt) > _lease;
    }
}
