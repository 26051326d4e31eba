using TrueLive.Hub.Repositories;

namespace TrueLive.Hub;

/// <summary>A model that can be pulled by a short name.</summary>
/// <param name="Alias">The name.</param>
/// <param name="Title">For people.</param>
/// <param name="Repository">Where it lies.</param>
/// <param name="Licence">As its makers state it; what the hub says when it is pulled counts.</param>
/// <param name="Gigabytes">Its size on disk, and about the memory that it needs twice over.</param>
/// <param name="Steps">Where on the grid of 50 it is denoised.</param>
public sealed record KnownModel(string Alias, string Title, RepositoryName Repository, string Licence, double Gigabytes, int[] Steps)
{
    /// <summary>Another repository whose autoencoder is used instead of its own.</summary>
    public RepositoryName? Autoencoder { get; init; }

    /// <summary>Factor between that encoder's latents and the UNet's.</summary>
    public float? LatentScale { get; init; }

    /// <summary>
    /// All of them. Their repositories are known from their pages on the hub; none was pulled from there, and none was run.
    /// </summary>
    public static IReadOnlyList<KnownModel> All { get; } =
    [
        // As fp16 in standard operators, each part one file.
        new("sd-turbo", "SD-Turbo", new("schmuell/sd-turbo-ort-web", "ace89b7d2cd849f9a73914cdbb8a3ea60c853dd1"),
            "Stability AI, non-commercial", 2.6, [35]),
        // As fp32 in standard operators, with its numbers beside the graphs.
        new("sdxl-turbo", "SDXL-Turbo", new("stabilityai/sdxl-turbo", "main"), "Stability AI, non-commercial", 13.9, [35]),
        // Its own autoencoder takes longer than the UNet's one step.
        new("lcm-dreamshaper", "LCM Dreamshaper v7 with TAESD", new("aislamov/lcm-dreamshaper-v7-onnx", "main"),
            "not stated there; MIT at SimianLuo/LCM_Dreamshaper_v7", 2.0, [32, 45])
        {
            Autoencoder = new("deinferno/taesd-onnx", "main"),
            LatentScale = 1,
        },
    ];

    /// <summary>The model of that name; null for none.</summary>
    public static KnownModel? Find(string alias) => All.FirstOrDefault(m => m.Alias == alias);
}
