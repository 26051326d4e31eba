using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Models;
using TrueLive.Media.Tests.Files;
using TrueLive.Models.Onnx;
using TrueLive.Server.Interactive;
using TrueLive.Server.Tests.Clips;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Interactive;

public sealed class InteractiveSocketTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static IReadOnlyList<IVideoModel> Network() =>
        [OnnxVideoModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "live-tiny"), 1, TimeProvider.System),
            new PassthroughModel()];

    private static async Task<JsonNode> OpenAsync(ClipServer server, object body)
    {
        var answer = await server.Http.PostAsJsonAsync("/v1/interactive", body, Cancel);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return await ClipServer.JsonAsync(answer);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_tweak_gives_a_preview_then_a_coarse_pass_then_every_frame_with_measured_times()
    {
        await using var server = await ClipServer.StartAsync(files, models: Network());
        var clip = await OpenAsync(server, new
        {
            upload = await server.UploadAsync(await server.FilmAsync("tweak.mp4", 2)),
            size = "256x192",
        });
        Assert.Equal(("interactive", 30, "256x192"), ((string)clip["tier"]!, (int)clip["source"]!["frames"]!, (string)clip["size"]!));
        await using var page = await InteractiveClient.OpenAsync(server, clip);
        await page.SendAsync(new { type = "tweak", id = "t1", prompt = "ink", playhead_s = 1.0 });
        Assert.Equal("0s ink", (string)(await page.UntilAsync(m => (string?)m["id"] == "t1"))["revision"]!["prompts"]!);
        await page.UntilAsync(m => m["revision"]?["to_preview_ms"] is not null);
        Assert.Equal((0, 15), ((int)page.Pictures[(1, 15)].Pass, page.Pictures.Keys.Single().Index));
        await page.UntilAsync(m => m["revision"]?["to_playable_ms"] is not null);
        Assert.Equal(8, page.Pictures.Count(p => p.Key.Index % 4 == 0 && p.Value.Pass >= 1));
        var full = await page.FullAsync(1);
        Assert.Equal(30, page.Pictures.Count(p => p.Value.Pass == 2));
        Assert.True((double)full["to_preview_ms"]! < (double)full["to_playable_ms"]!
            && (double)full["to_playable_ms"]! <= (double)full["to_full_ms"]!);

        // A change from 1.5 s on starts from a saved memory, and earlier frames are reused.
        await page.SendAsync(new { type = "tweak", id = "t2", prompts = "0s ink; 1.5s neon" });
        var second = await page.FullAsync(2);
        Assert.Equal(15, (int)second["reused_frames"]!);
        Assert.Equal(page.Pictures[(1, 10)].Jpeg, page.Pictures[(2, 10)].Jpeg);
        Assert.NotEqual(page.Pictures[(1, 29)].Jpeg, page.Pictures[(2, 29)].Jpeg);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_camera_recording_without_a_length_is_a_film_and_no_still_and_takes_no_seed()
    {
        await using var server = await ClipServer.StartAsync(files, models: Network());
        var recording = await files.MakeAsync("camera.webm", "-f", "lavfi", "-i", "testsrc2=s=256x192:r=15:d=2", "-c:v", "libvpx",
            "-deadline", "realtime", "-f", "webm", "-live", "1");
        Assert.Equal("N/A", await files.AskAsync(recording, "-show_entries", "format=duration", "-of", "csv=p=0"));
        var clip = await OpenAsync(server, new { upload = await server.UploadAsync(recording), size = "256x192" });
        Assert.Equal(30, (int)clip["source"]!["frames"]!);
        await using var page = await InteractiveClient.OpenAsync(server, clip);
        await page.SendAsync(new { type = "tweak", id = "s", prompt = "ink", seed = 7 });
        Assert.Contains("no", (string)(await page.UntilAsync(m => (string?)m["id"] == "s" && (string)m["type"]! == "error"))["reason"]!,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task No_key_takes_all_interactive_clips_where_there_are_several()
    {
        const string Ann = "key-of-ann-long-enough", Ben = "key-of-ben-long-enough";
        await using var server = await ClipServer.StartAsync(files, o => (o.ApiKeys, o.InteractiveClips) = ([Ann, Ben], 2));
        var film = await server.FilmAsync("shared.mp4", 0.2);
        async Task<HttpStatusCode> AskAsync(string key)
        {
            var upload = await ClipServer.JsonAsync(await server.SendFileAsync(film, key));
            Assert.Equal("clip", (string)upload["tier"]!);
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/interactive")
            { Content = JsonContent.Create(new { upload = (string)upload["id"]!, size = "256x192" }) };
            request.Headers.Authorization = new("Bearer", key);
            return (await server.Http.SendAsync(request, Cancel)).StatusCode;
        }
        // Concurrent requests: a clip that is still loading counts.
        Assert.Equal([HttpStatusCode.Created, HttpStatusCode.TooManyRequests], (await Task.WhenAll(AskAsync(Ann), AskAsync(Ann))).Order());
        Assert.Equal(HttpStatusCode.Created, await AskAsync(Ben));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Revisions_are_named_branched_compared_selected_and_exported()
    {
        await using var server = await ClipServer.StartAsync(files, models: Network());
        var clip = await OpenAsync(server, new
        {
            upload = await server.UploadAsync(await server.FilmAsync("branch.mp4")),
            size = "256x192",
        });
        await using var page = await InteractiveClient.OpenAsync(server, clip);
        await page.SendAsync(new { type = "tweak", prompt = "ink" });
        await page.FullAsync(1);
        await page.SendAsync(new { type = "name", id = "n", revision = 1, name = "first" });
        Assert.Equal("first", (string)(await page.UntilAsync(m => (string?)m["id"] == "n"))["revision"]!["name"]!);
        await page.SendAsync(new { type = "tweak", prompt = "noir", strength = 0.5, trim = new { start_s = 0.2, end_s = 0.8 } });
        Assert.Equal((3, 12), ((int)(await page.FullAsync(2))["first"]!, (int)page.Messages[^1]["revision"]!["end"]!));
        await page.SendAsync(new { type = "branch", id = "b", revision = 1, strength = 0.7 });
        var branch = (await page.UntilAsync(m => (string?)m["id"] == "b"))["revision"]!;
        Assert.Equal((1L, "0s ink", 0.7f), ((long)branch["parent"]!, (string)branch["prompts"]!, (float)branch["strength"]!));
        await page.FullAsync(3);

        page.Pictures.Clear();
        await page.SendAsync(new { type = "compare", id = "c", a = 0, b = 1 });
        var compared = await page.UntilAsync(m => (string?)m["id"] == "c");
        Assert.Equal(15, (int)compared["frames"]!);
        Assert.True((double)compared["mean_difference"]! > 1);
        Assert.Equal(30, page.Pictures.Count);
        page.Pictures.Clear();
        await page.SendAsync(new { type = "select", id = "s", revision = 2 });
        await page.UntilAsync(m => (string)m["type"]! == "selected");
        Assert.Equal(9, page.Pictures.Count);

        foreach (var wrong in new object[] { new { type = "dance" }, new { type = "select", revision = 99 },
            new { type = "tweak", strength = 7 }, new { type = "tweak", model = "none" },
            new { type = "tweak", trim = new { start_s = 5 } }, new { type = "name", revision = 1 } })
        {
            await page.SendAsync(wrong);
            Assert.NotEmpty((string)(await page.UntilAsync(m => (string)m["type"]! == "error"))["reason"]!);
        }

        await page.SendAsync(new { type = "export", id = "e", revision = 2 });
        var exported = (await page.UntilAsync(m => (string?)m["id"] == "e"))["clip"]!;
        Assert.Equal("clip", (string)exported["tier"]!);
        await page.DisposeAsync();
        var done = (await server.FollowAsync(exported))[^1].Job;
        Assert.Equal(("done", 9L), ((string)done["state"]!, (long)done["frames_done"]!));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Fifty_tweaks_lose_nothing_leak_nothing_and_end_with_the_last_one()
    {
        var models = Network();
        await using var server = await ClipServer.StartAsync(files, models: models);
        var clip = await OpenAsync(server, new
        {
            upload = await server.UploadAsync(await server.FilmAsync("fifty.mp4", 2)),
            size = "256x192",
        });
        await using (var page = await InteractiveClient.OpenAsync(server, clip))
        {
            for (var i = 1; i <= 50; i++)
                await page.SendAsync(new { type = "tweak", id = $"t{i}", prompt = i % 2 == 0 ? "ink" : "oil", strength = i / 50.0 });
            var last = await page.FullAsync(50);
            Assert.Equal(1, (double)last["strength"]!);
            Assert.Equal(50, page.Messages.Select(m => (string?)m["id"]).Where(id => id?[0] == 't').Distinct().Count());
            Assert.Equal(30, page.Pictures.Count(p => p.Key.Revision == 50 && p.Value.Pass == 2));
        }
        var state = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/interactive/{clip["id"]}", Cancel))!;
        Assert.Equal(50, state["revisions"]!.AsArray().Count);
        Assert.All(state["revisions"]!.AsArray().SkipLast(1), r => Assert.Contains((string)r!["state"]!, new[] { "superseded", "full" }));
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync($"/v1/interactive/{clip["id"]}", Cancel)).StatusCode);
        Assert.Equal(0, server.Services.GetRequiredService<InteractiveRegistry>().Count);
        // A picture may still be being encoded.
        await NativeClient.UntilAsync(() => ((OnnxVideoModel)models[0]).FramesOut == 0);
    }

    [Fact]
    public async Task A_second_connection_takes_over_and_finds_everything()
    {
        await using var server = await ClipServer.StartAsync(files);
        var clip = await OpenAsync(server, new
        {
            upload = await server.UploadAsync(await server.FilmAsync("again.mp4")),
            size = "256x192",
        });
        await using var first = await InteractiveClient.OpenAsync(server, clip);
        await first.SendAsync(new { type = "tweak", prompt = "" });
        await first.FullAsync(1);
        await using var second = await InteractiveClient.OpenAsync(server, clip);
        Assert.Single(second.Messages[0]["revisions"]!.AsArray());
        await Assert.ThrowsAsync<InvalidOperationException>(() => first.UntilAsync(_ => false));
        await second.SendAsync(new { type = "select", revision = 1 });
        await second.UntilAsync(m => (string)m["type"]! == "selected");
        Assert.Equal(15, second.Pictures.Count);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_still_is_held_and_limits_are_said_in_words()
    {
        await using var server = await ClipServer.StartAsync(files, o => o.InteractiveClips = 1);
        var still = await server.UploadAsync(await files.MakeAsync("still.png", "-f", "lavfi", "-i", "testsrc2=s=256x192",
            "-frames:v", "1"));
        var clip = await OpenAsync(server, new { upload = still, still_s = 1, size = "256x192" });
        Assert.Equal(25, (int)clip["source"]!["frames"]!);
        var full = await server.Http.PostAsJsonAsync("/v1/interactive", new { upload = still }, Cancel);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, full.StatusCode);
        await server.Http.DeleteAsync($"/v1/interactive/{clip["id"]}", Cancel);
        foreach (var (body, words) in new (object, string)[]
            { (new { }, "one source"), (new { upload = still, still_s = 60 }, "still_s"),
            (new { upload = still, trim = new { start_s = 0, end_s = 30 } }, "at most 20 s"),
            (new { upload = still, model = "none" }, "model") })
        {
            var refused = await server.Http.PostAsJsonAsync("/v1/interactive", body, Cancel);
            Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
            Assert.Contains(words, (string)(await ClipServer.JsonAsync(refused))["detail"]!, StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.NotFound,
            (await server.Http.PostAsJsonAsync("/v1/interactive", new { session = "none" }, Cancel)).StatusCode);
    }
}
