using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;
using TrueLive.Models.Tests.Onnx;
using TrueLive.Models.Text;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>
/// Pipelines of SDXL's shape: two text encoders, of which the tokens before the last layer go side by side, a pooled text, and the
/// picture's size as numbers. The UNet here adds a known sum of all of them, so that each number must arrive in its place.
/// </summary>
public sealed class TwoTextEncodersTests
{
    private const int FirstWidth = 4;
    private const int SecondWidth = 6;
    private const int Pooled = 5;

    private static readonly float[] TokenWeights = [.. Enumerable.Range(1, FirstWidth + SecondWidth).Select(j => j * 0.01f)];
    private static readonly float[] PooledWeights = [0.05f, -0.1f, 0.15f, -0.2f, 0.25f];
    private static readonly float[] SizeWeights = [0.001f, -0.002f, 0.5f, 0.25f, 0.003f, -0.001f];

    private readonly FramePool _pool = new("sdxl", 4);

    [Fact]
    public void Both_texts_the_pooled_one_and_the_size_reach_the_UNet_each_in_its_place()
    {
        const int Width = 128, Height = 64;
        using var folder = Folder("""{ "steps": [40] }""");
        using var model = folder.Load();
        using var session = model.CreateSession(Width, Height);
        using var input = TestPicture.Make(_pool, 0, Width, Height);
        foreach (var text in new[] { "", "ink", "neon ink oil" })
        {
            using var plain = new TinyDiffusion("""{ "steps": [40] }""");
            File.WriteAllBytes(plain.Of("unet/model.onnx"), new OnnxGraph()
                .Input("sample", Element.Float, 0, 4, 0, 0).Input("timestep", Element.Int64, 0)
                .Input("encoder_hidden_states", Element.Float, 0, 77, 32).Output("out_sample", Element.Float, 0, 4, 0, 0)
                .Constant("tenth", [0.1f], 1).Constant("told", [Told(folder, text, Width, Height)], 1)
                .Node("Mul", ["sample", "tenth"], ["scaled"]).Node("Add", ["scaled", "told"], ["out_sample"]).Bytes());
            using var other = plain.Load();
            using var wanted = other.CreateSession(Width, Height);
            using var expected = wanted.Step(input, TinyDiffusion.Prompt(other, "ink"));
            using var found = session.Step(input, TinyDiffusion.Prompt(model, text));
            Assert.InRange(TinyDiffusion.Difference(found, expected), 0, 0.01);
        }
    }

    [Fact]
    public void In_the_stream_batch_each_row_has_the_texts_of_its_own_frame()
    {
        using var plain = Folder("""{ "steps": [35, 45] }""");
        using var batched = Folder("""{ "steps": [35, 45], "throughput": true }""");
        using var one = plain.Load();
        using var many = batched.Load();
        using var sequential = one.CreateSession(64, 64);
        using var throughput = many.CreateSession(64, 64);
        var prompts = new[] { "ink", "neon", "oil", "ink" }.Select((text, i) => TinyDiffusion.Prompt(one, text, revision: i + 1)).ToArray();
        var made = new MadeFrame[1];
        var wanted = new List<VideoFrame>();
        for (var t = 0; t < prompts.Length; t++)
        {
            using var input = TestPicture.Make(_pool, t, 64, 64);
            wanted.Add(sequential.Step(input, prompts[t]));
            if (throughput.Step(input, prompts[t], made) == 0)
                continue;
            Assert.Equal(t, made[0].Ticket.PromptRevision);
            Assert.InRange(TinyDiffusion.Difference(wanted[t - 1], made[0].Frame), 0, 0.05);
            made[0].Frame.Dispose();
        }
        Assert.True(TinyDiffusion.Difference(wanted[0], wanted[1]) > 0.05);
        foreach (var frame in wanted)
            frame.Dispose();
    }

