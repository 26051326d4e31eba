using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;
using TrueLive.Models.Onnx;

namespace TrueLive.Models.Tests.Onnx;

/// <summary>Features of a manifest, each on a small model that ONNX Runtime runs.</summary>
public sealed class ManifestFeaturesTests
{
    private static readonly (float R, float G, float B) Tan = (0.8f, 0.4f, 0.2f);

    private readonly FramePool _pool = new("manifest features", 4);

    public static TheoryData<string, string, string, float, float> Pictures()
    {
        var data = new TheoryData<string, string, string, float, float>();
        foreach (var layout in new[] { "nchw", "nhwc" })
        {
            foreach (var colour in new[] { "rgb", "bgr" })
            {
                foreach (var (type, black, white) in new[] { ("float32", 0f, 1f), ("float32", 0, 255), ("float32", -1, 1),
                    ("float16", 0, 1), ("float16", 0, 255), ("uint8", 0, 255), ("int8", -128, 127), ("int32", 0, 255) })
                    data.Add(layout, colour, type, black, white);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Pictures))]
    public void A_picture_goes_in_and_out_in_the_layout_order_type_and_range_of_the_manifest(
        string layout, string colour, string type, float black, float white)
    {
        // The model keeps its first channel and makes the others black, in its own value range.
        var element = type switch
        {
            "float32" => Element.Float,
            "float16" => Element.Half,
            "int8" => Element.Int8,
            "int32" => Element.Int32,
            _ => Element.Uint8
        };
        long[] shape = layout == "nchw" ? [1, 3, 0, 0] : [1, 0, 0, 3], channels = layout == "nchw" ? [1, 3, 1, 1] : [1, 1, 1, 3];
        var fused = new OnnxGraph().Input("x", element, shape).Output("y", element, shape)
            .Constant("first", [1, 0, 0], channels).Constant("black", [0, black, black], channels)
            .Node("Cast", ["x"], ["f"], ("to", 1)).Node("Mul", ["f", "first"], ["m"]).Node("Add", ["m", "black"], ["a"])
            .Node("Cast", ["a"], ["y"], ("to", (long)element));
        using var folder = new ModelFolder(fused.Bytes(),
            FormattableString.Invariant(
            $"\"layout\": \"{layout}\", \"colour\": \"{colour}\", \"type\": \"{type}\", \"range\": [{black}, {white}]"));
        using var model = folder.Load();
        using var session = model.CreateSession(32, 16);
        Colours.AssertNear(colour == "rgb" ? (Tan.R, 0, 0) : (0, 0, Tan.B), session.After(_pool, Tan));
    }

