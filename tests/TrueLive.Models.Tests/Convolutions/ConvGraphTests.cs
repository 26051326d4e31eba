using TrueLive.Models.Convolutions;
using TrueLive.Models.Fused;
using TrueLive.Models.Manifest;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests.Convolutions;

public sealed class ConvGraphTests
{
    private static readonly FusedSpec Spec = ModelManifest.Load(Repository.LiveTiny).Fused!;

    private static byte[] Cut(string result) =>
        GraphCut.Make(File.ReadAllBytes(Path.Combine(Repository.LiveTiny, "live-tiny.onnx")),
            [new(Spec.Stem, 1, 10, null, null), new("style", 1, 32), new(Spec.Tiles, 1, 16, null, null)], [result]);

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
        Assert.NotNull(ConvGraph.Read(Stem().Node("Relu", ["a"], ["y"]).Output("y", Element.Float, 1, 16, 0, 0).Bytes(), "x",
            "tiles", "y"));
    }

    // An intermediate tensor of a layer that another layer reads would have to be stored, too.
    [Fact]
    public void A_sum_that_is_read_before_and_after_its_rectifier_is_not_taken()
    {
        var graph = Stem().Node("Relu", ["a"], ["r"]).Constant("w2", new float[16 * 16], 16, 16, 1, 1).Constant("b2", new float[16], 16)
            .Node("Conv", ["r", "w2", "b2"], ["c"]).Node("Add", ["c", "a"], ["y"]).Output("y", Element.Float, 1, 16, 0, 0);
        Assert.Null(ConvGraph.Read(graph.Bytes(), "x", "tiles", "y"));
    }

    private const string Ends = "y";

    public static TheoryData<string> Others => [.. Strange.Keys];

    // Each graph is almost supported: it computes "y" from the stem "a", which has 16 channels.
    private static readonly Dictionary<string, Func<OnnxGraph, OnnxGraph>> Strange = new()
    {
        ["uneven pads"] = g => Layer(g, ("pads", new[] { 1L, 1, 0, 1 })),
        ["no pads"] = g => Layer(g),
        ["two groups"] = g => Layer(g, ("pads", new[] { 1L, 1, 1, 1 }), ("group", 2L)),
        ["uneven strides"] = g => Layer(g, ("pads", new[] { 1L, 1, 1, 1 }), ("strides", new[] { 1L, 2 })),
        ["a dilation of three"] = g => Layer(g, ("pads", new[] { 3L, 3, 3, 3 }), ("dilations", new[] { 3L, 3 })),
        ["twelve channels"] = g =>
            g.Constant("w2", new float[12 * 16 * 9], 12, 16, 3, 3).Constant("b2", new float[12], 12)
            .Node("Conv", ["a", "w2", "b2"], [Ends], ("pads", new[] { 1L, 1, 1, 1 })),
        ["too many channels"] = g =>
            g.Constant("w2", new float[512 * 16], 512, 16, 1, 1).Constant("b2", new float[512], 512)
            .Node("Conv", ["a", "w2", "b2"], [Ends]),
        ["a kernel of five"] = g =>
            g.Constant("w2", new float[16 * 16 * 25], 16, 16, 5, 5).Constant("b2", new float[16], 16)
            .Node("Conv", ["a", "w2", "b2"], [Ends], ("pads", new[] { 2L, 2, 2, 2 })),
        ["no bias"] = g => g.Constant("w2", new float[16 * 16], 16, 16, 1, 1).Node("Conv", ["a", "w2"], [Ends]),
        ["weights that are made"] = g =>
            g.Node("Relu", ["a"], ["r"]).Constant("b2", new float[16], 16).Node("Conv", ["b2", "r", "b2"], [Ends]),
        ["a factor after a summand"] = g => g.Node("Add", ["a", "s"], ["t"]).Node("Mul", ["t", "s"], [Ends]),
        ["a factor after the rectifier"] = g => g.Node("Relu", ["a"], ["t"]).Node("Mul", ["t", "s"], [Ends]),
        ["its own square"] = g => g.Node("Mul", ["a", "a"], [Ends]),
        ["twice itself"] = g => g.Node("Add", ["a", "a"], [Ends]),
        ["a rectifier of another library"] = g => g.CustomNode("elsewhere", "Relu", "a", Ends),
        ["a sum with the picture"] = g => g.Node("Add", ["a", "x"], [Ends]),
        ["two ends"] = g => g.Node("Split", ["a"], [Ends, "z"]),
        ["too many layers"] = g =>
            Enumerable.Range(0, 70).Aggregate(g.Constant("w2", new float[16 * 16], 16, 16, 1, 1).Constant("b2", new float[16], 16),
            (all, i) => all.Node("Conv", [i == 0 ? "a" : $"c{i - 1}", "w2", "b2"], [i == 69 ? Ends : $"c{i}"])),
        ["weights that are packed too often"] = g =>
            Enumerable.Range(0, 12).Aggregate(g.Constant("w1", new float[256 * 16], 256, 16, 1, 1).Constant("b2", new float[256], 256)
            .Constant("w2", new float[256 * 256 * 9], 256, 256, 3, 3).Node("Conv", ["a", "w1", "b2"], ["c"]),
            (all, i) =>
                all.Node("Conv", [i == 0 ? "c" : $"c{i - 1}", "w2", "b2"], [i == 11 ? Ends : $"c{i}"], ("pads", new[] { 1L, 1, 1, 1 }))),
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void What_is_no_layer_is_left_to_the_runtime(string what) =>
        Assert.Null(ConvGraph.Read(Strange[what](Stem()).Output(Ends, Element.Float, 1, 16, 0, 0).Bytes(), "x", "tiles", Ends));

    [Fact]
    public void Bytes_that_are_no_file_are_left_to_the_runtime()
    {
        var whole = Stem().Node("Relu", ["a"], [Ends]).Bytes();
        for (var length = 0; length < whole.Length; length += 7)
            ConvGraph.Read(whole.AsMemory(0, length), "x", "tiles", Ends);
        Assert.Null(ConvGraph.Read(new byte[] { 0x3A, 0x05, 0xFF }, "x", "tiles", Ends));
        Assert.Null(ConvGraph.Read(ReadOnlyMemory<byte>.Empty, "x", "tiles", Ends));
    }

    private static OnnxGraph Layer(OnnxGraph graph, params (string, object)[] attributes) =>
        graph.Constant("w2", new float[16 * 16 * 9], 16, 16, 3, 3).Constant("b2", new float[16], 16)
            .Node("Conv", ["a", "w2", "b2"], [Ends], attributes);

    private static OnnxGraph Stem() =>
        new OnnxGraph().Input("x", Element.Float, 1, 10, 0, 0).Constant("w", new float[16 * 10 * 9], 16, 10, 3, 3)
        .Constant("b", new float[16], 16)
        .Node("Conv", ["x", "w", "b"], ["a"], ("strides", new[] { 2L, 2 }), ("pads", new[] { 1L, 1, 1, 1 }), ("dilations", new[] { 1L, 1 }),
            ("kernel_shape", new[] { 3L, 3 }));
}
