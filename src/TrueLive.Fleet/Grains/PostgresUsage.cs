using System.Data.Common;
using Npgsql;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Grains;

/// <summary>Usage in the PostgreSQL that the control nodes of a fleet share. <see cref="PostgresStore"/> makes the table.</summary>
internal sealed class PostgresUsage(string connectionString, string fleet) : IUsageStore, IAsyncDisposable
{
    private const string Put = """
        INSERT INTO truelive_fleet_usage AS u (fleet, day, source, owner, kind, model, key, sessions, seconds, frames, bytes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (fleet, day, source, owner, kind, model) DO UPDATE SET
            key = CASE WHEN excluded.key = '' THEN u.key ELSE excluded.key END,
            sessions = GREATEST(u.sessions, excluded.sessions), seconds = GREATEST(u.seconds, excluded.seconds),
            frames = GREATEST(u.frames, excluded.frames), bytes = GREATEST(u.bytes, excluded.bytes)
        """;

    private readonly NpgsqlDataSource _database = NpgsqlDataSource.Create(connectionString);

    public Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel) => GuardAsync(async () =>
    {
        await using var connection = await _database.OpenConnectionAsync(cancel).ConfigureAwait(false);
        foreach (var part in rows.OrderBy(r => r.Id.ToString(), StringComparer.Ordinal).Chunk(1000))
        {
            // One order for all writers, or two that write the same rows at once would wait for each other.
            await using var batch = new NpgsqlBatch(connection);
            foreach (var r in part)
            {
                var command = new NpgsqlBatchCommand(Put);
                object[] values = [fleet, r.Day, r.Source, r.Owner, r.Kind, r.Model, r.Key, r.Sessions, r.Seconds, r.Frames, r.Bytes];
                foreach (var value in values)
                    command.Parameters.Add(new NpgsqlParameter { Value = value });
                batch.BatchCommands.Add(command);
            }
            await batch.ExecuteNonQueryAsync(cancel).ConfigureAwait(false);
        }
        return true;
    });

    public Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel) => GuardAsync(async () =>
    {
        await using var ask = _database.CreateCommand(
            "SELECT day, source, owner, key, kind, model, sessions, seconds, frames, bytes FROM truelive_fleet_usage "
            + "WHERE fleet = $1 AND day BETWEEN $2 AND $3");
        foreach (var value in new object[] { fleet, from, to })
            ask.Parameters.Add(new NpgsqlParameter { Value = value });
        var rows = new List<UsageRow>();
        await using var r = await ask.ExecuteReaderAsync(cancel).ConfigureAwait(false);
        while (await r.ReadAsync(cancel).ConfigureAwait(false))
        {
            rows.Add(new UsageRow(r.GetFieldValue<DateOnly>(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetString(4),
                r.GetString(5), r.GetInt64(6), r.GetDouble(7), r.GetInt64(8), r.GetInt64(9)));
        }
        return (IReadOnlyList<UsageRow>)rows;
    });

    public Task ForgetAsync(DateOnly before, CancellationToken cancel) => GuardAsync(async () =>
    {
        await using var delete = _database.CreateCommand("DELETE FROM truelive_fleet_usage WHERE fleet = $1 AND day < $2");
        delete.Parameters.Add(new NpgsqlParameter { Value = fleet });
        delete.Parameters.Add(new NpgsqlParameter { Value = before });
        return await delete.ExecuteNonQueryAsync(cancel).ConfigureAwait(false);
    });

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    private static async Task<T> GuardAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (Exception error) when (error is DbException or TimeoutException)
        {
            throw new IOException(error.Message, error);
        }
    }
}
