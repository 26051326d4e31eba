using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Onnx;

namespace TrueLive.Models.Tests.Onnx;

/// <summary>Third-party models, used with only the manifests of samples/models.</summary>
public sealed class ForeignModelTests
{
    private readonly FramePool _pool = new("foreign models", 4);

    [Fact]
    [Trait("Run", "long")]
    public void A_face_detector_with_four_outputs_in_nhwc_runs_and_passes_the_picture_on()
    {
        using var folder = Sample("blazeface", TestModel("face_detection_front_128x128_barracuda.onnx"));
        using var model = folder.Load();
        Assert.Equal(4, model.Tensors.Count(t => t.StartsWith("out", StringComparison.Ordinal)));
        using var session = model.Open(128, 128);
        using var input = Scene(640, 360);
        var made = new MadeFrame[1];
        Assert.Equal(1, session.Step(input, Prompt.None, made));
        using var output = made[0].Frame;
        Assert.Equal(input.Ticket, made[0].Ticket);
        var scores = new float[session.Result.Count];
        session.Result.Read(scores);
        Assert.Equal(512, scores.Length);
        Assert.All(scores, s => Assert.InRange(s, -100, 0));
    }

    [Fact]
    [Trait("Run", "long")]
    public void A_line_detector_with_a_fourth_channel_finds_lines_and_its_map_is_a_mask()
    {
        using var folder = Sample("mlsd-lines", TestModel("mlsd_320x320_tiny.onnx"));
        using var model = folder.Load();
        using var session = model.Open(320, 320);
        using var blank = Colours.Frame(_pool, 320, 320, (0.5f, 0.5f, 0.5f));
        session.Step(blank, Prompt.None).Dispose();
        var nothing = Highest(session);
        using var house = Colours.Frame(_pool, 320, 320, (0.2f, 0.2f, 0.2f));
        for (var y = 60; y < 260; y++)
            house.Y.Slice(y * house.StrideY + 80, 160).Fill(210);
        session.Step(house, Prompt.None).Dispose();
        Assert.True(Highest(session) > nothing + 0.2f, $"a bright square scores {Highest(session)}, a grey picture {nothing}");

        static float Highest(OnnxSession session)
        {
            var scores = new float[session.Result.Count];
            session.Result.Read(scores);
            return scores.Max();
        }
    }

    [Theory]
    [InlineData("candy")]
    [InlineData("mosaic")]
    [Trait("Run", "long")]
    public void A_style_network_of_opset_7_with_a_fixed_size_paints_the_picture(string name)
    {
        var file = Path.Combine(Repository.Root, "..", "shared", "data", "models", name + ".onnx");
        Assert.SkipUnless(File.Exists(file), "The file may not be part of the repository.");
        using var folder = Sample(name, file);
        using var model = folder.Load();
        using var session = model.Open(720, 720);
        using var input = Scene(640, 360);
        using var output = session.Step(input, Prompt.None);
        var values = new float[session.Result.Count];
        session.Result.Read(values);
        Assert.All(values, v => Assert.InRange(v, -150, 400));
        // Strokes make neighbouring pixels differ far more than in the smooth scene.
        Assert.True(Edges(output) > 3 * Edges(input), $"{Edges(output)} against {Edges(input)}");
    }

    private VideoFrame Scene(int width, int height) =>
        new MovingScene(width, height, 30, _pool).ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()!;

    private static double Edges(VideoFrame frame)
    {
        long sum = 0;
        for (var y = 0; y < frame.Height; y++)
        {
            for (var x = 1; x < frame.Width; x++)
                sum += Math.Abs(frame.Y[y * frame.StrideY + x] - frame.Y[y * frame.StrideY + x - 1]);
        }
        return (double)sum / (frame.Width * frame.Height);
    }

    private static string TestModel(string name)
    {
        var file = Path.Combine(Repository.Root, "artifacts", "test-models", name);
        Assert.True(File.Exists(file), $"{file} is missing: run tests/setup-models.sh (./test does).");
        return file;
    }

    private static ModelFolder Sample(string name, string fused)
    {
        var folder = new ModelFolder(File.ReadAllText(Path.Combine(Repository.Root, "samples", "models", name, "manifest.json")));
        File.Copy(fused, Path.Combine(folder.Path, Path.GetFileName(fused)));
        return folder;
    }
}
