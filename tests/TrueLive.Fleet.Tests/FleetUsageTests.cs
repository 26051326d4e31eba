using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using TrueLive.Clips.Tests;
using TrueLive.Fleet.Grains;
using TrueLive.Fleet.Links;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Tests;

/// <summary>Usage over a fleet: in the stores that control nodes share, and from two workers to the front door.</summary>
[Trait("Run", "long")]
public sealed class FleetUsageTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    private static readonly DateOnly Day = new(2026, 11, 30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("postgres")]
    [InlineData("redis")]
    public async Task Two_control_nodes_may_write_the_same_rows_in_any_order_and_two_fleets_do_not_meet(string kind)
    {
        using var redis = kind == "redis" ? new RedisServer() : null;
        var address = redis is null ? AddressOf(await postgres.NewDatabaseAsync()) : redis.Address;
        var (one, two, other) = (await OpenAsync(address, "a"), await OpenAsync(address, "a"), await OpenAsync(address, "b"));
        var early = new UsageRow(Day, "run", "key-a", "ann", UsageKind.Live, "ink", 1, 1.5, 10, 100);
        var late = early with { Seconds = 7.25, Frames = 20, Key = "" };
        var next = early with { Day = Day.AddDays(1), Source = "other" };
        await Task.WhenAll(one.WriteAsync([late, next], Cancel), two.WriteAsync([next, early], Cancel));
        await two.WriteAsync([early], Cancel);
        var read = await one.ReadAsync(Day, Day, Cancel);
        Assert.Equal((7.25, 20L, "run"), (Assert.Single(read).Seconds, read[0].Frames, read[0].Source));
        Assert.Equal(2, (await two.ReadAsync(Day.AddDays(-40), Day.AddDays(1), Cancel)).Count);
        Assert.Empty(await other.ReadAsync(Day.AddDays(-40), Day.AddDays(1), Cancel));
        await one.ForgetAsync(Day.AddDays(1), Cancel);
        Assert.Equal(next.Day, Assert.Single(await two.ReadAsync(Day.AddDays(-40), Day.AddDays(1), Cancel)).Day);
        foreach (var store in new[] { one, two, other })
            await ((IAsyncDisposable)store).DisposeAsync();
    }

    [Fact]
    public async Task A_store_that_a_release_without_usage_made_is_added_to_and_stays_usable_for_it()
    {
        var database = await postgres.NewDatabaseAsync();
        await PostgresStore.OpenAsync(AddressOf(database), Cancel);
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(Cancel);
        await using (var before = new NpgsqlCommand("DROP TABLE truelive_fleet_usage", connection))
            await before.ExecuteNonQueryAsync(Cancel);
        var store = await OpenAsync(AddressOf(database), "a");
        Assert.Empty(await store.ReadAsync(Day, Day, Cancel));
        await ((IAsyncDisposable)store).DisposeAsync();
        await using var version = new NpgsqlCommand("SELECT max(version) FROM truelive_fleet_schema", connection);
        Assert.Equal(1, await version.ExecuteScalarAsync(Cancel));
    }

    [Fact]
    public async Task What_two_workers_count_for_a_key_is_one_sum_at_the_front_door_that_a_new_link_does_not_double()
    {
        const string Key = "the operator's key of this test";
        await using var fleet = new TestFleet();
        await fleet.StartControlAsync(o => o.ApiKeys = [Key], Key);
        await fleet.StartWorkerAsync("gpu-1", o => o.MaxSessions = 1);
        await fleet.StartWorkerAsync("gpu-2", o => o.MaxSessions = 1);
        await TestFleet.UntilAsync(async () => (await fleet.ViewAsync())["free"]!["passthrough"] is { } free && (int)free == 2);
        await using (var first = await NativeClient.ConnectAsync(new Uri(fleet.Door, "/whip"), key: Key))
        await using (var second = await NativeClient.ConnectAsync(new Uri(fleet.Door, "/whip"), key: Key))
        {
            await first.PicturesAsync(2);
            await second.PicturesAsync(2);
            await TestFleet.UntilAsync(async () => await SessionsAsync(fleet) == 2);
        }
        await fleet.StopLastAsync();
        // It begins again with the same folder, and tells all that it has.
        await fleet.StartWorkerAsync("gpu-2-again", o => o.DataFolder = o.DataFolder.Replace("-again", "", StringComparison.Ordinal));
        await TestFleet.UntilAsync(async () => await fleet.StateAsync("gpu-2-again") == "ready");
        await using (var third = await NativeClient.ConnectAsync(new Uri(fleet.Door, "/whip"), key: Key))
        {
            await third.PicturesAsync(2);
            await TestFleet.UntilAsync(async () => await SessionsAsync(fleet) == 3);
        }
        // A link that opens a session's pictures opens neither usage nor the fleet.
        var owner = new ApiKeyRing(new ServerOptions { ApiKeys = [Key] }, TimeProvider.System, NullLogger<ApiKeyRing>.Instance)
            .Find(Key)!.Owner;
        using var stranger = new HttpClient { BaseAddress = fleet.Door };
        foreach (var path in new[] { "/v1/usage", "/v1/fleet", "/metrics" })
        {
            using var answer = await stranger.GetAsync($"{path}?token=999999.{owner}.x", Cancel);
            Assert.Equal((path, HttpStatusCode.Unauthorized), (path, answer.StatusCode));
        }
        using var drain = await stranger.PostAsync($"/v1/fleet/workers/gpu-1/drain?token=999999.{owner}.x", null, Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, drain.StatusCode);
    }

    [Fact]
    public void A_worker_tells_of_days_that_are_not_too_far_and_cannot_fill_the_ledger()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 30, 12, 0, 0, TimeSpan.Zero));
        var options = new ServerOptions { DataFolder = Path.Combine(Path.GetTempPath(), "truelive-no-such-folder") };
        var ledger = new UsageLedger(time);
        var link = new FleetUsage(ledger, new ApiKeyRing(options, time, NullLogger<ApiKeyRing>.Instance), time).OneLink();
        var row = new UsageRow(Day, "run", "key-a", "", UsageKind.Live, "ink", 1, 1, 1, 1);
        link.Take([row with { Day = Day.AddDays(2) }, row with { Day = Day.AddDays(-60) }, row with { Day = Day.AddDays(1) }, row]);
        Assert.Equal([Day, Day.AddDays(1)], ledger.Between(DateOnly.MinValue, DateOnly.MaxValue).Select(r => r.Day).Order());
        for (var i = 0; i < 11; i++)
            link.Take([.. Enumerable.Range(0, 1024).Select(n => row with { Owner = $"made up {i} {n}" })]);
        Assert.InRange(ledger.Between(Day, Day).Count, 1, 10_000);
        link.Take([row with { Seconds = 9 }]);
        Assert.Equal(9, ledger.Between(Day, Day).Single(r => r.Owner == "key-a").Seconds);
    }

    private static async Task<long> SessionsAsync(TestFleet fleet) =>
        (await fleet.Http.GetFromJsonAsync<JsonNode>("/v1/usage", Cancel))!["rows"]!.AsArray().Sum(r => (long)r!["sessions"]!);

    private static async Task<IUsageStore> OpenAsync(string address, string fleet) => address.StartsWith("redis", StringComparison.Ordinal)
        ? new RedisUsage(await RedisStore.OpenAsync(address), fleet)
        : new PostgresUsage(await PostgresStore.OpenAsync(address, Cancel), fleet);

    private static string AddressOf(string connectionString) =>
        new NpgsqlConnectionStringBuilder(connectionString) is var c ? $"postgres://{c.Username}@{c.Host}:{c.Port}/{c.Database}" : "";
}
