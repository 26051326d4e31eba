using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Grains;

/// <summary>Usage in the Redis that the control nodes of a fleet share: a hash for each day, a field for each row.</summary>
internal sealed class RedisUsage(ConfigurationOptions redis, string fleet) : IUsageStore, IAsyncDisposable
{
    // Counts only grow, and a control node that was cut off may write late.
    private const string Put = """
        for i = 1, #ARGV, 2 do
            local known = redis.call('HGET', KEYS[1], ARGV[i])
            local new, old = cjson.decode(ARGV[i + 1]), known and cjson.decode(known)
            if not old or (new.seconds >= old.seconds and new.frames >= old.frames and new.sessions >= old.sessions) then
                redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
            end
        end
        """;

    private readonly Lazy<Task<ConnectionMultiplexer>> _connection = new(() => ConnectionMultiplexer.ConnectAsync(redis));

    public Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel) => GuardAsync(async database =>
    {
        foreach (var part in rows.GroupBy(r => r.Day).SelectMany(day => day.Chunk(1000)))
        {
            RedisValue[] values = [.. part.SelectMany(r => new RedisValue[]
            {
                string.Join('\n', r.Source, r.Owner, r.Kind, r.Model), JsonSerializer.Serialize(r, UsageJson.Default.UsageRow),
            })];
            await database.ScriptEvaluateAsync(Put, [KeyOf(part[0].Day)], values).WaitAsync(cancel).ConfigureAwait(false);
        }
        return true;
    });

    public Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel) => GuardAsync(async database =>
    {
        var rows = new List<UsageRow>();
        for (var day = from; day <= to; day = day.AddDays(1))
        {
            foreach (var value in await database.HashValuesAsync(KeyOf(day)).WaitAsync(cancel).ConfigureAwait(false))
            {
                if (JsonSerializer.Deserialize((string)value!, UsageJson.Default.UsageRow) is { IsSound: true } row)
                    rows.Add(row);
            }
        }
        return (IReadOnlyList<UsageRow>)rows;
    });

    // A control node that was away for long finds the days that others did not delete.
    public Task ForgetAsync(DateOnly before, CancellationToken cancel) => GuardAsync(database =>
        database.KeyDeleteAsync([.. Enumerable.Range(1, 400).Select(d => KeyOf(before.AddDays(-d)))]).WaitAsync(cancel));

    public async ValueTask DisposeAsync()
    {
        if (_connection.IsValueCreated)
            await (await _connection.Value.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
    }

    private RedisKey KeyOf(DateOnly day) => $"truelive/{fleet}/usage/{day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}";

    private async Task<T> GuardAsync<T>(Func<IDatabase, Task<T>> work)
    {
        try
        {
            return await work((await _connection.Value.ConfigureAwait(false)).GetDatabase()).ConfigureAwait(false);
        }
        catch (Exception error) when (error is RedisException or TimeoutException or JsonException)
        {
            throw new IOException(error.Message, error);
        }
    }
}
