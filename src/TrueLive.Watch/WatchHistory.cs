using System.Data.Common;
using System.Globalization;
using System.Text.Json;

namespace TrueLive.Watch;

/// <summary>A message for a webhook.</summary>
/// <param name="Series">The series.</param>
/// <param name="Number">The run that caused it.</param>
/// <param name="Event"><c>broken</c> or <c>met_again</c>.</param>
/// <param name="Utc">When the run began.</param>
/// <param name="Body">JSON.</param>
/// <param name="Tries">Failed tries so far.</param>
/// <param name="State"><c>waiting</c>, <c>delivered</c> or <c>given_up</c>.</param>
/// <param name="Error">Why the last try failed.</param>
public sealed record WatchAlert(
    WatchSeries Series, long Number, string Event, string Utc, string Body, int Tries, string State, string? Error);

/// <summary>
/// The runs of watches in a SQLite file or a PostgreSQL database, in order of their numbers. A run, the state of the rules after it and the
/// messages that it causes are written together or not at all. Thread-safe; several watches may share one.
/// </summary>
/// <remarks>
/// Every method throws <see cref="DbException"/> when the database is away or its disk is full; nothing is half written then.
/// </remarks>
public sealed class WatchHistory : IAsyncDisposable
{
    private const string OfSeries = "WHERE target = @target AND place = @place";

    // Beyond this many waiting messages of a series the oldest is given up.
    private const int MostWaiting = 50;

    private static readonly string Columns = "target, place, number, utc, seconds, profile, outcome, note, tier, nature, sentence, " +
        $"rules, missed, skipped, clock_back_s, folder, version, {string.Join(", ", WatchMetric.All.Select(m => m.Column))}, id";

    private readonly WatchDatabase _database;

    private WatchHistory(WatchDatabase database) => _database = database;

    /// <summary>A SQLite file, made if missing.</summary>
    public static async Task<WatchHistory> OpenSqliteAsync(string path, CancellationToken cancel) =>
        new(await WatchDatabase.OpenSqliteAsync(path, cancel).ConfigureAwait(false));

    /// <summary>A PostgreSQL database by connection string (<c>Host=...;Database=...;Username=...</c>).</summary>
    public static async Task<WatchHistory> OpenPostgresAsync(string connectionString, CancellationToken cancel) =>
        new(await WatchDatabase.OpenPostgresAsync(connectionString, cancel).ConfigureAwait(false));

