using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Fleet.Links;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Tests;

/// <summary>What a control node believes of the usage that workers tell, in virtual time.</summary>
public sealed class ToldUsageTests
{
    private static readonly DateOnly Day = new(2026, 11, 30);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 30, 12, 0, 0, TimeSpan.Zero));
    private readonly UsageLedger _ledger;
    private readonly Listener _log = new();
    private readonly FleetUsage _usage;
    private readonly UsageRow _row;

    public ToldUsageTests()
    {
        var options = new ServerOptions { ApiKeys = ["the only key of this test"] };
        var ring = new ApiKeyRing(options, _time, NullLogger<ApiKeyRing>.Instance);
        _ledger = new UsageLedger(_time);
        _usage = new FleetUsage(_ledger, ring, _time, _log);
        _row = new UsageRow(Day, "run", ring.Owners().Single(), "", UsageKind.Live, "ink", 1, 1, 1, 1);
    }

    [Fact]
    public void A_day_that_is_too_far_is_not_taken_and_the_operator_is_told_once_of_the_date_of_that_machine()
    {
        for (var i = 0; i < 3; i++)
        {
            _usage.Take("gpu-1",
                [_row with { Day = Day.AddDays(2) }, _row with { Day = Day.AddDays(-60) }, _row with { Day = Day.AddDays(1) }, _row]);
        }
        Assert.Equal([Day, Day.AddDays(1)], Rows().Select(r => r.Day).Order());
        Assert.Equal(6, _ledger.Refused);
        Assert.Contains("the date of that machine may be wrong", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_worker_that_invents_rows_fills_its_own_share_over_all_its_links_and_other_workers_have_theirs()
    {
        for (var i = 0; i < 20; i++)
            _usage.Take("liar", [.. Enumerable.Range(0, 1024).Select(n => _row with { Owner = $"made up {i} {n}" })]);
        Assert.Equal(FleetUsage.MostOfOneDay, Rows().Count);
        Assert.Equal((20 * 1024) - FleetUsage.MostOfOneDay, _ledger.Refused);
        Assert.Single(_log.Lines);
        _usage.Take("gpu-1", [_row with { Seconds = 9 }]);
        Assert.Equal(9, Rows().Single(r => r.Owner == _row.Owner).Seconds);
        // What it told of is told again, with more.
        _usage.Take("liar", [_row with { Owner = "made up 0 0", Seconds = 8 }]);
        Assert.Equal(8, Rows().Single(r => r.Owner == "made up 0 0").Seconds);
    }

    [Fact]
    public void A_worker_names_no_key_and_a_run_has_no_more_time_than_its_sessions_may_have_in_a_day()
    {
        _usage.Take("liar", [_row with { Owner = "made up", Key = "api_keys[0]" }, _row with { Seconds = 9e11 }]);
        Assert.Equal(("made up", ""), (Assert.Single(Rows()).Owner, Rows()[0].Key));
        _usage.Take("gpu-1", [_row with { Key = "of the worker's own file" }]);
        Assert.Equal("api_keys[0]", Rows().Single(r => r.Owner == _row.Owner).Key);
    }

    [Fact]
    public void Days_that_are_over_leave_room_for_today_however_many_workers_tell_of_them()
    {
        for (var i = 0; i < 60; i++)
            _usage.Take($"gpu-{i}", [.. Enumerable.Range(0, 1000).Select(n => _row with { Day = Day.AddDays(-3), Source = $"{i} {n}" })]);
        Assert.Equal(UsageLedger.MaxRows / 2, Rows().Count);
        Assert.Equal(60_000 - (UsageLedger.MaxRows / 2), _ledger.Refused);
        Assert.True(_ledger.IsFilling);
        _usage.Take("gpu-0", [_row]);
        Assert.Equal(Day, Rows().Max(r => r.Day));
        // Written, they are the store's.
        _ledger.Forget(_ledger.Change);
        Assert.Empty(Rows());
        Assert.False(_ledger.IsFilling);
    }

    private IReadOnlyList<UsageRow> Rows() => _ledger.Between(DateOnly.MinValue, DateOnly.MaxValue);

    private sealed class Listener : ILogger<FleetUsage>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Lines.Add(formatter(state, exception));
    }
}
