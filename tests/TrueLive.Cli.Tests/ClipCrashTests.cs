using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Clips.Tests;

namespace TrueLive.Cli.Tests;

[Trait("Run", "long")]
public sealed class ClipCrashTests(PostgresServer postgres) : IClassFixture<PostgresServer>, IDisposable
{
    private const int Jobs = 4;

    private readonly string _data = Directory.CreateTempSubdirectory("truelive-crash-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_data, true);

    [Theory]
    [InlineData("SQLite")]
    [InlineData("PostgreSQL", Traits = ["Run", "full"])]
    public async Task Clips_all_finish_exactly_once_though_the_server_is_killed_in_the_middle(string database)
    {
        string[] flags = ["--data-folder", _data, "--model-threads", "1",
            .. database == "PostgreSQL" ? new[] { "--clip-database", await postgres.NewDatabaseAsync() } : []];
        var film = Path.Combine(_data, "film.mp4");
        using (var ffmpeg = Process.Start("ffmpeg", ["-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=192x192:r=10:d=0.5",
            "-pix_fmt", "yuv420p", film]))
            await ffmpeg.WaitForExitAsync(Cancel);
        var ids = new List<string>();
        string log;
        await using (var first = await ServerProcess.StartAsync(flags))
        {
            using var http = new HttpClient { BaseAddress = new Uri(first.Address) };
            using var body = new ByteArrayContent(await File.ReadAllBytesAsync(film, Cancel));
            var upload = await (await http.PostAsync("/v1/uploads", body, Cancel)).Content.ReadFromJsonAsync<JsonNode>(Cancel);
            for (var i = 0; i < Jobs; i++)
            {
                var made = await http.PostAsJsonAsync("/v1/clips",
                    new { upload = (string)upload!["id"]!, prompt = "ink", size = "192x192" }, Cancel);
                ids.Add((string)(await made.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["id"]!);
            }
            using var often = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            while ((await StatesAsync(http)).All(s => s != "done"))
                await often.WaitForNextTickAsync(Cancel);
            await first.KillAsync();
            log = first.Log;
        }
        await using var second = await ServerProcess.StartAsync(flags);
        using var again = new HttpClient { BaseAddress = new Uri(second.Address) };
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        string[] states;
        while ((states = await StatesAsync(again)).Any(s => s is "queued" or "running"))
            await look.WaitForNextTickAsync(Cancel);
        Assert.Equal(Enumerable.Repeat("done", Jobs), states);
        foreach (var id in ids)
        {
            var job = (await again.GetFromJsonAsync<JsonNode>($"/v1/clips/{id}", Cancel))!;
            Assert.Equal((5L, true), ((long)job["frames_done"]!, (int)job["attempts"]! <= 2));
            Assert.NotEmpty(await again.GetByteArrayAsync((string)job["result"]!["url"]!, Cancel));
            Assert.InRange((log + second.Log).Split($"Clip {id}: done").Length - 1, 0, 1);
        }
        // What a job worked in goes just after it is called done.
        while (Directory.EnumerateFileSystemEntries(Path.Combine(_data, "clips", "work")).Any())
            await look.WaitForNextTickAsync(Cancel);
    }

    private static async Task<string[]> StatesAsync(HttpClient http) =>
        [.. (await http.GetFromJsonAsync<JsonNode>("/v1/clips?limit=100", Cancel))!["clips"]!.AsArray().Select(c => (string)c!["state"]!)];
}
