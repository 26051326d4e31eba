using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Npgsql;
using TrueLive.Clips.Tests;
using TrueLive.Fleet.Grains;
using TrueLive.Server.Configuration;

namespace TrueLive.Fleet.Tests;

/// <summary>Several control nodes find each other in a real PostgreSQL or Redis.</summary>
[Trait("Run", "long")]
public sealed class StoreTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("postgres")]
    [InlineData("redis")]
    [Trait("Run", "alone")]
    public async Task Either_control_node_places_on_a_worker_that_is_linked_to_the_other_and_one_of_them_may_die(string kind)
    {
        using var redis = kind == "redis" ? new RedisServer() : null;
        var store = redis?.Address ?? Address(await postgres.NewDatabaseAsync());
        await using var fleet = new TestFleet();
        await fleet.StartControlAsync(o => (o.Store, o.SiloPort) = (store, 0));
        await fleet.StartWorkerAsync("gpu-1", o => o.KeepSeconds = 60);
        await using var second = await ServerProcess.StartControlAsync("--store", store, "--silo-port", "0", "--worker-silence-ms", "60000",
            "--data-folder",
            Path.Combine(fleet.ControlFolder, "second"));
        using var there = new HttpClient { BaseAddress = new Uri(second.Address), Timeout = TimeSpan.FromMinutes(5) };
        await TestFleet.UntilAsync(() => PlacedAsync(there));
        var session = await fleet.NewSessionAsync("kept");
        var same = await there.GetFromJsonAsync<JsonNode>($"/v1/sessions/{session["id"]}", Cancel);
        Assert.Equal("kept", (string?)same!["prompt"]!["text"]);
        await second.KillAsync();
        await TestFleet.UntilAsync(() => PlacedAsync(fleet.Http));
        Assert.Equal("kept",
            (string?)(await fleet.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{session["id"]}", Cancel))!["prompt"]!["text"]);
    }

    [Fact]
    public async Task A_store_that_is_away_or_of_another_version_is_told_at_the_start()
    {
        var wrong = await Assert.ThrowsAsync<ConfigurationException>(() =>
            PostgresStore.OpenAsync($"postgres://nobody@127.0.0.1:{FreePort.Next()}/fleet", Cancel));
        Assert.Contains("database fleet, cannot be used", wrong.Message, StringComparison.Ordinal);
        wrong = await Assert.ThrowsAsync<ConfigurationException>(() => RedisStore.OpenAsync($"redis://127.0.0.1:{FreePort.Next()}"));
        Assert.Contains("cannot be used", wrong.Message, StringComparison.Ordinal);
        var database = await postgres.NewDatabaseAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PostgresStore.OpenAsync(Address(database), Cancel)));
        await using (var connection = new NpgsqlConnection(database))
        {
            await connection.OpenAsync(Cancel);
            await using var change = new NpgsqlCommand("UPDATE truelive_fleet_schema SET version = 99", connection);
            Assert.Equal(1, await change.ExecuteNonQueryAsync(Cancel));
        }
        wrong = await Assert.ThrowsAsync<ConfigurationException>(() => PostgresStore.OpenAsync(Address(database), Cancel));
        Assert.Contains("another version", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_password_stays_off_the_command_line_and_odd_characters_in_it_are_taken()
    {
        var refused = Assert.Throws<ConfigurationException>(() =>
            OptionsReader.Read(null, _ => null, new Dictionary<string, string> { ["store"] = "postgres://u:secret@h/d" }));
        Assert.Contains("TRUELIVE_STORE", refused.Message, StringComparison.Ordinal);
        var taken = OptionsReader.Read(null, name => name == "TRUELIVE_STORE" ? "postgres://u:p%40ss@h:99/d" : null, new Dictionary<string,
            string>());
        var parts = new NpgsqlConnectionStringBuilder(PostgresStore.ConnectionString(taken.Store));
        Assert.Equal(("u", "p@ss", "h", 99, "d"), (parts.Username, parts.Password, parts.Host, parts.Port, parts.Database));
        Assert.Equal("postgres://u@h:99/d", OptionsReader.Write(taken).First(s => s.Key == "store").Value);
    }

    private static async Task<bool> PlacedAsync(HttpClient door)
    {
        using var answer = await door.PostAsJsonAsync("/v1/sessions", new { }, Cancel);
        if (answer.StatusCode != HttpStatusCode.Created)
            return false;
        using var ended = await door.DeleteAsync(answer.Headers.Location, Cancel);
        return true;
    }

    private static string Address(string connectionString) =>
        new NpgsqlConnectionStringBuilder(connectionString) is var c ? $"postgres://{c.Username}@{c.Host}:{c.Port}/{c.Database}" : "";
}
