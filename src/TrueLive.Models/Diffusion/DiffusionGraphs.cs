using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Text;

namespace TrueLive.Models.Diffusion;

/// <summary>The graphs of a pipeline, loaded and checked against each other: the output of one must fit the input of the next.</summary>
internal sealed class DiffusionGraphs : IDisposable
{
    private const int MaxConfigBytes = 1 << 20;

    private readonly List<InferenceSession> _all = [];

    private DiffusionGraphs()
    {
    }

    public InferenceSession Text { get; private set; } = null!;

    public InferenceSession UNet { get; private set; } = null!;

    public InferenceSession Encoder { get; private set; } = null!;

    public InferenceSession Decoder { get; private set; } = null!;

    /// <summary>The encoder's result: <c>latent_sample</c>, or <c>latent_parameters</c>, whose first half is the mean.</summary>
    public string EncoderOutput { get; private set; } = "";

    /// <summary>Planes of a latent.</summary>
    public int Channels { get; private set; }

    /// <summary>Numbers of one token.</summary>
    public int Width { get; private set; }

    /// <summary>Factor between the encoder's latents and the UNet's.</summary>
    public float Scale { get; private set; }

    public IReadOnlyList<string> Tensors => [.. _all.Zip(["text encoder", "unet", "vae encoder", "vae decoder"]).SelectMany(g => GraphCheck.Describe(g.First).Select(line => $"{g.Second}: {line}"))];

    /// <exception cref="ModelException">A part is missing or does not fit; the message names it.</exception>
    public static DiffusionGraphs Load(ModelManifest manifest, int threads)
    {
        foreach (var folder in DiffusionSpec.Parts.Select(p => Path.Combine(manifest.Folder, Path.GetDirectoryName(p)!)).Distinct())
        {
            if (new DirectoryInfo(folder) is { Exists: true, LinkTarget: { } target })
                throw new ModelException($"{folder} (diffusion) is a link to {target}. Put the folder itself into the model's.");
        }
        var graphs = new DiffusionGraphs();
        try
        {
            graphs.Text = graphs.Open(manifest, "text_encoder", threads);
            graphs.UNet = graphs.Open(manifest, "unet", threads);
            graphs.Encoder = graphs.Open(manifest, "vae_encoder", threads);
            graphs.Decoder = graphs.Open(manifest, "vae_decoder", threads);
            graphs.Check(manifest);
            graphs.Scale = manifest.Diffusion!.LatentScale ?? ScaleOf(manifest.Folder);
            return graphs;
        }
        catch
        {
            graphs.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var session in _all)
            session.Dispose();
    }

    private InferenceSession Open(ModelManifest manifest, string part, int threads)
    {
        var path = Path.Combine(manifest.Folder, part, "model.onnx");
        var limits = GraphLimits.OfPart(manifest, part);
        var bytes = FolderFile.Read(path, "diffusion", limits.File);
        OnnxFile.Check(bytes, path, limits);
        var session = GraphRuntime.Open(path, bytes, threads, limits.DataFolder);
        _all.Add(session);
        return session;
    }