    /// <summary>
    /// Keeps a run with what it changes, and forgets the oldest beyond <paramref name="keep"/>. A run that has been kept already, because
    /// the connection broke before that was known, changes nothing.
    /// </summary>
    /// <param name="run">The run; its number is set here.</param>
    /// <param name="alertAfter">Results in a row that change the state of a rule.</param>
    /// <param name="message">Body of a message about the run as numbered; null when nobody is to be told.</param>
    /// <param name="keep">Runs that are kept of the series.</param>
    /// <param name="cancel">Ends waiting.</param>
    public async Task<WatchRun> AppendAsync(
        WatchRun run, int alertAfter, Func<WatchRun, string, IReadOnlyList<RuleResult>, string>? message, int keep,
        CancellationToken cancel)
    {
        await using var connection = await _database.ConnectAsync(cancel).ConfigureAwait(false);
        await using var transaction = await WatchDatabase.WriteAsync(connection, cancel).ConfigureAwait(false);
        (string, object?)[] series = [("target", run.Series.Target), ("place", run.Series.Place)];
        await ExecuteAsync("INSERT INTO watch_series VALUES (@target, @place, 0, '[]') ON CONFLICT DO NOTHING", series)
            .ConfigureAwait(false);
        // Locks the row, so that in PostgreSQL two writers cannot take the same number.
        await ExecuteAsync($"UPDATE watch_series SET last = last + 1 {OfSeries}", series).ConfigureAwait(false);
        var (last, states) = (await WatchDatabase.QueryAsync(connection, transaction, $"SELECT last, states FROM watch_series {OfSeries}",
            r => (r.GetInt64(0), r.GetString(1)), cancel, series).ConfigureAwait(false))[0];
        var kept = await WatchDatabase.QueryAsync(connection, transaction, $"SELECT number FROM watch_runs {OfSeries} AND id = @id",
            r => r.GetInt64(0), cancel, [.. series, ("id", Text(run.Id))]).ConfigureAwait(false);
        if (kept.Count > 0)
            return run with { Number = kept[0] };
        run = run with { Number = last };
        var change = RuleChange.Of(JsonSerializer.Deserialize<RuleState[]>(states) ?? [], run.Rules, run.Outcome == RunOutcome.Measured,
            alertAfter);
        await ExecuteAsync($"UPDATE watch_series SET states = @states {OfSeries}",
            [.. series, ("states", JsonSerializer.Serialize(change.States))]).ConfigureAwait(false);
        var values = Values(run);
        await ExecuteAsync($"INSERT INTO watch_runs ({Columns}) VALUES ({string.Join(", ", values.Select(v => "@" + v.Name))})", values)
            .ConfigureAwait(false);
        foreach (var (name, rules) in new[] { ("broken", change.Broken), ("met_again", change.MetAgain) })
        {
            if (rules.Count > 0 && message is not null)
                await ExecuteAsync("INSERT INTO watch_alerts VALUES (@target, @place, @number, @event, @utc, @body, 0, 'waiting', NULL)",
                    [.. series, ("number", last), ("event", name), ("utc", Text(run.Utc)), ("body", message(run, name, rules))])
                    .ConfigureAwait(false);
        }
        await ExecuteAsync($"UPDATE watch_alerts SET state = 'given_up', error = 'too many were waiting' {OfSeries} " +
            $"AND state = 'waiting' AND number <= (SELECT number FROM watch_alerts {OfSeries} AND state = 'waiting' " +
            $"ORDER BY number DESC LIMIT 1 OFFSET {MostWaiting})", series).ConfigureAwait(false);
        foreach (var old in new[] { $"watch_runs {OfSeries}", $"watch_alerts {OfSeries} AND state <> 'waiting'" })
            await ExecuteAsync($"DELETE FROM {old} AND number <= @oldest", [.. series, ("oldest", last - keep)]).ConfigureAwait(false);
        await transaction.CommitAsync(cancel).ConfigureAwait(false);
        return run;

        Task<int> ExecuteAsync(string text, (string Name, object? Value)[] with) =>
            WatchDatabase.ExecuteAsync(connection, transaction, text, cancel, with);
    }

    /// <summary>All series, by name.</summary>
    public Task<List<(WatchSeries Series, IReadOnlyList<RuleState> Rules)>> SeriesAsync(CancellationToken cancel) =>
        QueryAsync("SELECT target, place, states FROM watch_series ORDER BY target, place", r => (new WatchSeries(r.GetString(0),
            r.GetString(1)), (IReadOnlyList<RuleState>)(JsonSerializer.Deserialize<RuleState[]>(r.GetString(2)) ?? [])), cancel);

    /// <summary>The newest runs of a series, oldest first.</summary>
    public async Task<IReadOnlyList<WatchRun>> RunsAsync(WatchSeries series, int most, CancellationToken cancel)
    {
        var runs = await QueryAsync($"SELECT {Columns} FROM watch_runs {OfSeries} ORDER BY number DESC LIMIT @most", Read, cancel,
            ("target", series.Target), ("place", series.Place), ("most", most)).ConfigureAwait(false);
        runs.Reverse();
        return runs;
    }

    /// <summary>Folders of the reports of the newest runs that have one.</summary>
    public Task<List<string>> FoldersAsync(WatchSeries series, int most, CancellationToken cancel) =>
        QueryAsync($"SELECT folder FROM watch_runs {OfSeries} AND folder IS NOT NULL ORDER BY number DESC LIMIT @most", r => r.GetString(0),
            cancel, ("target", series.Target), ("place", series.Place), ("most", most));

    /// <summary>The newest messages, newest first.</summary>
    public Task<List<WatchAlert>> AlertsAsync(WatchSeries series, int most, CancellationToken cancel) =>
        QueryAsync($"SELECT * FROM watch_alerts {OfSeries} ORDER BY number DESC, event LIMIT @most", ReadAlert, cancel,
            ("target", series.Target), ("place", series.Place), ("most", most));

    /// <summary>The oldest message of a series that waits; null when none does.</summary>
    public async Task<WatchAlert?> WaitingAsync(WatchSeries series, CancellationToken cancel) =>
        (await QueryAsync($"SELECT * FROM watch_alerts {OfSeries} AND state = 'waiting' ORDER BY number, event LIMIT 1", ReadAlert, cancel,
            ("target", series.Target), ("place", series.Place)).ConfigureAwait(false)).FirstOrDefault();

