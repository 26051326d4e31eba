using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Configuration;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Tests.Usage;

/// <summary>Rows of usage on their way to a store: nothing is counted twice, and nothing is lost.</summary>
public sealed class UsageLedgerTests : IDisposable
{
    private static readonly DateOnly Last = new(2026, 2, 28), First = new(2026, 3, 1);

    private readonly string _data = Directory.CreateTempSubdirectory("truelive-usage-").FullName;
    private readonly SetClock _time = new();
    private readonly UsageLedger _ledger;

    public UsageLedgerTests() => _ledger = new UsageLedger(_time);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public void A_month_ends_at_midnight_in_UTC_whatever_the_zone_of_the_machine()
    {
        _time.SetLocalTimeZone(TimeZoneInfo.CreateCustomTimeZone("test", TimeSpan.FromHours(13), "test", "test"));
        Add(seconds: 1);
        _time.Advance(TimeSpan.FromSeconds(20));
        Add(seconds: 2);
        Assert.Equal([(Last, 1.0), (First, 2.0)], _ledger.Between(Last, First).OrderBy(r => r.Day).Select(r => (r.Day, r.Seconds)));
    }

    [Fact]
    public void A_row_that_is_sent_again_or_arrives_late_counts_once()
    {
        var there = new UsageLedger(_time);
        Add(seconds: 1);
        var early = _ledger.Since(0, 10).Rows;
        Add(seconds: 2);
        var (late, change) = _ledger.Since(0, 10);
        foreach (var rows in new[] { early, late, early, late })
            there.Take(rows);
        Assert.Equal((3.0, 2L), (Assert.Single(there.Between(Last, Last)).Seconds, there.Between(Last, Last)[0].Frames));
        Assert.Empty(_ledger.Since(change, 10).Rows);
        var written = there.Change;
        there.Take(late);
        Assert.Empty(there.Since(written, 10).Rows);
    }

    [Fact]
    public async Task A_clock_that_was_ahead_and_is_set_back_loses_nothing()
    {
        var folder = Folder();
        Add(seconds: 1);
        await folder.WriteAsync(_ledger.Since(0, 10).Rows, Cancel);
        _time.Ahead = TimeSpan.FromDays(3000);
        Add(seconds: 5);
        await folder.WriteAsync(_ledger.Since(0, 10).Rows, Cancel);
        _ledger.Forget(_ledger.Change);
        _time.Ahead = TimeSpan.Zero;
        Add(seconds: 2);
        await folder.WriteAsync(_ledger.Since(0, 10).Rows, Cancel);
        Assert.Equal(3.0, (await folder.ReadAsync(Last, Last, Cancel)).Sum(r => r.Seconds));
    }

    [Fact]
    public async Task Servers_that_share_a_folder_do_not_overwrite_each_other_and_a_file_that_cannot_be_read_is_left_alone()
    {
        var (one, other, second) = (Folder(), Folder(), new UsageLedger(_time));
        Add(seconds: 1);
        second.Add("key-a", "", UsageKind.Live, "ink", 1, 10, 1, 1);
        await one.WriteAsync(_ledger.Since(0, 10).Rows, Cancel);
        await other.WriteAsync(second.Since(0, 10).Rows, Cancel);
        // What both were told is one row.
        await other.WriteAsync(_ledger.Since(0, 10).Rows, Cancel);
        await one.WriteAsync(_ledger.Since(0, 10).Rows, Cancel);
        var files = Directory.GetFiles(Path.Combine(_data, "usage"));
        Assert.Equal(2, files.Length);
        Assert.All(files, f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
        // Of a crash, of a later release, of another program.
        string[] odd = ["2026-02-28.cut.json", "2026-02-28.later.json", "2026-02-28.null.json", "readme.json", "2026-02-28.x.json.abc.new"];
        string[] texts = ["{\"schema\":\"truelive-usage/1\",\"rows\":[{\"day\":\"20", "{\"schema\":\"truelive-usage/2\",\"rows\":[]}",
            "{\"schema\":\"truelive-usage/1\",\"rows\":[null]}", "x", "x"];
        foreach (var (name, text) in odd.Zip(texts))
            await File.WriteAllTextAsync(Path.Combine(_data, "usage", name), text, Cancel);
        Assert.Equal(11.0, (await Folder().ReadAsync(Last, Last, Cancel)).Sum(r => r.Seconds));
        await one.ForgetAsync(First, Cancel);
        Assert.Empty(await one.ReadAsync(Last, Last, Cancel));
        Assert.Equal(["2026-02-28.x.json.abc.new", "readme.json"],
            Directory.GetFiles(Path.Combine(_data, "usage")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    private UsageFolder Folder() => new(new ServerOptions { DataFolder = _data }, NullLogger<UsageFolder>.Instance);

    private void Add(double seconds) => _ledger.Add("key-a", "ann", UsageKind.Live, "ink", 0, seconds, 1, 1);

    /// <summary>A clock ten seconds before the end of a February that can be set.</summary>
    internal sealed class SetClock() : FakeTimeProvider(new DateTimeOffset(2026, 2, 28, 23, 59, 50, TimeSpan.Zero))
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;

        // What is measured does not follow a clock that is set.
        public override long GetTimestamp() => (base.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks;
    }
}
