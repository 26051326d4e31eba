using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Tests.Onnx;

/// <summary>Sizes that real models have: odd ones, free ones, and ones that are declared but do not run.</summary>
[Collection(Alone.Name)]
public sealed class ModelSizeTests
{
    private static readonly (float R, float G, float B) Tan = (0.8f, 0.4f, 0.2f);

    private readonly FramePool _pool = new("model sizes", 4);

    private static OnnxGraph Picture(long height = 0, long width = 0) =>
        new OnnxGraph().Input("x", Element.Float, 1, 3, height, width).Output("y", Element.Float, 1, 3, height, width);

    private static OnnxGraph Invert(long height = 0, long width = 0) =>
        Picture(height, width).Constant("one", [1], 1).Node("Sub", ["one", "x"], ["y"]);

    [Theory]
    [InlineData("\"width\": 257, \"height\": 257", 257, 257, 258, 258)]
    [InlineData("\"width\": 641, \"height\": 360", 641, 360, 642, 360)]
    [InlineData("\"width\": 32, \"height\": 17", 32, 17, 32, 18)]
    [InlineData("\"min\": 65, \"max\": 65", 0, 0, 66, 66)]
    [InlineData("\"min\": 90, \"max\": 120, \"multiple\": 33", 0, 0, 100, 100)]
    public void A_network_of_odd_sides_makes_pictures_of_even_ones(string size, int width, int height, int wide, int high)
    {
        using var folder = new ModelFolder(Invert(height, width).Bytes(), size: size);
        using var model = folder.Load();
        Assert.Equal((wide, high), model.Info.Sizes.Nearest(640, 480));
        Assert.Equal((wide, high), model.Info.Sizes.Nearest(wide, high));
        using (var session = model.CreateSession(wide, high))
        {
            using var input = Colours.Frame(_pool, 640, 480, Tan);
            input.Ticket = new FrameTicket(7, TimeSpan.FromSeconds(1), 3, 9);
            var made = new MadeFrame[1];
            Assert.Equal(1, session.Step(input, Prompt.None, made));
            using var output = made[0].Frame;
            Assert.Equal((wide, high, session.Width, session.Height), (output.Width, output.Height, wide, high));
            Assert.Equal((input.Ticket, input.Colour), (made[0].Ticket, output.Colour));
            foreach (var (x, y) in new[] { (0, 0), (wide - 1, high - 1), (wide - 1, 0), (0, high - 1) })
                Colours.AssertNear((0.2f, 0.6f, 0.8f), Colours.At(output, x, y));
        }
        Assert.Equal(0, model.FramesOut);
    }

