using System.Collections.Concurrent;
using System.IO.Compression;
using TrueLive.Clips;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Media.Files;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Sessions;

namespace TrueLive.Server.Clips;

/// <summary>
/// Works on one clip at a time, so that a clip gets all cores and jobs end in turn. A job that dies costs nothing but itself; a
/// process that dies leaves the job's lease to run out, and whoever takes it then goes on from the work folder.
/// </summary>
internal sealed partial class ClipWorker(
    ClipDesk desk, ClipFolders folders, ClipUploads uploads, JournalShelf journals, ClipSources sources, ModelShelf models, LivePrecedence live, CapacityMeasurement measurement,
    ServerOptions options, TimeProvider time, ILogger<ClipWorker> logger) : BackgroundService
{
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Cleaning = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, (ClipFileRender? Render, CancellationTokenSource Cancel)> _running = new();

    /// <summary>Clips in work in this process.</summary>
    public int Running => _running.Count;

    /// <summary>How far a job is that this process works on; null for others.</summary>
    public ClipFileProgress? ProgressOf(string job) => _running.TryGetValue(job, out var running) ? running.Render?.Progress : null;

    /// <summary>Stops at once a job that was cancelled, if this process works on it.</summary>
    public void Stop(string job)
    {
        if (_running.TryGetValue(job, out var running))
            running.Cancel.Cancel();
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
                    if (desk.InUse)
                    {
                        var queue = await desk.QueueAsync(stoppingToken).ConfigureAwait(false);
                        if (cleaned is null || time.GetElapsedTime(cleaned.Value) > Cleaning)
                        {
                            await CleanAsync(queue, stoppingToken).ConfigureAwait(false);
                            cleaned = time.GetTimestamp();
                        }
                        if (await queue.ClaimAsync(stoppingToken).ConfigureAwait(false) is { } job)
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
                    await desk.WaitAsync(stoppingToken).ConfigureAwait(false);
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
        try
        {
            var result = await RenderAsync(job, cancel).ConfigureAwait(false);
            if (await queue.CompleteAsync(job, result.Frames, result.Bytes, CancellationToken.None).ConfigureAwait(false))
            {
                ClipFolders.Remove(folders.WorkOf(job.Id));
                LogDone(job.Id, result.Frames, result.Elapsed.TotalSeconds);
            }
            else
            {
                await RemoveUnlessOpenAsync(queue, job).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            await queue.ReleaseAsync(job, CancellationToken.None).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await RemoveUnlessOpenAsync(queue, job).ConfigureAwait(false);
        }
        // Whatever a job dies of costs that job only: an exception that left here would end the server.
        catch (Exception error) when (error is not (System.Data.Common.DbException or RequestRefusedException))
        {
            LogFailed(job.Id, error.Message);
            if (await queue.FailAsync(job, error.Message, CancellationToken.None).ConfigureAwait(false))
                folders.RemoveJob(job.Id);
        }
        finally
        {
            _running.TryRemove(job.Id, out _);
            await cancel.CancelAsync().ConfigureAwait(false);
            await renewing.ConfigureAwait(false);
        }
    }

    // Cancelled: nothing is left. Lost to another worker: that one needs the files, or has made its result of them.
    private async Task RemoveUnlessOpenAsync(ClipQueue queue, ClipJob job)
    {
        if (await queue.FindAsync(job.Id, CancellationToken.None).ConfigureAwait(false) is null or { State: ClipJobState.Cancelled or ClipJobState.Failed })
            folders.RemoveJob(job.Id);
    }

    private async Task<ClipFileResult> RenderAsync(ClipJob job, CancellationTokenSource cancel)
    {
        var r = job.Request;
        var source = await sources.OpenAsync(job, cancel.Token).ConfigureAwait(false);
        if (!PromptSchedule.TryParse(r.Prompts, out var schedule, out var wrong))
            throw new ArgumentException(wrong);
        var format = ClipFormats.Find(r.Format, "") ?? ClipFormat.Mp4;
        var output = folders.ResultOf(job.Id, format == ClipFormat.Png ? "" : ClipFormats.Of(format).Ending);
        ClipFolders.Own(Path.GetDirectoryName(output)!, job.Owner);
        var render = new ClipFileRender(
            new ClipFileSettings
            {
                Input = source.Path,
                Output = output,
                Prompts = schedule,
                Model = models.Find(r.Model) ?? throw new ArgumentException($"The model '{r.Model}' is no longer on this server."),
                Strength = r.Strength,
                Transition = TimeSpan.FromMilliseconds(r.TransitionMs),
                Size = (r.Width, r.Height),
                Format = format,
                Recorded = source.Recorded,
                Resets = source.Resets,
                Trim = (TimeSpan.FromSeconds(r.TrimStart), r.TrimEnd > 0 ? TimeSpan.FromSeconds(r.TrimEnd) : TimeSpan.MaxValue),
                WorkFolder = Path.Combine(folders.WorkOf(job.Id), "parts"),
                Resume = true,
                KeepWork = true,
                MaxLength = TimeSpan.FromSeconds(options.ClipSeconds),
                MaxBytes = Math.Max(1 << 20, folders.LeftFor(job.Owner)),
                BeforeStep = live.Wait,
            }, time);
        _running[job.Id] = (render, cancel);
        var result = await render.RunAsync(CancellationToken.None, cancel.Token).ConfigureAwait(false);
        return format == ClipFormat.Png ? await ZipAsync(job.Id, output, result, cancel.Token).ConfigureAwait(false) : result;
    }

    private async Task<ClipFileResult> ZipAsync(string job, string pictures, ClipFileResult result, CancellationToken cancel)
    {
        var zip = folders.ResultOf(job, ".zip");
        File.Delete(zip);
        await ZipFile.CreateFromDirectoryAsync(pictures, zip, CompressionLevel.NoCompression, includeBaseDirectory: false, cancel).ConfigureAwait(false);
        ClipFolders.Remove(pictures);
        return result with { Bytes = new FileInfo(zip).Length };
    }

    private async Task RenewAsync(ClipQueue queue, ClipJob job, CancellationTokenSource cancel)
    {
        using var timer = new PeriodicTimer(Renewal, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel.Token).ConfigureAwait(false))
            {
                var p = ProgressOf(job.Id);
                var note = live.Waiting ? "Waits: a live session has the cores." : p?.Note;
                if (!await queue.RenewAsync(job, p?.FramesDone ?? 0, p?.FramesTotal ?? 0, note, cancel.Token).ConfigureAwait(false))
                    await cancel.CancelAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (System.Data.Common.DbException error)
        {
            // Without a lease that can be renewed another worker may take the job: stop before that.
            LogQueue(error.Message);
            await cancel.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task CleanAsync(ClipQueue queue, CancellationToken cancel)
    {
        foreach (var id in await queue.ExpireAsync(cancel).ConfigureAwait(false))
            folders.RemoveJob(id);
        uploads.Expire();
        journals.Expire();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Clip {Job}: done, {Frames} frames in {Seconds:0.0} s.")]
    private partial void LogDone(string job, long frames, double seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Clip {Job} failed: {Error}")]
    private partial void LogFailed(string job, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The clip queue does not answer: {Error}")]
    private partial void LogQueue(string error);
}
