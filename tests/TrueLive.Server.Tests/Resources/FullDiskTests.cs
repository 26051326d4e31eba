using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Tests.Clips;
using TrueLive.Server.Tests.Journals;

namespace TrueLive.Server.Tests.Resources;

/// <summary>A data folder on a disk that is really full, or really read-only.</summary>
public sealed class FullDiskTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Run", "long")]
    public async Task A_full_disk_is_told_in_words_everywhere_and_all_goes_on_when_there_is_room()
    {
        using var disk = SmallDisk.Mount(24);
        await using var server = await ClipServer.StartAsync(files, o => o.DataFolder = disk.Folder);
        var film = await server.FilmAsync("full.mp4");
        var upload = await server.UploadAsync(film);
        await ReadyAsync(server, r => r.Ready);
        disk.Fill();
        var short_ = await ReadyAsync(server, r => !r.Ready);
        Assert.Contains("disk is full", short_.Reason, StringComparison.Ordinal);
        Assert.Equal("disk", short_.Short);

        await IsFullAsync(await server.SendFileAsync(film));
        Assert.Single(Directory.GetDirectories(Path.Combine(disk.Folder, "clips", "uploads")));
        await IsFullAsync(await server.Http.PostAsJsonAsync("/v1/clips", new { upload }, Cancel));
        var session = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions", new { }, Cancel));
        await IsFullAsync(await server.Http.PostAsync($"/v1/sessions/{session["id"]}/journal", null, Cancel));
        await server.Http.DeleteAsync($"/v1/sessions/{session["id"]}", Cancel);

        disk.Empty();
        await ReadyAsync(server, r => r.Ready);
        Assert.Equal(HttpStatusCode.Created, (await server.SendFileAsync(film)).StatusCode);
        Assert.Equal("done", (string)(await server.FollowAsync(await server.ClipAsync(new { upload })))[^1].Job["state"]!);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_job_that_fills_the_disk_waits_with_its_reason_leaves_nothing_and_ends_when_there_is_room()
    {
        using var disk = SmallDisk.Mount(8);
        await using var server = await ClipServer.StartAsync(files, o => o.DataFolder = disk.Folder);
        var noise = await files.MakeAsync("noise.mp4", "-f", "lavfi", "-i", "nullsrc=s=256x192:r=15:d=4,geq=random(1)*255:128:128", "-crf",
            "26", "-pix_fmt", "yuv420p");
        var job = await server.ClipAsync(new { upload = await server.UploadAsync(noise), format = "png" });
        JsonNode now;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        do
        {
            await timer.WaitForNextTickAsync(Cancel);
            now = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/clips/{job["id"]}", Cancel))!;
        }
        while ((string)now["state"]! == "running" || (int)now["attempts"]! == 0);
        Assert.Equal("queued", (string)now["state"]!);
        Assert.StartsWith("Waits: The server's disk is full.", (string)now["note"]!, StringComparison.Ordinal);
        Assert.Empty(server.Services.GetRequiredService<ClipFolders>().JobsOnDisk());

        disk.Grow(96);
        var ended = (await server.FollowAsync(now))[^1].Job;
        Assert.True((string)ended["state"]! == "done", ended.ToJsonString());
        Assert.NotEmpty(await server.Http.GetByteArrayAsync((string)ended["result"]!["url"]!, Cancel));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_disk_that_turns_read_only_refuses_uploads_in_words_and_takes_them_again_later()
    {
        using var disk = SmallDisk.Mount(24);
        await using var server = await ClipServer.StartAsync(files, o => o.DataFolder = disk.Folder);
        var film = await server.FilmAsync("protected.mp4");
        var upload = await server.UploadAsync(film);
        await ReadyAsync(server, r => r.Ready);
        disk.Protect(readOnly: true);
        Assert.Contains("cannot write to its data folder", (await ReadyAsync(server, r => !r.Ready)).Reason, StringComparison.Ordinal);
        using var refused = await server.SendFileAsync(film);
        Assert.Equal(HttpStatusCode.InsufficientStorage, refused.StatusCode);
        Assert.Equal(upload, (string)(await server.Http.GetFromJsonAsync<JsonNode>("/v1/uploads", Cancel))!["uploads"]![0]!["id"]!);
        disk.Protect(readOnly: false);
        await ReadyAsync(server, r => r.Ready);
        Assert.Equal(HttpStatusCode.Created, (await server.SendFileAsync(film)).StatusCode);
    }

    [Fact]
    public async Task A_journal_whose_disk_fills_up_ends_with_the_reason_which_is_written_down_later()
    {
        using var disk = SmallDisk.Mount(4);
        await using var server = await ClipServer.StartAsync(files, o => o.DataFolder = disk.Folder);
        var session = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "256x192" }, Cancel));
        var begun = await ClipServer.JsonAsync(await server.Http.PostAsync($"/v1/sessions/{session["id"]}/journal", null, Cancel));
        var (registry, journals) = (server.Services.GetRequiredService<SessionRegistry>(),
            server.Services.GetRequiredService<JournalStore>());
        var hosted = registry.Find((string)session["id"]!)!;
        var recorder = hosted.Observer.Recorder!;
        // No picture is lost before the disk is full.
        var camera = new SteppedCamera(300, frame =>
            SpinWait.SpinUntil(() => frame - recorder.View.Frames < 8 || !recorder.View.Recording, TimeSpan.FromMinutes(5)), noise: true);
        await registry.RunAsync(hosted, "test", camera, camera, Cancel);
        await journals.WrittenAsync((string)begun["id"]!);
        disk.Fill();
        await server.Http.DeleteAsync($"/v1/sessions/{session["id"]}", Cancel);
        var ended = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/journals/{begun["id"]}", Cancel))!;
        Assert.False((bool)ended["recording"]!);
        Assert.Contains("disk is full", (string)ended["ended_because"]!, StringComparison.Ordinal);

        disk.Grow(16);
        journals.Expire();
        var options = new ServerOptions { DataFolder = disk.Folder };
        var later = new JournalStore(new ClipFolders(options), options, TimeProvider.System).Find("local", (string)begun["id"]!);
        Assert.Equal((string)ended["ended_because"]!, later!.View.EndedBecause);
    }

    private static async Task IsFullAsync(HttpResponseMessage answer)
    {
        Assert.Equal(HttpStatusCode.InsufficientStorage, answer.StatusCode);
        Assert.Contains("disk", (string)(await ClipServer.JsonAsync(answer))["detail"]!, StringComparison.Ordinal);
    }

    private static async Task<(bool Ready, string Reason, string? Short)> ReadyAsync(
        ClipServer server, Func<(bool Ready, string Reason, string? Short), bool> fits)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        while (true)
        {
            using var answer = await server.Http.GetAsync("/readyz", Cancel);
            var json = await ClipServer.JsonAsync(answer);
            var now = (answer.IsSuccessStatusCode, (string)json["reason"]!, (string?)json["short"]?[0]?["resource"]);
            if (fits(now) && !now.Item2.Contains("measured.", StringComparison.Ordinal) | now.Item1)
                return now;
            await timer.WaitForNextTickAsync(Cancel);
        }
    }
}
