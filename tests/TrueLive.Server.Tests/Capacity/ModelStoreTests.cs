using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Tests.Capacity;

public sealed class ModelStoreTests : IDisposable
{
    private readonly string _place = Directory.CreateTempSubdirectory("truelive-models-").FullName;

    [Fact]
    public void A_bad_folder_is_named_and_left_out_and_the_good_one_beside_it_works()
    {
        Copy("good", manifest => manifest.Replace("\"id\": \"live-tiny\"", "\"id\": \"tiny-two\"", StringComparison.Ordinal));
        Copy("again", manifest => manifest);
        Copy("wrong", manifest => manifest.Replace("\"id\": \"live-tiny\"", "\"id\": \"wrong\"", StringComparison.Ordinal).Replace("\"state_frame_out\"", "\"gone\"", StringComparison.Ordinal));
        Copy("changed", manifest => manifest.Replace("\"id\": \"live-tiny\"", "\"id\": \"changed\"", StringComparison.Ordinal));
        using (var network = File.OpenWrite(Path.Combine(_place, "changed", "live-tiny.onnx")))
            network.Write([1, 2, 3]);
        Directory.CreateDirectory(Path.Combine(_place, "no-model"));
        var complaints = new StringWriter();
        using var models = ModelStore.Load(new ServerOptions { ModelsFolder = _place, ModelThreads = 1 }, TimeProvider.System, complaints);
        Assert.Equal(["live-tiny", "tiny-two", "passthrough"], models.All.Select(m => m.Info.Id));
        var lines = complaints.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Contains("id is 'live-tiny', which another model has", lines[0], StringComparison.Ordinal);
        Assert.Contains("sha256", lines[1], StringComparison.Ordinal);
        Assert.Contains("states[0].output names 'gone'", lines[2], StringComparison.Ordinal);

        using var session = models.Find("tiny-two")!.CreateSession(192, 192);
        var pool = new FramePool("model store test");
        using var input = pool.Rent(192, 192);
        session.Step(input, Prompt.None).Dispose();
    }

    public void Dispose() => Directory.Delete(_place, true);

    private void Copy(string name, Func<string, string> change)
    {
        var from = Path.Combine(AppContext.BaseDirectory, "models", "live-tiny");
        var to = Directory.CreateDirectory(Path.Combine(_place, name)).FullName;
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        var manifest = Path.Combine(to, "manifest.json");
        File.WriteAllText(manifest, change(File.ReadAllText(manifest)));
    }
}
