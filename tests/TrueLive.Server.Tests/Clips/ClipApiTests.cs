using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Models;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Capacity;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Tests.Live.Sessions;

namespace TrueLive.Server.Tests.Clips;

public sealed class ClipApiTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private const string Ann = "key-of-ann-long-enough", Ben = "key-of-ben-long-enough";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_film_goes_up_is_rendered_with_events_and_comes_back_in_ranges()
    {
        await using var server = await ClipServer.StartAsync(files);
        var sent = await server.SendFileAsync(await server.FilmAsync("api film.mp4"));
        Assert.Equal(HttpStatusCode.Created, sent.StatusCode);
        var upload = await ClipServer.JsonAsync(sent);
        Assert.Equal((256, 192, 15.0, false, "api_film.mp4"),
            ((int)upload["width"]!, (int)upload["height"]!, (double)upload["fps"]!, (bool)upload["has_audio"]!, (string)upload["name"]!));

        var made = await server.Http.PostAsJsonAsync("/v1/clips",
            new { upload = (string)upload["id"]!, prompts = "0s ink; 0.5s neon" }, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, made.StatusCode);
        var job = await ClipServer.JsonAsync(made);
        Assert.Equal("clip", (string)job["tier"]!);
        Assert.StartsWith("Tier 1", (string)job["tier_means"]!, StringComparison.Ordinal);
        var told = await server.FollowAsync(job);
        var (last, done) = told[^1];
        Assert.Equal(("end", "done", 15L), (last, (string)done["state"]!, (long)done["frames_done"]!));
        Assert.All(told.SkipLast(1), t => Assert.Equal("progress", t.Event));

        var url = (string)done["result"]!["url"]!;
        var whole = await server.Http.GetByteArrayAsync(url, Cancel);
        Assert.Equal((long)done["result"]!["bytes"]!, whole.Length);
        using var range = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Range = new RangeHeaderValue(100, 199) } };
        var part = await server.Http.SendAsync(range, Cancel);
        Assert.Equal((HttpStatusCode.PartialContent, "video/mp4"), (part.StatusCode, part.Content.Headers.ContentType!.MediaType));
        Assert.Equal(whole[100..200], await part.Content.ReadAsByteArrayAsync(Cancel));

        // The source can be downloaded unchanged, and always as a film.
        var from = (string)(await server.Http.GetFromJsonAsync<JsonNode>(made.Headers.Location, Cancel))!["source_url"]!;
        var source = await server.Http.GetAsync(from, Cancel);
        Assert.Equal(("video/mp4", "nosniff", "sandbox"),
            (source.Content.Headers.ContentType!.MediaType, Assert.Single(source.Headers.GetValues("X-Content-Type-Options")),
            Assert.Single(source.Headers.GetValues("Content-Security-Policy"))));
        Assert.Equal(await File.ReadAllBytesAsync(files["api film.mp4"], Cancel), await source.Content.ReadAsByteArrayAsync(Cancel));

        Assert.Single((await server.Http.GetFromJsonAsync<JsonNode>("/v1/clips", Cancel))!["clips"]!.AsArray());
        await server.Http.DeleteAsync($"/v1/uploads/{upload["id"]}", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync(from, Cancel)).StatusCode);
        Assert.Null((await server.Http.GetFromJsonAsync<JsonNode>(made.Headers.Location, Cancel))!["source_url"]);
        await server.Http.DeleteAsync(made.Headers.Location, Cancel);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync(made.Headers.Location, Cancel)).StatusCode);
        Assert.Empty(Left(server));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Prompt_is_one_prompt_and_prompts_is_a_schedule()
    {
        await using var server = await ClipServer.StartAsync(files);
        var upload = await server.UploadAsync(await server.FilmAsync("words.mp4", 0.4));
        foreach (var prompt in new[] { "oil painting; soft light", "#anime", "16:9 ink", "3s pencil" })
            Assert.Equal("0s " + prompt, (string)(await server.ClipAsync(new { upload, prompt }))["prompts"]!);
        var job = await server.ClipAsync(new { upload, prompts = @"0s oil\; soft; 9s neon" });
        Assert.Equal(@"0s oil\; soft; 9s neon", (string)job["prompts"]!);
        var done = (await server.FollowAsync(job))[^1].Job;
        Assert.Contains(done["notes"]!.AsArray(), n => ((string)n!).Contains("after the clip's end", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("phone.jpg", "-f|lavfi|-i|color=white:s=128x96|-frames:v|1")]
    [InlineData("old.avi", "-f|lavfi|-i|color=white:s=128x96:r=10:d=0.5|-c:v|huffyuv")]
    [InlineData("moving.gif", "-f|lavfi|-i|color=white:s=128x96:r=10:d=0.5")]
    public async Task Every_upload_has_a_picture_that_any_browser_shows(string name, string make)
    {
        await using var server = await ClipServer.StartAsync(files, o => o.ApiKeys = [Ann]);
        var upload = await ClipServer.JsonAsync(await server.SendFileAsync(await files.MakeAsync(name, make.Split('|')), Ann));
        var url = (string)upload["preview_url"]!;
        var answer = await server.Http.GetAsync(url, Cancel);
        Assert.Equal((HttpStatusCode.OK, "image/jpeg"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
        using var jpeg = new TrueLive.Media.Codecs.JpegCodec();
        using var picture = jpeg.Decode(await answer.Content.ReadAsByteArrayAsync(Cancel), new TrueLive.Core.Frames.FramePool("preview"))!;
        Assert.Equal((128, 96), (picture.Width, picture.Height));
        Assert.InRange(picture.Y[0], 230, 255);
        Assert.Equal(HttpStatusCode.Unauthorized,
            (await server.Http.GetAsync(url[..url.IndexOf('?', StringComparison.Ordinal)], Cancel)).StatusCode);
    }

    [Theory]
    [InlineData("mov", "video/quicktime")]
    [InlineData("mkv", "video/x-matroska")]
    [InlineData("webm", "video/webm")]
    [InlineData("gif", "image/gif")]
    [InlineData("png", "application/zip")]
    [Trait("Run", "long")]
    public async Task Every_format_has_its_type(string format, string type)
    {
        await using var server = await ClipServer.StartAsync(files);
        var job = await server.ClipAsync(new { upload = await server.UploadAsync(await server.FilmAsync("formats.mp4", 0.4)), format });
        var done = (await server.FollowAsync(job))[^1].Job;
        Assert.Equal("done", (string)done["state"]!);
        Assert.Equal(type, (await server.Http.GetAsync((string)done["result"]!["url"]!, Cancel)).Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task What_is_no_film_is_refused_and_nothing_stays()
    {
        await using var server = await ClipServer.StartAsync(files, o => o.ClipUploadMb = 1);
        var letter = files["letter.mp4"];
        await File.WriteAllTextAsync(letter, "Dear server, this is no film.", Cancel);
        var refused = await server.SendFileAsync(letter);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, refused.StatusCode);
        Assert.Contains("letter.mp4", (string)(await ClipServer.JsonAsync(refused))["detail"]!, StringComparison.Ordinal);
        await File.WriteAllBytesAsync(letter, new byte[(1 << 20) + 1], Cancel);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await server.SendFileAsync(letter)).StatusCode);
        Assert.Empty(Left(server));
    }

    [Theory]
    [InlineData("{}", 422, "one source")]
    [InlineData("{\"upload\":\"../../etc/passwd\"}", 404, "no such upload")]
    [InlineData("{\"url\":\"http://127.0.0.1:1/x.mp4\"}", 422, "clip_url_hosts")]
    [InlineData("{\"url\":\"file:///etc/passwd\"}", 422, "not an http")]
    [InlineData("{\"upload\":\"UPLOAD\",\"prompts\":\"3s a; 1s b\"}", 422, "order of time")]
    [InlineData("{\"upload\":\"UPLOAD\",\"strength\":2}", 422, "strength")]
    [InlineData("{\"upload\":\"UPLOAD\",\"size\":\"big\"}", 422, "size")]
    [InlineData("{\"upload\":\"UPLOAD\",\"format\":\"avi\"}", 422, "format")]
    [InlineData("{\"upload\":\"UPLOAD\",\"model\":\"none\"}", 422, "model")]
    [InlineData("{\"upload\":\"UPLOAD\",\"webhook\":\"http://10.0.0.1/\"}", 422, "webhook_hosts")]
    public async Task A_request_that_cannot_be_met_says_what_to_change(string body, int status, string words)
    {
        await using var server = await ClipServer.StartAsync(files);
        if (body.Contains("UPLOAD", StringComparison.Ordinal))
            body = body.Replace("UPLOAD", await server.UploadAsync(await server.FilmAsync("bad.mp4", 0.2)), StringComparison.Ordinal);
        var answer = await server.Http.PostAsync("/v1/clips",
            new StringContent(body, System.Text.Encoding.UTF8, "application/json"), Cancel);
        Assert.Equal(status, (int)answer.StatusCode);
        var problem = await ClipServer.JsonAsync(answer);
        Assert.Contains(words, (string)problem["detail"]!, StringComparison.Ordinal);
        Assert.Equal("clip", (string)problem["tier"]!);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_key_sees_only_its_own_and_a_signed_link_opens_only_what_it_names()
    {
        await using var server = await ClipServer.StartAsync(files, o => o.ApiKeys = [Ann, Ben]);
        var upload = await ClipServer.JsonAsync(await server.SendFileAsync(await server.FilmAsync("own.mp4", 0.2), Ann));
        Assert.Equal(HttpStatusCode.NotFound,
            (await AskAsync(server, Ben, HttpMethod.Post, "/v1/clips", new { upload = (string)upload["id"]! })).StatusCode);
        var job = await ClipServer.JsonAsync(await AskAsync(server, Ann, HttpMethod.Post, "/v1/clips",
            new { upload = (string)upload["id"]! }));
        var path = $"/v1/clips/{job["id"]}";
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, Ann, HttpMethod.Get, path)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync(server, Ben, HttpMethod.Get, path)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync(server, Ben, HttpMethod.Delete, path)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync(path, Cancel)).StatusCode);
        var done = (await server.FollowAsync(job))[^1].Job;
        var link = (string)done["result"]!["url"]!;
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(link, Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized,
            (await server.Http.GetAsync(link.Replace("/result", "", StringComparison.Ordinal), Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync(link[..^2] + "00", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_key_has_limits_on_open_clips_and_on_disk()
    {
        await using var server = await ClipServer.StartAsync(files, o => (o.ClipOpen, o.ClipDiskMb) = (1, 1));
        var client = await GoLiveAsync(server);
        var upload = await server.UploadAsync(await server.FilmAsync("limits.mp4", 0.2));
        Assert.Equal(HttpStatusCode.Accepted, (await server.Http.PostAsJsonAsync("/v1/clips", new { upload }, Cancel)).StatusCode);
        var second = await server.Http.PostAsJsonAsync("/v1/clips", new { upload }, Cancel);
        Assert.Equal(HttpStatusCode.TooManyRequests, second.StatusCode);
        var full = files["full.bin"];
        await File.WriteAllBytesAsync(full, new byte[1 << 20], Cancel);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await server.SendFileAsync(full)).StatusCode);
        client.Vanish();
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Clips_stand_still_while_somebody_is_live_and_can_be_cancelled_at_once()
    {
        await using var server = await ClipServer.StartAsync(files);
        var client = await GoLiveAsync(server);
        var upload = await server.UploadAsync(await server.FilmAsync("yield.mp4"));
        var job = await server.ClipAsync(new { upload });
        JsonNode now;
        do
        {
            now = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/clips/{job["id"]}", Cancel))!;
        }
        while (!(bool)now["waits_for_live"]!);
        Assert.Equal(("running", 0L), ((string)now["state"]!, (long)now["frames_done"]!));
        await server.Http.DeleteAsync($"/v1/clips/{job["id"]}", Cancel);
        Assert.Equal("cancelled", (string)(await server.FollowAsync(job))[^1].Job["state"]!);

        var next = await server.ClipAsync(new { upload });
        client.Vanish();
        Assert.Equal("done", (string)(await server.FollowAsync(next))[^1].Job["state"]!);
        while (Directory.Exists(Path.Combine(server.Data, "clips", "work", (string)job["id"]!)))
            await Task.Yield();
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_clip_in_work_makes_no_step_while_live_pictures_flow()
    {
        // Until pictures flow it waits in a step, so that it cannot be done before.
        using var steps = new SemaphoreSlim(0);
        var pool = new TrueLive.Core.Frames.FramePool("beside");
        var slow = new HoldingModel(pool, new(1, 1, 0)) { Gate = steps };
        await using var server = await ClipServer.StartAsync(files, models: [new PassthroughModel(), slow]);
        var upload = await server.UploadAsync(await server.FilmAsync("beside.mp4", 20));
        JsonNode job;
        async Task<JsonNode> NowAsync() => (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/clips/{job["id"]}", Cancel))!;
        await using (var live = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip")))
        {
            await live.PicturesAsync(1);
            var session = (string)(await server.Http.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel))!["sessions"]![0]!["id"]!;
            async Task PauseAsync(bool paused) =>
                (await server.Http.PatchAsJsonAsync($"/v1/sessions/{session}", new { paused }, Cancel)).EnsureSuccessStatusCode();
            await PauseAsync(true);
            job = await server.ClipAsync(new { upload, model = "holding" });
            steps.Release(10);
            while ((long)(await NowAsync())["frames_done"]! == 0)
                await Task.Yield();
            await PauseAsync(false);
            steps.Release(1000);
            // Frames in progress when the live session began are still written; then nothing moves.
            JsonNode before;
            var count = -1L;
            do
            {
                before = await NowAsync();
                (var same, count) = (count == (long)before["frames_done"]!, (long)before["frames_done"]!);
                if (same && (bool)before["waits_for_live"]!)
                    break;
                await live.PicturesAsync(10);
            }
            while (true);
            Assert.Equal("running", (string)before["state"]!);
            await live.PicturesAsync(60);
            var after = await NowAsync();
            Assert.Equal((count, true), ((long)after["frames_done"]!, (bool)after["waits_for_live"]!));
        }
        Assert.Equal("done", (string)(await server.FollowAsync(job))[^1].Job["state"]!);
    }

    private static IEnumerable<string> Left(ClipServer server) =>
        new[] { "uploads", "results", "work" }.Select(f => Path.Combine(server.Data, "clips", f)).Where(Directory.Exists)
            .SelectMany(Directory.EnumerateFileSystemEntries);

    internal static async Task<StillVideo> GoLiveAsync(ClipServer server)
    {
        var registry = server.Services.GetRequiredService<SessionRegistry>();
        // A session that fills the machine, according to a measurement made up for its size.
        var admission = server.Services.GetRequiredService<Admission>();
        admission.Learn(new FrameCost("passthrough", 514, 290, 1, 1000.0 / admission.TargetRate * admission.Cores * Admission.Budget, 12));
        var hosted = registry.Create(new SessionRequest(null, "514x290", null, null));
        var client = new StillVideo();
        _ = registry.RunAsync(hosted, "test", client, client, Cancel);
        while (hosted.Session.State != Core.Sessions.SessionState.Live)
            await Task.Yield();
        return client;
    }

    private static async Task<HttpResponseMessage> AskAsync(
        ClipServer server, string key, HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await server.Http.SendAsync(request, Cancel);
    }
}
