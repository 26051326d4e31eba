using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Tests.Usage;

/// <summary>When a server writes and deletes usage that it shares with others; in virtual time.</summary>
public sealed class UsageKeeperTests
{
    [Fact]
    public async Task A_server_whose_date_is_wrong_deletes_by_the_date_of_the_store_and_nothing_in_its_first_hour()
    {
        var time = new UsageLedgerTests.SetClock { Ahead = TimeSpan.FromDays(3000) };
        var store = new SharedStore(time);
        using var keeper = new UsageKeeper(new UsageLedger(time), store, new ServerOptions(), time, NullLogger<UsageKeeper>.Instance);
        var began = time.GetTimestamp();
        await keeper.StartAsync(TestContext.Current.CancellationToken);
        await NativeClient.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMinutes(10));
            return Task.FromResult(store.Forgot.Task.IsCompleted);
        });
        var (before, at) = await store.Forgot.Task;
        Assert.Equal(SharedStore.Today.AddDays(-400), before);
        Assert.True(time.GetElapsedTime(began, at) >= TimeSpan.FromHours(1));
        await keeper.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Many_rows_that_others_tell_are_written_at_once_and_held_no_longer()
    {
        var time = new UsageLedgerTests.SetClock();
        var (ledger, store) = (new UsageLedger(time), new SharedStore(time));
        using var keeper = new UsageKeeper(ledger, store, new ServerOptions(), time, NullLogger<UsageKeeper>.Instance);
        ledger.Add("key-a", "ann", UsageKind.Live, "ink", 1, 1, 1, 1);
        await keeper.StartAsync(TestContext.Current.CancellationToken);
        await NativeClient.UntilAsync(() => store.Written == 1);
        var row = new UsageRow(SharedStore.Today, "another", "key-a", "", UsageKind.Live, "ink", 1, 1, 1, 1);
        ledger.Take(Enumerable.Range(0, 30_000).Select(i => row with { Owner = $"key-{i}" }));
        // Less than the usual pause.
        time.Advance(TimeSpan.FromSeconds(2));
        await NativeClient.UntilAsync(() => store.Written == 30_001 && !ledger.IsFilling);
        await keeper.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Rows_that_go_to_the_store_while_it_is_read_are_in_what_is_read()
    {
        var time = new UsageLedgerTests.SetClock();
        var (ledger, store) = (new UsageLedger(time), new SharedStore(time));
        using var keeper = new UsageKeeper(ledger, store, new ServerOptions(), time, NullLogger<UsageKeeper>.Instance);
        var row = new UsageRow(SharedStore.Today, "another", "key-a", "", UsageKind.Live, "ink", 1, 1, 1, 1);
        ledger.Take([row]);
        store.Reading = () => ledger.Forget(ledger.Change);
        Assert.Equal(row, Assert.Single(await keeper.ReadAsync(row.Day, row.Day, TestContext.Current.CancellationToken)));
    }

    private sealed class SharedStore(TimeProvider time) : IUsageStore
    {
        public static readonly DateOnly Today = new(2026, 2, 28);

        private int _written;

        public TaskCompletionSource<(DateOnly Before, long At)> Forgot { get; } = new();

        public Action Reading { get; set; } = () => { };

        public int Written => Volatile.Read(ref _written);

        public Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel)
        {
            Interlocked.Add(ref _written, rows.Count);
            return Task.CompletedTask;
        }

        public Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel)
        {
            Reading();
            return Task.FromResult<IReadOnlyList<UsageRow>>([]);
        }

        public Task<DateOnly?> TodayAsync(CancellationToken cancel) => Task.FromResult<DateOnly?>(Today);

        public Task ForgetAsync(DateOnly before, CancellationToken cancel)
        {
            Forgot.TrySetResult((before, time.GetTimestamp()));
            return Task.CompletedTask;
        }
    }
}
