using System.Data.Common;
using System.Security.Cryptography;
using System.Text.Json;

namespace TrueLive.Clips;

/// <summary>Why a job was not taken.</summary>
public sealed class ClipRefusedException(string message) : Exception(message);

/// <summary>Limits of the queue.</summary>
public sealed record ClipQueueOptions
{
    /// <summary>A worker that has not renewed its lease for this long loses its job.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Whether times come from the database, where it is PostgreSQL: with clocks that differ, each of two machines would take the other's
    /// leases for expired.
    /// </summary>
    public bool DatabaseClock { get; init; }

    /// <summary>Attempts at a job before it fails, so that a job that kills its worker does not do so for ever.</summary>
    public int MaxAttempts { get; init; } = 5;

    /// <summary>Jobs that one owner may have waiting or running.</summary>
    public int MaxOpenPerOwner { get; init; } = 20;

    /// <summary>Jobs that may wait or run in total.</summary>
    public int MaxOpen { get; init; } = 500;

    /// <summary>How long a finished job and its result are kept.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromHours(24);
}

/// <summary>
/// The clip queue: a table with leases. Only the worker whose lease is in the row works on a job; a job ends exactly once, because the
/// end is written only under that lease. The lease of a worker that dies expires, and the next worker continues from the files left
/// behind. The owner with the fewest running jobs goes first, then the one whose last job began longest ago, whether or not that
/// job is still there. Thread-safe; several processes may share one database.
/// </summary>
public sealed class ClipQueue(ClipDatabase database, ClipQueueOptions options, TimeProvider time)
{
    /// <summary>Attempts at a job before it fails.</summary>
    public int MaxAttempts => options.MaxAttempts;

    private const string Columns = "id, owner, request, state, created, ended, expires, attempts, frames_done, frames_total, " +
        "result_bytes, note, error, lease, notes, result";

    private volatile Reading? _read;

    /// <summary>Adds a job.</summary>
    /// <exception cref="ClipRefusedException">The owner or the queue is at its limit.</exception>
    public Task<ClipJob> EnqueueAsync(string owner, ClipRequest request, CancellationToken cancel) =>
        EnqueueAsync(NewId(), owner, request, cancel);

    /// <summary>Adds a job with an id of <see cref="NewId"/>.</summary>
    /// <exception cref="ClipRefusedException">The owner or the queue is at its limit.</exception>
    public async Task<ClipJob> EnqueueAsync(string id, string owner, ClipRequest request, CancellationToken cancel)
    {
        await using var connection = await ConnectAsync(cancel).ConfigureAwait(false);
        await using var transaction = await ClipDatabase.BeginWriteAsync(connection, cancel).ConfigureAwait(false);
        await database.CountAloneAsync(connection, transaction, cancel).ConfigureAwait(false);
        var open = await Sql.QueryAsync(connection, transaction, "SELECT owner FROM clip_jobs WHERE state <= 1", r => r.GetString(0),
            cancel).ConfigureAwait(false);
        if (open.Count >= options.MaxOpen)
            throw new ClipRefusedException($"The queue is full: {open.Count} clips wait or run, {options.MaxOpen} are allowed. Try " +
                "again later.");
        if (open.Count(o => o == owner) is var own && own >= options.MaxOpenPerOwner)
            throw new ClipRefusedException($"You have {own} clips waiting or running; {options.MaxOpenPerOwner} are allowed. Wait for " +
                "one to end or cancel one.");
        var job = new ClipJob { Id = id, Owner = owner, Request = request, State = ClipJobState.Queued, Created = Utc(Now()) };
        await Sql.ExecuteAsync(connection, transaction,
            "INSERT INTO clip_jobs (id, owner, request, state, created) VALUES (@id, @owner, @request, 0, @created)", cancel,
            ("id", job.Id), ("owner", owner), ("request", JsonSerializer.Serialize(request, ClipJson.Default.ClipRequest)),
            ("created", job.Created.ToUnixTimeMilliseconds())).ConfigureAwait(false);
        await transaction.CommitAsync(cancel).ConfigureAwait(false);
        return job;
    }

