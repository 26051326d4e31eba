using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <summary>
/// All sessions of this server: creates them if there is room (<see cref="SessionPlaces"/>), runs one connection at a time on each, keeps
/// them for clients that were lost, and ends them. Thread-safe.
/// </summary>
internal sealed partial class SessionRegistry : IAsyncDisposable
{
    /// <summary>Why sessions end when the server does, in words for people.</summary>
    public const string Stopped = "The server stopped.";

    private readonly ModelStore _models;
    private readonly Admission _admission;
    private readonly ServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<SessionRegistry> _logger;
    private readonly ConcurrentDictionary<string, HostedSession> _hosted = new();

    // Sessions that are being removed, until all that they held is free.
    private readonly ConcurrentDictionary<HostedSession, TaskCompletionSource> _closing = new();

    public SessionRegistry(
        ModelStore models, Admission admission, ServerOptions options, TimeProvider time, ILogger<SessionRegistry> logger)
    {
        (_models, _admission, _options, _time, _logger) = (models, admission, options, time, logger);
        Places = new SessionPlaces(_hosted, admission, options, time);
    }

    /// <summary>The places that the sessions have, and the line of those who wait for one.</summary>
    public SessionPlaces Places { get; }

    /// <summary>Finds an owner's pictures that values of a model's parameters name.</summary>
    public Func<string, IReadOnlyList<ModelParameter>, IEnumerable<string>, IReadOnlyList<ReferencePicture>> Pictures
    { get; init; } = (_, _, _) => [];

    /// <summary>A session is over, and what it has made can still be read.</summary>
    public event Action<HostedSession>? Removed;

    /// <summary>Estimated processor time of each live session in milliseconds: its frames times the measured cost of one.</summary>
    public IReadOnlyDictionary<string, double> Spent => _hosted.Values.Where(h => h.Session.State == SessionState.Live).ToDictionary(
        h => h.Session.Id, h =>
            h.Session.Settings is var s ? h.Session.Summary.Made
                * (_admission.FrameMs(s.Model, s.Width, s.Height, Admission.IsMasked(s.Model, s.Prompt)) ?? 0) : 0);

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
            Places.RefuseOver(request.Owner);
            await Places.WarmUpAsync(model, width, height, null, cancel).ConfigureAwait(false);
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
        var change = new PromptChange(request.Prompt, request.Strength, TimeSpan.Zero) { Values = request.Values, Pictures = pictures };
        var bare = new SessionSettings(model, width, height, Prompt.None, 0, 0, false);
        return Places.Take(request.Owner, SessionPlaces.Next(bare, change), request.Line, () =>
        {
            var id = request.Id ?? Random(12);
            // In a fleet, the token names its session, so that it leads to the right machine.
            var hosted = Host(id, request.Id is null ? Random(24) : $"{id}.{Random(24)}", bare, request.Owner, _time.GetUtcNow(),
                request.Stays);
            if ((request.Prompt is not null || request.Strength is not null || request.Values is not null)
                && hosted.Session.Update("start", change).Rejected is { } reason)
            {
                End(hosted, EndCause.ControlServer, reason);
                throw new RequestRefusedException(StatusCodes.Status400BadRequest, reason);
            }
            return hosted;
        });
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
        Places.Close();
        foreach (var hosted in _hosted.Values)
            End(hosted, EndCause.ControlServer, Stopped);
        await Task.WhenAll(_closing.Values.Select(c => c.Task)).ConfigureAwait(false);
    }

    /// <summary>As <see cref="DrainAsync"/>, for <see cref="LongestEnd"/> at most.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await DrainAsync().WaitAsync(LongestEnd, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            SessionLog.Overdue(_logger, _closing.Keys);
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
        Places.Free(_time.GetUtcNow() - hosted.Created);
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
            SessionLog.Ended(_logger, hosted, _time.GetUtcNow());
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

    private HostedSession Host(string id, string token, SessionSettings settings, string owner, DateTimeOffset created, bool stays = false,
        bool continues = false)
    {
        var limits = new LiveSessionOptions
        {
            FrameAgeBudget = TimeSpan.FromMilliseconds(_options.FrameAgeMs),
            PromisedRate = _admission.TargetRate,
        };
        var session = new LiveSession(id, settings, limits, _time);
        var hosted = new HostedSession(session, token, created, new VideoBroadcaster(_time, _options.MaxKbps * 1000),
            new SessionObserver(TimeSpan.FromSeconds(_options.ReplaySeconds)))
        { Owner = owner, Stays = stays, Continues = continues, IsMarked = _options.AiMark };
        if (!_hosted.TryAdd(id, hosted))
        {
            hosted.Broadcaster.Dispose();
            session.Dispose();
            throw new RequestRefusedException(StatusCodes.Status409Conflict, $"There is a session '{id}' already.");
        }
        session.Received += (_, frame) => hosted.Observer.Received(frame);
        session.Moved += (s, step) => SessionLog.Moved(_logger, s.Id, step);
        Expect(hosted);
        if (_options.SessionMinutes > 0)
            hosted.Limit = _time.CreateTimer(
                _ => End(hosted, EndCause.ControlServer, $"It reached the {_options.SessionMinutes} minutes that a session may have."),
                null,
                TimeSpan.FromMinutes(_options.SessionMinutes), Timeout.InfiniteTimeSpan);
        return hosted;
    }

    private IVideoModel ModelOf(string? id) => _models.Find(id) ?? throw new RequestRefusedException(
        StatusCodes.Status400BadRequest,
        $"There is no model '{id}'. This server has: {string.Join(", ", _models.All.Select(m => m.Info.Id))}.");

    private (int Width, int Height) SizeOf(string? size) => size is null ? _options.SizePixels
        : PictureSize.TryParse(size, out var pixels) ? pixels
        : throw new RequestRefusedException(StatusCodes.Status400BadRequest,
            $"'{size}' is not a size. Write it as 512x288, both sides within 16..4096.");

    private static string Random(int bytes) => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(bytes));

    private IReadOnlyList<ReferencePicture> Named(
        string owner, IVideoModel model, IReadOnlyCollection<KeyValuePair<string, string>>? values) =>
        values is null ? [] : Pictures(owner, model.Info.Parameters, values.Select(v => v.Value));
}
