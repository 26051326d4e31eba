using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Models;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Capacity;
using TrueLive.Server.Tests.Clips;
using TrueLive.Tests.Shared;

namespace TrueLive.Server.Tests.Capacity;

/// <summary>A model that makes too few pictures to be live.</summary>
public sealed class SlowModelTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_model_that_is_too_slow_to_be_live_says_so_with_its_rate_and_makes_clips()
    {
        await using var server = await ClipServer.StartAsync(files, models: [new PassthroughModel(), new PaintingModel()]);
        // What it measures at its start would replace the figures below.
        await server.Services.GetRequiredService<CapacityMeasurement>().Finished.WaitAsync(Cancel);
        var admission = server.Services.GetRequiredService<Admission>();
        // As if both had been measured: nothing is too slow that nobody could choose something else for.
        foreach (var id in new[] { "passthrough", "painting" })
            admission.Learn(new FrameCost(id, 512, 288, 800, 1500, 10));
        var models = (await server.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", Cancel))!["models"]!.AsArray();
        Assert.Equal([1.2, 1.2], models.Select(m => (double)m!["about_fps"]!));
        Assert.Equal(
            [null, "Painting makes about 1.2 frames per second on this machine, too few for a live picture. Render clips with it."],
            models.Select(m => (string?)m!["not_live"]));
        var upload = await server.UploadAsync(await files.MakeAsync("slow.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=5:d=0.4",
            "-pix_fmt", "yuv420p"));
        var done = (await server.FollowAsync(await server.ClipAsync(new { upload, model = "painting", format = "mkv" })))[^1].Job;
        Assert.Equal(("done", "painting"), ((string)done["state"]!, (string)done["model"]!));
    }
}