    /// <summary>Claims the next job that waits or that lost its worker; null when there is none. The caller must renew the lease.</summary>
    public async Task<ClipJob?> ClaimAsync(CancellationToken cancel)
    {
        await using var connection = await ConnectAsync(cancel).ConfigureAwait(false);
        await using var transaction = await ClipDatabase.BeginWriteAsync(connection, cancel).ConfigureAwait(false);
        var now = Now();
        await Sql.ExecuteAsync(connection, transaction,
            "UPDATE clip_jobs SET state = 3, ended = @now, expires = @expires, lease = NULL, error = 'Its worker stopped ' || attempts " +
                "|| ' times without a result.' WHERE state = 1 AND lease_until < @now AND attempts >= @max", cancel,
            ("now", now), ("expires", Expiry(now)), ("max", options.MaxAttempts)).ConfigureAwait(false);
        var next = await Sql.QueryAsync(connection, transaction,
            "SELECT id FROM clip_jobs j WHERE state <= 1 AND (lease_until IS NULL OR lease_until < @now) ORDER BY " +
            "(SELECT COUNT(*) FROM clip_jobs r WHERE r.owner = j.owner AND r.state = 1 AND r.lease_until >= @now), " +
            "COALESCE((SELECT o.started FROM clip_owners o WHERE o.owner = j.owner), 0), created, id LIMIT 1" + database.LockClause,
            r => r.GetString(0), cancel, ("now", now)).ConfigureAwait(false);
        ClipJob? job = null;
        if (next.Count == 1)
        {
            job = (await Sql.QueryAsync(connection, transaction,
                "UPDATE clip_jobs SET state = 1, leases = leases + 1, lease = (leases + 1) || '-' || @lease, lease_until = @until, " +
                    $"started = @now, attempts = attempts + 1 WHERE id = @id RETURNING {Columns}",
                Row, cancel, ("lease", NewId()), ("until", now + (long)options.Lease.TotalMilliseconds), ("now", now), ("id", next[0]))
                    .ConfigureAwait(false))[0];
            await Sql.ExecuteAsync(connection, transaction,
                "INSERT INTO clip_owners (owner, started) VALUES (@owner, @now) ON CONFLICT (owner) DO UPDATE SET started = " +
                "excluded.started", cancel,
                ("owner", job.Owner), ("now", now)).ConfigureAwait(false);
        }
        await transaction.CommitAsync(cancel).ConfigureAwait(false);
        return job;
    }

    /// <summary>Renews the lease and writes progress. False when the job was cancelled or lost: stop working on it.</summary>
    public async Task<bool> RenewAsync(ClipJob claimed, long framesDone, long framesTotal, string? note, CancellationToken cancel) =>
        await UpdateAsync("lease_until = @until, frames_done = @done, frames_total = @total, note = @note WHERE id = @id AND state = 1 " +
            "AND lease = @lease", cancel,
            ("until", Now() + (long)options.Lease.TotalMilliseconds), ("done", framesDone), ("total", framesTotal), ("note", note),
            ("id", claimed.Id), ("lease", claimed.Lease)).ConfigureAwait(false);

    /// <summary>Ends a job with its result. False when the lease was lost: another worker has the job, so discard the result.</summary>
    public async Task<bool> CompleteAsync(
        ClipJob claimed, long framesDone, long resultBytes, IReadOnlyList<string> notes, CancellationToken cancel) =>
        await UpdateAsync("state = 2, result = lease, lease = NULL, ended = @now, expires = @expires, frames_done = @done, frames_total = @done, " +
            "result_bytes = @bytes, note = NULL, notes = @notes WHERE id = @id AND state = 1 AND lease = @lease", cancel,
            ("now", Now()), ("expires", Expiry(Now())), ("done", framesDone), ("bytes", resultBytes),
            ("notes", notes.Count == 0 ? null : JsonSerializer.Serialize(notes, ClipJson.Default.IReadOnlyListString)), ("id", claimed.Id),
            ("lease", claimed.Lease)).ConfigureAwait(false);

