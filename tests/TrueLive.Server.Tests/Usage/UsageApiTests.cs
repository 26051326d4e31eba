using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Server.Access;
using TrueLive.Server.Tests.Http;

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
            await NativeClient.UntilAsync(async () => (await RowsAsync(server, ann, "")).Count == 1);
        }
        var row = Assert.Single(await RowsAsync(server, ann, ""))!;
        Assert.Equal(("ann", "live", "passthrough", 1L), ((string?)row["key"], (string?)row["kind"], (string?)row["model"],
            (long)row["sessions"]!));
        Assert.True((long)row["frames"]! > 0 && (long)row["bytes"]! > 0, row.ToJsonString());
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
        Assert.Equal("ann", (string?)Assert.Single(await RowsAsync(server, boss, "?of=all"))!["key"]);
        Assert.Empty(await RowsAsync(server, boss, "?of=all&month=2001-02"));
        foreach (var wrong in new[] { "month=2026-13", "month=0000-01", "month=9999-12", "from=2026-11-02&to=2026-11-01",
            "from=2020-01-01&to=2026-01-01", "from=x", "of=ann" })
            Assert.Equal((wrong, HttpStatusCode.BadRequest), (wrong, (await AskAsync(server, boss, "/v1/usage?" + wrong)).Status));
        var csv = (await AskAsync(server, boss, "/v1/usage?of=all&format=csv")).Text.Split("\r\n");
        Assert.Equal(("day,key,owner,kind,model,sessions,seconds,frames,bytes", 3), (csv[0], csv.Length));
        Assert.Equal(["ann", "live", "passthrough"], csv[1].Split(',') is var cells ? [cells[1], cells[3], cells[4]] : []);
    }

    private string Make(string name, KeyScopes scopes) => ApiKeyFile.Create(Path.Combine(_data, "api-keys.json"), name, scopes,
        TimeProvider.System.GetUtcNow(), null);

    private static async Task<JsonArray> RowsAsync(RunningServer server, string key, string query) =>
        (await AskAsync(server, key, "/v1/usage" + query)).Body["rows"]!.AsArray();

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
