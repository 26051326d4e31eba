using System.Collections.Concurrent;
using TrueLive.Clips;
using TrueLive.Core.Clips;
using TrueLive.Media.Files;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Pictures;
using TrueLive.Server.Resources;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Clips;

/// <summary>
/// Works on one clip at a time, so that a clip gets all cores and jobs end in turn. A job that fails affects no other. When a process dies,
/// the job's lease expires, and the next worker that claims it resumes from the work folder.
/// </summary>
internal sealed partial class ClipWorker(
    ClipQueueHost queueHost, ClipFolders folders, ClipUploads uploads, JournalStore journals, ClipSources sources, ModelStore models,
    LivePrecedence live, CapacityMeasurement measurement,
    ServerHealth health, PictureStore pictures, UsageLedger usage, ApiKeyRing ring, ServerOptions options, TimeProvider time,
    ILogger<ClipWorker> logger) : BackgroundService
{
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Cleaning = TimeSpan.FromMinutes(1);

    // The wait before a job that lacked a resource is retried; doubled each time.
    private static readonly TimeSpan ShortagePause = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, (ClipFileRender? Render, CancellationTokenSource Cancel)> _running = new();
    private volatile Unreachable? _unreachable;

    /// <summary>Clips being rendered in this process.</summary>
    public int Running => _running.Count;

    /// <summary>Progress of a job that this process works on; null for others.</summary>
    public ClipFileProgress? ProgressOf(string job) => _running.TryGetValue(job, out var running) ? running.Render?.Progress : null;

    /// <summary>Stops at once a job that was cancelled, if this process works on it.</summary>
    public bool Stop(string job)
    {
        if (!_running.TryGetValue(job, out var running))
            return false;
        running.Cancel.Cancel();
        return true;
    }

    /// <summary>
    /// Opens a shared queue before the server takes requests: until it knows that the folder is the queue's, it takes no files.
    /// </summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.ClipStore.Length > 0)
        {
            try
            {
                await queueHost.QueueAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                LogQueue(error.Message);
            }
        }
        await base.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Clips)
            return;
        try
        {
            // The machine's capacity is measured without clips beside it.
            await measurement.Finished.WaitAsync(stoppingToken).ConfigureAwait(false);
            var cleaned = (long?)null;
            while (!stoppingToken.IsCancellationRequested)
            {
                var worked = false;
                try
                {
                    if (queueHost.InUse)
                    {
                        var queue = await queueHost.QueueAsync(stoppingToken).ConfigureAwait(false);
                        if (_unreachable is { } lost)
                        {
                            // The job did not fail: its database was unavailable. If no other worker has taken it, this attempt does not
                            // count.
                            await queue.ReleaseAsync(lost.Job, counts: false, stoppingToken).ConfigureAwait(false);
                            _unreachable = null;
                        }
                        if (cleaned is null || time.GetElapsedTime(cleaned.Value) > Cleaning)
                        {
                            cleaned = time.GetTimestamp();
                            await CleanAsync(queue, stoppingToken).ConfigureAwait(false);
                        }
                        // A job would discover the shortage at the cost of one of its attempts.
                        if ((await health.LookAsync(stoppingToken, idle: true).ConfigureAwait(false)).Count == 0
                            && await queue.ClaimAsync(stoppingToken).ConfigureAwait(false) is { } job)
                        {
                            worked = true;
                            await WorkAsync(queue, job, stoppingToken).ConfigureAwait(false);
                        }
                    }
                }
                catch (Exception error) when (error is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
                {
                    LogQueue(error.Message);
                }
                if (!worked)
                    await queueHost.WaitAsync(stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task WorkAsync(ClipQueue queue, ClipJob job, CancellationToken stopping)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _running[job.Id] = (null, cancel);
        var renewing = RenewAsync(queue, job, cancel);
        // A mount that was away for a moment may be back by the time that what failed for it is judged.
        var misplaced = folders.TimesMisplaced;
        try
        {
            var result = await RenderAsync(job, cancel).ConfigureAwait(false);
            if (await queue.CompleteAsync(job, result.Frames, result.Bytes, result.Notes, CancellationToken.None).ConfigureAwait(false))
            {
                usage.Add(job.Owner, ring.NameOf(job.Owner), UsageKind.Clip, job.Request.Model, 1,
                    result.Length.TotalSeconds, result.Frames, result.Bytes);
                LogDone(job.Id, result.Frames, result.Resumed, result.Elapsed.TotalSeconds);
                Tidy(() => folders.KeepResult(job.Id, job.Lease));
            }
            else
            {
                await RemoveLostAsync(queue, job).ConfigureAwait(false);
            }
        }
        // A service manager that stops the server ends its children too, so a failure at that time is not the job's.
        catch (Exception error) when (stopping.IsCancellationRequested && error is not System.Data.Common.DbException)
        {
            await queue.ReleaseAsync(job, counts: false, CancellationToken.None).ConfigureAwait(false);
        }
        catch (MediaInterruptedException told)
        {
            LogInterrupted(job.Id, told.Message);
            await queue.ReleaseAsync(job, counts: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The queue is on the disk that this job may have filled, so its files must go before the job can be released.
            if (_unreachable is { LacksDisk: true } lost && lost.Job == job)
                Tidy(() => folders.RemoveAttempt(job));
            else
                await RemoveLostAsync(queue, job).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not System.Data.Common.DbException && job.Attempts < queue.MaxAttempts
            && (folders.MisplacedSince(misplaced) ?? Shortage.Of(error)) is { } lacking)
        {
            LogWaits(job.Id, lacking.Words);
            if (lacking.Resource == Resource.Disk)
                Tidy(() => folders.RemoveAttempt(job));
            await queue.ReleaseAsync(job, counts: true, CancellationToken.None, "Waits: " + lacking.Words,
                ShortagePause * (1 << (job.Attempts - 1))).ConfigureAwait(false);
        }
        // A failure costs this job only: an exception that left here would end the server.
        catch (Exception error) when (error is not System.Data.Common.DbException)
        {
            var why = (folders.MisplacedSince(misplaced) ?? Shortage.Of(error)) is { } lacking
                ? $"{lacking.Words} It was tried {job.Attempts} times." : error.Message;
            if (await queue.FailAsync(job, why, CancellationToken.None).ConfigureAwait(false))
            {
                LogFailed(job.Id, why);
                Tidy(() => folders.RemoveJob(job.Id));
            }
            else
            {
                await RemoveLostAsync(queue, job).ConfigureAwait(false);
            }
        }
        finally
        {
            _running.TryRemove(job.Id, out _);
            await cancel.CancelAsync().ConfigureAwait(false);
            await renewing.ConfigureAwait(false);
        }
    }

    // The files of a cancelled job are removed. Parts of a job that another worker has claimed stay, since that worker continues from them.
    private async Task RemoveLostAsync(ClipQueue queue, ClipJob job)
    {
        Tidy(() => folders.RemoveResult(job));
        if (await queue.FindAsync(job.Id, CancellationToken.None)
            .ConfigureAwait(false) is null or { State: ClipJobState.Cancelled or ClipJobState.Failed })
            Tidy(() => folders.RemoveJob(job.Id));
    }

    // The end of a job is in its row by now, whatever becomes of its files: the next cleaning finds what is left. A folder that is not the
    // queue's holds nothing of it.
    private void Tidy(Action remove)
    {
        try
        {
            if (folders.Misplaced is null)
                remove();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogUncleaned(error.Message);
        }
    }

    private async Task<ClipFileResult> RenderAsync(ClipJob job, CancellationTokenSource cancel)
    {
        var r = job.Request;
        folders.RefuseMisplaced();
        folders.Begin(job);
        var source = await sources.OpenAsync(job, cancel.Token).ConfigureAwait(false);
        if (!PromptSchedule.TryParse(r.Prompts, out var schedule, out var wrong))
            throw new ArgumentException(wrong);
        var model = models.Find(r.Model) ?? throw new ArgumentException($"The model '{r.Model}' is no longer on this server.");
        if (!ValueSchedule.TryParse(r.Values, model.Info.Parameters, out var values, out wrong,
            pictures.Named(job.Owner, model.Info.Parameters, [r.Values ?? ""])))
            throw new ArgumentException(wrong);
        var format = ClipFormats.Named(r.Format) ?? ClipFormat.Mp4;
        var output = folders.ResultOf(job.Id, job.Lease, format == ClipFormat.Png ? "" : ClipFormats.Of(format).Ending);
        var render = new ClipFileRender(
            new ClipFileSettings
            {
                Input = source.Path,
                Output = output,
                Prompts = schedule,
                Model = model,
                Values = values,
                Strength = r.Strength,
                Transition = TimeSpan.FromMilliseconds(r.TransitionMs),
                Size = (r.Width, r.Height),
                Stretch = r.Stretch,
                Backdrop = Backdrop.TryParse(r.Background, out var backdrop) ? backdrop : default,
                Format = format,
                Recorded = source.Recorded,
                Resets = source.Resets,
                Trim = (TimeSpan.FromSeconds(r.TrimStart), r.TrimEnd > 0 ? TimeSpan.FromSeconds(r.TrimEnd) : TimeSpan.MaxValue),
                WorkFolder = folders.PartsOf(job),
                EarlierWork = folders.PartsBefore(job),
                Resume = true,
                KeepWork = true,
                MaxLength = TimeSpan.FromSeconds(options.ClipSeconds),
                MaxBytes = folders.MostPartsOf(job),
                AiMark = options.AiMark,
                BeforeStep = live.Wait,
            }, time);
        _running[job.Id] = (render, cancel);
        var result = await render.RunAsync(CancellationToken.None, cancel.Token).ConfigureAwait(false);
        if (format == ClipFormat.Png)
            result = result with
            {
                Bytes = await Task.Run(() => PictureZip.Pack(output, folders.ResultOf(job.Id, job.Lease, ".zip"), render.Tags, live.Wait,
            cancel.Token), cancel.Token).ConfigureAwait(false)
            };
        if (folders.LeftFor(job.Owner) + ClipFolders.BytesIn(folders.WorkOf(job.Id)) < 0)
            throw new MediaFileException($"The clip is larger ({result.Bytes >> 20} MB) than what is left of the {options.ClipDiskMb} MB " +
                "that you have. Choose a smaller size or a shorter part.");
        // A result that lies under a mount point is gone once that is mounted again.
        folders.RefuseMisplaced();
        return source.Note is { } note ? result with { Notes = [note, .. result.Notes] } : result;
    }

    private async Task RenewAsync(ClipQueue queue, ClipJob job, CancellationTokenSource cancel)
    {
        using var timer = new PeriodicTimer(Renewal, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel.Token).ConfigureAwait(false))
            {
                _ = folders.Misplaced;
                var p = ProgressOf(job.Id);
                if (!await queue.RenewAsync(job, p?.FramesDone ?? 0, p?.FramesTotal ?? 0, live.WhyClipsWait ?? p?.Note, cancel.Token)
                    .ConfigureAwait(false))
                    await cancel.CancelAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (System.Data.Common.DbException error)
        {
            // If the lease cannot be renewed, another worker may take the job: stop before that.
            LogQueue(error.Message);
            _unreachable = new Unreachable(job, ClipDatabase.LacksDisk(error));
            await cancel.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task CleanAsync(ClipQueue queue, CancellationToken cancel)
    {
        try
        {
            await CleanFilesAsync(queue, cancel).ConfigureAwait(false);
            await queue.ExpireAsync(cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogUncleaned(error.Message);
        }
    }

    private async Task CleanFilesAsync(ClipQueue queue, CancellationToken cancel)
    {
        // With a folder that is not this queue's, all would be left over.
        if (folders.Misplaced is not null)
            return;
        // Leftovers are found by scanning, so that a server that died between changing a row and its files, or a worker that never came
        // back, leaves nothing behind for ever.
        foreach (var id in folders.JobsOnDisk())
        {
            var job = _running.ContainsKey(id) ? null : await queue.FindAsync(id, cancel).ConfigureAwait(false);
            if (_running.ContainsKey(id))
                continue;
            if (job is null or { State: ClipJobState.Failed or ClipJobState.Cancelled })
                folders.RemoveJob(id);
            else if (job.State == ClipJobState.Done)
                folders.KeepResult(id, job.Result);
        }
        uploads.Expire();
        journals.Expire();
        pictures.Expire();
    }

    /// <summary>A job whose lease could not be renewed.</summary>
    private sealed record Unreachable(ClipJob Job, bool LacksDisk);

    [LoggerMessage(EventId = 3001, EventName = "clip_done", Level = LogLevel.Information,
        Message = "Clip {Job}: done, {Frames} frames, {Resumed} of them made before; the others took {Seconds:0.0} s.")]
    private partial void LogDone(string job, long frames, long resumed, double seconds);

    [LoggerMessage(EventId = 3002, EventName = "clip_interrupted", Level = LogLevel.Information,
        Message = "Clip {Job} was interrupted and goes on later: {Why}")]
    private partial void LogInterrupted(string job, string why);

    [LoggerMessage(EventId = 3003, EventName = "clip_failed", Level = LogLevel.Warning, Message = "Clip {Job} failed: {Why}")]
    private partial void LogFailed(string job, string why);

    [LoggerMessage(EventId = 3004, EventName = "clip_waits", Level = LogLevel.Warning, Message = "Clip {Job} waits: {Why}")]
    private partial void LogWaits(string job, string why);

    [LoggerMessage(EventId = 3005, EventName = "queue_unreachable", Level = LogLevel.Warning,
        Message = "The clip queue does not answer: {Why}")]
    private partial void LogQueue(string why);

    [LoggerMessage(EventId = 3006, EventName = "clips_uncleaned", Level = LogLevel.Warning,
        Message = "What is past its time could not be deleted: {Why}")]
    private partial void LogUncleaned(string why);
}