    /// <summary>Ends a job without a result. False when the lease was lost.</summary>
    public async Task<bool> FailAsync(ClipJob claimed, string error, CancellationToken cancel) =>
        await UpdateAsync("state = 3, lease = NULL, ended = @now, expires = @expires, error = @error, note = NULL WHERE id = @id AND " +
            "state = 1 AND lease = @lease", cancel,
            ("now", Now()), ("expires", Expiry(Now())), ("error", error), ("id", claimed.Id), ("lease", claimed.Lease))
                .ConfigureAwait(false);

    /// <summary>Returns a job to the queue, to be continued. False when the lease was lost.</summary>
    /// <param name="claimed">The job.</param>
    /// <param name="counts">Whether this counts as one of the job's attempts; one that a server's shutdown cut short does not.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <param name="note">Why it waits, in words.</param>
    /// <param name="pause">How long no worker may claim it.</param>
    public async Task<bool> ReleaseAsync(ClipJob claimed, bool counts, CancellationToken cancel,
        string note = "Was interrupted; goes on where it was.", TimeSpan pause = default) =>
        await UpdateAsync("state = 0, lease = NULL, lease_until = @until, attempts = attempts - @back, note = @note WHERE id = @id AND " +
            "state = 1 AND lease = @lease", cancel,
            ("until", pause > TimeSpan.Zero ? Now() + (long)pause.TotalMilliseconds : null), ("back", counts ? 0 : 1), ("note", note),
            ("id", claimed.Id), ("lease", claimed.Lease)).ConfigureAwait(false);

    /// <summary>
    /// Takes the turn to call the webhook of a job that has ended; false while another server has it. It ends by itself after
    /// <paramref name="length"/>, or with <see cref="EndCallAsync"/>.
    /// </summary>
    public Task<bool> BeginCallAsync(string id, TimeSpan length, CancellationToken cancel) =>
        UpdateAsync("calling_until = @until WHERE id = @id AND (calling_until IS NULL OR calling_until < @now)", cancel,
            ("until", Now() + (long)length.TotalMilliseconds), ("now", Now()), ("id", id));

    /// <summary>Gives the turn of <see cref="BeginCallAsync"/> back.</summary>
    public Task EndCallAsync(string id, CancellationToken cancel) =>
        UpdateAsync("calling_until = NULL WHERE id = @id", cancel, ("id", id));

    /// <summary>Completes when the database has answered a query, and has told the time where it is the clock.</summary>
    public async Task PingAsync(CancellationToken cancel)
    {
        await using var connection = await ConnectAsync(cancel).ConfigureAwait(false);
        await Sql.QueryAsync(connection, null, "SELECT 1 FROM clip_migrations", r => r.GetInt32(0), cancel).ConfigureAwait(false);
    }

    /// <summary>Cancels a waiting or running job; its worker notices at the next renewal. False when it had already ended.</summary>
    public async Task<bool> CancelAsync(string id, CancellationToken cancel) =>
        await UpdateAsync("state = 4, lease = NULL, ended = @now, expires = @expires, note = NULL WHERE id = @id AND state <= 1", cancel,
            ("now", Now()), ("expires", Expiry(Now())), ("id", id)).ConfigureAwait(false);

