using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Tests.Usage;

/// <summary>What a server deletes of the usage that it shares with others; in virtual time.</summary>
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

    private sealed class SharedStore(TimeProvider time) : IUsageStore
    {
        public static readonly DateOnly Today = new(2026, 2, 28);

        public TaskCompletionSource<(DateOnly Before, long At)> Forgot { get; } = new();

        public Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel) => Task.CompletedTask;

        public Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel) =>
            Task.FromResult<IReadOnlyList<UsageRow>>([]);

        public Task<DateOnly?> TodayAsync(CancellationToken cancel) => Task.FromResult<DateOnly?>(Today);

        public Task ForgetAsync(DateOnly before, CancellationToken cancel)
        {
            Forgot.TrySetResult((before, time.GetTimestamp()));
            return Task.CompletedTask;
        }
    }
}
