using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <content>The line of those who wait for a place.</content>
internal sealed partial class SessionRegistry
{
    // In a fleet, the front door has the line.
    private readonly WaitingLine<SessionSettings> _line = new(options.Join.Length == 0 ? options.Queue : 0, options.QueuePerClient,
        TimeSpan.FromMinutes(options.QueueMinutes), time);

    /// <summary>Clients that wait for a place.</summary>
    public int Waiting
    {
        get
        {
            lock (_admit)
                return _line.Waiting;
        }
    }

    /// <summary>
    /// The request that made a session is over. A client that had waited for it leaves the line, or waits on where it was.
    /// </summary>
    public void Settle(string session, bool made)
    {
        lock (_admit)
            _line.Settle(session, made);
    }

    /// <summary>A client does not wait any more.</summary>
    public void LeaveLine(string ticket)
    {
        lock (_admit)
            _line.Leave(ticket);
    }

    // Within the lock: nobody gets a place that those ahead in line wait for.
    private void AdmitNext(SessionSettings wanted, LineClaim? claim)
    {
        try
        {
            Admit(wanted.Model, wanted.Width, wanted.Height, except: null, _line.Ahead(claim?.Ticket),
                Admission.IsMasked(wanted.Model, wanted.Prompt));
        }
        catch (RequestRefusedException refused) when (refused.Refusal is { } full && claim is not null)
        {
            var (stand, words) = _line.Wait(claim, wanted, _hosted.Count, static _ => true);
            throw new RequestRefusedException(refused.Status, $"{full.Words} {words}".TrimEnd(), full with
            {
                Words = $"{full.Words} {words}".TrimEnd(),
                RetryAfter = stand?.RetryAfter ?? full.RetryAfter,
                Line = stand,
            });
        }
    }
}
