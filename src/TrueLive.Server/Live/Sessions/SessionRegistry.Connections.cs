using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <content>The connections of clients: one at a time on each session, which is kept for a client that was lost.</content>
internal sealed partial class SessionRegistry
{
    /// <summary>Time after which an address that was taken over may be taken over again.</summary>
    public static readonly TimeSpan ContestTime = TimeSpan.FromMinutes(2);

    // A sender silent for this long has gone, though its connection may not have noticed.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);

    /// <summary>A client is about to connect: keeps its session for at least <see cref="AdmittedClient.ConnectTime"/>.</summary>
    public void Expect(HostedSession hosted)
    {
        var keep = TimeSpan.FromSeconds(_options.KeepSeconds);
        lock (hosted)
        {
            if (hosted.Connection is null)
                KeepFor(hosted, keep > AdmittedClient.ConnectTime ? keep : AdmittedClient.ConnectTime, hosted.Away?.Since);
        }
    }

    /// <summary>
    /// Checks whether a sender without a token may take over the session's address. The first may, since a sender that lost its connection
    /// and starts again cannot be told from another. Two senders that reconnect whenever they are replaced would then take it from each
    /// other without end, so the second keeps it while it sends, until nobody has tried for <see cref="ContestTime"/>.
    /// </summary>
    /// <exception cref="RequestRefusedException">409: another sender took it over recently and is sending.</exception>
    public void Contest(HostedSession hosted)
    {
        lock (hosted)
        {
            if (hosted.Connection is null || hosted.TakenOverAt is not { } at || _time.GetElapsedTime(at) > ContestTime
                || _time.GetElapsedTime(hosted.Session.HeardAt) > Silence)
                return;
            hosted.TakenOverAt = _time.GetTimestamp();
        }
        throw new RequestRefusedException(
            StatusCodes.Status409Conflict,
            "Another sender took this address over and is sending. Stop that one first; two senders need two sessions, each with an " +
            "address of its own.");
    }

    /// <summary>
    /// Runs one connection on the session. A running connection is ended first, since the client is using the newer one. Afterwards the
    /// session is kept for its client, unless it ended.
    /// </summary>
    /// <param name="hosted">The session.</param>
    /// <param name="transport">Name of the client's transport.</param>
    /// <param name="source">The client's pictures.</param>
    /// <param name="sink">Where the made pictures go.</param>
    /// <param name="cancel">Fires when the server or the client's request ends.</param>
    /// <param name="number">The <see cref="AdmittedClient.Number"/> of the connection.</param>
    public async Task<SessionEnd> RunAsync(
        HostedSession hosted, string transport, IVideoSource source, IVideoSink sink, CancellationToken cancel, long number = 0)
    {
        using var connection = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task older;
        lock (hosted)
        {
            hosted.TakenOverAt = hosted.Connection is null ? null : _time.GetTimestamp();
            hosted.Connection?.Cancel();
            older = hosted.Released;
            (hosted.Connection, hosted.Number, hosted.Transport, hosted.Away) = (connection, number, transport, null);
            hosted.Released = released.Task;
            hosted.LeftBy = null;
            hosted.Keep?.Dispose();
        }
        try
        {
            await older.ConfigureAwait(false);
            if (hosted.Session.State == SessionState.Ended)
                return hosted.Session.Ended!;
            hosted.Observer.Connected();
            hosted.Observer.Await(SessionTrace.Part("first picture")?.SetTag("truelive.session", hosted.Session.Id)
                .SetTag("truelive.transport", transport));
            return await hosted.Session.RunAsync(source, hosted.Observer.On(sink), connection.Token).ConfigureAwait(false);
        }
        finally
        {
            hosted.Observer.Await(null);
            lock (hosted)
            {
                if (hosted.Connection == connection)
                {
                    hosted.Connection = null;
                    hosted.Transport = "none";
                    KeepFor(hosted, TimeSpan.FromSeconds(_options.KeepSeconds), _time.GetTimestamp());
                }
            }
            released.SetResult();
            if (hosted.Session.State == SessionState.Ended)
                await RemoveAsync(hosted).ConfigureAwait(false);
        }
    }

    // A client that has never connected is not away.
    private void KeepFor(HostedSession hosted, TimeSpan wait, long? awaySince)
    {
        hosted.Keep?.Dispose();
        if (hosted.Stays)
            return;
        hosted.Away = awaySince is { } since ? new Absence(since, _time.GetUtcNow() + wait) : null;
        hosted.Keep = _time.CreateTimer(_ => Expire(), null, wait, Timeout.InfiniteTimeSpan);

        void Expire()
        {
            lock (hosted)
            {
                if (hosted.Connection is not null)
                    return;
            }
            End(hosted, EndCause.KeepExpired);
        }
    }
}
