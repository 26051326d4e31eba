using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>A copy of samples/models/tiny-diffusion that a test changes.</summary>
internal sealed class TinyDiffusion : IDisposable
{
    public static string Shipped => System.IO.Path.Combine(Repository.Root, "samples", "models", "tiny-diffusion");

    public TinyDiffusion(string diffusion = """{ "steps": [40] }""", string size = """{ "min": 64, "max": 128, "multiple": 16 }""", string? from = null)
    {
        var original = from ?? Shipped;
        foreach (var file in Directory.EnumerateFiles(original, "*", SearchOption.AllDirectories))
        {
            var to = Of(System.IO.Path.GetRelativePath(original, file));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
        var manifest = JsonNode.Parse(File.ReadAllText(Of("manifest.json")))!;
        (manifest["diffusion"], manifest["size"]) = (JsonNode.Parse(diffusion), JsonNode.Parse(size));
        File.WriteAllText(Of("manifest.json"), manifest.ToJsonString());
    }

    public string Path { get; } = Directory.CreateTempSubdirectory("truelive-diffusion-").FullName;

    public string Of(string file) => System.IO.Path.Combine(Path, file);

    public FolderModel Load() => ModelLoader.Load(Path, 1, TimeProvider.System);

    public void Dispose() => Directory.Delete(Path, true);

    public static Prompt Prompt(FolderModel model, string text, float strength = 1, int revision = 1) => new(revision, text, strength, TimeSpan.Zero, model.Read(text));

    /// <summary>Mean difference of two pictures in luma, of 255.</summary>
    public static double Difference(VideoFrame a, VideoFrame b)
    {
        Assert.Equal((a.Width, a.Height), (b.Width, b.Height));
        long sum = 0;
        for (var y = 0; y < a.Height; y++)
        {
            for (var x = 0; x < a.Width; x++)
                sum += Math.Abs(a.Y[y * a.StrideY + x] - b.Y[y * b.StrideY + x]);
        }
        return (double)sum / (a.Width * a.Height);
    }
}
