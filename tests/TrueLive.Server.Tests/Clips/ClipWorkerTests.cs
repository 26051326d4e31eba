using System.IO.Compression;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Clips;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Clips;

namespace TrueLive.Server.Tests.Clips;

/// <summary>What happens to a job and its files when something goes wrong around it.</summary>
public sealed class ClipWorkerTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static async Task<JsonNode> UntilAsync(ClipServer server, JsonNode job, Func<JsonNode, bool> fits)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        while (true)
        {
            var now = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/clips/{job["id"]}", Cancel))!;
            if (fits(now))
                return now;
            Assert.True((string)now["state"]! is "queued" or "running", now.ToJsonString());
            await timer.WaitForNextTickAsync(Cancel);
        }
    }

    private static bool Stands(JsonNode job) => (string)job["state"]! == "running" && (bool)job["waits_for_live"]!;

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        while (!holds())
            await timer.WaitForNextTickAsync(Cancel);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_decoder_that_is_killed_costs_its_job_and_no_other()
    {
        await using var server = await ClipServer.StartAsync(files);
        var client = await ClipApiTests.GoLiveAsync(server);
        var upload = await server.UploadAsync(await server.FilmAsync("kill.mp4", 30));
        var job = await server.ClipAsync(new { upload });
        var next = await server.ClipAsync(new { upload = await server.UploadAsync(await server.FilmAsync("after.mp4", 0.4)) });
        Assert.Contains("live session", (string)(await UntilAsync(server, job, Stands))["note"]!, StringComparison.Ordinal);
        await ChildProcesses.SignalAsync(await ChildProcesses.OneOfAsync("rawvideo", upload), "KILL");
        client.Vanish();
        var failed = (await server.FollowAsync(job))[^1].Job;
        Assert.Equal("failed", (string)failed["state"]!);
        Assert.Contains("was killed", (string)failed["error"]!, StringComparison.Ordinal);
        Assert.Null(failed["result"]);
        Assert.Equal("done", (string)(await server.FollowAsync(next))[^1].Job["state"]!);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_job_whose_children_were_told_to_end_goes_on_instead_of_failing()
    {
        await using var server = await ClipServer.StartAsync(files);
        var client = await ClipApiTests.GoLiveAsync(server);
        var upload = await server.UploadAsync(await server.FilmAsync("term.mp4", 6));
        var job = await server.ClipAsync(new { upload });
        await UntilAsync(server, job, Stands);
        // What a service manager does to all processes of a unit.
        await ChildProcesses.SignalAsync(await ChildProcesses.OneOfAsync("rawvideo", upload), "TERM");
        client.Vanish();
        var done = (await server.FollowAsync(job))[^1].Job;
        Assert.Equal(("done", 90L, 2), ((string)done["state"]!, (long)done["frames_done"]!, (int)done["attempts"]!));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_server_that_stops_gives_its_job_back_and_the_next_one_ends_it()
    {
        var data = Directory.CreateTempSubdirectory("truelive-clips-again-").FullName;
        try
        {
            JsonNode job;
            await using (var first = await ClipServer.StartAsync(files, o => o.DataFolder = data))
            {
                await ClipApiTests.GoLiveAsync(first);
                var upload = await first.UploadAsync(await first.FilmAsync("again.mp4", 6));
                job = await first.ClipAsync(new { upload });
                // Running, and held up by the live session for as long as this server runs.
                await UntilAsync(first, job, Stands);
            }
            // A folder without a row must be deleted, and so must the files of a failed job.
            var orphan = Directory.CreateDirectory(Path.Combine(data, "clips", "results", ClipQueue.NewId())).FullName;
            await using var second = await ClipServer.StartAsync(files, o => o.DataFolder = data);
            var done = (await second.FollowAsync(job))[^1].Job;
            Assert.Equal(("done", 90L, 1), ((string)done["state"]!, (long)done["frames_done"]!,
                (int)done["attempts"]! is var a && a <= 2 ? 1 : a));
            await UntilAsync(() => !Directory.Exists(orphan) && !Directory.Exists(Path.Combine(data, "clips", "work", (string)job["id"]!)));
        }
        finally
        {
            Directory.Delete(data, true);
        }
    }

    [Fact]
    public async Task A_waiting_job_that_was_in_work_before_leaves_nothing_when_it_is_cancelled()
    {
        await using var server = await ClipServer.StartAsync(files);
        var client = await ClipApiTests.GoLiveAsync(server);
        var upload = await server.UploadAsync(await server.FilmAsync("waits.mp4", 0.4));
        var running = await server.ClipAsync(new { upload });
        await UntilAsync(server, running, Stands);
        var waiting = await server.ClipAsync(new { upload });
        var work = Directory.CreateDirectory(Path.Combine(server.Data, "clips", "work", (string)waiting["id"]!)).FullName;
        await server.Http.DeleteAsync($"/v1/clips/{waiting["id"]}", Cancel);
        Assert.False(Directory.Exists(work));
        client.Vanish();
        await server.FollowAsync(running);
    }

    [Fact]
    public async Task A_film_that_was_cut_off_is_rendered_as_far_as_it_goes_and_the_job_says_so()
    {
        await using var server = await ClipServer.StartAsync(files);
        var bytes = await File.ReadAllBytesAsync(await files.MakeAsync("whole-upload.mkv", "-f", "lavfi", "-i",
            "testsrc2=s=256x192:r=15:d=8", "-pix_fmt", "yuv420p"), Cancel);
        await File.WriteAllBytesAsync(files["cut-upload.mkv"], bytes[..(bytes.Length / 3)], Cancel);
        var done = (await server.FollowAsync(await server.ClipAsync(new
        { upload = await server.UploadAsync(files["cut-upload.mkv"]) })))[^1].Job;
        Assert.Equal("done", (string)done["state"]!);
        Assert.Contains("its pictures end at", (string)done["notes"]![0]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pictures_come_as_a_zip_that_says_its_tier()
    {
        await using var server = await ClipServer.StartAsync(files);
        var job = await server.ClipAsync(new { upload = await server.UploadAsync(await server.FilmAsync("zip.mp4", 0.4)), format = "png" });
        var done = (await server.FollowAsync(job))[^1].Job;
        using var zip = new ZipArchive(await server.Http.GetStreamAsync((string)done["result"]!["url"]!, Cancel));
        Assert.Equal(["000001.png", "000002.png", "000003.png", "000004.png", "000005.png", "000006.png", PictureZip.TierName],
            zip.Entries.Select(e => e.FullName).Order(StringComparer.Ordinal));
        using var text = new StreamReader(zip.GetEntry(PictureZip.TierName)!.Open());
        Assert.Contains("Tier 1", await text.ReadToEndAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_clip_cannot_have_is_refused_in_words()
    {
        await using var server = await ClipServer.StartAsync(files);
        var upload = await server.UploadAsync(await server.FilmAsync("refused.mp4", 0.2));
        foreach (var (asked, words) in new (object, string)[]
        {
            (new { upload, seed = 7 }, "no randomness"),
            (new { upload, prompt = "ink", prompts = "0s neon" }, "either prompt"),
            (new { upload, background = "octarine" }, "background is 'octarine'"),
        })
        {
            var answer = await server.Http.PostAsJsonAsync("/v1/clips", asked, Cancel);
            Assert.Equal(422, (int)answer.StatusCode);
            Assert.Contains(words, (string)(await ClipServer.JsonAsync(answer))["detail"]!, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_transparent_picture_is_laid_on_the_colour_that_was_asked_for()
    {
        await using var server = await ClipServer.StartAsync(files);
        var upload = await server.UploadAsync(await files.MakeAsync("through.png", "-f", "lavfi", "-i",
            "color=black@0:s=128x96,format=rgba", "-frames:v", "1"));
        var job = (await server.FollowAsync(await server.ClipAsync(new { upload, background = "#ffffff", format = "png" })))[^1].Job;
        Assert.Contains(job["notes"]!.AsArray(), n => (string)n! == "Where the picture is transparent, #ffffff is seen.");
        using var zip = new ZipArchive(await server.Http.GetStreamAsync((string)job["result"]!["url"]!, Cancel));
        var made = files["through-made.png"];
        await using (var picture = File.Create(made))
            await zip.GetEntry("000001.png")!.Open().CopyToAsync(picture, Cancel);
        await using var source = FileSource.Open(await MediaFile.OpenAsync(made, Cancel), 128, 96, new FramePool("made"));
        using var frame = (await source.ReadAsync(Cancel))!;
        Assert.InRange(frame.Y[frame.StrideY * 40 + 40], 200, 255);
    }
}
