using System.Collections.Concurrent;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Recordings;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Streams;

/// <summary>
/// Records sessions, each as one more of its outputs, and sees that recordings stay within their limits. Thread-safe.
/// </summary>
internal sealed partial class SessionRecordings(
    StreamRegistry streams, RecordingStore store, ServerOptions options, TimeProvider time, ILogger<SessionRecordings> logger)
    : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, Run> _runs = new();

    /// <summary>Begins to record a session.</summary>
    /// <exception cref="RequestRefusedException">It is recorded already (409), or none can begin.</exception>
    public async Task<Recording> BeginAsync(HostedSession hosted, CancellationToken cancel)
    {
        var (id, run) = (hosted.Session.Id, new Run(hosted));
        if (!_runs.TryAdd(id, run))
            throw new RequestRefusedException(
                StatusCodes.Status409Conflict, "The session is being recorded already. Stop that recording first.");
        Recording? recording = null;
        try
        {
            recording = store.Begin(hosted.Owner, hosted.Session, hosted.SourceType);
            var output = OutputSettings.Of("file:" + recording.Video, null, null, options, trusted: true);
            run.Output = await streams.AddAsync(hosted, output, cancel).ConfigureAwait(false);
        }
        catch
        {
            _runs.TryRemove(id, out _);
            run.Begun.SetResult();
            if (recording is not null)
            {
                store.End(recording, "It did not begin.");
                store.Delete(recording);
            }
            throw;
        }
        // Asked for once a second and client: nothing that reads the disk.
        var written = run.Output;
        hosted.Recorded = () => new RecordedView(recording.State.Id, recording.State.Started, written.Bytes);
        // Of this machine's folders the client learns nothing.
        recording.Problem = () => written.Status.Problem?.Replace(recording.Folder + '/', "", StringComparison.Ordinal);
        LogBegan(logger, id, recording.State.Id);
        run.Recording = recording;
        run.Ended = EndAsync(run, recording);
        run.Begun.SetResult();
        return recording;
    }

    /// <summary>Stops the recording of a session and waits until all of it is on disk; null when none runs.</summary>
    public async Task<Recording?> FinishAsync(string session, string because)
    {
        if (!_runs.TryGetValue(session, out var run))
            return null;
        await run.Begun.Task.ConfigureAwait(false);
        if (run.Recording is not { } recording || run.Output is not { } output)
            return null;
        run.Because ??= because;
        if (streams.Find(session) is { } legs)
            await legs.EndAsync(output.Id).ConfigureAwait(false);
        await run.Ended.ConfigureAwait(false);
        return recording;
    }

    /// <summary>Deletes a recording; one that runs stops first.</summary>
    public async Task DeleteAsync(Recording recording)
    {
        if (store.IsRunning(recording))
            await FinishAsync(recording.State.Session, "It was deleted.").ConfigureAwait(false);
        store.Delete(recording);
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        Task all = Task.WhenAll(_runs.Keys.Select(session => FinishAsync(session, SessionRegistry.Stopped)));
        await all.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look, time);
        string? told = null;
        do
        {
            try
            {
                Limit();
                told = null;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                if (told != error.Message)
                    LogUnlimited(logger, told = error.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    private void Limit()
    {
        var lacking = _runs.IsEmpty ? null : store.Lacking;
        foreach (var (session, run) in _runs)
        {
            if (lacking is not null)
                Finish(session, $"There is no room to go on. {lacking}");
            else if (run.Recording is { } recording
                && time.GetUtcNow() - recording.State.Started > TimeSpan.FromMinutes(options.RecordingMinutes))
                Finish(session, $"It reached the {options.RecordingMinutes} minutes that a recording may have.");
        }
        foreach (var beyond in store.Expire())
            Finish(beyond.State.Session, $"Your recordings fill the {options.RecordingDiskMb} MB that they may.");
    }

    // The others do not wait for it: on a disk that hangs it may never end.
    private void Finish(string session, string because)
    {
        if (_runs.TryGetValue(session, out var run) && run.Because is null)
            _ = FinishAsync(session, because);
    }

    private async Task EndAsync(Run run, Recording recording)
    {
        await run.Output!.Completion.ConfigureAwait(false);
        run.Hosted.Recorded = null;
        // At a shutdown the session may end before its recording is told to.
        var because = run.Because ?? run.Hosted.Session.Ended?.Words ?? "It was stopped.";
        store.End(recording, because);
        _runs.TryRemove(run.Hosted.Session.Id, out _);
        LogEnded(logger, run.Hosted.Session.Id, recording.State.Id, because);
    }

    [LoggerMessage(
        EventId = 2105, EventName = "recording_began", Level = LogLevel.Information,
        Message = "Session {Session} is recorded as {Recording}.")]
    private static partial void LogBegan(ILogger logger, string session, string recording);

    [LoggerMessage(
        EventId = 2106, EventName = "recording_ended", Level = LogLevel.Information,
        Message = "Recording {Recording} of session {Session} has ended: {Why}")]
    private static partial void LogEnded(ILogger logger, string session, string recording, string why);

    [LoggerMessage(
        EventId = 2107, EventName = "recordings_not_read", Level = LogLevel.Warning,
        Message = "Recordings could not be held to their limits: {Why}")]
    private static partial void LogUnlimited(ILogger logger, string why);

    private sealed class Run(HostedSession hosted)
    {
        public HostedSession Hosted => hosted;

        public Recording? Recording { get; set; }

        public OutputRun? Output { get; set; }

        public string? Because { get; set; }

        /// <summary>Completes when it has begun, or come to nothing.</summary>
        public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ended { get; set; } = Task.CompletedTask;
    }
}
