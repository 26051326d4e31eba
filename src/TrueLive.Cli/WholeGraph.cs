using System.Text.Json.Nodes;
using TrueLive.Models.Onnx;

namespace TrueLive.Cli;

/// <summary>Loads a model with its whole graph in ONNX Runtime, so that benchmarks can show what the fused model saves.</summary>
internal static class WholeGraph
{
    /// <summary>Loads a model folder as if its manifest had no <c>fused</c>.</summary>
    public static OnnxVideoModel Load(string shipped, int threads, TimeProvider time)
    {
        var folder = Directory.CreateTempSubdirectory("truelive-whole-");
        try
        {
            foreach (var file in Directory.EnumerateFiles(shipped))
                File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            var path = Path.Combine(folder.FullName, "manifest.json");
            var manifest = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            manifest.Remove("fused");
            File.WriteAllText(path, manifest.ToJsonString());
            return OnnxVideoModel.Load(folder.FullName, threads, time);
        }
        finally
        {
            folder.Delete(true);
        }
    }
}