    [Fact]
    public void The_memory_of_a_network_of_odd_sides_is_captured_and_restored_at_the_size_of_the_session()
    {
        var fused = Picture(33, 33).Input("before", Element.Float, 1, 3, 33, 33).Constant("half", [0.5f], 1)
            .Node("Add", ["x", "before"], ["s"]).Node("Mul", ["s", "half"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(14), size: "\"width\": 33, \"height\": 33",
            more: "\"states\": [{ \"input\": \"before\", \"output\": \"y\", \"channels\": 3 }]");
        using var model = folder.Load();
        using var session = model.CreateSession(34, 34);
        using var other = model.CreateSession(34, 34);
        session.After(_pool, Tan);
        var memory = session.Capture();
        // As restored from a file, where only the size of the session is known.
        other.Restore(new ModelState(model.Info.Id, model.Info.Version, session.Width, session.Height, memory.Bytes));
        Assert.Equal(session.After(_pool, Tan), other.After(_pool, Tan));
        Assert.Throws<ArgumentException>(() => other.Restore(memory with { Width = 64 }));
        session.Reset();
        Colours.AssertNear((0.4f, 0.2f, 0.1f), session.After(_pool, Tan));
    }

    [Theory]
    [InlineData(1, 54, 96)]
    [InlineData(0, 54, 96)]
    [InlineData(0, 70, 66)]
    public void A_mask_of_a_free_size_is_as_large_as_the_network_makes_it(long pad, int height, int width)
    {
        // A quarter of the picture, rounded up or down; white on the left.
        var fused = new OnnxGraph().Input("x", Element.Float, 0, 3, 0, 0).Output("y", Element.Float, 0, 1, 0, 0)
            .Node("ReduceMax", ["x"], ["grey"], ("axes", new[] { 1L }), ("keepdims", 1))
            .Node("MaxPool", ["grey"], ["y"], ("kernel_shape", new[] { 4L, 4 }), ("strides", new[] { 4L, 4 }), ("ceil_mode", pad));
        using var folder = new ModelFolder(fused.Bytes(), output: "\"role\": \"mask\"");
        using var model = folder.Load();
        using var session = model.CreateSession(width, height);
        using var input = Colours.Frame(_pool, width, height, (0, 0, 0));
        for (var y = 0; y < height; y++)
            input.Y.Slice(y * input.StrideY, width / 2).Fill(235);
        using var output = session.Step(input, Prompt.None);
        // Where the mask is white the picture stays; where it is black the blurred copy shows, which is black far from the edge.
        Assert.InRange(output.Y[height / 2 * output.StrideY + width / 4], 233, 237);
        Assert.InRange(output.Y[height / 2 * output.StrideY + width - 2], 14, 40);
    }

    [Theory]
    [InlineData(1, "ceil", 50, 70)]
    [InlineData(0, "floor", 50, 70)]
    [InlineData(1, "ceil", 48, 64)]
    public void A_state_whose_side_does_not_divide_evenly_is_rounded_as_the_network_does(long up, string how, int height, int width)
    {
        // The state is the maximum of each square of four by four pixels of the previous frame, and the picture shows its mean. It is added
        // to the pooling of the current frame, so that a state of another size fails as it does in a real model.
        var fused = Picture().Input("s", Element.Float, 1, 3, 0, 0).Output("t", Element.Float, 1, 3, 0, 0).Constant("zero", [0], 1)
            .Node("MaxPool", ["x"], ["t"], ("kernel_shape", new[] { 4L, 4 }), ("strides", new[] { 4L, 4 }), ("ceil_mode", up))
            .Node("Mul", ["t", "zero"], ["nothing"]).Node("Add", ["s", "nothing"], ["sum"])
            .Node("ReduceMean", ["sum"], ["mean"], ("axes", new[] { 2L, 3 }), ("keepdims", 1))
            .Node("Mul", ["x", "zero"], ["black"]).Node("Add", ["black", "mean"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(),
            more: "\"states\": [{ \"input\": \"s\", \"output\": \"t\", \"channels\": 3, \"divide\": 4 }]");
        using var model = folder.Load();
        using var session = (Models.Onnx.OnnxModelSession)model.CreateSession(width, height);
        Colours.AssertNear((0, 0, 0), session.After(_pool, Tan));
        Colours.AssertNear(Tan, session.After(_pool, Tan));
        int Side(int side) => how == "ceil" ? (side + 3) / 4 : side / 4;
        Assert.Equal(3 * Side(height) * Side(width), session.State[0].Count);
    }

    [Fact]
    public void A_result_that_is_no_picture_may_have_another_size_with_each_frame()
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Int64, 4, 0)
            .Constant("dark", [0.5f], 1).Node("Greater", ["x", "dark"], ["bright"]).Node("NonZero", ["bright"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(), output: "\"role\": \"data\"");
        using var model = folder.Load();
        using var session = model.CreateSession(32, 16);
        Colours.AssertNear(Tan, session.After(_pool, Tan));
        Colours.AssertNear((0.1f, 0.1f, 0.1f), session.After(_pool, (0.1f, 0.1f, 0.1f)));
        Colours.AssertNear((1, 1, 1), session.After(_pool, (1, 1, 1)));
    }

    public static TheoryData<string, byte[], string, string[]> Claims() => new()
    {
        // Pools by 4 and repeats by 4: the sum with the picture fits only if 4 divides the sides.
        { "a multiple that is too fine", Pooled(4, 4).Bytes(), "\"min\": 64, \"max\": 256, \"multiple\": 2",
            ["size claims 66x66", "size.multiple"] },
        // A window of 32 is larger than a small picture after pooling.
        { "a smallest size that is too small", Pooled(128, 128).Bytes(), "\"min\": 64, \"max\": 256, \"multiple\": 64",
            ["size claims 64x64", "size.min"] },
        // Needs equal height and width, like an export from a square example.
        { "squares only", Picture().Node("Transpose", ["x"], ["turned"], ("perm", new[] { 0L, 1, 3, 2 }))
            .Node("Add", ["x", "turned"], ["y"]).Bytes(), "\"min\": 64, \"max\": 256, \"multiple\": 2", ["net.onnx", "does not run at"] },
        // Free dimensions in the file, but a fixed size inside.
        { "one size inside", Picture().Constant("c", new float[64 * 64], 64, 64).Node("Add", ["x", "c"], ["y"]).Bytes(),
            "\"min\": 32, \"max\": 128, \"multiple\": 32", ["manifest.json: size must be {\"width\": 64, \"height\": 64}"] },
        { "more memory than a session may have", Hungry().Bytes(), "\"min\": 16, \"max\": 4096, \"multiple\": 16",
            ["size claims 4096x4096", "1024 MB", "size.max"] },
        { "no multiple within", Invert().Bytes(), "\"min\": 70, \"max\": 98, \"multiple\": 33", ["manifest.json: size ", "multiple"] },
        { "a mask of two dimensions", new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 0, 0)
            .Node("ReduceMean", ["x"], ["y"], ("axes", new[] { 0L, 1 }), ("keepdims", 0)).Bytes(),
            "\"min\": 32, \"max\": 64 }, \"output\": { \"name\": \"y\", \"role\": \"mask\"", ["output.role", "three or four dimensions"] },
    };

    private static OnnxGraph Pooled(long kernel, long stride) => Picture()
        .Node("MaxPool", ["x"], ["small"], ("kernel_shape", new[] { kernel, kernel }), ("strides", new[] { stride, stride }))
        .Constant("scales", [1, 1, stride, stride], 4).Node("Resize", ["small", "", "scales"], ["large"])
        .Node("Add", ["x", "large"], ["y"]);

    private static OnnxGraph Hungry()
    {
        var graph = Picture().Node("Identity", ["x"], ["y"]);
        for (var i = 0; i < 3; i++)
            graph.Input($"s{i}", Element.Float, 1, 3, 0, 0).Output($"t{i}", Element.Float, 1, 3, 0, 0)
                .Node("Identity", [$"s{i}"], [$"t{i}"]);
        return graph;
    }

    [Theory]
    [MemberData(nameof(Claims))]
    public void A_size_that_is_claimed_but_does_not_run_is_refused_at_load_by_file_and_field(
        string claim, byte[] fused, string size, string[] words)
    {
        var states = claim.StartsWith("more memory", StringComparison.Ordinal)
            ? "\"states\": [" + string.Join(", ", Enumerable.Range(0, 3)
                .Select(i => $"{{ \"input\": \"s{i}\", \"output\": \"t{i}\", \"channels\": 3 }}")) + "]" : "";
        using var folder = new ModelFolder(fused, size: size, more: states);
        var refusal = Assert.Throws<ModelException>(folder.Load);
        Assert.All(words, word => Assert.Contains(word, refusal.Message, StringComparison.Ordinal));
        Assert.Contains(folder.Path, refusal.Message, StringComparison.Ordinal);
    }
}