    [Theory]
    [InlineData("utf-8", false)]
    [InlineData("utf-8", true)]
    [InlineData("utf-16", true)]
    [InlineData("utf-16BE", true)]
    public void A_manifest_is_read_writtenWindows_editors_and_shells_write_it(string encoding, bool mark)
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0)
            .Node("Identity", ["x"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(), more: "\"description\": \"Mädchen mit Perlenohrgehänge\"");
        var path = Path.Combine(folder.Path, "manifest.json");
        var text = File.ReadAllText(path).ReplaceLineEndings("\r\n");
        var written = System.Text.Encoding.GetEncoding(encoding);
        File.WriteAllBytes(path, [.. mark ? written.GetPreamble() : [], .. written.GetBytes(text)]);
        using var model = folder.Load();
        Assert.Equal("Mädchen mit Perlenohrgehänge", model.Info.Description);
    }

    [Fact]
    public void Tensors_files_and_folders_may_have_names_with_spaces_colons_and_signs()
    {
        var fused = new OnnxGraph().Input("input image:0", Element.Float, 0, 3, 0, 0).Input("état #1", Element.Float, 0, 3, 0, 0)
            .Output("Identity:0 / \"out\"", Element.Float, 0, 3, 0, 0).Output("état 2", Element.Float, 0, 3, 0, 0)
            .Node("Identity", ["état #1"], ["Identity:0 / \"out\""]).Node("Identity", ["input image:0"], ["état 2"]);
        using var place = new ModelFolder("");
        var folder = Path.Combine(place.Path, "my models #1", " 100% größer; (final)");
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "my network (v2) #1.onnx"), fused.Bytes());
        File.WriteAllText(Path.Combine(folder, "manifest.json"), """
            { "schema": "truelive-model/1", "id": "spaces", "title": "With spaces", "file": "my network (v2) #1.onnx", "frame": { "input": "input image:0" }, "output": { "name": "Identity:0 / \"out\"" },
              "size": { "min": 16, "max": 64 }, "states": [{ "input": "état #1", "output": "état 2", "channels": 3 }] }
            """);
        using var model = OnnxVideoModel.Load(folder, 1, TimeProvider.System);
        using var session = model.CreateSession(32, 16);
        session.After(_pool, Tan);
        Colours.AssertNear(Tan, session.After(_pool, (0, 0, 0)));
    }

    [Fact]
    public void A_network_in_half_floats_takes_further_inputs_in_its_own_type_and_may_give_its_mask_in_another()
    {
        // As matting models are exported: half floats in, the ratio as a float, a mask in floats, and states whose size depends on the
        // ratio.
        var fused = new OnnxGraph().Input("src", Element.Half, 0, 3, 0, 0).Input("r1i", Element.Half, 0, 0, 0, 0)
            .Input("ratio", Element.Float, 1)
            .Output("pha", Element.Float, 0, 1, 0, 0).Output("r1o", Element.Half, 0, 0, 0, 0)
            .Node("Cast", ["src"], ["f"], ("to", 1)).Constant("ones", [1, 1], 2).Constant("empty", [], 0)
            .Node("Concat", ["ones", "ratio", "ratio"], ["scales"], ("axis", 0)).Node("Resize", ["f", "", "scales"], ["small"])
            .Node("Cast", ["small"], ["r"], ("to", 10)).Node("Add", ["r", "r1i"], ["r1o"])
            .Node("ReduceMax", ["f"], ["pha"], ("axes", new[] { 1L }), ("keepdims", 1));
        using var folder = new ModelFolder("""
            { "schema": "truelive-model/1", "id": "matting", "title": "Matting", "file": "net.onnx", "frame": { "input": "src", "type": "float16" }, "output": { "name": "pha", "role": "mask" },
              "size": { "min": 32, "max": 256, "multiple": 2 }, "inputs": [{ "name": "ratio", "value": 0.25 }], "states": [{ "input": "r1i", "output": "r1o", "channels": 3, "divide": 4 }] }
            """, fused.Bytes());
        using var model = folder.Load();
        using var session = (OnnxModelSession)model.CreateSession(90, 50);
        Colours.AssertNear((0.8f, 0.8f, 0.8f), session.After(_pool, (0.8f, 0.8f, 0.8f)));
        Assert.Equal(3 * 12 * 22, session.State[0].Count);
    }

    [Theory]
    [InlineData("type", "double", "float32, float16, uint8, int8, int32")]
    [InlineData("layout", "chw", "nchw, nhwc")]
    [InlineData("colour", "yuv", "rgb, bgr")]
    public void What_no_picture_tensor_has_is_refused_by_its_field_with_what_is_taken(string field, string given, string taken)
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0)
            .Node("Identity", ["x"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(), $"\"{field}\": \"{given}\"");
        var refusal = Assert.Throws<ModelException>(folder.Load);
        Assert.Contains($"manifest.json: field frame.{field}", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"Taken are: {taken}.", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whole_numbers_that_a_further_input_is_filled_with_are_rounded()
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Input("n", Element.Int64, 1)
            .Output("y", Element.Float, 1, 3, 0, 0)
            .Node("Cast", ["n"], ["f"], ("to", 1)).Node("Div", ["x", "f"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(), more: "\"inputs\": [{ \"name\": \"n\", \"value\": 1.9999999 }]");
        using var model = folder.Load();
        using var session = model.CreateSession(32, 16);
        Colours.AssertNear((0.4f, 0.2f, 0.1f), session.After(_pool, Tan));
    }

    [Fact]
    public void Mean_and_deviation_reach_the_network_and_are_not_taken_over_by_the_output()
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0)
            .Constant("std", [0.5f, 0.25f, 2], 1, 3, 1, 1).Constant("mean", [0.1f, 0.2f, 0.3f], 1, 3, 1, 1)
            .Node("Mul", ["x", "std"], ["m"]).Node("Add", ["m", "mean"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(), "\"mean\": [0.1, 0.2, 0.3], \"std\": [0.5, 0.25, 2]");
        using var model = folder.Load();
        using var session = model.CreateSession(32, 16);
        Colours.AssertNear(Tan, session.After(_pool, Tan));
    }

    [Fact]
    public void A_fixed_size_is_the_only_one_and_a_fourth_channel_is_ones()
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 4, 24, 40).Output("y", Element.Float, 1, 3, 24, 40)
            .Whole("at", [3, 3, 3], 3).Node("Gather", ["x", "at"], ["y"], ("axis", 1));
        using var folder = new ModelFolder(fused.Bytes(), "\"channels\": 4", size: "\"width\": 40, \"height\": 24");
        using var model = folder.Load();
        Assert.Equal((40, 24), model.Info.Sizes.Nearest(1920, 1080));
        using var session = model.CreateSession(40, 24);
        Colours.AssertNear((1, 1, 1), session.After(_pool, Tan));
    }

    [Fact]
    public void Any_number_of_states_of_any_type_goes_from_step_to_step()
    {
        // y = a + b / 2: a grows by 0.1 a step (float), c by one (int64, not visible), d is the previous frame in half floats at half size.
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0)
            .Input("a", Element.Float, 1).Output("a2", Element.Float, 1).Input("b", Element.Float, 1, 3, 0, 0)
            .Output("b2", Element.Float, 1, 3, 0, 0)
            .Input("c", Element.Int64, 1, 2).Output("c2", Element.Int64, 1, 2).Input("d", Element.Half, 1, 3, 0, 0)
            .Output("d2", Element.Half, 1, 3, 0, 0)
            .Constant("tenth", [0.1f], 1).Constant("half", [0.5f], 1).Whole("one", [1L], 1).Whole("start", [0L, 0, 0, 0], 4)
            .Whole("end", [1L, 3, 10000, 10000], 4).Whole("stride", [1L, 1, 2, 2], 4).Whole("axes", [0L, 1, 2, 3], 4)
            .Node("Add", ["a", "tenth"], ["a2"]).Node("Identity", ["x"], ["b2"]).Node("Add", ["c", "one"], ["c2"])
            .Node("Slice", ["x", "start", "end", "axes", "stride"], ["s"]).Node("Cast", ["s"], ["d2"], ("to", 10))
            .Node("Mul", ["b", "half"], ["h"]).Node("Add", ["h", "a"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(), more: """
            "states": [ { "input": "a", "output": "a2", "shape": [1] }, { "input": "b", "output": "b2", "channels": 3 },
                        { "input": "c", "output": "c2", "shape": [1, 2] }, { "input": "d", "output": "d2", "channels": 3, "divide": 2 } ]
            """);
        using var model = folder.Load();
        using var session = (OnnxModelSession)model.Open(32, 16);
        Colours.AssertNear((0, 0, 0), session.After(_pool, Tan));
        Colours.AssertNear((0.5f, 0.3f, 0.2f), session.After(_pool, (0, 1, 0)));
        Colours.AssertNear((0.2f, 0.7f, 0.2f), session.After(_pool, Tan));
        var numbers = new float[3 * 8 * 16];
        session.State[2].Read(numbers.AsSpan(0, 2));
        Assert.Equal([3, 3], numbers[..2]);
        session.State[3].Read(numbers);
        Assert.Equal(0.8f, numbers[0], 0.01f);
        var memory = session.Capture();
        var next = session.After(_pool, Tan);
        session.Reset();
        Colours.AssertNear((0, 0, 0), session.After(_pool, Tan));
        session.Restore(memory);
        Assert.Equal(next, session.After(_pool, Tan));
    }

    [Theory]
    [InlineData("nchw", "float32")]
    [InlineData("nhwc", "float16")]
    public void The_picture_itself_may_be_the_memory(string layout, string type)
    {
        var element = type == "float32" ? Element.Float : Element.Half;
        long[] shape = layout == "nchw" ? [1, 3, 0, 0] : [1, 0, 0, 3];
        var fused = new OnnxGraph().Input("x", element, shape).Input("before", element, shape).Output("y", element, shape)
            .Constant("half", [0.5f], 1).Node("Cast", ["half"], ["h"], ("to", (long)element)).Node("Add", ["x", "before"], ["s"])
            .Node("Mul", ["s", "h"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(14), $"\"layout\": \"{layout}\", \"type\": \"{type}\"",
            more: "\"states\": [{ \"input\": \"before\", \"output\": \"y\", \"channels\": 3 }]");
        using var model = folder.Load();
        using var session = model.CreateSession(32, 16);
        foreach (var share in new[] { 0.5f, 0.75f, 0.875f })
            Colours.AssertNear((Tan.R * share, Tan.G * share, Tan.B * share), session.After(_pool, Tan));
    }

    [Fact]
    public void A_style_vector_is_named_by_its_looks_without_any_word_table()
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Input("style", Element.Float, 0, 1, 3)
            .Output("y", Element.Float, 1, 3, 0, 0)
            .Whole("shape", [1L, 3, 1, 1], 4).Constant("zero", [0f], 1).Node("Reshape", ["style", "shape"], ["s"])
            .Node("Mul", ["x", "zero"], ["z"]).Node("Add", ["z", "s"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(), more: """
            "style": { "input": "style", "length": 3 },
            "looks": [ { "id": "red", "title": "Red", "anchors": [], "style": [1, 0, 0] }, { "id": "blue-sky", "title": "Blue", "anchors": ["azure"], "style": [0, 0, 1] } ]
            """);
        using var model = folder.Load();
        using var session = model.CreateSession(32, 16);
        (float, float, float) With(string text) => session.After(_pool, Tan, new Prompt(1, text, 1, TimeSpan.Zero, model.Read(text)));
        Colours.AssertNear((1, 0, 0), With("red"));
        Colours.AssertNear((0, 0, 1), With("azure"));
        Assert.Equal("blue-sky", model.Read("blue-sky").Looks[0].Look);
        Assert.Equal([0.5f, 0.5f], model.Read("(red:0.5) (azure:0.5)").Looks.Select(l => l.Weight));
        Assert.False(model.Read("green").Understood);
    }

    [Fact]
    public void Further_inputs_of_any_type_are_filled_with_their_values()
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Input("gain", Element.Float).Input("count", Element.Int64, 1)
            .Input("small", Element.Int32, 1).Input("on", Element.Bool, 1).Output("y", Element.Float, 1, 3, 0, 0)
            .Node("Cast", ["count"], ["c"], ("to", 1)).Node("Cast", ["small"], ["s"], ("to", 1)).Node("Cast", ["on"], ["o"], ("to", 1))
            .Node("Mul", ["x", "gain"], ["a"]).Node("Div", ["a", "c"], ["b"]).Node("Div", ["b", "s"], ["d"]).Node("Mul", ["d", "o"], ["y"]);
        using var folder = new ModelFolder(fused.Bytes(), more: """
            "inputs": [{ "name": "gain", "value": 3 }, { "name": "count", "value": 2 }, { "name": "small", "value": 3 }, { "name": "on", "value": 1 }]
            """);
        using var model = folder.Load();
        using var session = model.CreateSession(32, 16);
        Colours.AssertNear((0.4f, 0.2f, 0.1f), session.After(_pool, Tan));
    }

    [Fact]
    public void A_further_input_with_a_title_is_set_while_the_model_runs()
    {
        var graph = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Input("gain", Element.Float)
            .Output("y", Element.Float, 1, 3, 0, 0).Node("Mul", ["x", "gain"], ["y"]);
        using var folder = new ModelFolder(graph.Bytes(), more: """
            "inputs": [{ "name": "gain", "value": 1, "title": "Gain", "min": 0, "max": 2, "step": 0.25 }]
            """);
        using var model = folder.Load();
        var declared = Assert.Single(model.Info.Parameters);
        Assert.Equal(("gain", "Gain", ParameterKind.Number, "1", 0.0, 2.0, 0.25, true),
            (declared.Id, declared.Title, declared.Kind, declared.Default!, declared.Min!.Value, declared.Max!.Value, declared.Step!.Value,
                declared.Live));
        using var session = model.CreateSession(32, 16);
        Assert.True(ParameterValues.None.TrySet(model.Info.Parameters, [new("gain", "0.5")], out var half, out _));
        using var input = _pool.Rent(32, 16);
        input.Y.Fill(200);
        input.U.Fill(128);
        input.V.Fill(128);
        foreach (var (values, luma) in new[] { (ParameterValues.None, 200), (half, 100), (ParameterValues.None, 200) })
        {
            using var made = session.Step(input, Prompt.None with { Values = values });
            Assert.InRange(made.Y[0], luma - 12, luma + 12);
        }
    }

    [Theory]
    [InlineData("nchw", "float32", 1)]
    [InlineData("nhwc", "uint8", 255)]
    public void A_picture_input_shows_the_reference_picture_that_is_set_and_grey_while_none_is(string layout, string type, int white)
    {
        // The result has the mean colour of the reference picture.
        long[] shape = layout == "nchw" ? [1, 3, 16, 24] : [1, 16, 24, 3], channels = [1, 3, 1, 1];
        var axes = layout == "nchw" ? new[] { 2L, 3L } : [1L, 2L];
        var graph = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0)
            .Input("style", type == "uint8" ? Element.Uint8 : Element.Float, shape).Output("y", Element.Float, 1, 3, 0, 0)
            .Constant("white", [white], 1).Constant("none", [0], 1).Whole("plain", channels, 4)
            .Node("Cast", ["style"], ["f"], ("to", 1)).Node("ReduceMean", ["f"], ["m"], ("axes", axes), ("keepdims", 1))
            .Node("Reshape", ["m", "plain"], ["r"]).Node("Div", ["r", "white"], ["d"])
            .Node("Mul", ["x", "none"], ["z"]).Node("Add", ["z", "d"], ["y"]);
        using var folder = new ModelFolder(graph.Bytes(), more: $$"""
            "pictures": [{ "name": "style", "title": "Style", "width": 24, "height": 16, "layout": "{{layout}}", "type": "{{type}}" }]
            """);
        using var model = folder.Load();
        var declared = Assert.Single(model.Info.Parameters);
        Assert.Equal(("style", "Style", ParameterKind.Image, true), (declared.Id, declared.Title, declared.Kind, declared.Live));
        using var session = model.CreateSession(32, 16);
        using var input = Colours.Frame(_pool, 32, 16, (0, 0, 0));
        using var tan = Colours.Frame(_pool, 80, 120, Tan);
        var picture = ReferencePicture.Of(tan, "");
        Assert.True(ParameterValues.None.TrySet(model.Info.Parameters, [new("style", picture.Id)], out var set, out var error, [picture]),
            error);
        foreach (var (values, colour) in new[] { (ParameterValues.None, (0.5f, 0.5f, 0.5f)), (set, Tan),
            (ParameterValues.None, (0.5f, 0.5f, 0.5f)) })
        {
            using var made = session.Step(input, Prompt.None with { Values = values });
            Colours.AssertNear(colour, Colours.At(made, 16, 8));
        }
    }

    [Theory]
    [InlineData("\"name\": \"style\", \"title\": \"\", \"width\": 24, \"height\": 16", "pictures must be at most 64")]
    [InlineData("\"name\": \"Style 1\", \"title\": \"Style\", \"width\": 24, \"height\": 16", "pictures must be at most 64")]
    [InlineData("\"name\": \"style\", \"title\": \"Style\"", "pictures must be at most 64")]
    [InlineData("\"name\": \"style\", \"title\": \"Style\", \"width\": 32, \"height\": 16",
        "pictures[0] must be {\"width\": 24, \"height\": 16}")]
    [InlineData("\"name\": \"style\", \"title\": \"Style\", \"width\": 24, \"height\": 16, \"type\": \"uint8\"",
        "pictures[0].type is uint8")]
    [InlineData("\"name\": \"other\", \"title\": \"Style\", \"width\": 24, \"height\": 16", "pictures[0].name names 'other'")]
    [InlineData("\"name\": \"x\", \"title\": \"Style\", \"width\": 24, \"height\": 16", "fill 'x' more than once")]
    public void A_picture_input_that_the_network_does_not_have_so_is_refused_by_its_field(string fields, string words)
    {
        var graph = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Input("style", Element.Float, 1, 3, 16, 24)
            .Output("y", Element.Float, 1, 3, 0, 0)
            .Node("ReduceMean", ["style"], ["m"], ("keepdims", 1)).Node("Add", ["x", "m"], ["y"]);
        using var folder = new ModelFolder(graph.Bytes(), more: $$"""
            "pictures": [{ {{fields}} }]
            """);
        Assert.Contains(words, Assert.Throws<ModelException>(folder.Load).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"title\": \"\"")]
    [InlineData("\"title\": \"Gain\", \"min\": 2, \"max\": 3")]
    [InlineData("\"title\": \"Gain\", \"step\": 0")]
    public void A_further_input_whose_bounds_do_not_hold_is_refused(string fields)
    {
        var graph = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Input("gain", Element.Float)
            .Output("y", Element.Float, 1, 3, 0, 0).Node("Mul", ["x", "gain"], ["y"]);
        using var folder = new ModelFolder(graph.Bytes(), more: $$"""
            "inputs": [{ "name": "gain", "value": 1, {{fields}} }]
            """);
        Assert.Contains("inputs[0] needs a name and a finite value", Assert.Throws<ModelException>(folder.Load).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nhwc", 1, "float32")]
    [InlineData("nchw", 2, "float32")]
    [InlineData("nhwc", 2, "uint8")]
    public void A_mask_of_half_size_keeps_what_is_white_and_blurs_the_rest(string layout, int channels, string type)
    {
        // The mask is white in the left half: its last channel says so, the previous one says the opposite.
        var element = type == "uint8" ? Element.Uint8 : Element.Float;
        float white = type == "uint8" ? 255 : 1;
        long[] shape = layout == "nhwc" ? [1, 32, 64, channels] : [1, channels, 32, 64];
        var values = new float[32 * 64 * channels];
        for (var i = 0; i < values.Length; i++)
        {
            var (channel, x) = layout == "nhwc" ? (i % channels, i / channels % 64) : (i / (32 * 64), i % 64);
            values[i] = x < 32 == (channel == channels - 1) ? white : 0;
        }
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 64, 128, 3).Output("y", element, shape)
            .Constant("mask", values, shape).Constant("zero", [0f], 1).Node("ReduceMax", ["x"], ["r"], ("keepdims", 1))
            .Node("Mul", ["r", "zero"], ["z"]).Node("Add", ["mask", "z"], ["m"]).Node("Cast", ["m"], ["y"], ("to", (long)element));
        using var folder = new ModelFolder(fused.Bytes(), "\"layout\": \"nhwc\", \"range\": [-1, 1]",
            $"\"role\": \"mask\", \"layout\": \"{layout}\", \"type\": \"{type}\", \"channel\": {channels - 1}",
            "\"width\": 128, \"height\": 64");
        using var model = folder.Load();
        using var session = model.CreateSession(128, 64);
        using var input = Colours.Frame(_pool, 128, 64, (0.5f, 0.5f, 0.5f));
        for (var i = 0; i < input.Y.Length; i += 2)
            (input.Y[i], input.Y[i + 1]) = (40, 200);
        using var output = session.Step(input, Prompt.None);
        int Contrast(int x) => Math.Abs(output.Y[32 * output.StrideY + x] - output.Y[32 * output.StrideY + x + 1]);
        Assert.Equal(160, Contrast(20));
        Assert.InRange(Contrast(100), 0, 8);
    }

    [Fact]
    public void A_network_that_makes_no_picture_passes_the_input_on()
    {
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 1, 1, 1)
            .Output("z", Element.Float, 1, 1, 1, 1)
            .Node("ReduceMax", ["x"], ["y"], ("keepdims", 1)).Node("ReduceMin", ["x"], ["z"], ("keepdims", 1));
        using var folder = new ModelFolder(fused.Bytes(), output: "\"role\": \"data\"");
        using var model = folder.Load();
        using var session = model.CreateSession(32, 16);
        Colours.AssertNear(Tan, session.After(_pool, Tan));
        Assert.Equal(0, model.FramesOut);
    }
}
