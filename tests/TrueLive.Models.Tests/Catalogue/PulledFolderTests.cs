using System.Runtime.InteropServices;
using TrueLive.Core.Frames;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests.Catalogue;

/// <summary>The two tiers of trust: what a pulled folder may contain, and that no other folder can pass for one.</summary>
public sealed class PulledFolderTests : IDisposable
{
    private readonly string _place = Directory.CreateTempSubdirectory("truelive-pulled-").FullName;
    private readonly FramePool _pool = new("pulled folder");

    public void Dispose() => Directory.Delete(_place, recursive: true);

    [Fact]
    public void A_pulled_model_may_keep_its_numbers_beside_its_graph_and_a_given_one_may_not()
    {
        var folder = Folder("weights.bin");
        using (var model = ModelLoader.Load(Read(folder), 1, TimeProvider.System))
        using (var session = model.CreateSession(32, 32))
            Colours.AssertNear((0.4f, 0.2f, 0.1f), session.After(_pool, (0.8f, 0.4f, 0.2f)));
        Assert.Contains("external data is not read", Refused(() => ModelLoader.Load(folder, 1, TimeProvider.System)),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../secret.bin")]
    [InlineData("/etc/hostname")]
    [InlineData("deeper/weights.bin")]
    [InlineData("..")]
    [InlineData("gone.bin")]
    [InlineData("link.bin")]
    [InlineData("")]
    public void Numbers_elsewhere_than_beside_the_graph_are_refused(string place)
    {
        var folder = Folder(place);
        File.WriteAllBytes(Path.Combine(_place, "secret.bin"), Half());
        new FileInfo(Path.Combine(folder, "link.bin")).CreateAsSymbolicLink(Path.Combine(_place, "secret.bin"));
        Directory.CreateDirectory(Path.Combine(folder, "deeper"));
        File.WriteAllBytes(Path.Combine(folder, "deeper", "weights.bin"), Half());
        Assert.Contains("no plain file beside it", Refused(() => ModelLoader.Load(Read(folder), 1, TimeProvider.System)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_place_of_a_folder_decides_and_not_what_lies_in_it()
    {
        var folder = Folder("weights.bin");
        var elsewhere = Directory.CreateDirectory(Path.Combine(_place, "given", "pulled", "test")).FullName;
        foreach (var file in Directory.EnumerateFiles(folder))
            File.Copy(file, Path.Combine(elsewhere, Path.GetFileName(file)));
        Assert.Equal(ModelTrust.Pulled, ModelFolders.TrustOf(folder, _place));
        Assert.Equal(ModelTrust.Pulled, ModelFolders.TrustOf(folder + "/", _place + "/"));
        Assert.Equal(ModelTrust.Given, ModelFolders.TrustOf(elsewhere, _place));
        Assert.Equal(ModelTrust.Given, ModelFolders.TrustOf(Path.Combine(_place, "x", "..", "..", "test"), _place));
    }

    [Fact]
    public void A_pulled_folder_that_is_not_what_was_pulled_is_refused()
    {
        var folder = Folder("weights.bin");
        File.WriteAllBytes(Path.Combine(folder, "weights.bin"), [1, 2]);
        Assert.Contains("has another size than when it was pulled", Refused(() => Read(folder)), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder, "pulled.json"), "{}");
        Assert.Contains("lacks a field", Refused(() => Read(folder)), StringComparison.Ordinal);
        File.Delete(Path.Combine(folder, "pulled.json"));
        Assert.Contains("pulled.json", Refused(() => Read(folder)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_in_a_pulled_folder_is_not_run()
    {
        var folder = Folder("weights.bin");
        File.WriteAllText(Path.Combine(folder, "manifest.json"), """
            {"schema": "truelive-model/1", "id": "test", "title": "Test", "command": ["python3", "model.py"], "size": {"min": 64, "max": 128, "multiple": 2}}
            """);
        Assert.Contains("programs from a hub are not run", Refused(() => Read(folder)), StringComparison.Ordinal);
    }

    private static ModelManifest Read(string folder) => ModelManifest.Load(folder, ModelTrust.Pulled);

    private static string Refused(Action use) => Assert.Throws<ModelException>(use).Message;

    private static byte[] Half() => MemoryMarshal.AsBytes<float>([0.5f, 0.5f, 0.5f]).ToArray();

    // A model that halves its picture's values, with constants in another file.
    private string Folder(string place)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_place, "test")).FullName;
        File.WriteAllText(Path.Combine(folder, "manifest.json"), Onnx.ModelFolder.Manifest());
        File.WriteAllBytes(Path.Combine(folder, "net.onnx"), new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y",
            Element.Float, 1, 3, 0, 0)
            .ExternalConstant("c", place, 1, 3, 1, 1).Node("Mul", ["x", "c"], ["y"]).Bytes());
        File.WriteAllBytes(Path.Combine(folder, "weights.bin"), Half());
        new PulledRecord("acme/model", "c", "mit", [new PulledFile("weights.bin", 12, "h"),
            new PulledFile("net.onnx", new FileInfo(Path.Combine(folder, "net.onnx")).Length, "h")]).Write(folder);
        return folder;
    }
}
