using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Models.Devices;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Text;

namespace TrueLive.Models.Diffusion;

/// <summary>The graphs of a pipeline, loaded and checked against each other: the output of one must fit the input of the next.</summary>
internal sealed class DiffusionGraphs : IDisposable
{
    private const int MaxConfigBytes = 1 << 20;
    private const float DefaultScale = 0.18215f;
    private const string SecondText = "text_encoder_2";

    private readonly List<(string Part, InferenceSession Session)> _all = [];
    private readonly HashSet<InferenceSession> _captured = [];
    private CudaRuntime? _cuda;

    private DiffusionGraphs()
    {
    }

    /// <summary>Numbers of a picture's size that SDXL's UNets are told.</summary>
    public const int TimeIds = 6;

    /// <summary>The text encoder, or both of SDXL, each with the output whose tokens the UNet reads.</summary>
    public IReadOnlyList<(InferenceSession Session, string Tokens)> Texts { get; private set; } = [];

    public InferenceSession UNet { get; private set; } = null!;

    public InferenceSession Encoder { get; private set; } = null!;

    public InferenceSession Decoder { get; private set; } = null!;

    /// <summary>The encoder's result: <c>latent_sample</c>, or <c>latent_parameters</c>, whose first half is the mean.</summary>
    public string EncoderOutput { get; private set; } = "";

    /// <summary>Planes of a latent.</summary>
    public int Channels { get; private set; }

    /// <summary>Numbers of one token, of both text encoders where there are two.</summary>
    public int Width { get; private set; }

    /// <summary>Numbers of a whole text, of the second text encoder; 0 where there is one.</summary>
    public int Pooled { get; private set; }

    /// <summary>Factor between the encoder's latents and the UNet's.</summary>
    public float Scale { get; private set; }

    /// <summary>Why a part is not captured as a CUDA graph; null where all are, or none was to be.</summary>
    public string? NotCaptured { get; private set; }

    public IReadOnlyList<string> Tensors => [.. _all.SelectMany(g => GraphCheck.Describe(g.Session).Select(line => $"{g.Part}: {line}"))];

