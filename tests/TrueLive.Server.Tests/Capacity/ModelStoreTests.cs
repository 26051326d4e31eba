using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Capacity;

public sealed class ModelStoreTests : IDisposable
{
    private readonly string _place = Directory.CreateTempSubdirectory("truelive-models-").FullName;

    private readonly StringWriter _complaints = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_bad_folder_is_named_when_it_is_seen_or_loaded_and_the_good_one_beside_it_works()
    {
        Copy("good", "tiny-two");
        Copy("again", "live-tiny");
        Copy("wrong", "wrong", manifest => manifest.Replace("\"state_frame_out\"", "\"gone\"", StringComparison.Ordinal));
        Copy("changed", "changed");
        using (var network = File.OpenWrite(Path.Combine(_place, "changed", "live-tiny.onnx")))
            network.Write([1, 2, 3]);
        Copy("half", "half");
        File.Delete(Path.Combine(_place, "half", "live-tiny.onnx"));
        Directory.CreateDirectory(Path.Combine(_place, "no-model"));
        using var models = Load(new ServerOptions());
        Assert.Equal(["live-tiny", "changed", "tiny-two", "wrong", "passthrough"], models.All.Select(m => m.Info.Id));
        Assert.Contains("id is 'live-tiny', which another model has", Complaints(2)[0], StringComparison.Ordinal);
        Assert.Contains("live-tiny.onnx is not there", Complaints(2)[1], StringComparison.Ordinal);

        foreach (var id in new[] { "changed", "wrong" })
        {
            var refused = await Assert.ThrowsAsync<RequestRefusedException>(() => ModelStore.WarmAsync(models.Find(id)!, Cancel));
            Assert.Equal(422, refused.Status);
            // A client learns nothing of the server's folders.
            Assert.DoesNotContain(_place, refused.Message, StringComparison.Ordinal);
        }
        var lines = Complaints(4);
        Assert.Contains("sha256", lines[2], StringComparison.Ordinal);
        Assert.Contains("states[0].output names 'gone'", lines[3], StringComparison.Ordinal);
        // It is not tried again.
        await Assert.ThrowsAsync<RequestRefusedException>(() => ModelStore.WarmAsync(models.Find("wrong")!, Cancel));
        Complaints(4);

        using var session = models.Find("tiny-two")!.CreateSession(192, 192);
        var pool = new FramePool("model store test");
        using var input = pool.Rent(192, 192);
        session.Step(input, Prompt.None).Dispose();
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Beyond_the_bound_the_model_that_was_unused_longest_goes_and_never_one_in_use()
    {
        foreach (var id in new[] { "tiny-a", "tiny-b", "tiny-c" })
            Copy(id, id);
        OnDemandModel[] all = [.. Models(2.5)];
        var (a, b, c) = (all[0], all[1], all[2]);
        await ModelStore.WarmAsync(a, Cancel);
        await ModelStore.WarmAsync(b, Cancel);
        using (var running = a.CreateSession(192, 192))
        {
            await ModelStore.WarmAsync(c, Cancel);
            Assert.Equal((true, false, true), (a.IsWarm, b.IsWarm, c.IsWarm));
            using var second = c.CreateSession(192, 192);
            var refused = await Assert.ThrowsAsync<RequestRefusedException>(() => ModelStore.WarmAsync(b, Cancel));
            Assert.Equal(503, refused.Status);
            Assert.Contains("model_memory_mb", refused.Message, StringComparison.Ordinal);
        }
        // Both are free now, and c was used last: a session given back twice counts once.
        await ModelStore.WarmAsync(b, Cancel);
        Assert.Equal(2, all.Count(m => m.IsWarm));
        Assert.True(b.IsWarm);
        // What was unloaded works as before.
        foreach (var model in all)
        {
            using var session = model.CreateSession(192, 192);
            Assert.True(model.Read("ink").Understood);
        }
        var tooLarge = await Assert.ThrowsAsync<RequestRefusedException>(() => ModelStore.WarmAsync(Models(0.5)[0], Cancel));
        Assert.Contains("this server gives models", tooLarge.Message, StringComparison.Ordinal);
        foreach (var model in all)
            model.Dispose();
    }

    [Fact]
    public async Task A_model_for_which_the_device_has_no_memory_is_refused_for_now_and_not_for_good()
    {
        Copy("tiny-a", "tiny-a");
        var greedy = Directory.CreateDirectory(Path.Combine(_place, "tiny-b")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(greedy, "net.onnx"), Convert.FromBase64String(Greedy), Cancel);
        await File.WriteAllTextAsync(Path.Combine(greedy, "manifest.json"), """
            { "schema": "truelive-model/1", "id": "tiny-b", "title": "Greedy", "file": "net.onnx", "frame": { "input": "x" },
              "output": { "name": "y" }, "size": { "min": 64, "max": 256, "multiple": 2 } }
            """, Cancel);
        OnDemandModel[] all = [.. Models(100)];
        var (tiny, large) = (all[0], all[1]);
        using (var running = tiny.CreateSession(192, 192))
        {
            var refused = await Assert.ThrowsAsync<RequestRefusedException>(() => ModelStore.WarmAsync(large, Cancel));
            Assert.Equal((503, "Greedy could not be loaded: the memory of cpu is used up. Try again later, or choose another model."),
                (refused.Status, refused.Message));
            Assert.Equal((false, true), (large.IsBroken, tiny.IsWarm));
        }
        // With the memory of all others it is tried once more, and that is all that there is on a processor.
        var broken = await Assert.ThrowsAsync<RequestRefusedException>(() => ModelStore.WarmAsync(large, Cancel));
        Assert.Equal((422, true, false), (broken.Status, large.IsBroken, tiny.IsWarm));
        Assert.Contains("the memory of cpu is used up", Complaints(1)[0], StringComparison.Ordinal);
        using var again = tiny.CreateSession(192, 192);
    }

    // y = x + max(Expand(0, 50,000 times the sides of x)).
    private const string Greedy =
        "CAg69QEKDQoBeBIBcyIFU2hhcGUKEgoBcwoFdGltZXMSAWwiA011bAoXCgR6ZXJvCgFsEgRtYW55IgZFeHBhbmQKJQoEbWFueRIBbSIJUmVkdW" +
        "NlTWF4Kg8KCGtlZXBkaW1zGACgAQIKDgoBeAoBbRIBeSIDQWRkEgFnKi0IBBAHQgV0aW1lc0ogAQAAAAAAAAABAAAAAAAAAFDDAAAAAAAAUMMA" +
        "AAAAAAAqEAgBEAFCBHplcm9KBAAAAABaHQoBeBIYChYIARISCgIIAQoCCAMKAxIBaAoDEgF3Yh0KAXkSGAoWCAESEgoCCAEKAggDCgMSAWgKAx" +
        "IBd0IECgAQDQ==";

    [Fact]
    [Trait("Run", "long")]
    public async Task A_switch_to_a_model_that_is_not_loaded_keeps_the_stream()
    {
        Copy("tiny-a", "tiny-a");
        await using var server = await RunningServer.StartAsync(models: [new PassthroughModel(), Models(2)[0]]);
        var cold = await ModelAsync(server);
        Assert.Equal((false, true), ((bool)cold["warm"]!, (double)cold["memory_mb"]! > 0));
        await using var client = await JpegClient.ConnectAsync(server.Address, "model=passthrough&size=192x192");
        await client.MessageAsync("session");
        await client.SendUntilPictureAsync();
        await client.SayAsync("""{"type":"model","id":"m","model":"tiny-a"}""");
        Assert.Equal("tiny-a", (string?)(await client.SendUntilAsync("warming"))["model"]);
        Assert.Equal("tiny-a", (string?)(await client.SendUntilAsync("accepted"))["model"]);
        JsonNode trace;
        do
            (trace, _) = await client.SendUntilPictureAsync();
        while ((string?)trace["model"] != "tiny-a");
        Assert.Equal(1, (int)trace["epoch"]!);
        Assert.True((bool)(await ModelAsync(server))["warm"]!);
        // Beside a live session nothing is measured for a figure alone.
        var warm = await (await server.Http.PostAsync("/v1/models/tiny-a/warm", null, Cancel)).Content.ReadFromJsonAsync<JsonNode>(Cancel);
        Assert.Null(warm!["about_fps"]);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.PostAsync("/v1/models/nobody/warm", null, Cancel)).StatusCode);

