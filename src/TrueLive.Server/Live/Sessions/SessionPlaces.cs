using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models.Masks;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <summary>
/// The places of live sessions: who gets one is decided by what the machine holds, by the owner's quota, and by the line of those who wait.
/// One place is given at a time. Thread-safe.
/// </summary>
/// <param name="running">The sessions that have a place, by their ids.</param>
/// <param name="admission">What the machine holds.</param>
/// <param name="options">Settings of the server.</param>
/// <param name="time">Clock.</param>
internal sealed class SessionPlaces(
    IReadOnlyDictionary<string, HostedSession> running, Admission admission, ServerOptions options, TimeProvider time)
{
    // In a fleet, the front door has the line.
    private readonly WaitingLine<SessionSettings> _line = new(options.Join.Length == 0 ? options.Queue : 0, options.QueuePerClient,
        TimeSpan.FromMinutes(options.QueueMinutes), time);

    private readonly Lock _admit = new();
    private bool _closed;

    /// <summary>Completes once the cost of a model at a size has been measured.</summary>
    public Func<IVideoModel, int, int, CancellationToken, Task> Measured { get; set; } = (_, _, _, _) => Task.CompletedTask;

    /// <summary>Why an owner who has so many sessions may have no further one; null where it may.</summary>
    public Func<string, int, RequestRefusedException?> Quota { get; set; } = (_, _) => null;

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
    /// What a change leads to, as far as can be told beforehand: of the prompt, only what decides on a mask.
    /// </summary>
    public static SessionSettings Next(SessionSettings now, PromptChange change) => now.Model is not MaskedModel ? now : now with
    {
        Prompt = now.Prompt with
        {
            Reading = change.Text is { Length: <= Prompt.MaxLength } text ? now.Model.Read(text) : now.Prompt.Reading,
            Values = change.Values is { } given
                && now.Prompt.Values.TrySet(now.Model.Info.Parameters, given, out var values, out _, change.Pictures)
                ? values
                : now.Prompt.Values,
        },
    };

    /// <summary>Loads a model and measures it, and those of the sessions that run, where that is not yet done.</summary>
    /// <param name="model">The model that is wanted.</param>
    /// <param name="width">Its width.</param>
    /// <param name="height">Its height.</param>
    /// <param name="changed">The session that is to have it; null for a new one.</param>
    /// <param name="cancel">Nobody waits any more.</param>
    public async Task WarmUpAsync(IVideoModel model, int width, int height, HostedSession? changed, CancellationToken cancel)
    {
        await ModelStore.WarmAsync(model, cancel).ConfigureAwait(false);
        var others = Beside(changed);
        // A session that runs alone needs no admission, and a measurement would only disturb it.
        if (changed is not null && others.Length == 0)
            return;
        await Measured(model, width, height, cancel).ConfigureAwait(false);
        foreach (var other in others)
            await Measured(other.Model, other.Width, other.Height, cancel).ConfigureAwait(false);
    }

    /// <summary>Checks whether an owner may have a further session.</summary>
    /// <exception cref="RequestRefusedException">429: it may not.</exception>
    public void RefuseOver(string owner)
    {
        if (Quota(owner, running.Values.Count(h => h.Owner == owner)) is { } over)
            throw over;
    }

    /// <summary>Checks whether there is a place now, without taking it.</summary>
    /// <exception cref="RequestRefusedException">503: there is none.</exception>
    public void Check(SessionSettings wanted)
    {
        lock (_admit)
            Admit(wanted, except: null);
    }

    /// <summary>Begins a session if there is a place for it that nobody ahead in line waits for.</summary>
    /// <param name="owner">The owner of the session.</param>
    /// <param name="wanted">What it begins with.</param>
    /// <param name="claim">Its client, who may wait for a place; null does not.</param>
    /// <param name="begin">Begins it. What it throws gives the place back.</param>
    /// <exception cref="RequestRefusedException">A quota (429), no room or no place yet (503), or what beginning it throws.</exception>
    public HostedSession Take(string owner, SessionSettings wanted, LineClaim? claim, Func<HostedSession> begin)
    {
        lock (_admit)
        {
            RefuseWhenClosed();
            RefuseOver(owner);
            AdmitNext(wanted, claim);
            var hosted = Begin(begin);
            _line.Serve(claim?.Ticket, hosted.Session.Id);
            return hosted;
        }
    }

    /// <summary>Goes on with a session that had its place elsewhere, if there is room: whatever its owner's quota and the line.</summary>
    /// <exception cref="RequestRefusedException">503: there is no room, or what beginning it throws.</exception>
    public HostedSession TakeBack(SessionSettings wanted, Func<HostedSession> begin)
    {
        lock (_admit)
        {
            RefuseWhenClosed();
            Admit(wanted, except: null);
            return Begin(begin);
        }
    }

    /// <summary>Changes a session that has a place, if there is room for what it is to be.</summary>
    /// <exception cref="RequestRefusedException">503: there is no room.</exception>
    public CommandReceipt Change(HostedSession hosted, SessionSettings wanted, Func<CommandReceipt> change)
    {
        lock (_admit)
        {
            Admit(wanted, except: hosted);
            return change();
        }
    }

    /// <summary>A session that ran for so long has left its place.</summary>
    public void Free(TimeSpan ran)
    {
        lock (_admit)
        {
            _line.Turnover.Runs(running.Count);
            _line.Turnover.End(ran);
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
    public void Leave(string ticket)
    {
        lock (_admit)
            _line.Leave(ticket);
    }

    /// <summary>Begins no further sessions.</summary>
    public void Close()
    {
        lock (_admit)
            _closed = true;
    }

    private void RefuseWhenClosed()
    {
        if (_closed)
            throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, "The server is shutting down.");
    }

    private HostedSession Begin(Func<HostedSession> begin)
    {
        var hosted = begin();
        _line.Turnover.Runs(running.Count);
        return hosted;
    }

    // Nobody gets a place that those ahead in line wait for.
    private void AdmitNext(SessionSettings wanted, LineClaim? claim)
    {
        try
        {
            Admit(wanted, except: null, _line.Ahead(claim?.Ticket));
        }
        catch (RequestRefusedException refused) when (refused.Refusal is { } full && claim is not null)
        {
            var (stand, words) = _line.Wait(claim, wanted, running.Count, static _ => true);
            throw new RequestRefusedException(refused.Status, $"{full.Words} {words}".TrimEnd(), full with
            {
                Words = $"{full.Words} {words}".TrimEnd(),
                RetryAfter = stand?.RetryAfter ?? full.RetryAfter,
                Line = stand,
            });
        }
    }

    private void Admit(SessionSettings wanted, HostedSession? except, IReadOnlyCollection<SessionSettings>? ahead = null)
    {
        var beside = Beside(except);
        var (now, next) = (time.GetUtcNow(), running.Values.Select(s => s.Away?.KeptUntil).Min());
        var retry = next > now ? next.Value - now : TimeSpan.FromSeconds(5);
        if (Refuse(beside) is { } refusal)
            throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, refusal.Words, refusal);
        if (ahead is { Count: > 0 } && Refuse([.. beside, .. ahead]) is { } held)
        {
            refusal = held with { Words = "Those who wait in line get the places that become free.", Running = beside.Length };
            throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, refusal.Words, refusal);
        }

        Refusal? Refuse(IReadOnlyCollection<SessionSettings> taken) => admission.Refuse(
            wanted.Model, wanted.Width, wanted.Height, taken, retry, Admission.IsMasked(wanted.Model, wanted.Prompt));
    }

    private SessionSettings[] Beside(HostedSession? except) =>
        [.. running.Values.Where(s => s != except).Select(s => s.Session.Settings)];
}
