using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Core.Models;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Tests.Usage;

/// <summary>In which order a worker tells its fleet of usage, and that it waits for no disk.</summary>
public sealed class UsageOutboxTests : IAsyncDisposable
{
    private static readonly DateOnly Today = new(2026, 2, 28);

    private readonly UsageLedgerTests.SetClock _time = new();
    private readonly Disk _disk = new();
    private readonly UsageLedger _ledger;
    private readonly SessionRegistry _registry;
    private readonly UsageMeter _meter;
    private readonly UsageKeeper _keeper;
    private readonly UsageOutbox _outbox;

    public UsageOutboxTests()
    {
        var options = new ServerOptions { DataFolder = Path.Combine(Path.GetTempPath(), "truelive-no-such-folder") };
        _ledger = new UsageLedger(_time);
        _registry = new SessionRegistry(new ModelStore([new PassthroughModel()]), new Admission(2, 30, maxSessions: 9), options, _time,
            NullLogger<SessionRegistry>.Instance);
        _meter = new UsageMeter(_registry, _ledger, new ApiKeyRing(options, _time, NullLogger<ApiKeyRing>.Instance), _time);
        _keeper = new UsageKeeper(_ledger, _disk, options, _time, NullLogger<UsageKeeper>.Instance);
        _outbox = new UsageOutbox(_keeper, _ledger, _meter, _time);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _meter.Dispose();
        _keeper.Dispose();
        await _registry.DisposeAsync();
    }

    [Fact]
    public async Task Today_comes_first_and_then_the_days_before_from_the_latest_on()
    {
        var old = new UsageRow(Today, "run before", "key-a", "", UsageKind.Live, "ink", 1, 1, 1, 1);
        _disk.Rows.SetResult([.. Enumerable.Range(0, 12_000)
            .Select(i => old with { Day = Today.AddDays(-(i * 7 % 36)), Owner = $"key-{i}" })]);
        await _outbox.BeginAsync(Cancel);
        _ledger.Add("key-a", "", UsageKind.Live, "ink", 1, 5, 1, 1);
        var sent = _outbox.Last()!.ToList();
        Assert.Equal(5, sent[0].Seconds);
        while (_outbox.Next() is { } rows)
        {
            Assert.InRange(rows.Count, 1, UsageOutbox.Most);
            sent.AddRange(rows);
        }
        Assert.Equal(12_001, sent.Count);
        Assert.Equal(sent.Select(r => r.Day).OrderDescending(), sent.Select(r => r.Day));
    }

    [Fact]
    public async Task A_disk_that_hangs_holds_up_neither_what_is_counted_now_nor_the_end_of_the_link()
    {
        using var link = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var reading = _outbox.BeginAsync(link.Token);
        _ledger.Add("key-a", "", UsageKind.Live, "ink", 1, 5, 1, 1);
        Assert.Equal(5, Assert.Single(_outbox.Next()!).Seconds);
        await link.CancelAsync();
        await reading;
        // The disk is back when the link is over: the next one reads anew.
        _disk.Rows.SetResult([new UsageRow(Today, "run before", "key-a", "", UsageKind.Live, "ink", 1, 1, 1, 1)]);
        Assert.Null(_outbox.Next());
        await _outbox.BeginAsync(Cancel);
        Assert.Equal(2, _outbox.Next()!.DistinctBy(r => r.Id).Count());
    }

    private sealed class Disk : IUsageStore
    {
        public TaskCompletionSource<IReadOnlyList<UsageRow>> Rows { get; } = new();

        public Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel) => Task.CompletedTask;

        public Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel) => Rows.Task;

        public Task ForgetAsync(DateOnly before, CancellationToken cancel) => Task.CompletedTask;
    }
}
