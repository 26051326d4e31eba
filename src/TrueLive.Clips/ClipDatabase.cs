using System.Data.Common;
using System.Reflection;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace TrueLive.Clips;

/// <summary>
/// The one place that knows which database holds the queue: SQLite in a file (the default), or PostgreSQL by connection string.
/// The SQL is the same for both but for how a row is locked while it is claimed.
/// </summary>
public sealed class ClipDatabase : IAsyncDisposable
{
    private readonly NpgsqlDataSource? _postgres;
    private readonly string? _sqlite;

    private ClipDatabase(string? sqlite, NpgsqlDataSource? postgres) => (_sqlite, _postgres) = (sqlite, postgres);

    /// <summary>A display name: <c>SQLite /path</c> or <c>PostgreSQL host/database</c>, without a password.</summary>
    public required string Description { get; init; }

    /// <summary>Appended to the select that picks the next job: PostgreSQL lets several servers pick different rows at once.</summary>
    internal string LockClause => _postgres is null ? "" : " FOR UPDATE SKIP LOCKED";

    /// <summary>A SQLite file in write-ahead mode, created if missing.</summary>
    public static async Task<ClipDatabase> OpenSqliteAsync(string path, CancellationToken cancel)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var connection = new SqliteConnectionStringBuilder
        { DataSource = path, Cache = SqliteCacheMode.Private, DefaultTimeout = 30 }.ToString();
        var database = new ClipDatabase(connection, null) { Description = $"SQLite {path}" };
        await database.MigrateAsync(cancel).ConfigureAwait(false);
        return database;
    }

    /// <summary>A PostgreSQL database by connection string (<c>Host=...;Database=...;Username=...</c>).</summary>
    public static async Task<ClipDatabase> OpenPostgresAsync(string connectionString, CancellationToken cancel)
    {
        var named = new NpgsqlConnectionStringBuilder(connectionString);
        var database = new ClipDatabase(null, NpgsqlDataSource.Create(connectionString))
        { Description = $"PostgreSQL {named.Host}/{named.Database}" };
        try
        {
            await database.MigrateAsync(cancel).ConfigureAwait(false);
        }
        catch
        {
            await database.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        return database;
    }

    /// <summary>Whether an error means that the queue's own file cannot be written: the disk is full, read-only or gone.</summary>
    public static bool LacksDisk(DbException error)
    {
        const int ReadOnly = 8, DiskError = 10, Full = 13, CannotOpen = 14;
        return error is SqliteException { SqliteErrorCode: ReadOnly or DiskError or Full or CannotOpen };
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? ValueTask.CompletedTask;

    internal async Task<DbConnection> ConnectAsync(CancellationToken cancel)
    {
        DbConnection connection = _postgres is null ? new SqliteConnection(_sqlite) : _postgres.CreateConnection();
        await connection.OpenAsync(cancel).ConfigureAwait(false);
        return connection;
    }

    /// <summary>
    /// A transaction that writes. SQLite must take its write lock at the start: a read that is upgraded to a write fails at once when
    /// another writer came first.
    /// </summary>
    internal static async Task<DbTransaction> BeginWriteAsync(DbConnection connection, CancellationToken cancel) =>
        connection is SqliteConnection sqlite
            ? sqlite.BeginTransaction(deferred: false)
            : await connection.BeginTransactionAsync(cancel).ConfigureAwait(false);

    /// <summary>
    /// Serialises counting and inserting: in PostgreSQL two transactions could see the same count. SQLite has a single writer anyway.
    /// </summary>
    internal async Task CountAloneAsync(DbConnection connection, DbTransaction transaction, CancellationToken cancel)
    {
        if (_postgres is not null)
            await Sql.ExecuteAsync(connection, transaction, "SELECT pg_advisory_xact_lock(7230158)", cancel).ConfigureAwait(false);
    }

    /// <summary>
    /// The id that the folder of the queue's files must have. The first caller decides it; the files of another queue are never taken for
    /// this queue's.
    /// </summary>
    /// <param name="first">
    /// Gives the folder an id and returns it, or null where it must not have one of this queue. Called only while none has been decided,
    /// and by one server at a time.
    /// </param>
    /// <param name="cancel">Ends the call.</param>
    /// <returns>The id; null when there is none yet.</returns>
    public async Task<string?> FilesIdAsync(Func<string?> first, CancellationToken cancel)
    {
        await using var connection = await ConnectAsync(cancel).ConfigureAwait(false);
        await using var transaction = await BeginWriteAsync(connection, cancel).ConfigureAwait(false);
        await CountAloneAsync(connection, transaction, cancel).ConfigureAwait(false);
        var id = (await Sql.QueryAsync(connection, transaction, "SELECT id FROM clip_files", r => r.GetString(0), cancel)
            .ConfigureAwait(false)).SingleOrDefault();
        if (id is null && (id = first()) is not null)
            await Sql.ExecuteAsync(connection, transaction, "INSERT INTO clip_files (one, id) VALUES (1, @id)", cancel, ("id", id))
                .ConfigureAwait(false);
        await transaction.CommitAsync(cancel).ConfigureAwait(false);
        return id;
    }

    /// <summary>The server's clock in Unix milliseconds; null for SQLite, which has none of its own.</summary>
    internal async Task<long?> ClockAsync(DbConnection connection, CancellationToken cancel) => _postgres is null ? null
        : (await Sql.QueryAsync(connection, null, "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT", r => r.GetInt64(0),
            cancel).ConfigureAwait(false))[0];

    private async Task MigrateAsync(CancellationToken cancel)
    {
        await using var connection = await ConnectAsync(cancel).ConfigureAwait(false);
        if (_postgres is null)
            await Sql.ExecuteAsync(connection, null, "PRAGMA journal_mode = WAL", cancel).ConfigureAwait(false);
        else
            await Sql.ExecuteAsync(connection, null, "SELECT pg_advisory_lock(7230157)", cancel).ConfigureAwait(false);
        await Sql.ExecuteAsync(connection, null, "CREATE TABLE IF NOT EXISTS clip_migrations (name TEXT PRIMARY KEY)", cancel)
            .ConfigureAwait(false);
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var name in assembly.GetManifestResourceNames().Where(n => n.EndsWith(".sql", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal))
        {
            await using var transaction = await BeginWriteAsync(connection, cancel).ConfigureAwait(false);
            if (await Sql.ExecuteAsync(connection, transaction, "INSERT INTO clip_migrations (name) VALUES (@name) ON CONFLICT DO NOTHING",
                cancel, ("name", name)).ConfigureAwait(false) == 1)
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                await Sql.ExecuteAsync(connection, transaction, await reader.ReadToEndAsync(cancel).ConfigureAwait(false), cancel)
                    .ConfigureAwait(false);
            }
            await transaction.CommitAsync(cancel).ConfigureAwait(false);
        }
        if (_postgres is not null)
            await Sql.ExecuteAsync(connection, null, "SELECT pg_advisory_unlock(7230157)", cancel).ConfigureAwait(false);
    }
}
