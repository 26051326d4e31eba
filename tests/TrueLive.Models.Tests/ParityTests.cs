using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests;

/// <summary>
/// The shipped model in ONNX Runtime against the same weights in PyTorch; training/parity.py makes the fixture. The memory does not follow
/// motion here, since that is not part of the model.
/// </summary>
public sealed class ParityTests
{
    private const int Width = 256;
    private const int Height = 192;
    private const int Frames = 30;
    private const int Samples = 31;

    private readonly FramePool _pool = new("parity", 2);

    [Theory]
    [InlineData("the whole graph")]
    [InlineData("fused")]
    public void Thirty_frames_with_their_memory_are_what_PyTorch_computes(string way)
    {
        var fixture = File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "TrueLive.Models.Tests", "live-tiny.parity.bin"));
        var fused = SHA256.HashData(File.ReadAllBytes(Path.Combine(Repository.LiveTiny, "live-tiny.onnx")));
        Assert.True(fixture.AsSpan(0, 32).SequenceEqual(fused),
            "The fixture is of other weights. Make it anew: cd training && python3 parity.py ../models/live-tiny " +
            "../tests/TrueLive.Models.Tests/live-tiny.parity.bin");
        var wanted = MemoryMarshal.Cast<byte, float>(fixture.AsSpan(32));
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.LiveTiny, "manifest.json")))!.AsObject();
        foreach (var state in manifest["states"]!.AsArray())
            state!["follows_motion"] = false;
        if (way != "fused")
            manifest.Remove("fused");
        using var folder = new ModelFolder(manifest.ToJsonString());
        foreach (var file in new[] { "live-tiny.onnx", "words.bin" })
            File.Copy(Path.Combine(Repository.LiveTiny, file), Path.Combine(folder.Path, file));
        using var model = folder.Load();
        var looks = model.Manifest.Looks;
        var prompts = new[] { looks[1], looks[looks.Length / 2], looks[^1] }
            .Select((look, i) => new Prompt(i + 1, look.Id, 1, TimeSpan.Zero, PromptReading.Empty with { Style = [.. look.Style] }))
            .ToArray();
        using var session = model.Open(Width, Height);
        double worst = 0;
        var at = 0;
        for (var t = 0; t < Frames; t++)
        {
            using var input = TestPicture.Make(_pool, t, Width, Height);
            session.Step(input, prompts[t / 10]).Dispose();
            var image = session.Result.Floats[..session.Result.Count];
            Compare(Mean(image), wanted[at++]);
            for (var i = 0; i < Samples; i++)
                Compare(image[i * (image.Length / Samples) + 1234], wanted[at++]);
        }
        // The memory ends with the last frame, the last image, and the style plus one number.
        var memory = MemoryMarshal.Cast<byte, float>(session.Capture().Bytes.Span[^(4 * (6 * Width * Height + 33))..]);
        foreach (var length in new[] { 3 * Width * Height, 3 * Width * Height, 33 })
        {
            Compare(Mean(memory[..length]), wanted[at++]);
            memory = memory[length..];
        }
        Assert.Equal(wanted.Length, at);
        TestContext.Current.TestOutputHelper?.WriteLine(worst.ToString("0.0e0", CultureInfo.InvariantCulture));
        Assert.InRange(worst, 0, 1e-3);

        void Compare(double found, double wanted) => worst = Math.Max(worst, Math.Abs(found - wanted));
    }

    private static double Mean(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (var value in values)
            sum += value;
        return sum / values.Length;
    }
}
