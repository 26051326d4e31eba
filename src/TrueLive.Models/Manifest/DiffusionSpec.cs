using System.Globalization;
using System.Text.Json.Serialization;
using TrueLive.Core.Models;

namespace TrueLive.Models.Manifest;

/// <summary>How a picture is pushed away from what the model would draw without the prompt.</summary>
public enum Guidance
{
    /// <summary>Not at all: the prompt alone.</summary>
    None,

    /// <summary>Away from the noise that was added last (StreamDiffusion's residual guidance); no further call of the UNet.</summary>
    Self,

    /// <summary>As <see cref="Self"/>, with the first step's noise predicted without the prompt; one further call.</summary>
    Initialize,

    /// <summary>
    /// Away from a prediction without the prompt at each step (classifier-free guidance, arXiv:2207.12598); twice the calls.
    /// </summary>
    Full,
}

/// <summary>A latent diffusion pipeline whose parts lie in the folders that diffusers and optimum write; see docs/diffusion.md.</summary>
/// <param name="Steps">Where on the grid of 50 steps the picture is denoised: 0 is pure noise, 49 almost none; rising.</param>
/// <param name="Guidance">Kind of guidance.</param>
/// <param name="GuidanceScale">1 is none.</param>
/// <param name="Delta">Share of the added noise that <see cref="Guidance.Self"/> and <see cref="Guidance.Initialize"/> push away
/// from.</param>
/// <param name="Seed">Of the noise, which stays the same for all frames.</param>
/// <param name="LatentScale">Factor between the encoder's latents and the UNet's; null takes <c>scaling_factor</c> of the VAE's
/// config.json, or 0.18215.</param>
/// <param name="Throughput">As many frames as there are steps go through the UNet in one call, each at another step: more frames a second
/// where one does not fill the device, and each comes a step less than that later.</param>
/// <param name="Similarity">Likeness of a frame to the last one that was made, as a cosine, from which on that picture may be shown again;
/// 1 for never.</param>
/// <param name="Range">Values of black and white that the autoencoder takes and gives; null for -1 and 1, as diffusers has them.</param>
public sealed record DiffusionSpec(
    int[] Steps, Guidance Guidance = Guidance.None, [property: JsonPropertyName("guidance_scale")] float GuidanceScale = 1, float Delta = 1,
    ulong Seed = 2,
    [property: JsonPropertyName("latent_scale")] float? LatentScale = null, bool Throughput = false, float Similarity = 1,
    float[]? Range = null)
{
    /// <summary>Steps of the grid that latent consistency models are distilled on (arXiv:2310.04378).</summary>
    public const int Grid = 50;

    private const int MaxSteps = 8;
    private const float MinSimilarity = 0.5f;

    /// <summary>Values of black and white.</summary>
    internal float[] Picture => Range ?? [-1, 1];

    /// <summary>Frames that a picture lies behind the newest that went in.</summary>
    [JsonIgnore]
    public int Lag => Throughput ? Steps.Length - 1 : 0;

    /// <summary>
    /// What users may set while it runs. Nothing for <see cref="Throughput"/>: frames that are on their way share the noise and the calls.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<ModelParameter> Parameters => Throughput ? [] :
    [
        new("seed", "Seed", ParameterKind.Number) { Default = $"{Seed}", Min = 0, Max = Math.Max(Seed, int.MaxValue), Step = 1 },
        .. Steps.Length > 1
            ? [new ModelParameter("steps", "Steps", ParameterKind.Number)
                { Default = $"{Steps.Length}", Min = 1, Max = Steps.Length, Step = 1 }]
            : Array.Empty<ModelParameter>(),
        new("guidance", "Guidance", ParameterKind.Choice)
            { Default = Word(Guidance), Choices = [.. Enum.GetValues<Guidance>().Select(Word)] },
        new("guidance_scale", "Guidance scale", ParameterKind.Number) { Default = Text(GuidanceScale), Min = 1, Max = 30, Step = 0.1 },
        new("delta", "Guidance delta", ParameterKind.Number) { Default = Text(Delta), Min = 0, Max = 2, Step = 0.05 },
        new("similarity", "Repeat frames this alike (1: never)", ParameterKind.Number)
            { Default = Text(Similarity), Min = MinSimilarity, Max = 1, Step = 0.005 },
    ];

    /// <summary>The same with what is set: fewer steps are spread over the ones that there are, the first of them included.</summary>
    internal DiffusionSpec With(ParameterValues values)
    {
        var count = (int)values.Number("steps", Steps.Length);
        return values.All.IsEmpty ? this : this with
        {
            Seed = (ulong)values.Number("seed", Seed),
            Steps = [.. Enumerable.Range(0, count).Select(i => Steps[count == 1 ? 0 : i * (Steps.Length - 1) / (count - 1)])],
            Guidance = values.Text("guidance") is { } word ? Enum.GetValues<Guidance>().First(g => Word(g) == word) : Guidance,
            GuidanceScale = (float)values.Number("guidance_scale", GuidanceScale),
            Delta = (float)values.Number("delta", Delta),
            Similarity = (float)values.Number("similarity", Similarity),
        };
    }

    private static string Word(Guidance guidance) => guidance.ToString().ToLowerInvariant();

    private static string Text(float number) => Math.Round(number, 6).ToString(CultureInfo.InvariantCulture);

    // Numbers that an exporter put beside the graph.
    private static readonly string[] DataNames = ["model.onnx_data", "model.onnx.data", "weights.pb"];

    /// <summary>
    /// The files of a pipeline, relative to its folder: those without which it does not run, whether they are there or not, and those that
    /// are read where they are there.
    /// </summary>
    /// <param name="has">Whether a file is there.</param>
    public static IReadOnlyList<string> Files(Func<string, bool> has)
    {
        // One that has anything of a second text encoder needs all of it.
        var second = has("text_encoder_2/model.onnx") || has("text_encoder_2/config.json");
        string[] optional = ["tokenizer/tokenizer_config.json", "tokenizer/special_tokens_map.json", "vae_decoder/config.json",
            .. second ? new[] { "tokenizer_2/tokenizer_config.json", "tokenizer_2/special_tokens_map.json" } : []];
        string[] parts = ["text_encoder", "unet", "vae_encoder", "vae_decoder", .. second ? new[] { "text_encoder_2" } : []];
        return
        [
            .. parts.Select(part => $"{part}/model.onnx"), .. Tokenizer("tokenizer"), "scheduler/scheduler_config.json",
            .. second ? Tokenizer("tokenizer_2") : [],
            .. optional.Concat(parts.SelectMany(part => DataNames.Select(name => $"{part}/{name}"))).Where(has),
        ];

        string[] Tokenizer(string part) => !has($"{part}/vocab.json") && has($"{part}/tokenizer.json")
            ? [$"{part}/tokenizer.json"]
            : [$"{part}/vocab.json", $"{part}/merges.txt"];
    }

    /// <summary>The first rule that the fields break, as field and rule; null when they are right.</summary>
    internal (string Field, string Rule)? Broken =>
        Steps is not { Length: >= 1 and <= MaxSteps } || Steps.Any(s => s is < 0 or >= Grid)
            || Steps.Zip(Steps.Skip(1)).Any(p => p.First >= p.Second)
            ? ("diffusion.steps", $"must be 1 to {MaxSteps} rising numbers of 0 to {Grid - 1}")
        : !Enum.IsDefined(Guidance) ? ("diffusion.guidance", "must be none, self, initialize or full")
        : GuidanceScale is not (>= 1 and <= 30) ? ("diffusion.guidance_scale", "must be 1 to 30")
        : Delta is not (>= 0 and <= 2) ? ("diffusion.delta", "must be 0 to 2")
        : Range is not (null or [-1, 1] or [0, 1]) ? ("diffusion.range", "must be [-1, 1] or [0, 1]")
        : Similarity is not (>= MinSimilarity and <= 1) ? ("diffusion.similarity", "must be 0.5 to 1")
        : Throughput && Similarity < 1
            ? ("diffusion.similarity", "does not go with throughput: a repeat would come out before the frames in work")
        : LatentScale is { } scale && !(scale is > 0 and <= 100) ? ("diffusion.latent_scale", "must be above 0 and at most 100")
        : null;
}
