using TrueLive.Models.Convolutions;
using TrueLive.Models.Fused;
using TrueLive.Models.Manifest;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests.Convolutions;

public sealed class ConvGraphTests
{
    private static readonly FusedSpec Spec = ModelManifest.Load(Repository.LiveTiny).Fused!;

    private static byte[] Cut(string result) =>
        GraphCut.Make(File.ReadAllBytes(Path.Combine(Repository.LiveTiny, "live-tiny.onnx")), [new(Spec.Stem, 1, 10, null, null), new("style", 1, 32), new(Spec.Tiles, 1, 16, null, null)], [result]);

    [Fact]
    public void The_shipped_network_is_read_as_its_seventeen_layers()
    {
        var layers = ConvGraph.Read(Cut(Spec.Paint), Spec.Stem, Spec.Tiles, Spec.Paint)!;
        Assert.Equal(17, layers.Count);
        Assert.Equal([2, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 4, 4, 4, 2, 2, 2], layers.Select(l => l.Divide));
        Assert.Equal([false, true, true], new[] { 0, 11, 14 }.Select(i => layers[i].Doubled));
        Assert.Equal([7], Enumerable.Range(0, 17).Where(i => layers[i].Dilation == 2));
        Assert.Equal([3, 6, 8, 10, 11, 13, 14], Enumerable.Range(0, 17).Where(i => layers[i].Residual is not null));
        Assert.True(layers[15] is { Screened: true, Scale: not null, Relu: true });
    }

    [Theory]
    [InlineData("/merge/Conv_output_0", "/paint/Conv_output_0")]
    [InlineData("/paint/Conv_output_0", "/merge/Conv_output_0")]
    [InlineData("/up2/Conv_output_0", "/Resize_1_output_0")]
    public void A_result_that_the_graph_does_not_end_with_is_not_taken(string cut, string result) =>
        Assert.Null(ConvGraph.Read(Cut(cut), Spec.Stem, Spec.Tiles, result));

    [Fact]
    public void A_graph_with_anything_else_in_it_is_left_to_the_runtime()
    {
        Assert.Null(ConvGraph.Read(File.ReadAllBytes(Path.Combine(Repository.LiveTiny, "live-tiny.onnx")), Spec.Stem, Spec.Tiles, "image"));
        foreach (var op in new[] { "Sigmoid", "Neg", "Identity" })
        {
            var graph = Stem().Node(op, ["a"], ["y"]).Output("y", Element.Float, 1, 16, 0, 0);
            Assert.Null(ConvGraph.Read(graph.Bytes(), "x", "tiles", "y"));
        }
        Assert.NotNull(ConvGraph.Read(Stem().Node("Relu", ["a"], ["y"]).Output("y", Element.Float, 1, 16, 0, 0).Bytes(), "x", "tiles", "y"));
    }

    // What is read of a layer before it is whole would have to be kept as well.
    [Fact]
    public void A_sum_that_is_read_before_and_after_its_rectifier_is_not_taken()
    {
        var graph = Stem().Node("Relu", ["a"], ["r"]).Constant("w2", new float[16 * 16], 16, 16, 1, 1).Constant("b2", new float[16], 16)
            .Node("Conv", ["r", "w2", "b2"], ["c"]).Node("Add", ["c", "a"], ["y"]).Output("y", Element.Float, 1, 16, 0, 0);
        Assert.Null(ConvGraph.Read(graph.Bytes(), "x", "tiles", "y"));
    }

    private static OnnxGraph Stem() => new OnnxGraph().Input("x", Element.Float, 1, 10, 0, 0).Constant("w", new float[16 * 10 * 9], 16, 10, 3, 3).Constant("b", new float[16], 16)
        .Node("Conv", ["x", "w", "b"], ["a"], ("strides", new[] { 2L, 2 }), ("pads", new[] { 1L, 1, 1, 1 }), ("dilations", new[] { 1L, 1 }), ("kernel_shape", new[] { 3L, 3 }));
}
