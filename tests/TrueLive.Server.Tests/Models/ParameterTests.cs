using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Tests.Clips;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Tests.Interactive;
using TrueLive.Tests.Shared;

namespace TrueLive.Server.Tests.Models;

/// <summary>Parameters that a model declares, in every interface; the model's pictures show the value in force.</summary>
public sealed class ParameterTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static IReadOnlyList<IVideoModel> Models() => [new PaintingModel(), new PassthroughModel()];

    [Fact]
    [Trait("Run", "long")]
    public async Task A_value_is_accepted_and_applied_live_like_a_prompt_and_what_is_not_taken_is_refused()
    {
        await using var server = await RunningServer.StartAsync(models: Models());
        var told = (await server.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", Cancel))!["models"]![0]!["parameters"]!.AsArray();
        Assert.Equal(["number live", "choice live", "flag live", "text live", "image live", "number load"],
            told.Select(p => $"{p!["kind"]} {p["when"]}"));
        await using var client = await JpegClient.ConnectAsync(server.Address, "size=128x64");
        await client.MessageAsync("session");
        await client.SendUntilPictureAsync();
        await client.SayAsync("""{"type":"set","id":"a","values":{"level":97,"invert":true}}""");
        var accepted = await client.SendUntilAsync("accepted");
        // The answer has the nearest step.
        Assert.Equal(("a", "95", "true"), ((string)accepted["id"]!, (string)accepted["prompt"]!["values"]!["level"]!,
            (string)accepted["prompt"]!["values"]!["invert"]!));
        var applied = await client.SendUntilAsync("applied");
        Assert.Equal(((long)accepted["prompt"]!["revision"]!, 0),
            ((long)applied["first_frame"]!["revision"]!, (int)applied["first_frame"]!["epoch"]!));

        await client.SayAsync("""{"type":"set","id":"b","values":{"level":500}}""");
        Assert.Contains("within 0..200", (string)(await client.SendUntilAsync("rejected"))["reason"]!, StringComparison.Ordinal);
        await client.SayAsync("""{"type":"set","id":"c"}""");
        Assert.Contains("names parameters", (string)(await client.SendUntilAsync("error"))["reason"]!, StringComparison.Ordinal);

        // A value that is not live begins a new epoch.
        await client.SayAsync("""{"type":"set","id":"d","values":{"detail":2}}""");
        Assert.Equal(1, (int)(await client.SendUntilAsync("applied"))["first_frame"]!["epoch"]!);
        // Another model has none of them.
        await client.SayAsync("""{"type":"model","id":"e","model":"passthrough"}""");
        Assert.Null((await client.SendUntilAsync("accepted"))["prompt"]!["values"]);
        await client.SayAsync("""{"type":"set","id":"f","values":{"level":1}}""");
        Assert.Contains("has no parameters", (string)(await client.SendUntilAsync("rejected"))["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Over_HTTP_values_are_set_with_a_session_and_later()
    {
        await using var server = await RunningServer.StartAsync(models: Models());
        var answer = await server.Http.PostAsJsonAsync("/v1/sessions", new { values = new { level = 40, caption = "two words" } }, Cancel);
        var made = (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
        Assert.Equal("two words", (string)made["prompt"]!["values"]!["caption"]!);
        var patched = await server.Http.PatchAsJsonAsync($"/v1/sessions/{made["id"]}", new { values = new { shape = "ramp" } }, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, patched.StatusCode);
        var values = (await patched.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["prompt"]!["values"]!.AsObject();
        Assert.Equal(["caption", "level", "shape"], values.Select(v => v.Key));
        Assert.Equal(HttpStatusCode.UnprocessableEntity,
            (await server.Http.PatchAsJsonAsync($"/v1/sessions/{made["id"]}", new { values = new { level = new[] { 1 } } },
            Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest,
            (await server.Http.PostAsJsonAsync("/v1/sessions", new { values = new { nothing = 1 } }, Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_journal_keeps_the_values_at_the_frames_at_which_they_applied()
    {
        var models = Models();
        await using var server = await ClipServer.StartAsync(files, models: models);
        var journal = await server.JournalAsync(new { size = "256x192", values = new { level = 20 } }, 12, 6,
            new PromptChange(null, null, TimeSpan.Zero) { Values = [new("level", "120")] });
        Assert.Equal([(0, "20"), (6, "120")], server.CuesOf(journal, models[0])
            .Select(c => ((int)Math.Round(c.At.TotalSeconds * 30), c.Prompt.Values.Text("level")!)));
        var done = (await server.FollowAsync(await server.ClipAsync(new { journal, size = "256x192", format = "mkv" })))[^1].Job;
        var shown = await LumaAsync(server, done);
        Assert.Equal([20, 20, 20, 20, 20, 20, 120, 120, 120, 120, 120, 120], shown);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_clip_follows_a_schedule_of_values_and_says_so()
    {
        await using var server = await ClipServer.StartAsync(files, models: Models());
        var upload = await server.UploadAsync(await files.MakeAsync("valued.mkv", "-f", "lavfi", "-i", "testsrc2=s=128x64:r=10:d=0.8",
            "-pix_fmt", "yuv420p"));
        var job = await server.ClipAsync(new { upload, format = "mkv", prompt = "ink", values = "0s level=60; 0.4s level=160" });
        Assert.Equal("0s level=60; 0.4s level=160", (string)job["values"]!);
        var done = (await server.FollowAsync(job))[^1].Job;
        var shown = await LumaAsync(server, done);
        Assert.Equal([60, 60, 60, 60, 160, 160, 160, 160], shown);
        foreach (var (body, words) in new (object, string)[]
        {
            (new { upload, values = "0s level=900" }, "within 0..200"),
            (new { upload, values = "brighter" }, "holds no values"),
            (new { upload, seed = 7 }, "no randomness"),
        })
        {
            var refused = await server.Http.PostAsJsonAsync("/v1/clips", body, Cancel);
            Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
            Assert.Contains(words, (string)(await ClipServer.JsonAsync(refused))["detail"]!, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_revision_is_made_under_its_values_and_the_next_goes_on_from_them()
    {
        await using var server = await ClipServer.StartAsync(files, models: Models());
        var upload = await server.UploadAsync(await files.MakeAsync("revised.mkv", "-f", "lavfi", "-i", "testsrc2=s=128x64:r=10:d=0.8",
            "-pix_fmt", "yuv420p"));
        var clip = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/interactive",
            new { upload, size = "128x64" }, Cancel));
        await using var page = await InteractiveClient.OpenAsync(server, clip);
        await page.SendAsync(new { type = "tweak", id = "a", values = new { level = 60 } });
        Assert.Equal("60", (string)(await page.FullAsync(1))["values"]!["level"]!);
        await page.SendAsync(new { type = "tweak", id = "b", values = new { invert = true } });
        var second = await page.FullAsync(2);
        Assert.Equal(["invert", "level"], second["values"]!.AsObject().Select(v => v.Key));
        Assert.Equal(0, (int)second["reused_frames"]!);
        Assert.NotEqual(page.Pictures[(1, 3)].Jpeg, page.Pictures[(2, 3)].Jpeg);
        // Nothing is made again under the same values.
        await page.SendAsync(new { type = "tweak", id = "c", parent = 1, values = new { level = 60 } });
        Assert.Equal(page.Pictures[(1, 3)].Jpeg, (await page.FullAsync(3) is not null ? page.Pictures[(3, 3)] : default).Jpeg);
        await page.SendAsync(new { type = "tweak", id = "d", values = new { level = "much" } });
        Assert.Contains("within 0..200", (string)(await page.UntilAsync(m => (string?)m["id"] == "d"))["reason"]!,
            StringComparison.Ordinal);
        await page.SendAsync(new { type = "export", id = "e", revision = 2, format = "mkv" });
        var exported = (await page.UntilAsync(m => (string?)m["type"] == "exported"))["clip"]!;
        var done = (await server.FollowAsync(exported))[^1].Job;
        Assert.All(await LumaAsync(server, done), luma => Assert.Equal(PaintingModel.Luma(60, inverted: true), luma));
    }

    private static Task<int[]> LumaAsync(ClipServer server, JsonNode done) =>
        server.LevelsAsync(done, 20, 60, 90, 120, 160, PaintingModel.Luma(60, true));
}