    /// <summary>Removes a job that has ended. False when it has not.</summary>
    public async Task<bool> RemoveAsync(string id, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel).ConfigureAwait(false);
        return await Sql.ExecuteAsync(connection, null, "DELETE FROM clip_jobs WHERE id = @id AND state >= 2", cancel, ("id", id))
            .ConfigureAwait(false) == 1;
    }

    /// <summary>One job, or null.</summary>
    public async Task<ClipJob?> FindAsync(string id, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel).ConfigureAwait(false);
        return (await Sql.QueryAsync(connection, null, $"SELECT {Columns} FROM clip_jobs WHERE id = @id", Row, cancel, ("id", id))
            .ConfigureAwait(false)).SingleOrDefault();
    }

    /// <summary>The newest jobs of an owner; all owners when null.</summary>
    public async Task<IReadOnlyList<ClipJob>> ListAsync(string? owner, int limit, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel).ConfigureAwait(false);
        return await Sql.QueryAsync(connection, null,
            $"SELECT {Columns} FROM clip_jobs WHERE @all = 1 OR owner = @owner ORDER BY created DESC, id LIMIT @limit", Row, cancel,
            ("all", owner is null ? 1 : 0), ("owner", owner ?? ""), ("limit", limit)).ConfigureAwait(false);
    }

    /// <summary>How many jobs were queued before this one and still wait; 0 is next or running.</summary>
    public async Task<int> PositionAsync(ClipJob job, CancellationToken cancel)
    {
        if (job.State != ClipJobState.Queued)
            return 0;
        await using var connection = await database.ConnectAsync(cancel).ConfigureAwait(false);
        return (int)(await Sql.QueryAsync(connection, null, "SELECT COUNT(*) FROM clip_jobs WHERE state = 0 AND created < @created",
            r => r.GetInt64(0), cancel,
            ("created", job.Created.ToUnixTimeMilliseconds())).ConfigureAwait(false))[0];
    }

    /// <summary>Removes expired rows and returns their ids; forgets owners whose last job began longer ago than the retention.</summary>
    public async Task<IReadOnlyList<string>> ExpireAsync(CancellationToken cancel)
    {
        await using var connection = await ConnectAsync(cancel).ConfigureAwait(false);
        await Sql.ExecuteAsync(connection, null, "DELETE FROM clip_owners WHERE started < @limit", cancel,
            ("limit", Now() - (long)options.Retention.TotalMilliseconds)).ConfigureAwait(false);
        return await Sql.QueryAsync(connection, null, "DELETE FROM clip_jobs WHERE state >= 2 AND expires < @now RETURNING id",
            r => r.GetString(0), cancel, ("now", Now())).ConfigureAwait(false);
    }

    /// <summary>A connection, after which <see cref="Now"/> is the database's time.</summary>
    private async Task<DbConnection> ConnectAsync(CancellationToken cancel)
    {
        var connection = await database.ConnectAsync(cancel).ConfigureAwait(false);
        try
        {
            if (options.DatabaseClock && await database.ClockAsync(connection, cancel).ConfigureAwait(false) is { } clock)
                _read = new Reading(clock, time.GetTimestamp());
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task<bool> UpdateAsync(string setWhere, CancellationToken cancel, params (string Name, object? Value)[] values)
    {
        await using var connection = await database.ConnectAsync(cancel).ConfigureAwait(false);
        return await Sql.ExecuteAsync(connection, null, "UPDATE clip_jobs SET " + setWhere, cancel, values).ConfigureAwait(false) == 1;
    }

    private long Now() => _read is { } read
        ? read.Clock + (long)time.GetElapsedTime(read.At).TotalMilliseconds : time.GetUtcNow().ToUnixTimeMilliseconds();

    private static DateTimeOffset Utc(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private long Expiry(long now) => now + (long)options.Retention.TotalMilliseconds;

    /// <summary>An unguessable id.</summary>
    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private static ClipJob Row(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        Owner = r.GetString(1),
        Request = JsonSerializer.Deserialize(r.GetString(2), ClipJson.Default.ClipRequest)!,
        State = (ClipJobState)r.GetInt32(3),
        Created = Utc(r.GetInt64(4)),
        Ended = r.IsDBNull(5) ? null : Utc(r.GetInt64(5)),
        Expires = r.IsDBNull(6) ? null : Utc(r.GetInt64(6)),
        Attempts = r.GetInt32(7),
        FramesDone = r.GetInt64(8),
        FramesTotal = r.GetInt64(9),
        ResultBytes = r.GetInt64(10),
        Note = r.IsDBNull(11) ? null : r.GetString(11),
        Error = r.IsDBNull(12) ? null : r.GetString(12),
        Lease = r.IsDBNull(13) ? null : r.GetString(13),
        Notes = r.IsDBNull(14) ? null : JsonSerializer.Deserialize(r.GetString(14), ClipJson.Default.IReadOnlyListString),
        Result = r.IsDBNull(15) ? null : r.GetString(15),
    };

    /// <summary>What the database's clock showed, and when that was by ours, which may be set but never stands.</summary>
    private sealed record Reading(long Clock, long At);
}
