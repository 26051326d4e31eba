using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Clips;
using TrueLive.Clips.Tests;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Tests.Clips;

/// <summary>Servers with one queue and one folder for its files.</summary>
public sealed class SharedClipsTests(MadeFiles files, PostgresServer postgres)
    : IClassFixture<MadeFiles>, IClassFixture<PostgresServer>, IAsyncLifetime
{
    private readonly string _store = Directory.CreateTempSubdirectory("truelive-store-").FullName;
    private string _database = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _database = await postgres.NewDatabaseAsync();

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_store, true);
        return ValueTask.CompletedTask;
    }

    private Task<ClipServer> StartAsync(Action<ServerOptions>? change = null) => ClipServer.StartAsync(files, o =>
    {
        (o.ClipStore, o.ClipDatabase) = (_store, _database);
        change?.Invoke(o);
    });

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        while (!await holds())
            await timer.WaitForNextTickAsync(Cancel);
    }

    [Fact]
    public async Task What_is_sent_to_one_server_is_made_and_handed_out_by_any_and_its_links_open_at_each()
    {
        await using var one = await StartAsync();
        await using var other = await StartAsync();
        var upload = await one.UploadAsync(await one.FilmAsync("shared.mp4", 0.4));
        Assert.Equal("shared.mp4", (string)(await other.Http.GetFromJsonAsync<JsonNode>($"/v1/uploads/{upload}", Cancel))!["name"]!);
        var job = await other.ClipAsync(new { upload });
        Assert.Equal("done", (string)(await one.FollowAsync(job))[^1].Job["state"]!);
        var done = (await one.Http.GetFromJsonAsync<JsonNode>($"/v1/clips/{job["id"]}", Cancel))!;
        var link = (string)done["result"]!["url"]!;
        Assert.Equal(await one.Http.GetByteArrayAsync(link, Cancel), await other.Http.GetByteArrayAsync(link, Cancel));
        Assert.Equal((long)done["result"]!["bytes"]!, (await other.Http.GetByteArrayAsync(link, Cancel)).Length);
        using (await other.Http.DeleteAsync($"/v1/clips/{job["id"]}", Cancel)) { }
        Assert.Equal(HttpStatusCode.NotFound, (await one.Http.GetAsync(link, Cancel)).StatusCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_store, "results")));
    }

    [Fact]
    public async Task Clips_of_one_key_are_no_other_keys_at_any_server_and_its_share_of_the_disk_is_counted_over_all()
    {
        const string Ann = "ann's key of this test", Ben = "ben's key of this test";
        void Keys(ServerOptions o) => (o.ApiKeys, o.ClipDiskMb) = ([Ann, Ben], 1);
        await using var one = await StartAsync(Keys);
        await using var other = await StartAsync(Keys);
        var full = files["half.bin"];
        var film = await File.ReadAllBytesAsync(await one.FilmAsync("keyed.mp4", 0.4), Cancel);
        // A box that readers skip.
        await File.WriteAllBytesAsync(full, [.. film, 0, 10, 0, 0, .. "free"u8, .. new byte[0xa0000 - 8]], Cancel);
        var sent = await one.SendFileAsync(full, Ann);
        var upload = (string)(await ClipServer.JsonAsync(sent))["id"]!;
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await other.SendFileAsync(full, Ann)).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await other.SendFileAsync(full, Ben)).StatusCode);
        foreach (var (key, status) in new[] { (Ann, HttpStatusCode.OK), (Ben, HttpStatusCode.NotFound) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/uploads/{upload}");
            request.Headers.Authorization = new("Bearer", key);
            Assert.Equal(status, (await other.Http.SendAsync(request, Cancel)).StatusCode);
        }
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_server_that_lost_its_job_leaves_no_result_and_the_job_ends_once()
    {
        await using var server = await StartAsync();
        var client = await ClipApiTests.GoLiveAsync(server);
        var job = await server.ClipAsync(new { upload = await server.UploadAsync(await server.FilmAsync("lost.mp4", 0.4)) });
        // It stands, with its lease, because somebody is live.
        await UntilAsync(async () => (string)(await JobAsync(server, job))["state"]! == "running");
        // To another server, whose clock is ahead, the lease has expired.
        var ahead = new FakeTimeProvider(TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1));
        await using var database = await ClipDatabase.OpenPostgresAsync(_database, Cancel);
        var thief = new ClipQueue(database, new ClipQueueOptions(), ahead);
        ClipJob? claimed = null;
        await UntilAsync(async () => (claimed = await thief.ClaimAsync(Cancel)) is not null);
        var results = Path.Combine(_store, "results", claimed!.Id);
        await UntilAsync(() => Task.FromResult(Directory.Exists(results) && Directory.GetDirectories(results) is []));
        client.Vanish();
        Assert.True(await thief.ReleaseAsync(claimed!, counts: false, Cancel));
        var done = (await server.FollowAsync(job))[^1].Job;
        Assert.Equal(("done", 6L), ((string)done["state"]!, (long)done["frames_done"]!));
        var kept = Assert.Single(Directory.EnumerateDirectories(results));
        Assert.Equal((await thief.FindAsync(claimed.Id, Cancel))!.Result, Path.GetFileName(kept));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task With_a_folder_that_is_not_mounted_jobs_wait_and_nothing_is_taken_until_it_is_back()
    {
        await using var server = await StartAsync(o =>
            (o.ClipUrlHosts, o.WebhookHosts, o.WebhookSecret) = (["films.example"], ["hooks.example"], "a secret of this test"));
        var film = await server.FilmAsync("mount.mp4", 0.4);
        var upload = await server.UploadAsync(film);
        var client = await ClipApiTests.GoLiveAsync(server);
        var job = await server.ClipAsync(new { upload });
        // From here on it writes nothing before its next step, which waits for the end of the live session.
        await UntilAsync(() => Task.FromResult(Directory.Exists(Path.Combine(_store, "work"))
            && Directory.EnumerateFiles(Path.Combine(_store, "work"), "progress.json", SearchOption.AllDirectories).Any()));
        Directory.Move(_store, _store + "-away");
        Directory.CreateDirectory(_store);
        var refused = await server.SendFileAsync(film);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Contains("Is it mounted", (string)(await ClipServer.JsonAsync(refused))["detail"]!, StringComparison.Ordinal);
        await UntilAsync(async () => (await server.Http.GetAsync("/readyz", Cancel)).StatusCode == HttpStatusCode.ServiceUnavailable);
        using (var ordered = await server.Http.PostAsJsonAsync("/v1/clips",
            new { url = "https://films.example/film.mp4", webhook = "https://hooks.example/" }, Cancel))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ordered.StatusCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_store));
        Directory.Move(_store, _store + "-below");
        Directory.Move(_store + "-away", _store);
        Directory.Delete(_store + "-below", true);
        client.Vanish();
        Assert.Equal("done", (string)(await server.FollowAsync(job))[^1].Job["state"]!);
    }

    [Fact]
    public async Task A_database_that_was_named_by_mistake_takes_and_deletes_nothing_of_another_queues_folder()
    {
        var film = "";
        string result;
        await using (var right = await StartAsync())
        {
            film = await right.FilmAsync("mistake.mp4", 0.4);
            var job = await right.ClipAsync(new { upload = await right.UploadAsync(film) });
            Assert.Equal("done", (string)(await right.FollowAsync(job))[^1].Job["state"]!);
            result = Directory.EnumerateDirectories(Path.Combine(_store, "results", (string)job["id"]!)).Single();
        }
        var before = Everything();
        var mistaken = await postgres.NewDatabaseAsync();
        await using var server = await StartAsync(o => o.ClipDatabase = mistaken);
        async Task RefusedAsync()
        {
            foreach (var refused in new[] { await server.SendFileAsync(film), await server.Http.GetAsync("/v1/clips", Cancel) })
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
                Assert.Contains("is clip_database the right one?", await refused.Content.ReadAsStringAsync(Cancel),
                    StringComparison.Ordinal);
            }
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.Http.GetAsync("/readyz", Cancel)).StatusCode);
            Assert.True(Directory.Exists(result));
        }
        await RefusedAsync();
        Assert.Equal(before, Everything());
        // Nor does it take one without an id that holds jobs which it does not know.
        File.Delete(Path.Combine(_store, "queue-id"));
        await RefusedAsync();
        Directory.Delete(Path.Combine(_store, "work"), true);
        Directory.Delete(Path.Combine(_store, "results"), true);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/v1/clips", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await server.SendFileAsync(film)).StatusCode);

        string[] Everything() => [.. Directory.EnumerateFileSystemEntries(_store, "*", SearchOption.AllDirectories).Order()];
    }

    [Fact]
    public async Task Until_the_database_has_answered_nothing_is_taken_into_the_folder()
    {
        await using var server = await StartAsync(o => o.ClipDatabase = "Host=127.0.0.1;Port=1;Database=none");
        Assert.Equal(HttpStatusCode.ServiceUnavailable,
            (await server.SendFileAsync(await server.FilmAsync("early.mp4", 0.4))).StatusCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_store));
    }

    private static async Task<JsonNode> JobAsync(ClipServer server, JsonNode job) =>
        (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/clips/{job["id"]}", Cancel))!;
}