    private void Check(ModelManifest manifest)
    {
        Input(Text, "text_encoder", "input_ids", [1, ClipTokenizer.Length], TensorElementType.Int64, TensorElementType.Int32);
        Width = Output(Text, "text_encoder", "last_hidden_state", [1, ClipTokenizer.Length, -1])[2];
        var sample = Input(UNet, "unet", "sample", [1, -1, -1, -1], TensorElementType.Float, TensorElementType.Float16);
        Channels = sample[1];
        Require(Channels is >= 1 and <= 64 && Width is >= 1 and <= 8192, "unet", $"'sample' has {Channels} planes and a token {Width} numbers; 1 to 64 and 1 to 8192, fixed in the graph, are taken");
        Require(UNet.InputMetadata.TryGetValue("timestep", out var time) && time.Dimensions.All(d => d <= 1), "unet", "needs the input 'timestep' with one number");
        Require(Takes(time!, TensorElementType.Int64, TensorElementType.Int32, TensorElementType.Float, TensorElementType.Float16), "unet", $"'timestep' is {time!.ElementDataType}");
        Input(UNet, "unet", "encoder_hidden_states", [1, ClipTokenizer.Length, Width], TensorElementType.Float, TensorElementType.Float16);
        if (UNet.InputMetadata.ContainsKey("timestep_cond"))
            Input(UNet, "unet", "timestep_cond", [1, DiffusionSession.GuidanceNumbers], TensorElementType.Float, TensorElementType.Float16);
        var single = manifest.Diffusion!.Lag == 0 ? null : UNet.InputMetadata.Where(m => m.Value.Dimensions is not [< 1, ..]).Select(m => m.Key).FirstOrDefault();
        Require(single is null, "unet", $"takes one frame at a time ('{single}' has no free first side), and diffusion.throughput needs one that takes a batch. Export it with a dynamic batch, or leave throughput out");
        var other = UNet.InputMetadata.Keys.FirstOrDefault(k => k is not ("sample" or "timestep" or "encoder_hidden_states" or "timestep_cond"));
        Require(other is null, "unet", other is "text_embeds" or "time_ids" ? $"takes '{other}': pipelines of SDXL's kind, with two text encoders, are not supported" : $"takes '{other}', which is not filled");
        Output(UNet, "unet", "out_sample", [1, Channels, -1, -1]);
        Input(Encoder, "vae_encoder", "sample", [1, 3, -1, -1], TensorElementType.Float, TensorElementType.Float16);
        EncoderOutput = Encoder.OutputMetadata.ContainsKey("latent_parameters") ? "latent_parameters" : "latent_sample";
        Output(Encoder, "vae_encoder", EncoderOutput, [1, EncoderOutput == "latent_sample" ? Channels : 2 * Channels, -1, -1]);
        Input(Decoder, "vae_decoder", "latent_sample", [1, Channels, -1, -1], TensorElementType.Float, TensorElementType.Float16);
        Output(Decoder, "vae_decoder", "sample", [1, 3, -1, -1]);

        int[] Input(InferenceSession graph, string part, string name, int[] shape, params TensorElementType[] types)
        {
            Require(graph.InputMetadata.TryGetValue(name, out var tensor), part, $"lacks the input '{name}'. It has: {string.Join(", ", graph.InputMetadata.Keys)}");
            Require(Takes(tensor!, types), part, $"'{name}' is {(tensor!.IsTensor ? tensor.ElementDataType : "no tensor")}; {string.Join(" or ", types)} is taken");
            return Fits(tensor!, part, name, shape);
        }

        int[] Output(InferenceSession graph, string part, string name, int[] shape)
        {
            Require(graph.OutputMetadata.TryGetValue(name, out var tensor), part, $"lacks the output '{name}'. It has: {string.Join(", ", graph.OutputMetadata.Keys)}");
            Require(Takes(tensor!, TensorElementType.Float, TensorElementType.Float16), part, $"'{name}' must be Float or Float16");
            return Fits(tensor!, part, name, shape);
        }

        int[] Fits(NodeMetadata tensor, string part, string name, int[] shape)
        {
            Require(tensor.Dimensions.Length == shape.Length && tensor.Dimensions.Zip(shape).All(d => d.First < 1 || d.Second < 1 || d.First == d.Second), part,
                $"'{name}' is {GraphCheck.Describe(tensor)}; [{string.Join(", ", shape)}] is needed (-1: any)");
            return [.. tensor.Dimensions.Zip(shape, (d, wanted) => d < 1 ? wanted : d)];
        }

        void Require(bool holds, string part, string rule)
        {
            if (!holds)
                throw new ModelException($"{Path.Combine(manifest.Folder, part, "model.onnx")} (diffusion) {rule}.");
        }
    }

    private static bool Takes(NodeMetadata tensor, params TensorElementType[] types) => tensor.IsTensor && types.Contains(tensor.ElementDataType);

    private static float ScaleOf(string folder)
    {
        var path = Path.Combine(folder, "vae_decoder", "config.json");
        if (!File.Exists(path))
            return 0.18215f;
        try
        {
            using var document = JsonDocument.Parse(FolderFile.Read(path, "diffusion", MaxConfigBytes), new JsonDocumentOptions { MaxDepth = 16 });
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("scaling_factor", out var given) && given.ValueKind == JsonValueKind.Number
                && given.TryGetSingle(out var scale) && scale is > 0 and <= 100)
                return scale;
            throw new ModelException($"{path} has no scaling_factor above 0. Name it as diffusion.latent_scale in manifest.json instead.");
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path} is not JSON (line {e.LineNumber + 1}).", e);
        }
    }
}
