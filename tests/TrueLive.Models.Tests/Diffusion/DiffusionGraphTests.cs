using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>Differences between exporters, each on graphs so small that the result is known.</summary>
public sealed class DiffusionGraphTests
{
    private const int Side = 64;

    private readonly FramePool _pool = new("graphs", 4);

    [Fact]
    public void Of_an_encoder_of_means_and_deviations_the_means_are_used()
    {
        using var plain = Folder();
        using var wide = Folder();
        File.WriteAllBytes(wide.Of("vae_encoder/model.onnx"), Encoder("latent_parameters", scale: 1, bias: 0));
        AssertSame(plain, wide);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_autoencoder_may_have_pictures_of_0_to_1(bool throughput)
    {
        var more = throughput ? ", \"throughput\": true" : "";
        using var plain = Folder($$"""{ "steps": [35, 45]{{more}} }""");
        using var other = Folder($$"""{ "steps": [35, 45], "range": [0, 1]{{more}} }""");
        // Twice the picture minus one, and back.
        File.WriteAllBytes(other.Of("vae_encoder/model.onnx"), Encoder("latent_sample", scale: 2, bias: -1));
        File.WriteAllBytes(other.Of("vae_decoder/model.onnx"), Decoder(scale: 0.5f, bias: 0.5f));
        AssertSame(plain, other);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2.5, 1)]
    [InlineData(7.5, 1)]
    [InlineData(1, 2.5)]
    public void A_UNet_that_was_distilled_with_guidance_is_told_its_scale(double written, double set)
    {
        var scale = Math.Max(written, set);
        var told = 0.0;
        for (var j = 0; j < 128; j++)
        {
            var angle = 1000 * (scale - 1) * Math.Pow(10_000, -j / 127.0);
            told += Weight(j) * Math.Sin(angle) + Weight(128 + j) * Math.Cos(angle);
        }
        using var folder = Folder(FormattableString.Invariant($$"""{ "steps": [40], "guidance_scale": {{written}} }"""));
        File.WriteAllBytes(folder.Of("unet/model.onnx"),
            UNet(g => g.Input("timestep_cond", Element.Float, 0, 256)
            .Constant("weights", [.. Enumerable.Range(0, 256).Select(j => (float)Weight(j))], 1, 256)
            .Node("Mul", ["timestep_cond", "weights"], ["weighed"])
            .Node("ReduceMean", ["weighed"], ["told"], ("axes", new[] { 0L, 1L }), ("keepdims", 0))));
        using var plain = Folder();
        File.WriteAllBytes(plain.Of("unet/model.onnx"), UNet(g => g.Constant("told", [(float)(told / 256)], 1)));
        AssertSame(plain, folder, set > written ? FormattableString.Invariant($"guidance_scale={set}") : null);

        static double Weight(int j) => j % 7 - 3;
    }

    private void AssertSame(TinyDiffusion plain, TinyDiffusion other, string? set = null)
    {
        using var one = plain.Load();
        using var two = other.Load();
        Assert.True(ValueSchedule.TryParse(set, two.Info.Parameters, out var values, out var error), error);
        using var first = one.CreateSession(Side, Side);
        using var second = two.CreateSession(Side, Side);
        for (var t = 0; t < 3; t++)
        {
            using var input = TestPicture.Make(_pool, t, Side, Side);
            using var wanted = first.StepLast(input, TinyDiffusion.Prompt(one, "ink"));
            using var found = second.StepLast(input, TinyDiffusion.Prompt(two, "ink") with
            { Values = set is null ? ParameterValues.None : values[0].Values });
            Assert.True(TinyDiffusion.Difference(input, wanted) > 0.05);
            Assert.InRange(TinyDiffusion.Difference(wanted, found), 0, 0.05);
        }
    }

    private static TinyDiffusion Folder(string diffusion = """{ "steps": [40] }""")
    {
        var folder = new TinyDiffusion(diffusion);
        File.WriteAllBytes(folder.Of("unet/model.onnx"), UNet(g => g.Constant("told", [0.1f], 1)));
        File.WriteAllBytes(folder.Of("vae_encoder/model.onnx"), Encoder("latent_sample", scale: 1, bias: 0));
        File.WriteAllBytes(folder.Of("vae_decoder/model.onnx"), Decoder(scale: 1, bias: 0));
        return folder;
    }

    // Latents of red, green, blue and red again as means of squares of eight; for an output of parameters, extreme numbers after them.
    private static byte[] Encoder(string output, float scale, float bias)
    {
        var graph = new OnnxGraph().Input("sample", Element.Float, 1, 3, 0, 0)
            .Output(output, Element.Float, 1, output == "latent_sample" ? 4 : 8, 0, 0)
            .Constant("scale", [scale], 1).Constant("bias", [bias], 1).Constant("wild", [1e6f], 1).Whole("planes", [0, 1, 2, 0], 4)
            .Node("Mul", ["sample", "scale"], ["a"]).Node("Add", ["a", "bias"], ["b"])
            .Node("AveragePool", ["b"], ["c"], ("kernel_shape", new[] { 8L, 8L }), ("strides", new[] { 8L, 8L }));
        return output == "latent_sample" ? graph.Node("Gather", ["c", "planes"], [output], ("axis", 1)).Bytes()
            : graph.Node("Gather", ["c", "planes"], ["d"], ("axis", 1)).Node("Add", ["d", "wild"], ["e"])
                .Node("Concat", ["d", "e"], [output], ("axis", 1)).Bytes();
    }

    private static byte[] Decoder(float scale, float bias) =>
        new OnnxGraph().Input("latent_sample", Element.Float, 1, 4, 0, 0).Output("sample", Element.Float, 1, 3, 0, 0)
        .Constant("scale", [scale], 1).Constant("bias", [bias], 1).Constant("sizes", [1, 1, 8, 8], 4).Whole("planes", [0, 1, 2], 3)
        .Node("Gather", ["latent_sample", "planes"], ["a"], ("axis", 1)).Node("Resize", ["a", "", "sizes"], ["b"])
        .Node("Mul", ["b", "scale"], ["c"]).Node("Add", ["c", "bias"], ["sample"]).Bytes();

    // Predicts half of the noisy latent plus the given term.
    private static byte[] UNet(Func<OnnxGraph, OnnxGraph> told) => told(new OnnxGraph()
            .Input("sample", Element.Float, 0, 4, 0, 0).Input("timestep", Element.Int64, 0)
            .Input("encoder_hidden_states", Element.Float, 0, 77, 32).Output("out_sample", Element.Float, 0, 4, 0, 0)
            .Constant("half", [0.5f], 1).Node("Mul", ["sample", "half"], ["scaled"]))
        .Node("Add", ["scaled", "told"], ["out_sample"]).Bytes();
}
