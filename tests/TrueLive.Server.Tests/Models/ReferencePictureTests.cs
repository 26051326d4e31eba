using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Clips;
using TrueLive.Server.Tests.Interactive;
using TrueLive.Tests.Shared;

namespace TrueLive.Server.Tests.Models;

/// <summary>A reference picture, from the user's file to the pictures that a model makes with it.</summary>
public sealed class ReferencePictureTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    // 180 and 20 of 255, in studio range.
    private const int Light = 171;
    private const int Dark = 33;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_picture_is_sent_once_and_set_live_like_a_value()
    {
        await using var server = await ClipServer.StartAsync(files, models: [new PaintingModel()]);
        var id = await SendAsync(server, await GreyAsync("light", 180));
        await using var client = await JpegClient.ConnectAsync(server.Address, "size=128x64");
        await client.MessageAsync("session");
        await client.SendUntilPictureAsync();
        await client.SayAsync($$$"""{"type":"set","id":"a","values":{"reference":"{{{id}}}"}}""");
        var accepted = await client.SendUntilAsync("accepted");
        Assert.Equal(id, (string)accepted["prompt"]!["values"]!["reference"]!);
        Assert.Equal((long)accepted["prompt"]!["revision"]!, (long)(await client.SendUntilAsync("applied"))["first_frame"]!["revision"]!);
        // An unknown picture is refused; an empty value clears it.
        await client.SayAsync("""{"type":"set","id":"b","values":{"reference":"0123456789abcdef0123456789abcdef"}}""");
        Assert.Contains("POST /v1/pictures", (string)(await client.SendUntilAsync("rejected"))["reason"]!, StringComparison.Ordinal);
        await client.SayAsync("""{"type":"set","id":"c","values":{"reference":""}}""");
        Assert.Null((await client.SendUntilAsync("accepted"))["prompt"]!["values"]);
    }

    [Fact]
    public async Task What_is_no_picture_or_too_large_is_refused_and_leaves_nothing_behind()
    {
        await using var server = await ClipServer.StartAsync(files, models: [new PaintingModel()]);
        var film = await files.MakeAsync("film.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=0.5", "-pix_fmt", "yuv420p");
        foreach (var (body, status, words) in new (byte[], HttpStatusCode, string)[]
        {
            (await File.ReadAllBytesAsync(film, Cancel), HttpStatusCode.UnsupportedMediaType, "is a video"),
            ("no picture"u8.ToArray(), HttpStatusCode.UnsupportedMediaType, "cannot be read"),
            ([], HttpStatusCode.UnsupportedMediaType, "is empty"),
            (new byte[(16 << 20) + 1], HttpStatusCode.RequestEntityTooLarge, "larger than 16 MB"),
        })
        {
            var answer = await server.Http.PostAsync("/v1/pictures", new ByteArrayContent(body), Cancel);
            Assert.Equal(status, answer.StatusCode);
            Assert.Contains(words, (string)(await ClipServer.JsonAsync(answer))["detail"]!, StringComparison.Ordinal);
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(server.Data, "clips", "pictures")));

        // A large picture is stored in the size in which it is used, and only once.
        var large = await files.MakeAsync("large.png", "-f", "lavfi", "-i", "testsrc2=s=3000x1000", "-frames:v", "1");
        var sent = await ClipServer.JsonAsync(await PostAsync(server, large));
        Assert.Equal((768, 256), ((int)sent["width"]!, (int)sent["height"]!));
        Assert.Equal((string)sent["id"]!, await SendAsync(server, large));
        Assert.Equal([(string)sent["id"]!], Directory.EnumerateDirectories(Path.Combine(server.Data, "clips", "pictures"))
            .Select(Path.GetFileName));
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync($"/v1/pictures/{sent["id"]}", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.DeleteAsync($"/v1/pictures/{sent["id"]}", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.DeleteAsync("/v1/pictures/..%2Fuploads", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_picture_that_nobody_names_expires_and_the_same_one_may_come_many_times_at_once()
    {
        await using var server = await ClipServer.StartAsync(files, models: [new PaintingModel()]);
        var (light, dark) = (await SendAsync(server, await GreyAsync("light", 180)), await SendAsync(server, await GreyAsync("dark", 20)));
        foreach (var id in new[] { light, dark })
            Directory.SetLastWriteTimeUtc(Path.Combine(server.Data, "clips", "pictures", id), DateTime.UnixEpoch);
        var named = await server.Http.PostAsJsonAsync("/v1/sessions", new { values = new { reference = light } }, Cancel);
        Assert.Equal(HttpStatusCode.Created, named.StatusCode);
        var path = await GreyAsync("grey", 100);
        var sent = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => SendAsync(server, path)));
        Assert.Single(sent.Distinct());
        Assert.Equal(new[] { light, sent[0] }.Order(),
            Directory.EnumerateDirectories(Path.Combine(server.Data, "clips", "pictures")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_picture_is_its_keys_alone()
    {
        var (first, second, third) = ("", "", "");
        await using var server = await ClipServer.StartAsync(files, o => (first, second, third) =
            (Key(o, "one", KeyScopes.Publish), Key(o, "two", KeyScopes.Clips), Key(o, "three", KeyScopes.Watch)), [new PaintingModel()]);
        var light = await GreyAsync("light", 180);
        async Task<HttpResponseMessage> As(string key, HttpMethod method, string path, HttpContent? body = null)
        {
            using var request = new HttpRequestMessage(method, path) { Content = body };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            return await server.Http.SendAsync(request, Cancel);
        }
        var answer = await As(first, HttpMethod.Post, "/v1/pictures", new ByteArrayContent(await File.ReadAllBytesAsync(light, Cancel)));
        var id = (string)(await ClipServer.JsonAsync(answer))["id"]!;
        Assert.Equal(HttpStatusCode.NotFound, (await As(second, HttpMethod.Delete, $"/v1/pictures/{id}")).StatusCode);
        var refused = await As(second, HttpMethod.Post, "/v1/clips", JsonContent.Create(new { upload = "x", values = $"reference={id}" }));
        Assert.Contains("must be the id of a picture", (string)(await ClipServer.JsonAsync(refused))["detail"]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await As(third, HttpMethod.Post, "/v1/pictures")).StatusCode);
        // The same file of another key is another picture, so that nobody learns what others sent.
        var other = await As(second, HttpMethod.Post, "/v1/pictures", new ByteArrayContent(await File.ReadAllBytesAsync(light, Cancel)));
        Assert.NotEqual(id, (string)(await ClipServer.JsonAsync(other))["id"]!);
        Assert.Equal(HttpStatusCode.NoContent, (await As(first, HttpMethod.Delete, $"/v1/pictures/{id}")).StatusCode);
    }

    [Fact]
    public async Task A_clip_a_revision_and_its_export_are_made_with_the_picture_and_name_it()
    {
        await using var server = await ClipServer.StartAsync(files, models: [new PaintingModel()]);
        var upload = await server.UploadAsync(await files.MakeAsync("pictured.mkv", "-f", "lavfi", "-i", "testsrc2=s=128x64:r=10:d=0.4",
            "-pix_fmt", "yuv420p"));
        var (light, dark) = (await SendAsync(server, await GreyAsync("light", 180)), await SendAsync(server, await GreyAsync("dark", 20)));
        var schedule = $"0s reference={light}; 0.2s reference={dark}";
        var done = (await server.FollowAsync(await server.ClipAsync(new { upload, format = "mkv", values = schedule })))[^1].Job;
        Assert.Equal(schedule, (string)done["values"]!);
        Assert.Equal(new[] { Light, Light, Dark, Dark }, await LumaAsync(server, done));

        var clip = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/interactive",
            new { upload, size = "128x64" }, Cancel));
        await using var page = await InteractiveClient.OpenAsync(server, clip);
        await page.SendAsync(new { type = "tweak", id = "a", values = new { reference = light } });
        Assert.Equal(light, (string)(await page.FullAsync(1))["values"]!["reference"]!);
        // The next revision still uses the picture, though it was deleted from the server.
        await server.Http.DeleteAsync($"/v1/pictures/{dark}", Cancel);
        await page.SendAsync(new { type = "tweak", id = "b", values = new { invert = true } });
        Assert.Equal(["invert", "reference"], (await page.FullAsync(2))["values"]!.AsObject().Select(v => v.Key));
        await page.SendAsync(new { type = "tweak", id = "c", values = new { reference = dark } });
        Assert.Contains("must be the id of a picture", (string)(await page.UntilAsync(m => (string?)m["id"] == "c"))["reason"]!,
            StringComparison.Ordinal);
        await page.SendAsync(new { type = "export", id = "d", revision = 2, format = "mkv" });
        var exported = (await page.UntilAsync(m => (string?)m["type"] == "exported"))["clip"]!;
        Assert.All(await LumaAsync(server, (await server.FollowAsync(exported))[^1].Job),
            luma => Assert.Equal(PaintingModel.Luma(Light, inverted: true), luma));
    }

    [Fact]
    public async Task A_journal_holds_its_pictures_and_renders_the_same_after_they_were_deleted()
    {
        await using var server = await ClipServer.StartAsync(files, models: [new PaintingModel()]);
        var light = await SendAsync(server, await GreyAsync("light", 180));
        var journal = await server.JournalAsync(new { size = "256x192" }, 4, 2,
            new PromptChange(null, null, TimeSpan.Zero) { Values = [new("reference", light)] });
        await server.Http.DeleteAsync($"/v1/pictures/{light}", Cancel);
        var done = (await server.FollowAsync(await server.ClipAsync(new { journal, size = "256x192", format = "mkv" })))[^1].Job;
        Assert.Equal(new[] { 0, 0, Light, Light }, await LumaAsync(server, done));
    }

    private static string Key(ServerOptions options, string name, KeyScopes scopes) =>
        ApiKeyFile.Create(options.KeysPath, name, scopes, TimeProvider.System.GetUtcNow(), null);

    private Task<string> GreyAsync(string name, int level) =>
        files.MakeAsync($"{name}.png", "-f", "lavfi", "-i", $"color=s=96x64:d=1:c=0x{level:x2}{level:x2}{level:x2}", "-frames:v", "1");

    private static Task<HttpResponseMessage> PostAsync(ClipServer server, string path) =>
        server.Http.PostAsync("/v1/pictures", new StreamContent(File.OpenRead(path)), Cancel);

    private static async Task<string> SendAsync(ClipServer server, string path)
    {
        var answer = await PostAsync(server, path);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (string)(await ClipServer.JsonAsync(answer))["id"]!;
    }

    // The known level that each picture of a clip is nearest to.
    private static Task<int[]> LumaAsync(ClipServer server, JsonNode done) =>
        server.LevelsAsync(done, 0, Dark, Light, PaintingModel.Luma(Light, true));
}