    [Fact]
    public void What_the_second_tokenizer_cuts_is_told_and_a_copy_has_all_files()
    {
        using var folder = Folder("""{ "steps": [40] }""");
        using var model = folder.Load();
        Assert.Contains("zebra", model.Read(string.Join(" ", Enumerable.Repeat("ink", 80)) + " zebra").Note, StringComparison.Ordinal);
        Assert.Superset(new HashSet<string> { "text_encoder_2/model.onnx", "tokenizer_2/vocab.json", "tokenizer_2/merges.txt" },
            model.Manifest.Files.ToHashSet());
        Assert.Contains(model.Tensors, line => line.StartsWith("text_encoder_2: out text_embeds", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("no second encoder", "unet", "takes 'text_embeds'", "text_encoder_2/model.onnx")]
    [InlineData("no second tokenizer", "tokenizer_2/vocab.json", "does not exist")]
    [InlineData("no hidden states", "text_encoder/model.onnx", "hidden_states.0")]
    [InlineData("no pooled text", "text_encoder_2/model.onnx", "text_embeds")]
    [InlineData("numbers of a refiner", "unet", "'time_ids'", "6")]
    [InlineData("a UNet of one text", "unet", "encoder_hidden_states")]
    public void A_folder_with_two_encoders_that_do_not_fit_is_refused_by_its_part(string kind, params string[] words)
    {
        using var folder = Folder("""{ "steps": [40] }""");
        switch (kind)
        {
            case "no second encoder":
                Directory.Delete(folder.Of("text_encoder_2"), true);
                File.WriteAllBytes(folder.Of("unet/model.onnx"), UNet(FirstWidth));
                File.WriteAllBytes(folder.Of("text_encoder/model.onnx"), Text(FirstWidth, 0.001f, pools: false, last: true));
                break;
            case "no second tokenizer":
                Directory.Delete(folder.Of("tokenizer_2"), true);
                break;
            case "no hidden states":
                File.WriteAllBytes(folder.Of("text_encoder/model.onnx"), Text(FirstWidth, 0.001f, pools: false, last: true));
                break;
            case "no pooled text":
                File.WriteAllBytes(folder.Of("text_encoder_2/model.onnx"), Text(SecondWidth, 0.002f, pools: false));
                break;
            case "numbers of a refiner":
                File.WriteAllBytes(folder.Of("unet/model.onnx"), UNet(FirstWidth + SecondWidth, sizes: 5));
                break;
            default:
                File.WriteAllBytes(folder.Of("unet/model.onnx"), UNet(FirstWidth));
                break;
        }
        var message = Assert.Throws<ModelException>(folder.Load).Message;
        Assert.All(words, word => Assert.Contains(word, message, StringComparison.Ordinal));
    }

    private static TinyDiffusion Folder(string diffusion)
    {
        var folder = new TinyDiffusion(diffusion);
        foreach (var part in new[] { "text_encoder_2", "tokenizer_2" })
            Directory.CreateDirectory(folder.Of(part));
        foreach (var file in new[] { "vocab.json", "merges.txt" })
            File.Copy(folder.Of($"tokenizer/{file}"), folder.Of($"tokenizer_2/{file}"));
        // As SDXL's: the second encoder is padded with another token.
        File.WriteAllText(folder.Of("tokenizer_2/tokenizer_config.json"), """{ "pad_token": "!" }""");
        File.WriteAllBytes(folder.Of("text_encoder/model.onnx"), Text(FirstWidth, 0.001f, pools: false));
        File.WriteAllBytes(folder.Of("text_encoder_2/model.onnx"), Text(SecondWidth, 0.002f, pools: true));
        File.WriteAllBytes(folder.Of("unet/model.onnx"), UNet(FirstWidth + SecondWidth));
        return folder;
    }

    // Of each token its number, scaled by the layer.
    private static byte[] Text(int width, float scale, bool pools, bool last = false)
    {
        var graph = new OnnxGraph().Input("input_ids", Element.Int64, 1, 77).Whole("apart", [1, 77, 1], 3)
            .Node("Cast", ["input_ids"], ["f"], ("to", 1)).Node("Reshape", ["f", "apart"], ["t"]);
        var outputs = last ? new[] { "last_hidden_state" } : ["hidden_states.0", "hidden_states.1", "hidden_states.2"];
        for (var layer = 0; layer < outputs.Length; layer++)
        {
            graph.Output(outputs[layer], Element.Float, 1, 77, width)
                .Constant($"w{layer}", [.. Enumerable.Repeat((layer + 1) * scale, width)], 1, 1, width)
                .Node("Mul", ["t", $"w{layer}"], [outputs[layer]]);
        }
        if (pools)
        {
            graph.Output("text_embeds", Element.Float, 1, Pooled).Constant("pool", [.. Enumerable.Repeat(scale, Pooled)], 1, Pooled)
                .Node("ReduceMean", ["f"], ["mean"], ("axes", new[] { 1L }), ("keepdims", 1))
                .Node("Mul", ["mean", "pool"], ["text_embeds"]);
        }
        return graph.Bytes();
    }

    private static byte[] UNet(int width, int sizes = 6) => new OnnxGraph()
        .Input("sample", Element.Float, 0, 4, 0, 0).Input("timestep", Element.Int64, 0)
        .Input("encoder_hidden_states", Element.Float, 0, 77, width)
        .Input("text_embeds", Element.Float, 0, Pooled).Input("time_ids", Element.Float, 0, sizes)
        .Output("out_sample", Element.Float, 0, 4, 0, 0)
        .Constant("tenth", [0.1f], 1).Constant("tokens", TokenWeights[..width], 1, 1, width).Constant("pooled", PooledWeights, 1, Pooled)
        .Constant("sizes", SizeWeights[..sizes], 1, sizes).Whole("rows", [-1, 1, 1, 1], 4)
        .Node("Mul", ["encoder_hidden_states", "tokens"], ["a"])
        .Node("ReduceMean", ["a"], ["b"], ("axes", new[] { 1L, 2L }), ("keepdims", 1)).Node("Reshape", ["b", "rows"], ["c"])
        .Node("Mul", ["text_embeds", "pooled"], ["d"]).Node("ReduceMean", ["d"], ["e"], ("axes", new[] { 1L }), ("keepdims", 1))
        .Node("Reshape", ["e", "rows"], ["g"])
        .Node("Mul", ["time_ids", "sizes"], ["h"]).Node("ReduceMean", ["h"], ["i"], ("axes", new[] { 1L }), ("keepdims", 1))
        .Node("Reshape", ["i", "rows"], ["j"])
        .Node("Mul", ["sample", "tenth"], ["scaled"]).Node("Add", ["c", "g"], ["k"]).Node("Add", ["k", "j"], ["l"])
        .Node("Add", ["scaled", "l"], ["out_sample"]).Bytes();

    // What the UNet above adds.
    private static float Told(TinyDiffusion folder, string text, int width, int height)
    {
        int[] first = new int[77], second = new int[77];
        ClipTokenizer.Load(folder.Path, "tokenizer").Encode(text, first);
        ClipTokenizer.Load(folder.Path, "tokenizer_2").Encode(text, second);
        var tokens = Enumerable.Range(0, 77).Average(t => Enumerable.Range(0, FirstWidth + SecondWidth)
            .Average(j => TokenWeights[j] * (j < FirstWidth ? first[t] * 0.002 : second[t] * 0.004)));
        var pooled = PooledWeights.Average() * second.Average() * 0.002;
        var size = SizeWeights.Zip([height, width, 0, 0, height, width], (w, side) => (double)w * side).Average();
        return (float)(tokens + pooled + size);
    }
}
