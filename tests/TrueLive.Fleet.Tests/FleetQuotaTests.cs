using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Npgsql;
using TrueLive.Clips.Tests;
using TrueLive.Server.Access;

namespace TrueLive.Fleet.Tests;

/// <summary>The quotas of keys through two control nodes with two workers and a store.</summary>
[Trait("Run", "alone")]
public sealed class FleetQuotaTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    private const string Key = "the operator's key of this test";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_those_who_come_to_both_doors_at_once_exactly_as_many_get_in_as_the_key_may_have()
    {
        var store = new NpgsqlConnectionStringBuilder(await postgres.NewDatabaseAsync()) is var c
            ? $"postgres://{c.Username}@{c.Host}:{c.Port}/{c.Database}" : "";
        await using var fleet = new TestFleet();
        var other = ApiKeyFile.Create(Path.Combine(fleet.ControlFolder, "api-keys.json"), "other", KeyScopes.Publish,
            TimeProvider.System.GetUtcNow(), null);
        await fleet.StartControlAsync(o => (o.Store, o.SiloPort, o.ApiKeys, o.KeySessions) = (store, 0, [Key], 2), Key);
        await using var second = await ServerProcess.StartControlAsync("--store", store, "--silo-port", "0", "--worker-silence-ms", "60000",
            "--data-folder", fleet.ControlFolder, "--api-keys", Key, "--key-sessions", "2");
        await fleet.StartWorkerAsync("gpu-1");
        await fleet.StartWorkerAsync("gpu-2");
        using var there = new HttpClient { BaseAddress = new Uri(second.Address), Timeout = TimeSpan.FromMinutes(5) };
        there.DefaultRequestHeaders.Authorization = new("Bearer", Key);
        await TestFleet.UntilAsync(async () => await FreeAsync(fleet.Http) == 6 && await FreeAsync(there) == 6);
        // No session is unknown any more, and nobody is told that the directory has just begun.
        foreach (var door in new[] { fleet.Http, there })
            using (await door.GetAsync("/v1/sessions/none", Cancel)) { }

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => BeginAsync(i % 2 == 0 ? fleet.Http : there)));
        var refused = answers.Where(a => a.Status != HttpStatusCode.Created).ToList();
        Assert.Equal(8, refused.Count);
        Assert.All(refused, a => Assert.Equal((HttpStatusCode.TooManyRequests, "urn:truelive:problem:quota"),
            (a.Status, (string?)a.Body["type"])));
        // There is room for others.
        there.DefaultRequestHeaders.Authorization = new("Bearer", other);
        Assert.Equal(HttpStatusCode.Created, (await BeginAsync(there)).Status);
    }

    private static async Task<int> FreeAsync(HttpClient door)
    {
        using var answer = await door.GetAsync("/v1/fleet", Cancel);
        return answer.IsSuccessStatusCode && (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["free"]!["passthrough"] is { } free
            ? (int)free : 0;
    }

    private static async Task<(HttpStatusCode Status, JsonNode Body)> BeginAsync(HttpClient door)
    {
        using var answer = await door.PostAsJsonAsync("/v1/sessions", new { }, Cancel);
        return (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!);
    }
}