        static async Task<JsonNode> ModelAsync(RunningServer server) =>
            (await server.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", Cancel))!["models"]!.AsArray()
                .Single(m => (string)m!["id"]! == "tiny-a")!;
    }

    [Fact]
    public async Task A_model_that_is_warmed_up_says_how_fast_it_is_here()
    {
        Copy("tiny-a", "tiny-a");
        await using var server = await RunningServer.StartAsync(models: [new PassthroughModel(), Models(2)[0]]);
        var warm = await (await server.Http.PostAsync("/v1/models/tiny-a/warm", null, Cancel)).Content.ReadFromJsonAsync<JsonNode>(Cancel);
        Assert.True((bool)warm!["warm"]!);
        Assert.True((double)warm["about_fps"]! > 0);
        // A step may be too short to tell.
        var told = (await server.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", Cancel))!["models"]!.AsArray();
        Assert.All(told, m => Assert.True((double)m!["about_fps"]! > 0));
    }

    private ModelStore Load(ServerOptions options)
    {
        (options.ModelsFolder, options.ModelThreads) = (_place, 1);
        return ModelStore.Load(options, TimeProvider.System, _complaints);
    }

    // With room for so many of one size.
    private OnDemandModel[] Models(double room)
    {
        var manifests = ModelFolders.In([_place]).Select(folder => ModelManifest.Load(folder)).ToArray();
        var memory = new ModelMemory((long)(room * 2 * manifests[0].FileBytes()));
        return [.. manifests.Select(m => new OnDemandModel(m, new ServerOptions { ModelThreads = 1 }, memory, TimeProvider.System,
            _complaints, new WorkerLog()))];
    }

    private string[] Complaints(int count)
    {
        var lines = _complaints.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(count, lines.Length);
        return lines;
    }

    public void Dispose() => Directory.Delete(_place, true);

    private void Copy(string name, string id, Func<string, string>? change = null)
    {
        var from = Path.Combine(AppContext.BaseDirectory, "models", "live-tiny");
        var to = Directory.CreateDirectory(Path.Combine(_place, name)).FullName;
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        var manifest = Path.Combine(to, "manifest.json");
        var text = File.ReadAllText(manifest).Replace("\"id\": \"live-tiny\"", $"\"id\": \"{id}\"", StringComparison.Ordinal);
        File.WriteAllText(manifest, change?.Invoke(text) ?? text);
    }
}
