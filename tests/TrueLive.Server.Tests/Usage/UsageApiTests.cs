using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Server.Access;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Tests.Usage;

/// <summary>Usage as its readers see it: who may see whose, of which days, in which form.</summary>
public sealed class UsageApiTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-usage-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task A_key_sees_what_it_used_an_operator_all_and_what_a_deleted_key_used_stays_under_its_name()
    {
        var ann = Make("ann", KeyScopes.Publish);
        var (ben, boss) = (Make("ben", KeyScopes.Watch), Make("boss", KeyScopes.Operate));
        await using var server = await RunningServer.StartAsync(o => o.DataFolder = _data);
        string link;
        await using (var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"), key: ann))
        {
            await client.PicturesAsync(2);
            link = (string)(await AskAsync(server, ann, $"/v1/sessions/{client.Whip.Resource!.Segments[2].TrimEnd('/')}")).Body["whep"]!;
            // What was coded may be looked at a second after what was made.
            await NativeClient.UntilAsync(async () => (await RowsAsync(server, ann, "")).Sum(r => (long)r!["bytes"]!) > 0);
        }
        // Days and months end whenever they do: there may be a row of each of two days.
        var rows = await RowsAsync(server, ann, "");
        Assert.Equal(("ann", "live", "passthrough"), Assert.Single(rows.Select(r =>
            ((string?)r!["key"], (string?)r["kind"], (string?)r["model"])).Distinct()));
        Assert.Equal(1, rows.Sum(r => (long)r!["sessions"]!));
        Assert.NotEqual(0, rows.Sum(r => (long)r!["frames"]!));
        Assert.Empty(await RowsAsync(server, ben, ""));
        Assert.Empty(await RowsAsync(server, boss, ""));
        Assert.Equal(HttpStatusCode.Forbidden, (await AskAsync(server, ann, "/v1/usage?of=all")).Status);
        // A link opens what it was made for, and its owner's usage is not that.
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(server, null, "/v1/usage?" + link.Split('?')[1])).Status);

        Assert.True(ApiKeyFile.Revoke(Path.Combine(_data, "api-keys.json"), "ann"));
        await NativeClient.UntilAsync(async () => (await AskAsync(server, ann, "/v1/capabilities")).Status != HttpStatusCode.OK);
        // A new key of the same name is another customer.
        var other = Make("ann", KeyScopes.Publish);
        await NativeClient.UntilAsync(async () => (await AskAsync(server, other, "/v1/usage")).Status == HttpStatusCode.OK);
        Assert.Empty(await RowsAsync(server, other, ""));
        Assert.Equal("ann", Assert.Single((await RowsAsync(server, boss, "&of=all")).Select(r => (string?)r!["key"]).Distinct()));
        Assert.Empty((await AskAsync(server, boss, "/v1/usage?of=all&month=2001-02")).Body["rows"]!.AsArray());
        foreach (var wrong in new[] { "month=2026-13", "month=0000-01", "month=9999-12", "from=2026-11-02&to=2026-11-01",
            "from=2020-01-01&to=2026-01-01", "from=x", "of=ann", "format=CSV", "format=xml" })
            Assert.Equal((wrong, HttpStatusCode.BadRequest), (wrong, (await AskAsync(server, boss, "/v1/usage?" + wrong)).Status));
        var csv = (await AskAsync(server, boss, $"/v1/usage{Now()}&of=all&format=csv")).Text.Split("\r\n");
        Assert.Equal("day,key,owner,kind,model,sessions,seconds,frames,bytes", csv[0]);
        Assert.Equal(["ann", "live", "passthrough"], csv[1].Split(',') is var cells ? [cells[1], cells[3], cells[4]] : []);
    }

    [Fact]
    public async Task Rows_of_the_most_that_a_machine_may_count_do_not_take_the_sums_of_others_away()
    {
        await using var server = await RunningServer.StartAsync(o => o.DataFolder = _data);
        var row = new UsageRow(Today, "a", "local", "", UsageKind.Live, "ink", 1, 1, 1, 1_000_000_000_000_000);
        Assert.True(row.IsSound);
        server.Services.GetRequiredService<UsageLedger>().Take([row, row with { Source = "b" }, row with { Source = "c" }]);
        var (status, text, _) = await AskAsync(server, null, $"/v1/usage{Now()}&of=all");
        Assert.True(status == HttpStatusCode.OK, text);
        Assert.Equal(3, (await RowsAsync(server, null, "")).Sum(r => (long)r!["sessions"]!));
    }

    [Fact]
    public async Task A_key_that_asks_for_many_readings_at_once_waits_for_its_own_and_is_refused_beyond_that()
    {
        await using var server = await RunningServer.StartAsync(o => o.DataFolder = _data);
        // A disk that hangs: whoever reads a pipe waits for one who writes.
        var pipe = Path.Combine(Directory.CreateDirectory(Path.Combine(_data, "usage")).FullName, $"{Today:yyyy-MM-dd}.x.json");
        using (var made = Process.Start("mkfifo", [pipe]))
            await made.WaitForExitAsync(Cancel);
        var asked = Enumerable.Range(0, 10).Select(_ => AskAsync(server, null, "/v1/usage" + Now())).ToList();
        var first = await Task.WhenAny(asked);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await first).Status);
        await using (new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0))
            File.Delete(pipe);
        Assert.Equal(9, (await Task.WhenAll(asked)).Count(a => a.Status == HttpStatusCode.OK));
    }

    private static DateOnly Today => DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);

    // A day may end meanwhile.
    private static string Now() => $"?from={Today.AddDays(-1):yyyy-MM-dd}&to={Today.AddDays(1):yyyy-MM-dd}";

    private string Make(string name, KeyScopes scopes) => ApiKeyFile.Create(Path.Combine(_data, "api-keys.json"), name, scopes,
        TimeProvider.System.GetUtcNow(), null);

    private static async Task<JsonArray> RowsAsync(RunningServer server, string? key, string query) =>
        (await AskAsync(server, key, "/v1/usage" + Now() + query)).Body["rows"]!.AsArray();

    private static async Task<(HttpStatusCode Status, string Text, JsonNode Body)> AskAsync(RunningServer server, string? key, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await server.Http.SendAsync(request, Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        return (answer.StatusCode, text, text.StartsWith('{') ? JsonNode.Parse(text)! : new JsonObject());
    }
}
