using System.Globalization;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Convolutions;
using TrueLive.Models.Manifest;
using TrueLive.Models.Tests.Motion;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests;

/// <summary>The shipped model with the operators that the host computes, against the whole graph in ONNX Runtime.</summary>
public sealed class FusedTests(LiveTiny tiny) : IClassFixture<LiveTiny>
{
    private readonly FramePool _pool = new("fused test", 4);

    private static ModelFolder Shipped(Action<JsonObject> change)
    {
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.LiveTiny, "manifest.json")))!.AsObject();
        change(manifest);
        var folder = new ModelFolder(manifest.ToJsonString());
        foreach (var file in new[] { "live-tiny.onnx", "words.bin" })
            File.Copy(Path.Combine(Repository.LiveTiny, file), Path.Combine(folder.Path, file));
        return folder;
    }

    // A scene that pans by fractions of a pixel while a square crosses it.
    private VideoFrame Picture(int width, int height, int t)
    {
        var frame = _pool.Rent(width, height);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)(t * 3000));
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                frame.Y[y * frame.StrideY + x] = Math.Abs(x - 9 * t) < 12 && Math.Abs(y - height / 2) < 20
                    ? (byte)210
                    : BlockMotionTests.Pixel(x + 1.25 * t, y - 0.5 * t);
        }
        for (var y = 0; y < frame.ChromaHeight; y++)
        {
            for (var x = 0; x < frame.ChromaWidth; x++)
                (frame.U[y * frame.StrideC + x], frame.V[y * frame.StrideC + x]) = ((byte)(100 + (x + t) % 56),
                    (byte)(110 + (y + 2 * t) % 40));
        }
        return frame;
    }

    private static void AssertSame(VideoFrame one, VideoFrame other)
    {
        for (var y = 0; y < one.Height; y++)
        {
            for (var x = 0; x < one.Width; x++)
                Assert.InRange(one.Y[y * one.StrideY + x] - other.Y[y * other.StrideY + x], -1, 1);
        }
    }

    [Theory]
    [InlineData(256, 192)]
    [InlineData(328, 200)]
    [InlineData(216, 208)]
    [Trait("Run", "long")]
    public void A_moving_scene_under_changing_looks_comes_out_as_the_whole_graph_makes_it(int width, int height)
    {
        using var folder = Shipped(m => m.Remove("fused"));
        using var graph = folder.Load();
        using var whole = graph.Open(width, height);
        using var fused = tiny.Model.Open(width, height);
        var prompts = new[] { "ink", "halftone", "(great wave:0.6) (neon:0.4)",
            "original" }.Select((text, i) =>
            new Prompt(i + 1, text, 0.9f, TimeSpan.FromMilliseconds(150), tiny.Model.Read(text))).ToArray();
        var worst = 0f;
        for (var t = 0; t < 32; t++)
        {
            using var picture = Picture(width, height, t);
            using var one = whole.Step(picture, prompts[t / 8]);
            using var other = fused.Step(picture, prompts[t / 8]);
            var a = whole.Result.Floats;
            var b = fused.Result.Floats;
            for (var i = 0; i < a.Length; i++)
                worst = Math.Max(worst, Math.Abs(a[i] - b[i]));
            Assert.InRange(worst, 0, 1e-4f);
            AssertSame(one, other);
        }
        TestContext.Current.TestOutputHelper?.WriteLine(worst.ToString("0.0e0", CultureInfo.InvariantCulture));
    }

    [Fact]
    public void The_convolutions_are_computed_here_where_the_processor_can() =>
        Assert.Equal(Microkernel.IsSupported, tiny.Model.OwnConvolutions);

    [Fact]
    [Trait("Run", "long")]
    public void A_memory_of_the_whole_graph_goes_on_in_the_fused_network()
    {
        using var folder = Shipped(m => m.Remove("fused"));
        using var graph = folder.Load();
        using var whole = graph.Open(256, 192);
        using var fused = tiny.Model.Open(256, 192);
        var prompt = new Prompt(1, "oil", 1, TimeSpan.Zero, tiny.Model.Read("oil"));
        for (var t = 0; t < 5; t++)
        {
            using var picture = Picture(256, 192, t);
            whole.Step(picture, prompt).Dispose();
        }
        fused.Restore(whole.Capture());
        using var next = Picture(256, 192, 5);
        using var one = whole.Step(next, prompt);
        using var other = fused.Step(next, prompt);
        AssertSame(one, other);
    }

    public static TheoryData<string, string, string> Wrong => new()
    {
        { "stem", "\"/Concat_99_output_0\"", "'/Concat_99_output_0'" },
        { "paint", "\"/merge/Conv_output_0\"", "does not run" },
        { "paint", "\"/strokes/Add_output_0\"", "does not run" },
        { "screen", "\"/gate/Gemm_output_0\"", "fused.screen" },
        { "grade", "\"/gate/Gemm_output_0\"", "fused.grade" },
        { "stem", "\"/Relu_output_0\"", "cut as fused" },
        { "stem", "\"down4.weight\"", "cut as fused" },
        { "max_hold", "0.5", "fused does not say" },
        { "far", "1", "fused does not say" },
        { "off_open", "0.2", "off_open below off_closed" },
        { "hold_slope", "-3", "fused does not say" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_manifest_that_says_it_wrongly_is_refused(string field, string value, string words)
    {
        using var folder = Shipped(m => m["fused"]![field] = JsonNode.Parse(value));
        Assert.Contains(words, Assert.Throws<ModelException>(folder.Load).Message, StringComparison.Ordinal);
    }
}
