using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Media.Tests.Files;
using TrueLive.Models.Masks;
using TrueLive.Server.Tests.Clips;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Tests.Interactive;
using TrueLive.Tests.Shared;

namespace TrueLive.Server.Tests.Models;

/// <summary>The mask in every interface. Nobody is in the pictures, so all of them are background.</summary>
public sealed class MaskTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private const string Source = "color=gray:s=128x64:r=10:d=0.8";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static IReadOnlyList<IVideoModel> Models() =>
        [MaskedModel.Of(new PaintingModel(), TimeProvider.System), MaskedModel.Of(new PassthroughModel(), TimeProvider.System)];

    [Fact]
    public async Task Live_it_is_accepted_and_applied_like_a_prompt_in_the_trace_of_each_frame_and_nobody_is_told_of()
    {
        await using var server = await RunningServer.StartAsync(models: Models());
        await using var client = await JpegClient.ConnectAsync(server.Address, "size=128x64");
        await client.MessageAsync("session");
        var (plain, _) = await client.SendUntilPictureAsync();
        Assert.Null(plain["mask"]);
        await client.SayAsync("""{"type":"prompt","id":"a","text":"blur the background"}""");
        var accepted = await client.SendUntilAsync("accepted");
        Assert.Equal(("person", "blur"), ((string)accepted["prompt"]!["mask"]!["on"]!, (string)accepted["prompt"]!["mask"]!["rest"]!));
        Assert.Equal("The look is on the person only; the background is blurred.", (string)accepted["prompt"]!["note"]!);
        Assert.Equal((long)accepted["prompt"]!["revision"]!,
            (long)(await client.SendUntilAsync("applied"))["first_frame"]!["revision"]!);
        var trace = await TraceOfAsync(client, (long)accepted["prompt"]!["revision"]!);
        Assert.Equal(("person", "blur", 0), ((string)trace["on"]!, (string)trace["rest"]!, (double)trace["person"]!));
        Assert.True((double)trace["ms"]! > 0);
        var stats = await client.SendAtPaceUntilAsync(TimeSpan.FromMilliseconds(50), "stats", m => m["nobody"] is not null, Cancel);
        Assert.Equal("No person is seen: everything counts as background.", (string)stats["nobody"]!);
        Assert.True((double)stats["mask_p50_ms"]! > 0);

        // Another model has it as well, and what is set wins over the words.
        await client.SayAsync("""{"type":"model","id":"b","model":"passthrough"}""");
        await client.SendUntilAsync("accepted");
        await client.SayAsync("""{"type":"set","id":"c","values":{"mask_on":"background","mask_rest":"green"}}""");
        accepted = await client.SendUntilAsync("accepted");
        trace = await TraceOfAsync(client, (long)accepted["prompt"]!["revision"]!);
        Assert.Equal(("background", "green"), ((string)trace["on"]!, (string)trace["rest"]!));
        await client.SayAsync("""{"type":"set","id":"d","values":{"mask_rest":"plaid"}}""");
        Assert.Contains("must be one of", (string)(await client.SendUntilAsync("rejected"))["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_a_clip_a_revision_and_a_journal_it_is_what_it_is_live()
    {
        var models = Models();
        await using var server = await ClipServer.StartAsync(files, models: models);
        var upload = await server.UploadAsync(await files.MakeAsync("masked.mkv", "-f", "lavfi", "-i", Source, "-pix_fmt", "yuv420p"));

        var job = await server.ClipAsync(new
        {
            upload,
            format = "mkv",
            prompts = "0s ink; 0.6s on a white background",
            values = "0s level=60 mask_on=background; 0.4s mask_on=\"as prompted\""
        });
        var shown = await server.LevelsAsync((await server.FollowAsync(job))[^1].Job, 60, 235);
        Assert.Equal([60, 60, 60, 60, 60, 60, 235, 235], shown);

        var clip = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/interactive",
            new { upload, size = "128x64" }, Cancel));
        await using var page = await InteractiveClient.OpenAsync(server, clip);
        await page.SendAsync(new { type = "tweak", id = "a", values = new { level = 60 } });
        await page.FullAsync(1);
        await page.SendAsync(new { type = "tweak", id = "b", prompt = "only me, on a black background" });
        var second = await page.FullAsync(2);
        Assert.Equal("The look is on the person only; the background is black.", (string)second["note"]!);
        Assert.NotEqual(page.Pictures[(1, 3)].Jpeg, page.Pictures[(2, 3)].Jpeg);

        var journal = await server.JournalAsync(new { size = "128x64", values = new { level = 60 } }, 4, 2,
            new PromptChange("on a white background", null, TimeSpan.Zero));
        Assert.Equal([default, new KeepMask(MaskArea.Person, MaskRest.White)],
            server.CuesOf(journal, models[0]).Select(c => KeepMask.Of(c.Prompt)));
    }

    private static async Task<JsonNode> TraceOfAsync(JpegClient client, long revision)
    {
        while (true)
        {
            var (trace, _) = await client.SendUntilPictureAsync();
            if ((long)trace["revision"]! == revision && trace["mask"] is { } mask)
                return mask;
        }
    }
}
