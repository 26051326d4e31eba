using System.Data.Common;
using System.Text;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace TrueLive.Watch;

/// <summary>
/// The tables of a history, in a SQLite file or a PostgreSQL database; the SQL is the same for both. A connection is opened for each use:
/// there are few, and a disk that was full or a database that was away is found anew each time.
/// </summary>
internal sealed class WatchDatabase : IAsyncDisposable
{
    private const long Version = 1;

    private static readonly string Tables = $"""
        CREATE TABLE IF NOT EXISTS watch_schema (version BIGINT NOT NULL);
        INSERT INTO watch_schema SELECT {Version} WHERE NOT EXISTS (SELECT 1 FROM watch_schema);
        CREATE TABLE IF NOT EXISTS watch_runs (target TEXT NOT NULL, place TEXT NOT NULL, number BIGINT NOT NULL, utc TEXT NOT NULL,
            seconds DOUBLE PRECISION NOT NULL, profile TEXT NOT NULL, outcome TEXT NOT NULL, note TEXT, tier TEXT, nature TEXT,
            sentence TEXT, rules TEXT NOT NULL, missed BIGINT NOT NULL, skipped BIGINT NOT NULL, clock_back_s DOUBLE PRECISION,
            folder TEXT, version TEXT NOT NULL, {string.Join(", ", WatchMetric.All.Select(m => m.Column + " DOUBLE PRECISION"))},
            id TEXT NOT NULL, PRIMARY KEY (target, place, number), UNIQUE (target, place, id));
        CREATE TABLE IF NOT EXISTS watch_series (target TEXT NOT NULL, place TEXT NOT NULL, last BIGINT NOT NULL, states TEXT NOT NULL,
            PRIMARY KEY (target, place));
        CREATE TABLE IF NOT EXISTS watch_alerts (target TEXT NOT NULL, place TEXT NOT NULL, number BIGINT NOT NULL, event TEXT NOT NULL,
            utc TEXT NOT NULL, body TEXT NOT NULL, tries BIGINT NOT NULL, state TEXT NOT NULL, error TEXT,
            PRIMARY KEY (target, place, number, event));
        """;

    private readonly NpgsqlDataSource? _postgres;
    private readonly string? _sqlite;

    private WatchDatabase(string? sqlite, NpgsqlDataSource? postgres) => (_sqlite, _postgres) = (sqlite, postgres);

    public static Task<WatchDatabase> OpenSqliteAsync(string path, CancellationToken cancel) =>
        MakeAsync(new(new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30, Pooling = false }.ToString(), null),
            cancel);

    public static Task<WatchDatabase> OpenPostgresAsync(string connectionString, CancellationToken cancel)
    {
        try
        {
            return MakeAsync(new(null, NpgsqlDataSource.Create(connectionString)), cancel);
        }
        catch (ArgumentException error)
        {
            throw new FormatException($"The connection string of the history cannot be used: {error.Message}", error);
        }
    }

    public async Task<DbConnection> ConnectAsync(CancellationToken cancel)
    {
        DbConnection connection = _postgres is null ? new SqliteConnection(_sqlite) : _postgres.CreateConnection();
        try
        {
            await connection.OpenAsync(cancel).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A transaction that writes: in SQLite with the write lock from its start, or a later writer could fail at once.</summary>
    public static async Task<DbTransaction> WriteAsync(DbConnection connection, CancellationToken cancel) =>
        connection is SqliteConnection sqlite
            ? sqlite.BeginTransaction(deferred: false)
            : await connection.BeginTransactionAsync(cancel).ConfigureAwait(false);

    public static DbCommand Command(DbConnection connection, DbTransaction? transaction, string text,
        params (string Name, object? Value)[] values)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Every caller passes a constant; values travel as parameters.
        command.CommandText = text;
#pragma warning restore CA2100
        command.Transaction = transaction;
        foreach (var (name, value) in values)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = "@" + name;
            parameter.Value = value is string words ? Storable(words) : value ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }
        return command;
    }

    public static async Task<int> ExecuteAsync(DbConnection connection, DbTransaction? transaction, string text, CancellationToken cancel,
        params (string Name, object? Value)[] values)
    {
        await using var command = Command(connection, transaction, text, values);
        return await command.ExecuteNonQueryAsync(cancel).ConfigureAwait(false);
    }

    public static async Task<List<T>> QueryAsync<T>(DbConnection connection, DbTransaction? transaction, string text,
        Func<DbDataReader, T> row, CancellationToken cancel, params (string Name, object? Value)[] values)
    {
        await using var command = Command(connection, transaction, text, values);
        await using var reader = await command.ExecuteReaderAsync(cancel).ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancel).ConfigureAwait(false))
            rows.Add(row(reader));
        return rows;
    }

    // PostgreSQL takes neither NUL characters nor halves of surrogate pairs, which a target's words may hold.
    private static string Storable(string words) =>
        Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(words)).Replace("\0", "", StringComparison.Ordinal);

    public ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static async Task<WatchDatabase> MakeAsync(WatchDatabase database, CancellationToken cancel)
    {
        try
        {
            await using var connection = await database.ConnectAsync(cancel).ConfigureAwait(false);
            if (connection is SqliteConnection)
                await ExecuteAsync(connection, null, "PRAGMA journal_mode = WAL", cancel).ConfigureAwait(false);
            await using var transaction = await WriteAsync(connection, cancel).ConfigureAwait(false);
            // Two watches that start at once would make the same tables.
            if (database._postgres is not null)
                await ExecuteAsync(connection, transaction, "SELECT pg_advisory_xact_lock(7230159)", cancel).ConfigureAwait(false);
            await ExecuteAsync(connection, transaction, Tables, cancel).ConfigureAwait(false);
            var versions = await QueryAsync(connection, transaction, "SELECT version FROM watch_schema", r => r.GetInt64(0), cancel)
                .ConfigureAwait(false);
            if (versions is not [Version])
                throw new FormatException("The history was made by another version of TrueLive; give this one a folder or database of " +
                    "its own.");
            await transaction.CommitAsync(cancel).ConfigureAwait(false);
            return database;
        }
        catch
        {
            await database.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
