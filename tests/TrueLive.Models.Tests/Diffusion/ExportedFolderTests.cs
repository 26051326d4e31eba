using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Diffusion;
using TrueLive.Models.Manifest;
using TrueLive.Models.Tests.Onnx;
using TrueLive.Models.Text;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>What exporters of several years write differently, and Python otherwise than JSON has it.</summary>
public sealed class ExportedFolderTests
{
    private const int Side = 64;
    private const string Text = "neon ink's oil, 42!";

    private static readonly byte[] Mark = Encoding.UTF8.GetPreamble();

    private readonly FramePool _pool = new("exported", 4);

    [Theory]
    [InlineData("latent_sample")]
    [InlineData("latent_parameters")]
    public void Graphs_that_leave_every_side_free_make_the_same_pictures_as_those_that_declare_them(string latents)
    {
        using var declared = Folder(latents, free: false);
        using var free = Folder(latents, free: true);
        using var one = declared.Load();
        using var two = free.Load();
        using var wanted = one.CreateSession(Side, Side);
        using var found = two.CreateSession(Side, Side);
        using var input = TestPicture.Make(_pool, 0, Side, Side);
        using var first = wanted.Step(input, TinyDiffusion.Prompt(one, "ink"));
        using var second = found.Step(input, TinyDiffusion.Prompt(two, "ink"));
        Assert.True(TinyDiffusion.Difference(input, first) > 0.05);
        Assert.Equal(0, TinyDiffusion.Difference(first, second));
    }

    [Theory]
    [InlineData("model.onnx_data")]
    [InlineData("weights.pb")]
    public void Numbers_that_an_exporter_put_beside_a_part_are_read_and_go_with_a_copy_of_the_model(string name)
    {
        using var folder = new TinyDiffusion();
        File.WriteAllBytes(folder.Of("unet/model.onnx"), new OnnxGraph()
            .Input("sample", Element.Float, 0, 4, 0, 0).Input("timestep", Element.Int64, 0)
            .Input("encoder_hidden_states", Element.Float, 0, 77, 32).Output("out_sample", Element.Float, 0, 4, 0, 0)
            .ExternalConstant("factor", name, 1).Node("Mul", ["sample", "factor"], ["out_sample"]).Bytes());
        Assert.Contains("no plain file beside it", Assert.Throws<ModelException>(folder.Load).Message, StringComparison.Ordinal);
        File.WriteAllBytes(folder.Of($"unet/{name}"), BitConverter.GetBytes(0.5f));
        var place = Directory.CreateTempSubdirectory("truelive-models-").FullName;
        using (var given = folder.Load())
        using (var model = ModelLoader.Load(ModelInstall.Copy(given.Manifest, place, false), 1, TimeProvider.System))
        using (var session = model.CreateSession(Side, Side))
        using (var input = TestPicture.Make(_pool, 0, Side, Side))
        using (var made = session.Step(input, TinyDiffusion.Prompt(model, "ink")))
            Assert.True(TinyDiffusion.Difference(input, made) > 0.05);
        Directory.Delete(place, true);
    }

    [Fact]
    public void A_manifest_that_is_derived_tells_a_latent_consistency_model_the_scale_that_it_was_distilled_with()
    {
        using var folder = new TinyDiffusion();
        File.WriteAllBytes(folder.Of("unet/model.onnx"), new OnnxGraph().Input("sample", Element.Float, 0, 4, 0, 0)
            .Input("timestep_cond", Element.Float, 0, 256).Output("out_sample", Element.Float, 0, 4, 0, 0).Bytes());
        ManifestDraft.Write(folder.Path, new ModelDraft("lcm", "1", "LCM", "Exported.", "mit"), ModelTrust.Given);
        var spec = ModelManifest.Load(folder.Path).Diffusion!;
        Assert.Equal((Guidance.None, 8f, "32 45"), (spec.Guidance, spec.GuidanceScale, string.Join(' ', spec.Steps)));
    }

