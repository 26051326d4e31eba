using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Media.Tests.Files;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Models;

/// <summary>A diffusion pipeline in a folder, live and in a clip, as a user runs it.</summary>
public sealed class DiffusionTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static FolderModel Load() => ModelLoader.Load(Path.Combine(Samples(), "tiny-diffusion"), 1, TimeProvider.System);

    private static string Samples()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "TrueLive.slnx")))
            root = root.Parent!;
        return Path.Combine(root.FullName, "samples", "models");
    }

    [Fact]
    public void The_test_pipeline_is_small_says_what_it_is_for_and_is_offered_by_nobody_who_did_not_add_it()
    {
        var folder = Path.Combine(Samples(), "tiny-diffusion");
        Assert.InRange(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length), 1, 1_000_000);
        Assert.Contains("for tests", ModelManifest.Load(folder).Title, StringComparison.Ordinal);
        Assert.DoesNotContain("tiny-diffusion", ModelFolders.In(new ServerOptions { DataFolder = Path.GetTempPath() }.ModelPlaces)
            .Select(Path.GetFileName));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_camera_goes_through_it_live_and_each_picture_names_its_prompt()
    {
        var model = Load();
        await using var server = await RunningServer.StartAsync(models: [model, new PassthroughModel()]);
        await using var client = await JpegClient.ConnectAsync(server.Address, "model=tiny-diffusion&size=128x64&prompt=ink");
        var hello = await client.MessageAsync("session");
        Assert.Equal(("tiny-diffusion", "128x64"), ((string?)hello["model"], (string?)hello["size"]));
        long source = -1;
        for (var n = 0; n < 4; n++)
        {
            var (trace, _) = await client.SendUntilPictureAsync();
            Assert.Equal(("tiny-diffusion", "generated"), ((string?)trace["model"], (string?)trace["origin"]));
            Assert.True((long)trace["media_time"]! > source);
            source = (long)trace["media_time"]!;
        }
    }

    [Fact]
    public async Task A_still_camera_is_shown_repeats_that_are_labelled_and_not_counted_as_made()
    {
        await using var server = await RunningServer.StartAsync(models: [Load(), new PassthroughModel()]);
        await using var client = await JpegClient.ConnectAsync(server.Address, "model=tiny-diffusion&size=128x64&prompt=ink");
        await client.MessageAsync("session");
        await client.SendUntilPictureAsync();
        await client.SayAsync("""{"type":"set","id":"a","values":{"similarity":0.98}}""");
        var revision = (long)(await client.SendUntilAsync("applied"))["first_frame"]!["revision"]!;
        var still = client.Still();
        var origins = new HashSet<string>();
        while (!origins.Contains("repeated") || !origins.Contains("generated"))
        {
            var trace = await client.SendUntilTraceAsync(still);
            Assert.Equal((revision, "tiny-diffusion"), ((long)trace["revision"]!, (string?)trace["model"]));
            origins.Add((string)trace["origin"]!);
        }
        Assert.DoesNotContain("passed_through", origins);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_clip_goes_through_it_and_comes_out_the_same_twice()
    {
        var input = await files.MakeAsync("diffused-in.mkv", "-f", "lavfi", "-i", "testsrc2=s=128x64:r=10:d=0.8", "-pix_fmt", "yuv420p");
        using var model = Load();
        var sums = new List<string>();
        foreach (var output in new[] { "diffused-a.mp4", "diffused-b.mp4" })
        {
            Assert.True(PromptSchedule.TryParse("0s ink; 0.4s neon", out var prompts, out _));
            // Parts end by the clock, and each begins a new encoder, so a slow machine would get other bytes: one part for all.
            var settings = new ClipFileSettings
            {
                Input = input,
                Output = files[output],
                Prompts = prompts,
                Model = model,
                Format = ClipFormats.ForOutput(null, output),
                Part = TimeSpan.FromHours(1),
            };
            var result = await new ClipFileRender(settings, TimeProvider.System).RunAsync(CancellationToken.None, Cancel);
            Assert.Equal((8, true), (result.Frames, result.Complete));
            sums.Add(await files.AskAsync(files[output], "-show_entries", "packet=pts_time,size", "-of", "csv=p=0"));
        }
        Assert.Equal(sums[0], sums[1]);
        Assert.Equal(0, model.FramesOut);
    }
}
