using TrueLive.Core.Frames;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests.Catalogue;

public sealed class ModelCheckTests : IDisposable
{
    private readonly FramePool _pool = new("check tests", 8);
    private readonly List<VideoFrame> _frames = [];

    public ModelCheckTests()
    {
        var scene = new MovingScene(64, 48, 10, _pool);
        for (var i = 0; i < 5; i++)
            _frames.Add(scene.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()!);
    }

    [Fact]
    [Trait("Run", "long")]
    public void The_shipped_network_has_nothing_to_complain_about_and_a_memory_that_works()
    {
        using var model = TrueLive.Models.Onnx.OnnxVideoModel.Load(Repository.LiveTiny, 1, TimeProvider.System);
        using var report = ModelCheck.Run(model, _frames, [(192, 192), (256, 192), (192, 192)], "ink", TimeProvider.System);
        Assert.Empty(report.Findings);
        Assert.Equal([(192, 192, 5), (256, 192, 5)], report.Timings.Select(t => (t.Width, t.Height, t.Frames)));
        Assert.All(report.Timings, t => Assert.True(t.MedianMs > 0 && t.LiveFps > 0));
        Assert.Equal(0, report.Output!.NotFinite);
        Assert.InRange(report.Memory!.Difference, 0.01, 100);
        Assert.True(report.Memory.GoesOn);
        Assert.Equal((256, 192), (report.After.Width, report.After.Height));
    }

    [Theory]
    [InlineData("NaN", "NaN or infinite")]
    [InlineData("scale", "lies outside output.range [0, 1]")]
    [InlineData("dark", "only runs from")]
    [InlineData("idle state", "The states change nothing")]
    public void What_is_wrong_with_the_numbers_is_said(string fault, string words)
    {
        var graph = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0)
            .Constant("factor", [fault == "scale" ? 255 : fault == "dark" ? 0.01f : 1], 1).Constant("zero", [0f], 1);
        graph = fault switch
        {
            "NaN" => graph.Node("Sub", ["x", "x"], ["z"]).Node("Div", ["z", "z"], ["y"]),
            "idle state" =>
                graph.Input("s", Element.Float, 1).Output("t", Element.Float, 1).Node("Identity", ["s"], ["t"])
                .Node("Identity", ["x"], ["y"]),
            _ => graph.Node("Mul", ["x", "factor"], ["y"]),
        };
        using var folder = new ModelFolder(graph.Bytes(),
            more: fault == "idle state" ? "\"states\": [{ \"input\": \"s\", \"output\": \"t\", \"shape\": [1] }]" : "");
        using var model = folder.Load();
        using var report = ModelCheck.Run(model, _frames, [(64, 48)], "", TimeProvider.System);
        Assert.Contains(report.Findings, f => f.Contains(words, StringComparison.Ordinal));
        Assert.Equal(fault == "NaN", report.Output!.NotFinite > 0);
    }

    [Fact]
    public void An_added_model_is_a_whole_copy_that_does_not_take_the_place_of_another()
    {
        using var folder = new ModelFolder(new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0)
            .Node("Identity", ["x"], ["y"]).Bytes());
        File.WriteAllText(Path.Combine(folder.Path, "LICENSE"), "MIT");
        File.WriteAllText(Path.Combine(folder.Path, "secret.txt"), "not named by the manifest");
        var place = Path.Combine(folder.Path, "models");
        var manifest = ModelManifest.Load(folder.Path);
        var added = ModelInstall.Copy(manifest, place, replace: false);
        Assert.Equal(["LICENSE", "manifest.json", "net.onnx"],
            Directory.GetFiles(added).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal([added], ModelFolders.In([place, Path.Combine(place, "nowhere")]));
        Assert.Contains("--replace", Assert.Throws<ModelException>(() => ModelInstall.Copy(manifest, place, replace: false)).Message,
            StringComparison.Ordinal);
        Assert.Equal(added, ModelInstall.Copy(manifest, place, replace: true));
        Assert.Single(Directory.GetDirectories(place));
    }

    public void Dispose()
    {
        foreach (var frame in _frames)
            frame.Dispose();
        Assert.Equal(0, _pool.Rented);
    }
}
