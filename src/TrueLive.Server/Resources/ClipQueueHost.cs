using System.Collections.Concurrent;
using System.Data.Common;
using TrueLive.Clips;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Resources;

/// <summary>Opens the queue when it is first needed, so that a server that is only used live makes no files for it.</summary>
internal sealed partial class ClipQueueHost(ServerOptions options, ClipFolders folders, TimeProvider time, ILogger<ClipQueueHost> logger)
    : IAsyncDisposable
{
    // The interval of updates to followers of a job, however many there are.
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);
    private const int MaxLooks = 1000;

    private readonly ConcurrentDictionary<string, (long At, Task<ClipJob?> Row)> _looks = new();
    private readonly SemaphoreSlim _opening = new(1, 1);
    private readonly SemaphoreSlim _wake = new(0, 1);
    private ClipDatabase? _database;
    private ClipQueue? _queue;

    /// <summary>Whether there may be jobs, because the queue has been used before.</summary>
    public bool InUse => _queue is not null || options.ClipDatabase.Length > 0 || File.Exists(folders.Database);

    /// <summary>The queue.</summary>
    /// <exception cref="RequestRefusedException">503: the database cannot be reached.</exception>
    public async Task<ClipQueue> QueueAsync(CancellationToken cancel)
    {
        if (_queue is { } open)
            return open;
        await _opening.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            if (_queue is null)
            {
                PrivateFiles.MakeFolder(folders.Root);
                var database = _database ??= options.ClipDatabase.Length > 0
                    ? await ClipDatabase.OpenPostgresAsync(options.ClipDatabase, cancel).ConfigureAwait(false)
                    : await ClipDatabase.OpenSqliteAsync(folders.Database, cancel).ConfigureAwait(false);
                var queue = new ClipQueue(database, new ClipQueueOptions
                {
                    Lease = TimeSpan.FromSeconds(10),
                    MaxOpenPerOwner = options.ClipOpen,
                    Retention = TimeSpan.FromHours(options.ClipKeepHours),
                    DatabaseClock = options.ClipStore.Length > 0,
                }, time);
                await queue.PingAsync(cancel).ConfigureAwait(false);
                if (options.ClipStore.Length > 0)
                    await MatchFilesAsync(database, queue, cancel).ConfigureAwait(false);
                _queue = queue;
            }
            return _queue;
        }
        catch (Exception error) when (error is DbException or IOException or UnauthorizedAccessException or ArgumentException
            or System.Net.Sockets.SocketException)
        {
            if (Shortage.Of(error) is { Resource: Resource.Disk or Resource.Files } lacking)
                throw new RequestRefusedException(lacking.Status, lacking.Words);
            // A database's error may contain addresses, names and paths, which only the operator may see.
            LogUnreachable(error);
            throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable,
                "The clip queue cannot be opened. The server's log says why; its operator should check clip_database and data_folder.");
        }
        finally
        {
            _opening.Release();
        }
    }

    // A queue and its files belong together: with the files of another queue, or none, everything would seem left over or lost. So a new
    // database, or one that was named by mistake, gets only a folder that no other has.
    private async Task MatchFilesAsync(ClipDatabase database, ClipQueue queue, CancellationToken cancel)
    {
        var jobs = folders.JobsOnDisk();
        var ours = jobs.Count == 0;
        foreach (var job in jobs)
            ours = ours || await queue.FindAsync(job, cancel).ConfigureAwait(false) is not null;
        folders.ExpectedId = await database.FilesIdAsync(() => ours ? folders.Name() : null, cancel).ConfigureAwait(false) ?? "";
        if (folders.ExpectedId.Length == 0)
            throw new ShortageException(Shortage.OtherFiles);
    }

    /// <summary>A job's row as it was at most a fifth of a second ago: all followers share one query.</summary>
    public async Task<ClipJob?> LookAsync(string id, CancellationToken cancel)
    {
        if (_looks.TryGetValue(id, out var last) && time.GetElapsedTime(last.At) < LookEvery)
            return await last.Row.WaitAsync(cancel).ConfigureAwait(false);
        if (_looks.Count >= MaxLooks)
            _looks.Clear();
        var row = (await QueueAsync(cancel).ConfigureAwait(false)).FindAsync(id, CancellationToken.None);
        _looks[id] = (time.GetTimestamp(), row);
        return await row.WaitAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>Tells the worker that a job was queued.</summary>
    public void Wake()
    {
        lock (_wake)
        {
            if (_wake.CurrentCount == 0)
                _wake.Release();
        }
    }

    /// <summary>Returns when <see cref="Wake"/> was called, or after a second: another server may have queued something.</summary>
    public async Task WaitAsync(CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(1), time);
        using var second = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            await _wake.WaitAsync(second.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        _opening.Dispose();
        _wake.Dispose();
        if (_database is not null)
            await _database.DisposeAsync().ConfigureAwait(false);
    }

    [LoggerMessage(EventId = 3008, EventName = "queue_unopened", Level = LogLevel.Error, Message = "The clip queue cannot be opened.")]
    private partial void LogUnreachable(Exception error);
}
