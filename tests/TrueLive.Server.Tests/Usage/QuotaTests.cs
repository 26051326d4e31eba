using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Clips;
using TrueLive.Server.Access;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Tests.Usage;

/// <summary>Quotas of keys: what is refused and ended, in which words, and what is not.</summary>
public sealed class QuotaTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-quota-").FullName;
    private readonly UsageLedgerTests.SetClock _time = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Keys => Path.Combine(_data, "api-keys.json");

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task A_key_has_as_many_sessions_as_its_quota_says_and_its_minutes_end_what_runs_and_refuse_what_comes()
    {
        var (ann, ben) = (Make("ann", new KeyQuota(Sessions: 2, MinutesAMonth: 10)), Make("ben", null));
        await using var server = await RunningServer.StartAsync(o => (o.DataFolder, o.MaxSessions, o.KeySessions) = (_data, 9, 3));
        var made = new List<string>();
        for (var i = 0; i < 2; i++)
            made.Add((string)(await BeginAsync(server, ann, HttpStatusCode.Created)).Body["id"]!);
        var (retry, body) = await BeginAsync(server, ann, HttpStatusCode.TooManyRequests);
        Assert.Equal(("urn:truelive:problem:quota", 2), ((string?)body["type"], retry));
        Assert.Contains("2 live session(s) at a time", (string?)body["detail"], StringComparison.Ordinal);
        // Another key has another quota, and what ended does not count.
        for (var i = 0; i < 3; i++)
            await BeginAsync(server, ben, HttpStatusCode.Created);
        await BeginAsync(server, ben, HttpStatusCode.TooManyRequests);
        using (await SendAsync(server, ann, HttpMethod.Delete, $"/v1/sessions/{made[0]}")) { }
        await BeginAsync(server, ann, HttpStatusCode.Created);

        var owner = server.Services.GetRequiredService<ApiKeyRing>().Find(ann)!.Owner;
        var (ledger, quotas) = (server.Services.GetRequiredService<UsageLedger>(), server.Services.GetRequiredService<Quotas>());
        ledger.Add(owner, "ann", UsageKind.Live, "ink", 1, 599, 1, 1);
        await quotas.LookAsync(Cancel);
        Assert.Equal(2, (await ListAsync(server, ann)).Count);
        ledger.Add(owner, "ann", UsageKind.Clip, "ink", 1, 2, 1, 1);
        await quotas.LookAsync(Cancel);
        await NativeClient.UntilAsync(async () => (await ListAsync(server, ann)).Count == 0);
        Assert.Equal(3, (await ListAsync(server, ben)).Count);
        (retry, body) = await BeginAsync(server, ann, HttpStatusCode.TooManyRequests);
        Assert.Contains("The 10 minutes that this key has for", (string?)body["detail"], StringComparison.Ordinal);
        Assert.InRange(retry, 1, 32 * 24 * 3600);
        var clip = await Assert.ThrowsAsync<RequestRefusedException>(() =>
            server.Services.GetRequiredService<ClipOrders>().EnqueueAsync(owner, new ClipRequest("", "", "ink", 0, 0, "mp4", 1, null),
                Cancel));
        Assert.Equal(429, clip.Status);
        using (var told = await SendAsync(server, ann, HttpMethod.Get, "/v1/usage"))
        {
            var quota = (await told.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["quota"]!;
            Assert.Equal((2, 10.0, 10.0), ((int)quota["sessions"]!, (double)quota["minutes_a_month"]!, (double)quota["minutes_used"]!));
        }

        // The operator gives more while the server runs.
        Assert.True(ApiKeyFile.SetQuota(Keys, "ann", new KeyQuota(2, 11)));
        await NativeClient.UntilAsync(async () =>
        {
            using var answer = await SendAsync(server, ann, HttpMethod.Post, "/v1/sessions");
            return answer.StatusCode == HttpStatusCode.Created;
        });
    }

    [Fact]
    public async Task Minutes_are_of_a_calendar_month_of_a_name_and_hold_while_the_store_is_away()
    {
        var store = new Store();
        var key = Make("ann", new KeyQuota(MinutesAMonth: 1));
        var options = new ServerOptions { DataFolder = _data };
        var ring = new ApiKeyRing(options, _time, NullLogger<ApiKeyRing>.Instance);
        using var keeper = new UsageKeeper(new UsageLedger(_time), store, options, _time, NullLogger<UsageKeeper>.Instance);
        using var quotas = new Quotas(ring, keeper, _time);
        var owner = ring.Find(key)!.Owner;
        var row = new UsageRow(new DateOnly(2026, 2, 1), "run", owner, "ann", UsageKind.Live, "ink", 1, 61, 1, 1);
        store.Rows = [row with { Day = new DateOnly(2026, 1, 31) }, row with { Day = new DateOnly(2026, 3, 1) }];
        await quotas.LookAsync(Cancel);
        Assert.Null(quotas.Refuse(owner));
        store.Rows = [row];
        await quotas.LookAsync(Cancel);
        // Ten seconds before the month ends.
        Assert.Equal(TimeSpan.FromSeconds(10), quotas.Refuse(owner)!.RenewsAfter);
        store.Away = true;
        await Assert.ThrowsAsync<IOException>(() => quotas.LookAsync(Cancel));
        Assert.NotNull(quotas.Refuse(owner));
        store.Away = false;
        // Made anew under its name, it has no new minutes.
        Assert.True(ApiKeyFile.Revoke(Keys, "ann"));
        key = Make("ann", new KeyQuota(MinutesAMonth: 1));
        _time.Advance(TimeSpan.FromSeconds(2));
        File.SetLastWriteTimeUtc(Keys, DateTime.UnixEpoch);
        _time.Advance(TimeSpan.FromSeconds(2));
        var again = ring.Find(key)!.Owner;
        Assert.NotEqual(owner, again);
        await quotas.LookAsync(Cancel);
        Assert.NotNull(quotas.Refuse(again));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null(quotas.Refuse(again));
    }

    [Fact]
    public void A_file_of_keys_of_the_release_before_opens_and_one_with_an_odd_quota_is_refused()
    {
        File.WriteAllText(Keys, $$"""[{"name":"old","sha256":"{{new string('a', 64)}}","scopes":"All","created":"2026-01-01T00:00:00+00:00","expires":null}]""");
        Assert.Null(Assert.Single(ApiKeyFile.Read(Keys)).Quota);
        Assert.True(ApiKeyFile.SetQuota(Keys, "old", new KeyQuota(3)));
        Assert.Equal(3, Assert.Single(ApiKeyFile.Read(Keys)).Quota!.Sessions);
        Assert.Throws<ArgumentException>(() => ApiKeyFile.SetQuota(Keys, "old", new KeyQuota(-1)));
        File.WriteAllText(Keys, File.ReadAllText(Keys).Replace("\"sessions\": 3", "\"sessions\": -3", StringComparison.Ordinal));
        Assert.Contains("'old'", Assert.Throws<InvalidDataException>(() => ApiKeyFile.Read(Keys)).Message, StringComparison.Ordinal);
    }

    private string Make(string name, KeyQuota? quota)
    {
        var key = ApiKeyFile.Create(Keys, name, KeyScopes.Publish, TimeProvider.System.GetUtcNow(), null);
        Assert.True(ApiKeyFile.SetQuota(Keys, name, quota));
        return key;
    }

    private static async Task<(int Retry, JsonNode Body)> BeginAsync(RunningServer server, string key, HttpStatusCode expected)
    {
        using var answer = await SendAsync(server, key, HttpMethod.Post, "/v1/sessions");
        Assert.Equal(expected, answer.StatusCode);
        return ((int)(answer.Headers.RetryAfter?.Delta?.TotalSeconds ?? 0), (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!);
    }

    private static async Task<JsonArray> ListAsync(RunningServer server, string key)
    {
        using var answer = await SendAsync(server, key, HttpMethod.Get, "/v1/sessions");
        return (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["sessions"]!.AsArray();
    }

    private static async Task<HttpResponseMessage> SendAsync(RunningServer server, string key, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path)
        { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };
        if (method == HttpMethod.Post)
            request.Content = JsonContent.Create(new { });
        return await server.Http.SendAsync(request, Cancel);
    }

    private sealed class Store : IUsageStore
    {
        public IReadOnlyList<UsageRow> Rows { get; set; } = [];

        public bool Away { get; set; }

        public Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel) => Task.CompletedTask;

        public Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel) =>
            Away ? throw new IOException("away")
                : Task.FromResult<IReadOnlyList<UsageRow>>([.. Rows.Where(r => r.Day >= from && r.Day <= to)]);

        public Task ForgetAsync(DateOnly before, CancellationToken cancel) => Task.CompletedTask;
    }
}
