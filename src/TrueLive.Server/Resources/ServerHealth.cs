using TrueLive.Server.Configuration;

namespace TrueLive.Server.Resources;

/// <summary>
/// Checks the resources that the server needs, at most once a second: disk, clip database, open files, ffmpeg. Thread-safe.
/// </summary>
internal sealed partial class ServerHealth(
    ClipFolders folders, ClipQueueHost queueHost, ServerOptions options, TimeProvider time, ILogger<ServerHealth> logger) : IDisposable
{
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(1);

    // The worker asks all the time; checking less often lets the disk of an idle server sleep.
    private static readonly TimeSpan IdleFreshness = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(2);
    private static readonly string[] Tools = ["ffmpeg", "ffprobe"];

    private readonly SemaphoreSlim _looking = new(1, 1);
    private IReadOnlyList<Shortage> _last = [];
    private long? _looked;
    private Task<Shortage?> _disk = Task.FromResult<Shortage?>(null);

    /// <summary>Why no clip is started, in words, as of the last check; null when nothing is short.</summary>
    public string? WhyClipsWait => Volatile.Read(ref _last) is [var first, ..] ? "Waits: " + first.Words : null;

    /// <summary>The current shortages.</summary>
    /// <param name="cancel">Ends the call.</param>
    /// <param name="idle">Whether an older result will do while nothing is short, since nobody waits for the answer.</param>
    public async Task<IReadOnlyList<Shortage>> LookAsync(CancellationToken cancel, bool idle = false)
    {
        await _looking.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            if (_looked is { } looked && time.GetElapsedTime(looked) < (idle && _last.Count == 0 ? IdleFreshness : Freshness))
                return _last;
            var found = new List<Shortage>();
            if (options.Clips || options.ClipStore.Length > 0)
            {
                if (await DiskAsync(cancel).ConfigureAwait(false) is { } disk)
                    found.Add(disk);
                if (await DatabaseAsync(cancel).ConfigureAwait(false) is { } database && !found.Contains(database))
                    found.Add(database);
                if (options.Clips && !Tools.All(IsInstalled))
                    found.Add(Shortage.NoFfmpeg);
            }
            if (OpenFiles.Share > OpenFiles.High)
                found.Add(Shortage.OutOfHandles);
            foreach (var begun in found.Except(_last))
                LogShort(begun.Words);
            if (found.Count == 0 && _last.Count > 0)
                LogEnough();
            Volatile.Write(ref _last, found);
            _looked = time.GetTimestamp();
            return found;
        }
        finally
        {
            _looking.Release();
        }
    }

    public void Dispose() => _looking.Dispose();

    // A network share whose server is away may hold a thread for as long as it is; one thread is enough.
    private async Task<Shortage?> DiskAsync(CancellationToken cancel)
    {
        if (_disk.IsCompleted)
            _disk = Task.Run(folders.Look, CancellationToken.None);
        try
        {
            return await _disk.WaitAsync(AnswerTime, time, cancel).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return Shortage.FilesSilent;
        }
    }

    private async Task<Shortage?> DatabaseAsync(CancellationToken cancel)
    {
        if (!queueHost.InUse)
            return null;
        using var late = new CancellationTokenSource(AnswerTime, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            await (await queueHost.QueueAsync(limit.Token).ConfigureAwait(false)).PingAsync(limit.Token).ConfigureAwait(false);
            return null;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Shortage.DatabaseGone;
        }
        catch (Exception error) when (error is System.Data.Common.DbException or RequestRefusedException)
        {
            return folders.Misplaced ?? Shortage.Of(error) ?? Shortage.DatabaseGone;
        }
    }

    private static bool IsInstalled(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, tool)));

    [LoggerMessage(EventId = 1003, EventName = "resource_short", Level = LogLevel.Warning, Message = "{Why}")]
    private partial void LogShort(string why);

    [LoggerMessage(EventId = 1004, EventName = "resources_back", Level = LogLevel.Information,
        Message = "Everything that was short is there again.")]
    private partial void LogEnough();
}
