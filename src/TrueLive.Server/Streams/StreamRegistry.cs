using System.Collections.Concurrent;
using TrueLive.Core.Sessions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams.Hls;
using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Server.Streams;

/// <summary>What somebody wants streamed.</summary>
/// <param name="Source">Address of the source.</param>
/// <param name="Session">What session it becomes.</param>
/// <param name="Loop">For a file: begin again at its end.</param>
/// <param name="OnLoss">What to do when the source is lost.</param>
/// <param name="Trusted">It was typed on this machine's command line.</param>
internal sealed record StreamRequest(StreamAddress Source, SessionRequest Session, bool Loop, LossAction OnLoss, bool Trusted);

/// <summary>The ways into and out of one session. Thread-safe.</summary>
internal sealed class StreamLegs(HostedSession hosted, StreamEvents events) : IAsyncDisposable
{
    // Not disposed of: a source that begins late still takes its token.
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, OutputRun> _outputs = new();
    private Task _running = Task.CompletedTask;

    public HostedSession Hosted => hosted;

    public StreamEvents Events => events;

    /// <summary>Where its pictures come from; null for a session that a client sends into.</summary>
    public StreamRun? Source { get; private set; }

    public IEnumerable<OutputRun> Outputs => _outputs.Values;

    public OutputRun? Output(string id) => _outputs.GetValueOrDefault(id);

    public void Run(StreamRun source) => (Source, _running) = (source, Task.Run(() => source.RunAsync(_stop.Token)));

    public void Add(OutputRun output) => _outputs[output.Id] = output;

    /// <summary>Ends an output. False when there is none of that name.</summary>
    public async Task<bool> EndAsync(string id)
    {
        if (!_outputs.TryRemove(id, out var output))
            return false;
        await output.DisposeAsync().ConfigureAwait(false);
        return true;
    }

    /// <summary>Ends all outputs.</summary>
    public Task EndAllAsync() => Task.WhenAll(_outputs.Keys.ToArray().Select(EndAsync));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndAllAsync().ConfigureAwait(false);
        }
        finally
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await _running.ConfigureAwait(false);
            events.End();
        }
    }
}

/// <summary>All streams of this server, and the outputs of all its sessions. Thread-safe.</summary>
internal sealed class StreamRegistry : IAsyncDisposable
{
    /// <summary>Outputs of one session.</summary>
    public const int MaxOutputs = 16;

    private readonly ConcurrentDictionary<string, StreamLegs> _legs = new();
    private readonly ConcurrentDictionary<StreamLegs, Task> _closing = new();
    private readonly Lock _gate = new();
    private readonly SessionRegistry _sessions;
    private readonly StreamAccess _access;
    private readonly ServerOptions _options;
    private readonly TimeProvider _time;
    private readonly StreamLog _log;
    private readonly RtmpPorts _rtmp;

    public StreamRegistry(
        SessionRegistry sessions, StreamAccess access, ServerOptions options, TimeProvider time, ILogger<StreamRegistry> logger)
    {
        (_sessions, _access, _options, _time, _log) = (sessions, access, options, time, new StreamLog(logger));
        HlsFolder.DeleteLeft(options);
        Hls = new HlsOutputs(time);
        _rtmp = new RtmpPorts(time, new RefusedPublishers(time, _log.Refused).Add);
    }

    /// <summary>What players of HLS get.</summary>
    public HlsOutputs Hls { get; }

    /// <summary>Sessions that have a stream as their source, or outputs.</summary>
    public IEnumerable<StreamLegs> All => _legs.Values;

    /// <summary>The legs of a session; null where it has none.</summary>
    public StreamLegs? Find(string session) => _legs.GetValueOrDefault(session);

