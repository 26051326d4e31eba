using Microsoft.Data.Sqlite;

namespace TrueLive.Watch.Tests;

/// <summary>The history in a SQLite file and in a real PostgreSQL: the same in both.</summary>
public sealed class WatchHistoryTests(PostgresServer postgres) : IClassFixture<PostgresServer>, IDisposable
{
    private const string Hostile = "=cmd|'/c calc'!A1 \"; DROP TABLE watch_runs; -- <script>alert(1)</script>\r\n\0 \ud800 \u202e";
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-watch-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Kinds => ["sqlite", "postgres"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Runs_come_back_as_they_were_kept_in_order_of_their_numbers_and_the_oldest_go(string kind)
    {
        await using var history = await OpenAsync(kind);
        var rich = Measured.Run(0, 81.5, Measured.Passed(), Measured.Failed("other")) with
        {
            Seconds = 31.25, Outcome = RunOutcome.Failed, Note = "n", Nature = "restyles", Sentence = "s", StartUp = 0.25, FirstFrame = 0.5,
            DelayD95 = 120, Generated = 29.9, Frozen = 0.1, Drift = -0.02, Missed = 3, Skipped = 2, ClockBack = 7.5, Folder = "run-x",
        };
        var kept = await history.AppendAsync(rich, 2, null, 5, Cancel);
        Assert.Equal(1, kept.Number);
        var back = Assert.Single(await history.RunsAsync(Measured.Series, 10, Cancel));
        Assert.Equal(kept.Rules, back.Rules);
        Assert.Equal(kept with { Rules = [] }, back with { Rules = [] });
        // The clock goes back with every run.
        for (var k = 1; k <= 7; k++)
            await history.AppendAsync(Measured.Run(-k), 2, null, 5, Cancel);
        Assert.Equal([4, 5, 6, 7, 8], (await history.RunsAsync(Measured.Series, 10, Cancel)).Select(r => r.Number));
        await history.AppendAsync(Measured.Run(0) with { Series = new WatchSeries("other", "cellar") }, 2, null, 5, Cancel);
        Assert.Equal(["other", Measured.Series.Target], (await history.SeriesAsync(Cancel)).Select(s => s.Series.Target));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Rules_and_messages_survive_a_restart_and_none_is_sent_twice(string kind)
    {
        string? database = kind == "postgres" ? await postgres.NewDatabaseAsync() : null;
        foreach (var result in new[] { Measured.Passed(), Measured.Failed(), Measured.Failed(), Measured.Failed() })
        {
            await using var history = await OpenAsync(kind, database);
            await history.AppendAsync(Measured.Run(0, 100, result), 2, (run, name, rules) => $"{name} {run.Number} {rules[0].Rule}", 100,
                Cancel);
        }
        await using var again = await OpenAsync(kind, database);
        var waiting = await again.WaitingAsync(Measured.Series, Cancel);
        Assert.Equal("broken 3 delay", waiting?.Body);
        await again.KeepAsync(waiting! with { State = "delivered" }, Cancel);
        Assert.Null(await again.WaitingAsync(Measured.Series, Cancel));
        Assert.Single(await again.AlertsAsync(Measured.Series, 10, Cancel));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_run_whose_keeping_was_not_confirmed_is_not_kept_twice(string kind)
    {
        await using var history = await OpenAsync(kind);
        await history.AppendAsync(Measured.Run(0, 100, Measured.Passed()), 2, null, 100, Cancel);
        var failed = Measured.Run(1, 900, Measured.Failed());
        foreach (var _ in new[] { 1, 2 })
            Assert.Equal(2, (await history.AppendAsync(failed, 2, (_, _, _) => "{}", 100, Cancel)).Number);
        Assert.Equal(2, (await history.RunsAsync(Measured.Series, 10, Cancel)).Count);
        Assert.Empty(await history.AlertsAsync(Measured.Series, 10, Cancel));
        Assert.Equal(3, (await history.AppendAsync(Measured.Run(2), 2, null, 100, Cancel)).Number);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_message_that_waits_outlives_its_run_for_a_day(string kind)
    {
        await using var history = await OpenAsync(kind);
        foreach (var result in new[] { Measured.Passed(), Measured.Failed(), Measured.Failed(), Measured.Failed() })
            await history.AppendAsync(Measured.Run(1, 100, result), 1, (run, _, _) => $"{run.Number}", 1, Cancel);
        await history.GiveUpAsync(Measured.Series, Measured.Run(1).Utc, Cancel);
        Assert.Equal("2", (await history.WaitingAsync(Measured.Series, Cancel))?.Body);
        await history.GiveUpAsync(Measured.Series, Measured.Run(1).Utc.AddSeconds(0.1), Cancel);
        Assert.Null(await history.WaitingAsync(Measured.Series, Cancel));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Beyond_fifty_waiting_messages_the_oldest_is_given_up(string kind)
    {
        await using var history = await OpenAsync(kind);
        for (var k = 0; k < 53; k++)
        {
            var result = k % 2 == 0 ? Measured.Passed() : Measured.Failed();
            await history.AppendAsync(Measured.Run(k, 100, result), 1, (_, _, _) => "{}", 1000, Cancel);
        }
        var alerts = await history.AlertsAsync(Measured.Series, 100, Cancel);
        Assert.Equal(50, alerts.Count(a => a.State == "waiting"));
        Assert.Equal((2, "too many were waiting"), alerts.Where(a => a.State == "given_up").Select(a => ((int)a.Number, a.Error)).Last());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_a_hostile_target_says_is_only_text(string kind)
    {
        await using var history = await OpenAsync(kind);
        var series = new WatchSeries(Hostile, Hostile);
        await history.AppendAsync(Measured.Run(0, 1, new RuleResult(Hostile, "PASS", Hostile)) with
        { Series = series, Note = Hostile, Sentence = Hostile, Tier = Hostile }, 2, null, 100, Cancel);
        var (kept, _) = Assert.Single(await history.SeriesAsync(Cancel));
        await WatchPage.WriteAsync(history, _folder, DateTimeOffset.UnixEpoch, Cancel);
        var page = await File.ReadAllTextAsync(Path.Combine(_folder, WatchPage.File), Cancel);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
        var csv = new StringWriter();
        await WatchCsv.WriteAsync(csv, await history.RunsAsync(kept, 10, Cancel));
        var second = csv.ToString()[(csv.ToString().IndexOf('\n', StringComparison.Ordinal) + 1)..];
        Assert.StartsWith("\"'=cmd|", second, StringComparison.Ordinal);
        Assert.DoesNotContain(",=cmd", second, StringComparison.Ordinal);
        Assert.DoesNotContain(",\"=cmd", second, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Several_writers_of_one_series_take_different_numbers(string kind)
    {
        string? database = kind == "postgres" ? await postgres.NewDatabaseAsync() : null;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            await using var history = await OpenAsync(kind, database);
            for (var k = 0; k < 10; k++)
                await history.AppendAsync(Measured.Run(k), 2, null, 100, Cancel);
        }));
        await using var read = await OpenAsync(kind, database);
        var numbers = (await read.RunsAsync(Measured.Series, 100, Cancel)).Select(r => (int)r.Number);
        Assert.Equal(Enumerable.Range(1, 40), numbers);
    }

    [Fact]
    public async Task A_history_of_another_version_is_refused_in_words()
    {
        await (await OpenAsync("sqlite")).DisposeAsync();
        await using (var connection = new SqliteConnection($"Data Source={Path.Combine(_folder, "h.db")};Pooling=False"))
        {
            await connection.OpenAsync(Cancel);
            await using var command = connection.CreateCommand();
            command.CommandText = "UPDATE watch_schema SET version = 99";
            await command.ExecuteNonQueryAsync(Cancel);
        }
        var refused = await Assert.ThrowsAsync<FormatException>(() => OpenAsync("sqlite"));
        Assert.Contains("another version", refused.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, true);

    private async Task<WatchHistory> OpenAsync(string kind, string? database = null) => kind == "sqlite"
        ? await WatchHistory.OpenSqliteAsync(Path.Combine(_folder, "h.db"), Cancel)
        : await WatchHistory.OpenPostgresAsync(database ?? await postgres.NewDatabaseAsync(), Cancel);
}
