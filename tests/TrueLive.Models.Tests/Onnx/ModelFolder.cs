using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Onnx;

namespace TrueLive.Models.Tests.Onnx;

/// <summary>A temporary model folder.</summary>
internal sealed class ModelFolder : IDisposable
{
    public ModelFolder(string manifest, byte[]? fused = null)
    {
        Directory.CreateDirectory(Path);
        File.WriteAllText(System.IO.Path.Combine(Path, "manifest.json"), manifest);
        if (fused is not null)
            File.WriteAllBytes(System.IO.Path.Combine(Path, "net.onnx"), fused);
    }

    /// <summary>Writes a manifest from the given fields, with as few others as possible.</summary>
    public ModelFolder(
        byte[] fused, string frame = "", string output = "", string size = "\"min\": 16, \"max\": 256, \"multiple\": 2", string more = "")
        : this(Manifest(frame, output, size, more), fused)
    {
    }

    public string Path { get; } = Directory.CreateTempSubdirectory("truelive-model-").FullName;

    public static string Manifest(
        string frame = "", string output = "", string size = "\"min\": 16, \"max\": 256, \"multiple\": 2", string more = "") => $$"""
        { "schema": "truelive-model/1", "id": "test-net", "title": "Test", "file": "net.onnx",
          "frame": { "input": "x" {{(frame.Length > 0 ? "," + frame : "")}} },
          "output": { "name": "y" {{(output.Length > 0 ? "," + output : "")}} },
          "size": { {{size}} } {{(more.Length > 0 ? "," + more : "")}} }
        """;

    public OnnxVideoModel Load() => OnnxVideoModel.Load(Path, 1, TimeProvider.System);

    public void Dispose() => Directory.Delete(Path, true);
}

/// <summary>Frames of one colour, written and read as red, green and blue in 0..1.</summary>
internal static class Colours
{
    public static VideoFrame Frame(FramePool pool, int width, int height, (float R, float G, float B) colour)
    {
        var frame = pool.Rent(width, height);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(0, TimeSpan.Zero, 0, 0);
        float[] Plane(float value) => [.. Enumerable.Repeat(value, width * height)];
        ColourConversion.FromPlanarRgb(Plane(colour.R), Plane(colour.G), Plane(colour.B), frame, TensorScale.Unit);
        return frame;
    }

    public static (float R, float G, float B) At(VideoFrame frame, int x, int y)
    {
        var n = frame.Width * frame.Height;
        float[] r = new float[n], g = new float[n], b = new float[n];
        ColourConversion.ToPlanarRgb(frame, r, g, b, TensorScale.Unit);
        var at = y * frame.Width + x;
        return (r[at], g[at], b[at]);
    }

    /// <summary>The colour at the centre of the model's output for a frame of one colour.</summary>
    public static (float R, float G, float B) After(this IModelSession session, FramePool pool, (float R, float G, float B) colour,
        Prompt? prompt = null)
    {
        using var input = Frame(pool, session.Width, session.Height, colour);
        using var output = session.Step(input, prompt ?? Prompt.None);
        return At(output, session.Width / 2, session.Height / 2);
    }

    public static void AssertNear((float R, float G, float B) wanted, (float R, float G, float B) found, float tolerance = 0.015f)
    {
        if (Math.Abs(wanted.R - found.R) > tolerance || Math.Abs(wanted.G - found.G) > tolerance
            || Math.Abs(wanted.B - found.B) > tolerance)
            Assert.Fail($"expected {wanted}, found {found}");
    }
}
