using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using TrueLive.Fleet.Grains;
using TrueLive.Server.Access;
using TrueLive.Server.Fleet;

namespace TrueLive.Fleet.Links;

/// <summary>
/// Moves the sessions of a drained worker to others, one after the other, with the model's memory. At each moment one of the two workers
/// has the session: the old one stops between two steps, and goes on itself when the new one has not taken it.
/// </summary>
internal sealed partial class SessionMover(IGrainFactory grains, WorkerRoutes routes, TimeProvider time, ILogger<SessionMover> logger)
{
    private const int Attempts = 3;

    // Of each request. The old worker goes on by itself when it has heard nothing for longer than all of them take.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<(string Name, string Run), bool> _busy = new();

    private IFleetGrain Fleet => grains.GetGrain<IFleetGrain>(0);

    /// <summary>Begins to move these sessions, unless others of the worker are being moved.</summary>
    public void Begin(LinkedWorker from, IReadOnlyList<string> sessions, CancellationToken ended)
    {
        if (_busy.TryAdd((from.Name, from.Run), true))
            _ = MoveAllAsync(from, sessions, ended);
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "Nobody awaits it.")]
    private async Task MoveAllAsync(LinkedWorker from, IReadOnlyList<string> sessions, CancellationToken ended)
    {
        try
        {
            foreach (var session in sessions)
                await MoveAsync(from, session, ended).ConfigureAwait(false);
        }
        catch (Exception over) when (ended.IsCancellationRequested || over is OrleansException or TimeoutException)
        {
            // Its link or this node ends, or the directory moves: the next report begins again.
        }
        catch (Exception error)
        {
            LogFailed(from.Name, error);
        }
        finally
        {
            _busy.TryRemove((from.Name, from.Run), out _);
        }
    }

    private async Task MoveAsync(LinkedWorker from, string session, CancellationToken ended)
    {
        for (var refusals = new List<string>(); refusals.Count < Attempts;)
        {
            if (await Fleet.BeginMoveAsync(session, from.Name, [.. refusals]).ConfigureAwait(false) is not { } move)
                return;
            var (held, arrived) = (false, false);
            try
            {
                // Loading a model may take long, and is done while the session still runs where it is.
                if (!await PrepareAsync(move).ConfigureAwait(false))
                {
                    refusals.Add(move.To.Name);
                    continue;
                }
                // Until the old worker says otherwise.
                held = true;
                (held, arrived) = await CarryAsync(from, move, ended).ConfigureAwait(false);
            }
            finally
            {
                await CloseAsync(from, move, held, arrived).ConfigureAwait(false);
            }
            return;
        }
    }

    // Also when the link or this node ends: the session stands still on the old worker until it is told. It ends there only when the
    // directory knows that it is elsewhere; of two workers that have it, the next reports end one.
    private async Task CloseAsync(LinkedWorker from, SessionMove move, bool held, bool arrived)
    {
        var taken = false;
        try
        {
            taken = await Fleet.EndMoveAsync(move.Session.Id, move.To.Name, arrived).ConfigureAwait(false) && arrived;
        }
        finally
        {
            if (held)
                await SendAsync(taken ? HttpMethod.Delete : HttpMethod.Patch, from, move.Session.Id, "", null, CancellationToken.None)
                    .ConfigureAwait(false);
        }
    }

    private async Task<bool> PrepareAsync(SessionMove move) => await Fleet.NodeOfAsync(move.To.Name).ConfigureAwait(false) is { } node
        && (await node.PlaceAsync(move.To.Name, new Place(0, move.Session.Id, move.Session.Model, move.Session.Size, null, 0))
            .ConfigureAwait(false)).Status == 0;

    private async Task<(bool Held, bool Arrived)> CarryAsync(LinkedWorker from, SessionMove move, CancellationToken ended)
    {
        var id = move.Session.Id;
        var stopped = time.GetTimestamp();
        var (status, parcel) = await SendAsync(HttpMethod.Post, from, id, move.Now ? "?now=true" : "", null, ended).ConfigureAwait(false);
        if (status != HttpStatusCode.OK)
            return (status is not (HttpStatusCode.Conflict or HttpStatusCode.NotFound), false);
        var silent = time.GetElapsedTime(stopped).TotalMilliseconds.ToString("0.###", CultureInfo.InvariantCulture);
        (status, _) = await SendAsync(HttpMethod.Put, move.To, id, $"?silentMs={silent}", parcel, ended).ConfigureAwait(false);
        if (status == HttpStatusCode.NoContent)
            LogMoved(id, from.Name, move.To.Name, parcel.Length);
        return (true, status == HttpStatusCode.NoContent);
    }

    // Null for a worker that does not answer in time, or sends more than a session is.
    private async Task<(HttpStatusCode? Status, byte[] Body)> SendAsync(HttpMethod method, LinkedWorker worker, string session,
        string query, byte[]? body, CancellationToken ended)
    {
        using var late = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ended, late.Token);
        using var request = new HttpRequestMessage(method, new Uri($"{worker.Address}/v1/sessions/{session}/move{query}"));
        var ticket = worker.Sign(session, "", "fleet", link: false, time.GetUtcNow(), own: true);
        request.Headers.TryAddWithoutValidation(GatewayTicket.Header, ticket);
        if (body is not null)
            request.Content = new ByteArrayContent(body);
        try
        {
            using var answer = await routes.To(worker).Invoker.SendAsync(request, either.Token).ConfigureAwait(false);
            await answer.Content.LoadIntoBufferAsync(SessionParcel.Longest, either.Token).ConfigureAwait(false);
            return (answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(either.Token).ConfigureAwait(false));
        }
        catch (Exception gone) when (gone is HttpRequestException or ObjectDisposedException
            || (gone is OperationCanceledException && !ended.IsCancellationRequested))
        {
            return (null, []);
        }
    }

    [LoggerMessage(EventId = 8104, EventName = "fleet_moved", Level = LogLevel.Information,
        Message = "Session {Session} moved from {From} to {To} with {Bytes} bytes.")]
    private partial void LogMoved(string session, string from, string to, int bytes);

    [LoggerMessage(EventId = 8105, EventName = "fleet_move_failed", Level = LogLevel.Error,
        Message = "The sessions of worker {From} could not be moved.")]
    private partial void LogFailed(string from, Exception error);
}
