using System.Net.Http.Json;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Tests.Files;
using TrueLive.Models.Onnx;
using TrueLive.Server.Tests.Clips;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Tests.Interactive;

namespace TrueLive.Server.Tests.Models;

/// <summary>A network of 257 x 257 pixels, as segmentation networks are made, in all three tiers.</summary>
public sealed class OddNetworkTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    // One operator, 1 - x, with input and output of [1, 3, 257, 257].
    private const string Invert =
        "CAgSBWNhc2VzOmcKEwoDb25lCgF4EgF5GgF5IgNTdWISAWcqDwgBEAFCA29uZUoEAACAP1odCgF4EhgKFggBEhIKAggBCgIIAwoDCIECCgMIgQJiHQoBeRIYChYIARISCgIIAQoCCAMKAwiBAgoDCIECQgQKABAR";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static IReadOnlyList<IVideoModel> Network()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-odd-");
        try
        {
            File.WriteAllBytes(Path.Combine(folder.FullName, "net.onnx"), Convert.FromBase64String(Invert));
            File.WriteAllText(Path.Combine(folder.FullName, "manifest.json"), """
                { "schema": "truelive-model/1", "id": "odd", "title": "Odd", "file": "net.onnx", "frame": { "input": "x" }, "output": { "name": "y" }, "size": { "width": 257, "height": 257 } }
                """);
            return [OnnxVideoModel.Load(folder.FullName, 1, TimeProvider.System)];
        }
        finally
        {
            folder.Delete(true);
        }
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_clip_and_an_interactive_clip_of_an_odd_network_are_made()
    {
        await using var server = await ClipServer.StartAsync(files, models: Network());
        var film = await server.UploadAsync(await server.FilmAsync("odd.mp4"));
        var done = (await server.FollowAsync(await server.ClipAsync(new { upload = film })))[^1].Job;
        var path = Path.Combine(server.Data, "odd.mp4");
        await File.WriteAllBytesAsync(path, await server.Http.GetByteArrayAsync((string)done["result"]!["url"]!, Cancel), Cancel);
        Assert.Equal("258,258,15", await files.AskAsync(path, "-select_streams", "v:0", "-count_frames", "-show_entries",
            "stream=width,height,nb_read_frames", "-of", "csv=p=0"));

        var clip = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/interactive", new { upload = film }, Cancel));
        Assert.Equal("258x258", (string)clip["size"]!);
        await using var page = await InteractiveClient.OpenAsync(server, clip);
        await page.SendAsync(new { type = "tweak", id = "t", prompt = "" });
        await page.FullAsync(1);
        Assert.Equal(15, page.Pictures.Count(p => p.Value.Pass == 2));
    }

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    public async Task Pictures_of_an_odd_network_come_back_live(VideoCodec codec)
    {
        await using var server = await ClipServer.StartAsync(files, models: Network());
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"), codec);
        await client.PicturesAsync(10);
    }
}
