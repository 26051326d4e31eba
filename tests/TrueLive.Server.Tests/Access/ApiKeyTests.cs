using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Access;

public sealed class ApiKeyTests : IDisposable
{
    private const string Key = "a-key-of-enough-characters";
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-keys-").FullName;
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(56));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private ServerOptions Options => new() { DataFolder = _data };

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task A_key_is_made_used_within_its_scopes_and_revoked_while_the_server_runs()
    {
        var watcher = ApiKeyFile.Create(Options.KeysPath, "watcher", KeyScopes.Watch | KeyScopes.Clips,
            TimeProvider.System.GetUtcNow(), null);
        Assert.DoesNotContain(watcher[ApiKeyFile.Prefix.Length..], await File.ReadAllTextAsync(Options.KeysPath, Cancel),
            StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Options.KeysPath));
        await using var server = await RunningServer.StartAsync(o => o.DataFolder = _data);
        Assert.Equal(HttpStatusCode.Unauthorized, await Ask(server, null, HttpMethod.Get, "/v1/uploads"));
        Assert.Equal(HttpStatusCode.OK, await Ask(server, watcher, HttpMethod.Get, "/v1/uploads"));
        Assert.Equal(HttpStatusCode.OK, await Ask(server, watcher, HttpMethod.Get, "/v1/capabilities"));
        foreach (var path in new[] { "/v1/sessions", "/v1/probes", "/metrics", "/whip", "/v1/live" })
            Assert.Equal((path, HttpStatusCode.Forbidden), (path, await Ask(server, watcher, HttpMethod.Post, path)));
        // Another key, made while it runs.
        var all = ApiKeyFile.Create(Options.KeysPath, "all", KeyScopes.All, TimeProvider.System.GetUtcNow(), null);
        await NativeClient.UntilAsync(async () => await Ask(server, all, HttpMethod.Get, "/v1/sessions") == HttpStatusCode.OK);
        Assert.True(ApiKeyFile.Revoke(Options.KeysPath, "watcher"));
        Assert.True(ApiKeyFile.Revoke(Options.KeysPath, "all"));
        await NativeClient.UntilAsync(async () => IsShut(await Ask(server, all, HttpMethod.Get, "/v1/sessions")));
        // Access stays denied although no key is left.
        Assert.True(IsShut(await Ask(server, watcher, HttpMethod.Get, "/v1/uploads")));
        Assert.True(IsShut(await Ask(server, null, HttpMethod.Get, "/v1/sessions")));

        // While the server has not yet noticed the change, each repeated request may count as a wrong key.
        static bool IsShut(HttpStatusCode answer) => answer is HttpStatusCode.Unauthorized or HttpStatusCode.TooManyRequests;
    }

    [Fact]
    public void A_key_ends_with_its_time_and_a_name_is_taken_once()
    {
        var key = ApiKeyFile.Create(Options.KeysPath, "week", KeyScopes.All, _time.GetUtcNow(), TimeSpan.FromDays(7));
        var ring = Ring();
        Assert.Equal("week", ring.Find(key)?.Name);
        _time.Advance(TimeSpan.FromDays(7.1));
        Assert.Null(ring.Find(key));
        Assert.Null(ring.Find(key + "0"));
        Assert.Throws<ArgumentException>(() => ApiKeyFile.Create(Options.KeysPath, "week", KeyScopes.All, _time.GetUtcNow(), null));
        Assert.Throws<ArgumentException>(() => ApiKeyFile.Create(Options.KeysPath, "../week", KeyScopes.All, _time.GetUtcNow(), null));
        Assert.False(ApiKeyFile.Revoke(Options.KeysPath, "nobody"));
    }

    [Fact]
    public void A_key_file_that_is_damaged_stops_the_start_and_not_a_server_that_runs()
    {
        var key = ApiKeyFile.Create(Options.KeysPath, "one", KeyScopes.All, _time.GetUtcNow(), null);
        var ring = Ring();
        File.WriteAllText(Options.KeysPath, "[{");
        File.SetLastWriteTimeUtc(Options.KeysPath, DateTime.UnixEpoch);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.NotNull(ring.Find(key));
        Assert.Contains("truelive keys create", Assert.Throws<ConfigurationException>(Ring).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    public void A_link_key_that_a_full_disk_left_empty_opens_nothing_and_is_made_anew(int length)
    {
        var ring = Ring(Key);
        var folders = new ClipFolders(Options);
        var file = Path.Combine(Directory.CreateDirectory(folders.Root).FullName, "link-key");
        File.WriteAllBytes(file, new byte[length]);
        var forged = new SignedLinks(folders, ring, Options, _time);
        const string Path1 = "/v1/sessions";
        var owner = ring.Find(Key)!.Owner;
        var until = _time.GetUtcNow().AddHours(2).ToUnixTimeSeconds() / 3600;
        var mac = Convert.ToHexStringLower(System.Security.Cryptography.HMACSHA256.HashData(new byte[length],
            System.Text.Encoding.UTF8.GetBytes($"{Path1}\n{until}\n{owner}")).AsSpan(0, 20));
        Assert.False(forged.Opens(Path1, $"{until}.{owner}.{mac}"));
        Assert.Equal(32, new FileInfo(file).Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public void Servers_that_start_together_make_one_link_key()
    {
        var ring = Ring(Key);
        var owner = ring.Find(Key)!.Owner;
        var folders = new ClipFolders(Options);
        var links = Enumerable.Range(0, 16).Select(_ => new SignedLinks(folders, ring, Options, _time)).ToArray();
        var signed = links.AsParallel().WithDegreeOfParallelism(16).Select(l => l.Sign("/v1/clips/x/result", owner)).ToArray();
        Assert.Single(signed.Distinct());
        Assert.Single(Directory.EnumerateFiles(folders.Root));
    }

    [Fact]
    public void No_link_key_is_made_in_a_shared_folder_before_it_is_known_to_be_the_queues()
    {
        var options = Options;
        options.ClipStore = Directory.CreateDirectory(Path.Combine(_data, "store")).FullName;
        var ring = Ring(Key);
        var owner = ring.Find(Key)!.Owner;
        var folders = new ClipFolders(options);
        var links = new SignedLinks(folders, ring, options, _time);
        string Sign() => links.Sign("/v1/clips/x/result", owner);
        Assert.Equal(Shortage.DatabaseGone, Assert.Throws<ShortageException>(Sign).Lacking);
        // Not mounted.
        folders.ExpectedId = "the queue's";
        Assert.Equal(Shortage.OtherFiles, Assert.Throws<ShortageException>(Sign).Lacking);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folders.Root));
        folders.ExpectedId = folders.Name();
        var link = Sign();
        // Live sessions have links also while only the database is away.
        var other = new SignedLinks(new ClipFolders(options), ring, options, _time);
        Assert.Equal(link, other.Sign("/v1/clips/x/result", owner));
    }

    [Fact]
    public void A_link_ends_with_its_time_and_with_the_key_of_its_owner()
    {
        var key = ApiKeyFile.Create(Options.KeysPath, "maker", KeyScopes.All, _time.GetUtcNow(), null);
        var ring = Ring();
        var links = new SignedLinks(new ClipFolders(Options), ring, Options, _time);
        var token = links.Sign("/v1/clips/x/result", ring.Find(key)!.Owner).Split("token=")[1];
        Assert.True(links.Opens("/v1/clips/x/result", token));
        Assert.False(links.Opens("/v1/clips/y/result", token));
        Assert.False(links.Opens("/v1/clips/x/result", token.Replace(token.Split('.')[0], "999999999", StringComparison.Ordinal)));
        ApiKeyFile.Revoke(Options.KeysPath, "maker");
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(links.Opens("/v1/clips/x/result", token));
        var again = Ring(Key);
        var other = new SignedLinks(new ClipFolders(Options), again, Options, _time);
        var late = other.Sign("/v1/clips/x/result", again.Find(Key)!.Owner).Split("token=")[1];
        _time.Advance(TimeSpan.FromHours(Options.ClipKeepHours + 1.1));
        Assert.False(other.Opens("/v1/clips/x/result", late));
    }

    [Fact]
    public async Task The_data_folder_is_for_the_servers_user_alone()
    {
        var data = Path.Combine(_data, "new", "data");
        await using (var server = await RunningServer.StartAsync(o => (o.DataFolder, o.ApiKeys) = (data, [Key])))
        {
            using var body = new ByteArrayContent("no film"u8.ToArray());
            body.Headers.Add("X-File-Name", "x.mp4");
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/uploads") { Content = body };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
            await server.Http.SendAsync(request, Cancel);
        }
        foreach (var folder in new[] { data, Path.Combine(data, "clips"), Path.Combine(data, "clips", "uploads") })
            Assert.Equal((folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute),
                (folder, File.GetUnixFileMode(folder)));
    }

    [Fact]
    public async Task What_the_clip_database_complains_of_is_not_told_to_clients()
    {
        await using var server = await RunningServer.StartAsync(o =>
            (o.DataFolder, o.ClipDatabase) = (_data, "Host=127.0.0.1;Port=9;Username=secret-user;Database=secret-name"));
        var answer = await server.Http.GetAsync("/v1/clips", Cancel);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        var words = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["detail"]!;
        Assert.DoesNotContain("127.0.0.1", words, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", words, StringComparison.Ordinal);
    }

    private ApiKeyRing Ring() => Ring([]);

    private ApiKeyRing Ring(params string[] keys) =>
        new(new ServerOptions { DataFolder = _data, ApiKeys = keys }, _time, NullLogger<ApiKeyRing>.Instance);

    private static async Task<HttpStatusCode> Ask(RunningServer server, string? key, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return (await server.Http.SendAsync(request, Cancel)).StatusCode;
    }
}