    /// <summary>Gives up the messages that wait about runs before this time: nobody is helped by news of weeks ago.</summary>
    public async Task GiveUpAsync(WatchSeries series, DateTimeOffset before, CancellationToken cancel)
    {
        await using var connection = await _database.ConnectAsync(cancel).ConfigureAwait(false);
        await WatchDatabase.ExecuteAsync(connection, null, "UPDATE watch_alerts SET state = 'given_up', error = 'too old when the watch " +
            $"began' {OfSeries} AND state = 'waiting' AND utc < @before", cancel, ("target", series.Target), ("place", series.Place),
            ("before", Text(before))).ConfigureAwait(false);
    }

    /// <summary>Keeps what became of a message.</summary>
    public async Task KeepAsync(WatchAlert alert, CancellationToken cancel)
    {
        await using var connection = await _database.ConnectAsync(cancel).ConfigureAwait(false);
        await WatchDatabase.ExecuteAsync(connection, null,
            $"UPDATE watch_alerts SET tries = @tries, state = @state, error = @error {OfSeries} AND number = @number AND event = @event",
            cancel, ("tries", alert.Tries), ("state", alert.State), ("error", alert.Error), ("target", alert.Series.Target),
            ("place", alert.Series.Place), ("number", alert.Number), ("event", alert.Event)).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _database.DisposeAsync();

    private async Task<List<T>> QueryAsync<T>(
        string text, Func<DbDataReader, T> row, CancellationToken cancel, params (string Name, object? Value)[] values)
    {
        await using var connection = await _database.ConnectAsync(cancel).ConfigureAwait(false);
        return await WatchDatabase.QueryAsync(connection, null, text, row, cancel, values).ConfigureAwait(false);
    }

    private static (string Name, object? Value)[] Values(WatchRun run) =>
    [
        ("target", run.Series.Target), ("place", run.Series.Place), ("number", run.Number), ("utc", Text(run.Utc)),
        ("seconds", run.Seconds), ("profile", run.Profile), ("outcome", run.Outcome.ToString()), ("note", run.Note), ("tier", run.Tier),
        ("nature", run.Nature), ("sentence", run.Sentence), ("rules", JsonSerializer.Serialize(run.Rules)), ("missed", run.Missed),
        ("skipped", run.Skipped), ("clock_back_s", run.ClockBack), ("folder", run.Folder), ("version", run.Version),
        .. WatchMetric.All.Select(m => (m.Column, (object?)m.Of(run))), ("id", Text(run.Id)),
    ];

    private static WatchRun Read(DbDataReader r) => new()
    {
        Series = new WatchSeries(r.GetString(0), r.GetString(1)),
        Number = r.GetInt64(2),
        Utc = DateTimeOffset.Parse(r.GetString(3), CultureInfo.InvariantCulture),
        Seconds = r.GetDouble(4),
        Profile = r.GetString(5),
        Outcome = Enum.Parse<RunOutcome>(r.GetString(6)),
        Note = Words(r, 7),
        Tier = Words(r, 8),
        Nature = Words(r, 9),
        Sentence = Words(r, 10),
        Rules = JsonSerializer.Deserialize<RuleResult[]>(r.GetString(11)) ?? [],
        Missed = (int)r.GetInt64(12),
        Skipped = (int)r.GetInt64(13),
        ClockBack = Number(r, 14),
        Folder = Words(r, 15),
        Version = r.GetString(16),
        StartUp = Number(r, 17),
        FirstFrame = Number(r, 18),
        DelayD50 = Number(r, 19),
        DelayD95 = Number(r, 20),
        Generated = Number(r, 21),
        Frozen = Number(r, 22),
        Drift = Number(r, 23),
        Id = Guid.Parse(r.GetString(24)),
    };

    private static WatchAlert ReadAlert(DbDataReader r) => new(new WatchSeries(r.GetString(0), r.GetString(1)), r.GetInt64(2),
        r.GetString(3), r.GetString(4), r.GetString(5), (int)r.GetInt64(6), r.GetString(7), Words(r, 8));

    private static string? Words(DbDataReader r, int at) => r.IsDBNull(at) ? null : r.GetString(at);

    private static double? Number(DbDataReader r, int at) => r.IsDBNull(at) ? null : r.GetDouble(at);

    private static string Text(Guid id) => id.ToString("N");

    private static string Text(DateTimeOffset utc) => utc.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
}
