using System.Text.Json;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Onnx;

namespace TrueLive.Models;

/// <summary>What the user says about a model whose folder has no manifest.</summary>
/// <param name="Id">Short name.</param>
/// <param name="Version">Version of the weights.</param>
/// <param name="Title">Display name.</param>
/// <param name="Description">One sentence for display.</param>
/// <param name="Licence">Licence of the weights.</param>
public sealed record ModelDraft(string Id, string Version, string Title, string Description, string Licence)
{
    /// <summary>ONNX file of a model that is a single file; null for a diffusion pipeline.</summary>
    public string? Network { get; init; }

    /// <summary>Steps of a diffusion pipeline; null for a default that depends on its UNet.</summary>
    public int[]? Steps { get; init; }

    /// <summary>Scale of the latents; null to read it from the autoencoder.</summary>
    public float? LatentScale { get; init; }
}

/// <summary>Writes the manifest of a model folder that has none, from what its graphs declare and from running them.</summary>
public static class ManifestDraft
{
    private const int Float = 1, Uint8 = 2, Half = 10;
    // Models that halve their pictures several times accept only multiples of a power of two.
    private static readonly int[] Multiples = [8, 32];

    private const string ByHand = "Write a manifest.json for it (models/README.md), and use truelive models add.";

    /// <summary>Writes <c>manifest.json</c>.</summary>
    /// <param name="folder">The folder, with all files of the model.</param>
    /// <param name="draft">What the user says about the model.</param>
    /// <param name="trust">How far the folder is trusted.</param>
    /// <exception cref="ModelException">The graphs need a manifest written by hand; the message says what they declare.</exception>
    public static void Write(string folder, ModelDraft draft, ModelTrust trust)
    {
        if (draft.Network is null)
            Save(folder, Pipeline(folder, draft));
        else
            WriteNetwork(folder, draft, draft.Network, trust);
    }

    private static JsonObject Head(ModelDraft draft) => new()
    {
        ["schema"] = "truelive-model/1",
        ["id"] = draft.Id,
        ["version"] = draft.Version,
        ["title"] = draft.Title,
        ["description"] = draft.Description,
        ["licence"] = draft.Licence,
    };

    // Distilled models need few steps and no guidance; without it the others would hardly follow a prompt.
    private static JsonObject Pipeline(string folder, ModelDraft draft)
    {
        var unet = Signature(folder, "unet/model.onnx");
        var sample = unet.Inputs.FirstOrDefault(i => i.Name == "sample")?.Shape ?? [];
        var consistency = unet.Inputs.Any(i => i.Name == "timestep_cond");
        var fixedSize = sample is [_, _, > 0, > 0];
        var diffusion = new JsonObject
        {
            ["steps"] = new JsonArray([.. (draft.Steps ?? (consistency ? [32, 45] : [14, 21, 28, 35, 42]))
            .Select(s => JsonValue.Create(s))])
        };
        // A latent consistency model is told its scale, and was distilled with some around 8, not with 1.
        if (consistency)
            diffusion["guidance_scale"] = 8;
        else if (draft.Steps is null)
            (diffusion["guidance"], diffusion["guidance_scale"]) = ("full", 7.5);
        if (draft.LatentScale is { } scale)
            diffusion["latent_scale"] = scale;
        var manifest = Head(draft);
        manifest["size"] = fixedSize ? Fixed(8 * sample[3], 8 * sample[2])
            : new JsonObject { ["min"] = 256, ["max"] = 1024, ["multiple"] = 64 };
        manifest["diffusion"] = diffusion;
        return manifest;
    }

    private static void WriteNetwork(string folder, ModelDraft draft, string network, ModelTrust trust)
    {
        var graph = Signature(folder, network);
        var words = string.Join("; ", graph.Inputs.Select(i => $"in {Words(i)}").Concat(graph.Outputs.Select(o => $"out {Words(o)}")));
        if (graph.Inputs is not [var input] || Layout(input) is not { } from || graph.Outputs is not [var output, ..]
            || Layout(output) is not { } to)
            throw new ModelException($"{network} does not take one picture and give one ({words}). {ByHand}");
        var manifest = Head(draft);
        manifest["file"] = network;
        manifest["frame"] = new JsonObject { ["input"] = input.Name, ["layout"] = from, ["type"] = TypeOf(input) };
        manifest["output"] = new JsonObject { ["name"] = output.Name, ["layout"] = to, ["type"] = TypeOf(output) };
        var (height, width) = from == "nchw" ? (input.Shape[2], input.Shape[3]) : (input.Shape[1], input.Shape[2]);
        var sizes = height > 0 && width > 0 ? [Fixed(width, height)]
            : Multiples.Select(multiple => new JsonObject { ["min"] = 128, ["max"] = 1280, ["multiple"] = multiple }).ToArray();
        foreach (var size in sizes)
        {
            manifest["size"] = size;
            Save(folder, manifest);
            try
            {
                Range(folder, manifest, input, trust);
                return;
            }
            catch (ModelException) when (size != sizes[^1])
            {
            }
        }
    }

    // The range of the values is declared nowhere. Given inputs of 0 to 1, image models answer in their own range.
    private static void Range(string folder, JsonObject manifest, OnnxTensor input, ModelTrust trust)
    {
        using var model = OnnxVideoModel.Load(ModelManifest.Load(folder, trust), 1, TimeProvider.System);
        if (input.Type == Uint8)
            return;
        var (width, height) = model.Info.Sizes.Nearest(256, 256);
        var pool = new FramePool("manifest draft", 2);
        using var dark = Slope(pool, width, height, 0);
        using var bright = Slope(pool, width, height, 100);
        using var report = ModelCheck.Run(model, [dark, bright], [], "", TimeProvider.System);
        var range = report.Output switch { { Max: > 8 } => new JsonArray(0, 255), { Min: < -0.5 } => new JsonArray(-1, 1), _ => null };
        if (range is null)
            return;
        manifest["frame"]!["range"] = range;
        Save(folder, manifest);
    }

    private static VideoFrame Slope(FramePool pool, int width, int height, int from)
    {
        var frame = pool.Rent(width, height);
        frame.U.Fill(110);
        frame.V.Fill(140);
        for (var i = 0; i < frame.Y.Length; i++)
            frame.Y[i] = (byte)(from + i % frame.StrideY * 120 / frame.StrideY);
        return frame;
    }

    private static OnnxSignature Signature(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        return OnnxSignature.Read(FolderFile.Read(path, "the network", GraphLimits.MaxMessage), path);
    }

    private static JsonObject Fixed(int width, int height) => new() { ["width"] = width, ["height"] = height };

    // Null for a tensor that is not a picture of three channels.
    private static string? Layout(OnnxTensor tensor) => TypeOf(tensor) is null ? null
        : tensor.Shape switch { [_, 3, _, not 3] => "nchw", [_, _, _, 3] => "nhwc", _ => null };

    private static string? TypeOf(OnnxTensor tensor) => tensor.Type switch
    {
        Float => "float32",
        Half => "float16",
        Uint8 => "uint8",
        _ => null
    };

    private static string Words(OnnxTensor tensor) =>
        $"'{(tensor.Name.Length > 60 ? tensor.Name[..60] : tensor.Name)}' [{string.Join(", ", tensor.Shape.Take(8))}]";

    private static void Save(string folder, JsonObject manifest) =>
        File.WriteAllText(Path.Combine(folder, "manifest.json"), manifest.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
}