    /// <exception cref="ModelException">A part is missing or does not fit; the message names it.</exception>
    public static DiffusionGraphs Load(ModelManifest manifest, int threads)
    {
        foreach (var folder in DiffusionSpec.Files(p => File.Exists(Path.Combine(manifest.Folder, p)))
            .Select(p => Path.Combine(manifest.Folder, Path.GetDirectoryName(p)!)).Distinct())
        {
            if (new DirectoryInfo(folder) is { Exists: true, LinkTarget: { } target })
                throw new ModelException($"{folder} (diffusion) is a link to {target}. Put the folder itself into the model's.");
        }
        var graphs = new DiffusionGraphs();
        try
        {
            string[] texts = File.Exists(Path.Combine(manifest.Folder, SecondText, "model.onnx"))
                ? ["text_encoder", SecondText]
                : ["text_encoder"];
            if (GraphDevice.CudaGraphs && GraphDevice.Current.Gpu is { } gpu)
            {
                if (manifest.Size!.Min == manifest.Size.Max)
                    graphs._cuda = CudaRuntime.Of(gpu);
                else
                    graphs.NotCaptured = "the model has more than one size (size in manifest.json)";
            }
            graphs.Texts = [.. texts.Select(part => (graphs.Open(manifest, part, threads), ""))];
            graphs.UNet = graphs.OpenCaptured(manifest, "unet", threads);
            graphs.Encoder = graphs.OpenCaptured(manifest, "vae_encoder", threads);
            graphs.Decoder = graphs.OpenCaptured(manifest, "vae_decoder", threads);
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

    /// <summary>A call of a part, replayed where the part is captured.</summary>
    public BoundCall Call(InferenceSession part) =>
        new(part, GraphDevice.Current, _captured.Contains(part) ? _cuda : null);

    public void Dispose()
    {
        using var turn = GraphDevice.Turn();
        foreach (var (_, session) in _all)
            session.Dispose();
    }

    private InferenceSession OpenCaptured(ModelManifest manifest, string part, int threads)
    {
        if (_cuda is not null)
        {
            try
            {
                var session = Open(manifest, part, threads, captured: true);
                _captured.Add(session);
                return session;
            }
            catch (ModelException wrong)
                when (wrong.InnerException is OnnxRuntimeException runtime && !MemoryShortage.IsIn(runtime.Message))
            {
                NotCaptured = $"{part}: {wrong.InnerException!.Message.ReplaceLineEndings(" ")}";
            }
        }
        return Open(manifest, part, threads);
    }

    private InferenceSession Open(ModelManifest manifest, string part, int threads, bool captured = false)
    {
        var path = Path.Combine(manifest.Folder, part, "model.onnx");
        var limits = GraphLimits.OfPart(manifest, part);
        var bytes = FolderFile.Read(path, "diffusion", limits.File);
        OnnxFile.Check(bytes, path, limits);
        var session = GraphRuntime.Open(path, bytes, threads, limits.DataFolder, captured);
        _all.Add((part, session));
        return session;
    }

    private void Check(ModelManifest manifest)
    {
        Texts = Texts.Count == 1
            ? [(Texts[0].Session, "last_hidden_state")]
            : [.. Texts.Select((t, i) => (t.Session, LastButOne(t.Session, i == 0 ? "text_encoder" : SecondText)))];
        foreach (var ((text, tokens), i) in Texts.Select((t, i) => (t, i)))
        {
            var part = i == 0 ? "text_encoder" : SecondText;
            Input(text, part, "input_ids", [1, ClipTokenizer.Length], TensorElementType.Int64, TensorElementType.Int32);
            var width = Output(text, part, tokens, [1, ClipTokenizer.Length, -1])[2];
            Width += width > 0 ? width : Made(text, part, "input_ids", [1, ClipTokenizer.Length], tokens, 3)[2];
        }
        Pooled = Texts.Count == 1 ? 0 : Output(Texts[1].Session, SecondText, "text_embeds", [1, -1])[1];
        if (Pooled < 0)
            Pooled = Made(Texts[1].Session, SecondText, "input_ids", [1, ClipTokenizer.Length], "text_embeds", 2)[1];
        var sample = Input(UNet, "unet", "sample", [1, -1, -1, -1], TensorElementType.Float, TensorElementType.Float16);
        Input(Encoder, "vae_encoder", "sample", [1, 3, -1, -1], TensorElementType.Float, TensorElementType.Float16);
        EncoderOutput = Encoder.OutputMetadata.ContainsKey("latent_parameters") ? "latent_parameters" : "latent_sample";
        Channels = sample[1] > 0 ? sample[1] : Latents() / (EncoderOutput == "latent_sample" ? 1 : 2);
        Require(Channels is >= 1 and <= 64 && Width is >= 1 and <= 8192, "unet",
            $"'sample' has {Channels} planes and a token {Width} numbers; 1 to 64 and 1 to 8192 are taken");
        Require(UNet.InputMetadata.TryGetValue("timestep", out var time) && time.Dimensions.All(d => d <= 1), "unet",
            "needs the input 'timestep' with one number");
        Require(Takes(time!, TensorElementType.Int64, TensorElementType.Int32, TensorElementType.Float, TensorElementType.Float16), "unet",
            $"'timestep' is {time!.ElementDataType}");
        Input(UNet, "unet", "encoder_hidden_states", [1, ClipTokenizer.Length, Width], TensorElementType.Float, TensorElementType.Float16);
        if (Pooled > 0)
        {
            Require(Pooled <= 8192, SecondText, $"'text_embeds' has {Pooled} numbers; at most 8192 are taken");
            Input(UNet, "unet", "text_embeds", [1, Pooled], TensorElementType.Float, TensorElementType.Float16);
            Input(UNet, "unet", "time_ids", [1, TimeIds], TensorElementType.Float, TensorElementType.Float16, TensorElementType.Int64);
        }
        if (UNet.InputMetadata.ContainsKey("timestep_cond"))
            Input(UNet, "unet", "timestep_cond", [1, UNetCall.GuidanceNumbers], TensorElementType.Float, TensorElementType.Float16);
        var single = manifest.Diffusion!.Lag == 0
            ? null
            : UNet.InputMetadata.Where(m => m.Value.Dimensions is not [< 1, ..]).Select(m => m.Key).FirstOrDefault();
        Require(single is null, "unet",
            $"takes one frame at a time ('{single}' has no free first side), and diffusion.throughput needs one that takes a batch. " +
            "Export it with a dynamic batch, or leave throughput out");
        var other = UNet.InputMetadata.Keys.FirstOrDefault(k =>
            k is not ("sample" or "timestep" or "encoder_hidden_states" or "timestep_cond")
            && !(Pooled > 0 && k is "text_embeds" or "time_ids"));
        Require(other is null, "unet", other is "text_embeds" or "time_ids"
            ? $"takes '{other}', as SDXL's does: put {SecondText}/model.onnx and tokenizer_2 beside it"
            : $"takes '{other}', which is not filled");
        Output(UNet, "unet", "out_sample", [1, Channels, -1, -1]);
        Output(Encoder, "vae_encoder", EncoderOutput, [1, EncoderOutput == "latent_sample" ? Channels : 2 * Channels, -1, -1]);
        Input(Decoder, "vae_decoder", "latent_sample", [1, Channels, -1, -1], TensorElementType.Float, TensorElementType.Float16);
        Output(Decoder, "vae_decoder", "sample", [1, 3, -1, -1]);

        // Older exporters leave every side of a tensor free. A run on a picture of the model's smallest size shows how many there are.
        int Latents()
        {
            var declared = Output(Encoder, "vae_encoder", EncoderOutput, [1, -1, -1, -1])[1];
            var (width, height) = manifest.Describe().Sizes.Nearest(manifest.Size!.Min, manifest.Size.Min);
            return declared > 0 ? declared : Made(Encoder, "vae_encoder", "sample", [1, 3, height, width], EncoderOutput, 4)[1];
        }

        int[] Made(InferenceSession graph, string part, string input, long[] shape, string output, int sides)
        {
            var made = GraphRuntime.ShapeOf($"{Path.Combine(manifest.Folder, part, "model.onnx")} (diffusion)", graph, input, shape, output);
            Require(made.Length == sides && made.All(side => side is > 0 and <= int.MaxValue), part,
                $"makes '{output}' of {GraphCheck.Describe(graph.OutputMetadata[output])} with the sides [{string.Join(", ", made)}]");
            return [.. made.Select(side => (int)side)];
        }

        // SDXL was trained on the tokens before the last layer.
        string LastButOne(InferenceSession graph, string part)
        {
            var layers = graph.OutputMetadata.Keys.Count(k => k.StartsWith("hidden_states.", StringComparison.Ordinal));
            Require(layers >= 2, part,
                "lacks the outputs 'hidden_states.0' and so on, of which a pipeline with two text encoders reads the last but one. " +
                "Export it with all hidden states");
            return $"hidden_states.{layers - 2}";
        }

        int[] Input(InferenceSession graph, string part, string name, int[] shape, params TensorElementType[] types)
        {
            Require(graph.InputMetadata.TryGetValue(name, out var tensor), part,
                $"lacks the input '{name}'. It has: {string.Join(", ", graph.InputMetadata.Keys)}");
            Require(Takes(tensor!, types), part,
                $"'{name}' is {(tensor!.IsTensor ? tensor.ElementDataType : "no tensor")}; {string.Join(" or ", types)} is taken");
            return Fits(tensor!, part, name, shape);
        }

        int[] Output(InferenceSession graph, string part, string name, int[] shape)
        {
            Require(graph.OutputMetadata.TryGetValue(name, out var tensor), part,
                $"lacks the output '{name}'. It has: {string.Join(", ", graph.OutputMetadata.Keys)}");
            Require(Takes(tensor!, TensorElementType.Float, TensorElementType.Float16), part, $"'{name}' must be Float or Float16");
            return Fits(tensor!, part, name, shape);
        }

        int[] Fits(NodeMetadata tensor, string part, string name, int[] shape)
        {
            Require(tensor.Dimensions.Length == shape.Length
                && tensor.Dimensions.Zip(shape).All(d => d.First < 1 || d.Second < 1 || d.First == d.Second), part,
                $"'{name}' is {GraphCheck.Describe(tensor)}; [{string.Join(", ", shape)}] is needed (-1: any)");
            return [.. tensor.Dimensions.Zip(shape, (d, wanted) => d < 1 ? wanted : d)];
        }

        void Require(bool holds, string part, string rule)
        {
            if (!holds)
                throw new ModelException($"{Path.Combine(manifest.Folder, part, "model.onnx")} (diffusion) {rule}.");
        }
    }

    private static bool Takes(NodeMetadata tensor, params TensorElementType[] types) =>
        tensor.IsTensor && types.Contains(tensor.ElementDataType);

    private static float ScaleOf(string folder)
    {
        var path = Path.Combine(folder, "vae_decoder", "config.json");
        if (!File.Exists(path))
            return DefaultScale;
        try
        {
            using var document = JsonDocument.Parse(PythonJson.Plain(FolderFile.Read(path, "diffusion", MaxConfigBytes)),
                new JsonDocumentOptions { MaxDepth = 16 });
            var root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object && !root.TryGetProperty("scaling_factor", out _))
            {
                // diffusers wrote none before 0.14, and takes these.
                return root.TryGetProperty("_class_name", out var name) && name.ValueKind == JsonValueKind.String
                    && name.ValueEquals("AutoencoderTiny") ? 1 : DefaultScale;
            }
            if (root.ValueKind == JsonValueKind.Object && root.GetProperty("scaling_factor") is { ValueKind: JsonValueKind.Number } given
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
