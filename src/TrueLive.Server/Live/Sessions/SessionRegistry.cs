using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models.Masks;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <summary>The session that a client asks for; null takes the server's default.</summary>
internal sealed record SessionRequest(string? Model, string? Size, string? Prompt, float? Strength)
{
    /// <summary>Owner of the session: the name made from the API key.</summary>
    public string Owner { get; init; } = "local";

    /// <summary>Whether it is for a stream, and waits for its source without limit.</summary>
    public bool Stays { get; init; }

    /// <summary>Id chosen by a fleet; null lets the server choose.</summary>
    public string? Id { get; init; }

    /// <summary>Its client, who may wait for a place; null does not.</summary>
    public LineClaim? Line { get; init; }

    /// <summary>Parameters of the model and their values; null sets none.</summary>
    public IReadOnlyCollection<KeyValuePair<string, string>>? Values { get; init; }
}

/// <summary>
/// All sessions of this server: creates them if there is room, runs one connection at a time on each, keeps them for clients that were
/// lost, and ends them. Thread-safe.
/// </summary>
internal sealed partial class SessionRegistry(
    ModelStore models, Admission admission, ServerOptions options, TimeProvider time, ILogger<SessionRegistry> logger) : IAsyncDisposable
{
    /// <summary>Time after which an address that was taken over may be taken over again.</summary>
    public static readonly TimeSpan ContestTime = TimeSpan.FromMinutes(2);

    /// <summary>Why sessions end when the server does, in words for people.</summary>
    public const string Stopped = "The server stopped.";

    // A sender silent for this long has gone, though its connection may not have noticed.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, HostedSession> _hosted = new();

    // Sessions that are being removed, until all that they held is free.
    private readonly ConcurrentDictionary<HostedSession, TaskCompletionSource> _closing = new();
    private readonly Lock _admit = new();
    private bool _draining;

    /// <summary>Completes once the cost of a model at a size has been measured.</summary>
    public Func<IVideoModel, int, int, CancellationToken, Task> Measured { get; init; } = (_, _, _, _) => Task.CompletedTask;

    /// <summary>Finds an owner's pictures that values of a model's parameters name.</summary>
    public Func<string, IReadOnlyList<ModelParameter>, IEnumerable<string>, IReadOnlyList<ReferencePicture>> Pictures
    { get; init; } = (_, _, _) => [];

    /// <summary>Why an owner who has so many sessions may have no further one; null where it may.</summary>
    public Func<string, int, RequestRefusedException?> Quota { get; init; } = (_, _) => null;

    /// <summary>A session is over, and what it has made can still be read.</summary>
    public event Action<HostedSession>? Removed;

    /// <summary>Estimated processor time of each live session in milliseconds: its frames times the measured cost of one.</summary>
    public IReadOnlyDictionary<string, double> Spent => _hosted.Values.Where(h => h.Session.State == SessionState.Live).ToDictionary(
        h => h.Session.Id, h =>
            h.Session.Settings is var s ? h.Session.Summary.Made
                * (admission.FrameMs(s.Model, s.Width, s.Height, Admission.IsMasked(s.Model, s.Prompt)) ?? 0) : 0);

    public IEnumerable<HostedSession> Hosted => _hosted.Values;

    public int Count => _hosted.Count;

    /// <summary>The session with this id, or null.</summary>
    public HostedSession? Find(string id) => _hosted.GetValueOrDefault(id);

    /// <summary>The session with this id, or null when it is not this owner's: nobody else may control, record or end it.</summary>
    public HostedSession? Find(string id, string owner) => Find(id) is { } hosted && hosted.Owner == owner ? hosted : null;

    /// <summary>The session with this token, or null when the token is unknown or the session is over.</summary>
    public HostedSession? FindByToken(string token)
    {
        var shown = Encoding.UTF8.GetBytes(token);
        return _hosted.Values.FirstOrDefault(s => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(s.Token), shown));
    }

    /// <summary>As <see cref="Create"/>, once the model is loaded and the session's cost has been measured.</summary>
    /// <exception cref="RequestRefusedException">As <see cref="Create"/>.</exception>
    public async Task<HostedSession> CreateAsync(SessionRequest request, CancellationToken cancel)
    {
        using var span = SessionTrace.Part("admission");
        try
        {
            var (width, height) = SizeOf(request.Size);
            var model = ModelOf(request.Model);
            // Nobody loads or measures models for a session that is refused in any case.
            RefuseOver(request.Owner);
            await WarmUpAsync(model, width, height, null, cancel).ConfigureAwait(false);
            var hosted = Create(request);
            var settings = hosted.Session.Settings;
            span?.SetTag("truelive.session", hosted.Session.Id).SetTag("truelive.model", settings.Model.Info.Id)
                .SetTag("truelive.size", $"{settings.Width}x{settings.Height}");
            return hosted;
        }
        catch (RequestRefusedException refused)
        {
            span.Fail(refused.Message);
            throw;
        }
    }

    /// <summary>
    /// Creates a session, which waits for its first connection as long as for a lost client, but at least
    /// <see cref="AdmittedClient.ConnectTime"/>.
    /// </summary>
    /// <exception cref="RequestRefusedException">Unknown model, bad size, bad prompt (400), a quota (429), or no room (503).</exception>
    public HostedSession Create(SessionRequest request)
    {
        var model = ModelOf(request.Model);
        var (width, height) = SizeOf(request.Size);
        var pictures = Named(request.Owner, model, request.Values);
        lock (_admit)
        {
            RefuseWhenDraining();
            RefuseOver(request.Owner);
            AdmitNext(new SessionSettings(model, width, height,
                Next(model, Prompt.None, new PromptChange(request.Prompt, null, null) { Values = request.Values, Pictures = pictures }),
                0, 0, false), request.Line);
            var id = request.Id ?? Random(12);
            // In a fleet, the token names its session, so that it leads to the right machine.
            var hosted = Host(id, request.Id is null ? Random(24) : $"{id}.{Random(24)}",
                new SessionSettings(model, width, height, Prompt.None, 0, 0, false), request.Owner, time.GetUtcNow(), request.Stays);
            if ((request.Prompt is not null || request.Strength is not null || request.Values is not null)
                && hosted.Session.Update("start", new PromptChange(request.Prompt, request.Strength, TimeSpan.Zero)
                { Values = request.Values, Pictures = pictures }).Rejected is { } reason)
            {
                End(hosted, EndCause.ControlServer, reason);
                throw new RequestRefusedException(StatusCodes.Status400BadRequest, reason);
            }
            _line.Serve(request.Line?.Ticket, id);
            return hosted;
        }
    }

    /// <summary>
    /// Changes a session's prompt and values; a value may name a picture of the session's owner. A mask that begins needs room on the
    /// machine.
    /// </summary>
    public CommandReceipt Update(
        HostedSession hosted, string command, PromptChange change, Action<SessionSettings>? accepted = null)
    {
        var now = hosted.Session.Settings;
        change = change with { Pictures = Named(hosted.Owner, now.Model, change.Values) };
        if (Admission.IsMasked(now.Model, now.Prompt) || !Admission.IsMasked(now.Model, Next(now.Model, now.Prompt, change)))
            return hosted.Session.Update(command, change, accepted);
        lock (_admit)
        {
            try
            {
                Admit(now.Model, now.Width, now.Height, hosted, masked: true);
            }
            catch (RequestRefusedException refused)
            {
                return new CommandReceipt(refused.Message, now);
            }
            return hosted.Session.Update(command, change, accepted);
        }
    }

    /// <summary>A client is about to connect: keeps its session for at least <see cref="AdmittedClient.ConnectTime"/>.</summary>
    public void Expect(HostedSession hosted)
    {
        var keep = TimeSpan.FromSeconds(options.KeepSeconds);
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
            if (hosted.Connection is null || hosted.TakenOverAt is not { } at || time.GetElapsedTime(at) > ContestTime
                || time.GetElapsedTime(hosted.Session.HeardAt) > Silence)
                return;
            hosted.TakenOverAt = time.GetTimestamp();
        }
        throw new RequestRefusedException(
            StatusCodes.Status409Conflict,
            "Another sender took this address over and is sending. Stop that one first; two senders need two sessions, each with an " +
            "address of its own.");
    }

    /// <summary>
    /// Switches a running session to another model or size, if there is room. The model is warmed up first; meanwhile the session continues
    /// as it is; <paramref name="warming"/> is called first where that takes time.
    /// </summary>
    public async Task<CommandReceipt> SwitchAsync(
        HostedSession hosted, string commandId, string? modelId, string? size, CancellationToken cancel, Action? warming = null,
        Action<SessionSettings>? accepted = null)
    {
        var now = hosted.Session.Settings;
        try
        {
            var (width, height) = size is null ? (now.Width, now.Height) : SizeOf(size);
            var warm = WarmUpAsync(modelId is null ? now.Model : ModelOf(modelId), width, height, hosted, cancel);
            if (!warm.IsCompleted)
                warming?.Invoke();
            await warm.ConfigureAwait(false);
        }
        catch (RequestRefusedException refused)
        {
            return new CommandReceipt(refused.Message, now);
        }
        return Switch(hosted, commandId, modelId, size, accepted);
    }

    /// <summary>Switches a running session to another model or size, if there is room.</summary>
    public CommandReceipt Switch(
        HostedSession hosted, string commandId, string? modelId, string? size, Action<SessionSettings>? accepted = null)
    {
        var now = hosted.Session.Settings;
        try
        {
            var model = modelId is null ? now.Model : ModelOf(modelId);
            var (width, height) = size is null ? (now.Width, now.Height) : SizeOf(size);
            lock (_admit)
            {
                Admit(model, width, height, hosted, masked: Admission.IsMasked(model, now.Prompt));
                return hosted.Session.Switch(commandId, model, width, height, accepted);
            }
        }
        catch (RequestRefusedException refused)
        {
            return new CommandReceipt(refused.Message, now);
        }
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
            hosted.TakenOverAt = hosted.Connection is null ? null : time.GetTimestamp();
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
                    KeepFor(hosted, TimeSpan.FromSeconds(options.KeepSeconds), time.GetTimestamp());
                }
            }
            released.SetResult();
            if (hosted.Session.State == SessionState.Ended)
                await RemoveAsync(hosted).ConfigureAwait(false);
        }
    }

    /// <summary>Ends a session for good and frees its place.</summary>
    public void End(HostedSession hosted, EndCause cause, string? because = null)
    {
        // Whoever hears that it is over finds it gone and its place free.
        var removed = Remove(hosted);
        try
        {
            hosted.Session.End(cause, because);
        }
        finally
        {
            if (removed)
                _ = CloseAsync(hosted, EndCause.ControlServer);
        }
    }

    /// <summary>Time that a session has to end when the server stops: a model or a program that hangs must not hold it for ever.</summary>
    public static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(30);

    /// <summary>Takes no new sessions and ends those that run.</summary>
    public async Task DrainAsync()
    {
        lock (_admit)
            _draining = true;
        foreach (var hosted in _hosted.Values)
            End(hosted, EndCause.ControlServer, Stopped);
        await Task.WhenAll(_closing.Values.Select(c => c.Task)).ConfigureAwait(false);
    }

    /// <summary>As <see cref="DrainAsync"/>, for <see cref="LongestEnd"/> at most.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await DrainAsync().WaitAsync(LongestEnd, time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            SessionLog.Overdue(logger, _closing.Keys);
        }
    }

    private Task RemoveAsync(HostedSession hosted) => RemoveAsync(hosted, EndCause.ControlServer);

    private Task RemoveAsync(HostedSession hosted, EndCause otherwise) =>
        Remove(hosted) ? CloseAsync(hosted, otherwise) : Task.CompletedTask;

    private bool Remove(HostedSession hosted)
    {
        // Known as closing before it is gone, so that a drain waits for it. By its reference: a fleet may use the id again at once.
        if (!_closing.TryAdd(hosted, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)))
            return false;
        if (!_hosted.TryRemove(KeyValuePair.Create(hosted.Session.Id, hosted)))
        {
            Closed(hosted);
            return false;
        }
        lock (_admit)
        {
            _line.Turnover.Runs(_hosted.Count);
            _line.Turnover.End(time.GetUtcNow() - hosted.Created);
        }
        hosted.Keep?.Dispose();
        hosted.Limit?.Dispose();
        hosted.Hold?.Dispose();
        return true;
    }

    // Why one that has not ended yet is over.
    private async Task CloseAsync(HostedSession hosted, EndCause otherwise)
    {
        try
        {
            await hosted.Released.ConfigureAwait(false);
            hosted.Session.End(otherwise);
            Removed?.Invoke(hosted);
            SessionLog.Ended(logger, hosted, time.GetUtcNow());
            await hosted.Observer.DisposeAsync().ConfigureAwait(false);
            foreach (var viewer in hosted.Viewers.Values)
                viewer.Close("The session is over.");
            hosted.Broadcaster.Dispose();
            hosted.Session.Dispose();
        }
        finally
        {
            Closed(hosted);
        }
    }

    private void Closed(HostedSession hosted)
    {
        if (_closing.TryRemove(hosted, out var closing))
            closing.SetResult();
    }

    private void RefuseWhenDraining()
    {
        if (_draining)
            throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, "The server is shutting down.");
    }

    private void RefuseOver(string owner)
    {
        if (Quota(owner, _hosted.Values.Count(h => h.Owner == owner)) is { } over)
            throw over;
    }

    private HostedSession Host(string id, string token, SessionSettings settings, string owner, DateTimeOffset created, bool stays = false,
        bool continues = false)
    {
        var limits = new LiveSessionOptions
        {
            FrameAgeBudget = TimeSpan.FromMilliseconds(options.FrameAgeMs),
            PromisedRate = admission.TargetRate,
        };
        var session = new LiveSession(id, settings, limits, time);
        var hosted = new HostedSession(session, token, created, new VideoBroadcaster(time, options.MaxKbps * 1000),
            new SessionObserver(TimeSpan.FromSeconds(options.ReplaySeconds)))
        { Owner = owner, Stays = stays, Continues = continues, IsMarked = options.AiMark };
        if (!_hosted.TryAdd(id, hosted))
        {
            hosted.Broadcaster.Dispose();
            session.Dispose();
            throw new RequestRefusedException(StatusCodes.Status409Conflict, $"There is a session '{id}' already.");
        }
        _line.Turnover.Runs(_hosted.Count);
        session.Received += (_, frame) => hosted.Observer.Received(frame);
        session.Moved += (s, step) => SessionLog.Moved(logger, s.Id, step);
        Expect(hosted);
        if (options.SessionMinutes > 0)
            hosted.Limit = time.CreateTimer(
                _ => End(hosted, EndCause.ControlServer, $"It reached the {options.SessionMinutes} minutes that a session may have."), null,
                TimeSpan.FromMinutes(options.SessionMinutes), Timeout.InfiniteTimeSpan);
        return hosted;
    }

    // A client that has never connected is not away.
    private void KeepFor(HostedSession hosted, TimeSpan wait, long? awaySince)
    {
        hosted.Keep?.Dispose();
        if (hosted.Stays)
            return;
        hosted.Away = awaySince is { } since ? new Absence(since, time.GetUtcNow() + wait) : null;
        hosted.Keep = time.CreateTimer(_ => Expire(), null, wait, Timeout.InfiniteTimeSpan);

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

    private async Task WarmUpAsync(IVideoModel model, int width, int height, HostedSession? changed, CancellationToken cancel)
    {
        await ModelStore.WarmAsync(model, cancel).ConfigureAwait(false);
        SessionSettings[] others = [.. _hosted.Values.Where(s => s != changed).Select(s => s.Session.Settings)];
        // A session that runs alone needs no admission, and a measurement would only disturb it.
        if (changed is not null && others.Length == 0)
            return;
        await Measured(model, width, height, cancel).ConfigureAwait(false);
        foreach (var other in others)
            await Measured(other.Model, other.Width, other.Height, cancel).ConfigureAwait(false);
    }

    // Of the prompt that a change leads to, what can be told beforehand and decides on a mask.
    private static Prompt Next(IVideoModel model, Prompt now, PromptChange change) => model is not MaskedModel ? now : now with
    {
        Reading = change.Text is { Length: <= Prompt.MaxLength } text ? model.Read(text) : now.Reading,
        Values = change.Values is { } given && now.Values.TrySet(model.Info.Parameters, given, out var values, out _, change.Pictures)
            ? values
            : now.Values,
    };

    private void Admit(IVideoModel model, int width, int height, HostedSession? except, IReadOnlyCollection<SessionSettings>? ahead = null,
        bool masked = false)
    {
        SessionSettings[] running = [.. _hosted.Values.Where(s => s != except).Select(s => s.Session.Settings)];
        var (now, next) = (time.GetUtcNow(), _hosted.Values.Select(s => s.Away?.KeptUntil).Min());
        var retry = next > now ? next.Value - now : TimeSpan.FromSeconds(5);
        if (admission.Refuse(model, width, height, running, retry, masked) is { } refusal)
            throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, refusal.Words, refusal);
        if (ahead is { Count: > 0 } && admission.Refuse(model, width, height, [.. running, .. ahead], retry, masked) is { } held)
        {
            refusal = held with { Words = "Those who wait in line get the places that become free.", Running = running.Length };
            throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, refusal.Words, refusal);
        }
    }

    private IVideoModel ModelOf(string? id) => models.Find(id) ?? throw new RequestRefusedException(
        StatusCodes.Status400BadRequest,
        $"There is no model '{id}'. This server has: {string.Join(", ", models.All.Select(m => m.Info.Id))}.");

    private (int Width, int Height) SizeOf(string? size) => size is null ? options.SizePixels
        : PictureSize.TryParse(size, out var pixels) ? pixels
        : throw new RequestRefusedException(StatusCodes.Status400BadRequest,
            $"'{size}' is not a size. Write it as 512x288, both sides within 16..4096.");

    private static string Random(int bytes) => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(bytes));

    private IReadOnlyList<ReferencePicture> Named(
        string owner, IVideoModel model, IReadOnlyCollection<KeyValuePair<string, string>>? values) =>
        values is null ? [] : Pictures(owner, model.Info.Parameters, values.Select(v => v.Value));
}