    /// <summary>Begins a stream with its outputs: all of them are checked before anything begins.</summary>
    /// <exception cref="RequestRefusedException">
    /// An address may not be used (422), another stream waits for the same publisher (409), or the session is refused.
    /// </exception>
    public async Task<StreamLegs> BeginAsync(StreamRequest request, IReadOnlyList<OutputSettings> outputs, CancellationToken cancel)
    {
        if (outputs.Count > MaxOutputs)
            throw TooMany();
        await _access.OpenAsync(request.Source, output: false, request.Trusted, cancel).ConfigureAwait(false);
        foreach (var output in outputs)
            await _access.OpenAsync(output.Address, output: true, output.Trusted, cancel).ConfigureAwait(false);
        // One that is just ending gives way in a moment.
        if (_legs.Values.Any(l => l.Source?.Address.AwaitsSame(request.Source) == true && _sessions.Find(l.Hosted.Session.Id) is not null))
            throw new RequestRefusedException(StatusCodes.Status409Conflict, RtmpPort.KeyTaken);
        var hosted = await _sessions.CreateAsync(request.Session with { Stays = true }, cancel).ConfigureAwait(false);
        var legs = LegsOf(hosted);
        _log.Began(hosted.Session.Id, request.Source, outputs);
        foreach (var output in outputs)
            Start(legs, output);
        legs.Run(new StreamRun(hosted, request, _access, _sessions, _rtmp, legs.Events, _time));
        // The legs of a session that has ended meanwhile may have been closed before they had these.
        if (hosted.Session.State == SessionState.Ended)
            await legs.EndAllAsync().ConfigureAwait(false);
        return legs;
    }

    /// <summary>Adds a way out to any live session.</summary>
    /// <exception cref="RequestRefusedException">The address may not be used, or there are too many outputs (422).</exception>
    public async Task<OutputRun> AddAsync(HostedSession hosted, OutputSettings output, CancellationToken cancel)
    {
        await _access.OpenAsync(output.Address, output: true, output.Trusted, cancel).ConfigureAwait(false);
        var legs = LegsOf(hosted);
        OutputRun run;
        lock (_gate)
            run = legs.Outputs.Count() < MaxOutputs ? Start(legs, output) : throw TooMany();
        // Those of a session that has ended meanwhile may have been closed before there was this one.
        if (hosted.Session.State == SessionState.Ended)
            await legs.EndAsync(run.Id).ConfigureAwait(false);
        return run;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var legs in _legs.Values)
            Close(legs);
        try
        {
            await Task.WhenAll(_closing.Values).WaitAsync(SessionRegistry.LongestEnd, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _log.Overdue(_closing.Keys);
        }
        Hls.Dispose();
        _access.Dispose();
    }

    private StreamLegs LegsOf(HostedSession hosted)
    {
        lock (_gate)
        {
            if (_legs.TryGetValue(hosted.Session.Id, out var known))
            {
                if (known.Hosted == hosted)
                    return known;
                // Of a session that is ending, whose id a fleet uses again.
                Close(known);
            }
            var id = hosted.Session.Id;
            var events = new StreamEvents(_time) { Added = (leg, state, words) => _log.Moved(id, leg, state, words) };
            var legs = _legs[id] = new StreamLegs(hosted, events);
            hosted.Session.Moved += (_, step) =>
            {
                if (step.To == SessionState.Ended)
                    Close(legs);
            };
            // It may have ended before anybody listened.
            if (hosted.Session.State == SessionState.Ended)
                Close(legs);
            return legs;
        }
    }

    private OutputRun Start(StreamLegs legs, OutputSettings settings)
    {
        var output = new OutputRun(
            legs.Hosted, settings, _access, id => new HlsFolder(_options, legs.Hosted.Session.Id, id), legs.Events, _time);
        legs.Add(output);
        if (output.Hls is { } hls)
            Hls.Add(legs.Hosted.Session.Id, output.Id, hls, () => legs.Hosted.SourceType, output.Completion);
        return output;
    }

    private void Close(StreamLegs legs)
    {
        // Known as closing before it is gone, so that whoever disposes of all waits for it.
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_closing.TryAdd(legs, closed.Task))
            return;
        if (_legs.TryRemove(KeyValuePair.Create(legs.Hosted.Session.Id, legs)))
            _ = Task.Run(CloseAsync);
        else
            Closed();

        async Task CloseAsync()
        {
            try
            {
                await legs.DisposeAsync().ConfigureAwait(false);
                Closed();
            }
            catch (Exception error)
            {
                closed.SetException(error);
            }
        }

        void Closed()
        {
            _closing.TryRemove(legs, out _);
            closed.SetResult();
        }
    }

    private static RequestRefusedException TooMany() =>
        new(StatusCodes.Status422UnprocessableEntity, $"A session has {MaxOutputs} outputs at most. End one first.");
}
