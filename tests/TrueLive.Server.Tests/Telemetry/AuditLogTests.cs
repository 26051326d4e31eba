using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Telemetry;

public sealed class AuditLogTests : IDisposable
{
    private const string Key = "a-key-of-enough-characters";
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-audit-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Log => Path.Combine(_data, "audit.log");

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task It_tells_who_did_what_from_where_refusals_too_and_no_secret()
    {
        await using (var server = await RunningServer.StartAsync(o => (o.DataFolder, o.ApiKeys) = (_data, [Key])))
        {
            await Ask(server, HttpMethod.Post, "/v1/sessions?prompt=a-private-thing", Key, "{}");
            await Ask(server, HttpMethod.Get, "/v1/sessions", Key);
            await Ask(server, HttpMethod.Get, "/v1/journals", Key);
            await Ask(server, HttpMethod.Get, "/v1/sessions", "a-wrong-key-of-some-length");
        }
        var entries = (await File.ReadAllLinesAsync(Log, Cancel)).Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.Equal(
            ["api_keys[0] POST /v1/sessions 201", "api_keys[0] GET /v1/journals 200", "none GET /v1/sessions 401"],
            entries.Select(e => $"{e["key"]} {e["method"]} {e["path"]} {e["status"]}"));
        Assert.All(entries, e => Assert.Equal("127.0.0.1", (string)e["from"]!));
        var text = await File.ReadAllTextAsync(Log, Cancel);
        foreach (var secret in new[] { Key, "a-wrong-key", "a-private-thing" })
            Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Log));
    }

    [Fact]
    public async Task It_begins_a_new_file_when_one_is_full_and_keeps_a_few()
    {
        await File.WriteAllBytesAsync(Log, new byte[1 << 20], Cancel);
        for (var i = 1; i < 5; i++)
            await File.WriteAllTextAsync($"{Log}.{i}", $"{i}", Cancel);
        await using (var server = await RunningServer.StartAsync(o => (o.DataFolder, o.ApiKeys, o.AuditMb) = (_data, [Key], 1)))
            await Ask(server, HttpMethod.Post, "/v1/sessions", Key, "{}");
        Assert.Single(await File.ReadAllLinesAsync(Log, Cancel));
        Assert.Equal(1 << 20, new FileInfo(Log + ".1").Length);
        Assert.Equal("3", await File.ReadAllTextAsync(Log + ".4", Cancel));
        Assert.Equal(5, Directory.EnumerateFiles(_data, "audit.log*").Count());
    }

    [Fact]
    public async Task Without_keys_there_is_nobody_to_tell_of_and_no_file()
    {
        await using (var server = await RunningServer.StartAsync(o => o.DataFolder = _data))
            await Ask(server, HttpMethod.Post, "/v1/sessions", null, "{}");
        Assert.False(File.Exists(Log));
    }

    private static async Task Ask(RunningServer server, HttpMethod method, string path, string? key, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path)
        { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        await server.Http.SendAsync(request, Cancel);
    }
}