    [Theory]
    [InlineData("TCDScheduler")]
    [InlineData("HeunDiscreteScheduler")]
    [InlineData("KDPM2AncestralDiscreteScheduler")]
    [InlineData("DPMSolverSinglestepScheduler")]
    [InlineData("DPMSolverMultistepScheduler")]
    public void A_scheduler_is_read_as_Python_writes_it(string name)
    {
        byte[] written = [.. Mark, .. Encoding.UTF8.GetBytes($$"""
            { "_class_name": "{{name}}", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
              "lambda_min_clipped": -Infinity, "final_sigmas_type": "Infinity \" NaN", "a": Infinity, "b": [NaN, 1] }
            """)];
        Assert.Equal(NoiseSchedule.Parse("{}"u8.ToArray(), "plain").At(12), NoiseSchedule.Parse(written, "scheduler_config.json").At(12));
        var wrong = Assert.Throws<ModelException>(() => NoiseSchedule.Parse("""{ "beta_end": NaN }"""u8.ToArray(), "config.json"));
        Assert.Contains("beta_end must be a number", wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "_class_name": "AutoencoderKL", "latent_channels": 4 }""", 0.18215f)]
    [InlineData("""{ "_class_name": "AutoencoderTiny" }""", 1f)]
    [InlineData("""{ "_class_name": "AutoencoderKL", "scaling_factor": 0.13025 }""", 0.13025f)]
    public void A_scale_of_latents_that_is_not_written_is_the_one_that_diffusers_takes(string config, float scale)
    {
        using var folder = new TinyDiffusion();
        File.WriteAllBytes(folder.Of("vae_decoder/config.json"), [.. Mark, .. Encoding.UTF8.GetBytes(config)]);
        using var model = (DiffusionModel)folder.Load();
        Assert.Equal(scale, model.Graphs.Scale);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_tokenizer_of_one_file_makes_the_tokens_of_one_of_two_and_goes_with_a_copy_of_the_model(bool lists)
    {
        using var folder = new TinyDiffusion();
        var wanted = Encode(folder);
        var words = JsonNode.Parse(File.ReadAllText(folder.Of("tokenizer/vocab.json")));
        var merges = File.ReadAllLines(folder.Of("tokenizer/merges.txt")).Where(l => l.Length > 0 && l[0] != '#')
            .Select(l => lists ? (JsonNode)new JsonArray([.. l.Split(' ').Select(t => JsonValue.Create(t))]) : l);
        File.WriteAllText(folder.Of("tokenizer/tokenizer.json"), new JsonObject
        {
            ["version"] = "1.0",
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = words, ["merges"] = new JsonArray([.. merges]) },
        }.ToJsonString());
        File.Delete(folder.Of("tokenizer/vocab.json"));
        File.Delete(folder.Of("tokenizer/merges.txt"));
        Assert.Equal(wanted, Encode(folder));
        using var model = folder.Load();
        Assert.Contains("tokenizer/tokenizer.json", model.Manifest.Files);
        Assert.DoesNotContain("tokenizer/vocab.json", model.Manifest.Files);
        File.WriteAllText(folder.Of("tokenizer/tokenizer.json"), """{ "model": { "type": "Unigram", "vocab": [["a", 1]] } }""");
        var wrong = Assert.Throws<ModelException>(() => Encode(folder));
        Assert.Contains("tokenizer.json", wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, "<|endoftext|>")]
    [InlineData("""{ "pad_token": "ink</w>" }""", null, "ink</w>")]
    [InlineData("""{ "pad_token": "<|endoftext|>" }""", """{ "pad_token": "ink</w>" }""", "ink</w>")]
    [InlineData("""{ "pad_token": "<|endoftext|>" }""", """{ "pad_token": { "content": "ink</w>" } }""", "ink</w>")]
    [InlineData("""{ "pad_token": "<|endoftext|>", "added_tokens_decoder": {} }""", """{ "pad_token": "ink</w>" }""", "<|endoftext|>")]
    [InlineData("""{ "pad_token": null, "model_max_length": Infinity }""", """{ "unk_token": "ink</w>" }""", "<|endoftext|>")]
    public void A_text_is_padded_with_the_token_that_transformers_takes(string? config, string? map, string padding)
    {
        using var folder = new TinyDiffusion();
        var words = JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllText(folder.Of("tokenizer/vocab.json")))!;
        var wanted = Encode(folder);
        foreach (var (file, text) in new[] { ("tokenizer_config.json", config), ("special_tokens_map.json", map) })
        {
            File.Delete(folder.Of($"tokenizer/{file}"));
            if (text is not null)
                File.WriteAllText(folder.Of($"tokenizer/{file}"), text);
        }
        // As editors of Windows save a file.
        foreach (var file in new[] { "vocab.json", "merges.txt" })
            File.WriteAllBytes(folder.Of($"tokenizer/{file}"), [.. Mark, .. File.ReadAllBytes(folder.Of($"tokenizer/{file}"))]);
        var found = Encode(folder);
        Assert.Equal(words[padding], found[^1]);
        Assert.Equal(wanted.TakeWhile(id => id != words["<|endoftext|>"]), found.TakeWhile(id => id != words["<|endoftext|>"]));
    }

    private static int[] Encode(TinyDiffusion folder)
    {
        var ids = new int[ClipTokenizer.Length];
        ClipTokenizer.Load(folder.Path, "tokenizer").Encode(Text, ids);
        return ids;
    }

    private static TinyDiffusion Folder(string latents, bool free)
    {
        long[] Sides(params long[] sides) => free ? new long[sides.Length] : sides;
        var folder = new TinyDiffusion();
        File.WriteAllBytes(folder.Of("text_encoder/model.onnx"), Sized(new OnnxGraph()
            .Input("input_ids", Element.Int64, Sides(1, 77)).Output("last_hidden_state", Element.Float, Sides(1, 77, 6))
            .Whole("apart", [1, 77, 1], 3).Constant("wide", [0.001f, 0.002f, 0.003f, 0.004f, 0.005f, 0.006f], 1, 1, 6)
            .Node("Cast", ["input_ids"], ["f"], ("to", 1)).Node("Reshape", ["f", "apart"], ["t"])
            .Node("Mul", ["t", "wide"], ["made"]), "last_hidden_state", 1, 77, 6));
        File.WriteAllBytes(folder.Of("unet/model.onnx"), new OnnxGraph()
            .Input("sample", Element.Float, Sides(0, 4, 0, 0)).Input("timestep", Element.Int64, Sides(0))
            .Input("encoder_hidden_states", Element.Float, Sides(0, 77, 6)).Output("out_sample", Element.Float, Sides(0, 4, 0, 0))
            .Constant("half", [0.5f], 1).Node("Mul", ["sample", "half"], ["scaled"])
            .Node("ReduceMean", ["encoder_hidden_states"], ["told"], ("axes", new[] { 0L, 1L, 2L }), ("keepdims", 0))
            .Node("Add", ["scaled", "told"], ["out_sample"]).Bytes());
        var planes = latents == "latent_sample" ? new long[] { 0, 1, 2, 0 } : [0, 1, 2, 0, 1, 1, 1, 1];
        File.WriteAllBytes(folder.Of("vae_encoder/model.onnx"), Sized(new OnnxGraph()
            .Input("sample", Element.Float, Sides(1, 3, 0, 0)).Output(latents, Element.Float, Sides(1, planes.Length, 0, 0))
            .Whole("planes", planes, planes.Length)
            .Node("AveragePool", ["sample"], ["small"], ("kernel_shape", new[] { 8L, 8L }), ("strides", new[] { 8L, 8L }))
            .Node("Gather", ["small", "planes"], ["made"], ("axis", 1)), latents, 0, planes.Length, 0, 0));
        File.WriteAllBytes(folder.Of("vae_decoder/model.onnx"), new OnnxGraph()
            .Input("latent_sample", Element.Float, Sides(1, 4, 0, 0)).Output("sample", Element.Float, Sides(1, 3, 0, 0))
            .Constant("sizes", [1, 1, 8, 8], 4).Whole("planes", [0, 1, 2], 3)
            .Node("Gather", ["latent_sample", "planes"], ["a"], ("axis", 1)).Node("Resize", ["a", "", "sizes"], ["sample"]).Bytes());
        return folder;
    }

    // The runtime infers shapes where it can, and cannot of a reshape to sides that depend on the input.
    private static byte[] Sized(OnnxGraph graph, string output, params float[] sides) => graph
        .Constant("sides", sides, sides.Length).Constant("nothing", [0], 1)
        .Node("ReduceMin", ["made"], ["least"], ("keepdims", 0)).Node("Mul", ["least", "nothing"], ["zero"])
        .Node("Add", ["sides", "zero"], ["sum"]).Node("Cast", ["sum"], ["shape"], ("to", (long)Element.Int64))
        .Node("Reshape", ["made", "shape"], [output]).Bytes();
}
