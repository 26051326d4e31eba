namespace TrueLive.Core.Models;

/// <summary>What a model declares about itself before it runs.</summary>
/// <param name="Id">Short name, unique on this server: <c>[a-z0-9-]{1,64}</c>.</param>
/// <param name="Version">Version of the weights; part of every provenance and journal.</param>
/// <param name="Title">Display name.</param>
/// <param name="Description">One or two sentences for users.</param>
/// <param name="TakesPrompt">False when text changes nothing.</param>
/// <param name="HasMemory">True when a step depends on the steps before it.</param>
/// <param name="Sizes">Which picture sizes the model runs at.</param>
/// <param name="Looks">Looks that can be named in a prompt; empty without prompts.</param>
public sealed record ModelInfo(
    string Id,
    string Version,
    string Title,
    string Description,
    bool TakesPrompt,
    bool HasMemory,
    ModelSizes Sizes,
    IReadOnlyList<LookInfo> Looks)
{
    /// <summary>How many frames go in before any come out.</summary>
    public Chunk Chunk { get; init; } = Chunk.One;

    /// <summary>What its user may set beside the prompt.</summary>
    public IReadOnlyList<ModelParameter> Parameters { get; init; } = [];

    /// <summary>True when its pictures are those that came in.</summary>
    public bool PassesThrough { get; init; }
}

/// <summary>A look that a prompt can name.</summary>
/// <param name="Id">Word used in a prompt, such as <c>ink</c>.</param>
/// <param name="Title">Display name.</param>
/// <param name="Description">One line for users.</param>
public sealed record LookInfo(string Id, string Title, string Description);

/// <summary>Sizes at which a model runs: both sides within a range and divisible by a step, or one fixed size.</summary>
/// <param name="MinSide">Smallest side in pixels.</param>
/// <param name="MaxSide">Largest side in pixels.</param>
/// <param name="Multiple">Both sides are multiples of this; <see cref="Nearest"/> takes even ones where the range has any.</param>
/// <param name="FixedWidth">Not null when the model takes one size only.</param>
/// <param name="FixedHeight">Goes with <paramref name="FixedWidth"/>.</param>
public sealed record ModelSizes(int MinSide, int MaxSide, int Multiple, int? FixedWidth = null, int? FixedHeight = null)
{
    /// <summary>
    /// The session size nearest to the one asked for; aspect is kept as far as the multiple allows. A session scales its input to the
    /// model's size, and its output has this size, whose sides are even: an odd side of the model's size is one pixel longer here.
    /// </summary>
    public (int Width, int Height) Nearest(int width, int height)
    {
        if (FixedWidth is { } w && FixedHeight is { } h)
            return (Even(w), Even(h));
        var scale = Math.Min(1.0, (double)MaxSide / Math.Max(width, height));
        scale = Math.Max(scale, (double)MinSide / Math.Min(width, height));
        return (Even(Snap(width * scale)), Even(Snap(height * scale)));
    }

    /// <summary>The model's own size in a session of a size that <see cref="Nearest"/> gave.</summary>
    public (int Width, int Height) Network(int width, int height) => (FixedWidth ?? Side(width), FixedHeight ?? Side(height));

    private int Side(int even) => even > MaxSide || even % Multiple != 0 ? even - 1 : even;

    // Pictures with an odd side cannot be coded as H.264 with 4:2:0 chroma.
    private static int Even(int side) => side + (side & 1);

    private int Snap(double side)
    {
        var even = Multiple % 2 == 0 ? Multiple : 2 * Multiple;
        return Snap(side, MaxSide / even > (MinSide - 1) / even ? even : Multiple);
    }

    private int Snap(double side, int multiple) =>
        Math.Clamp((int)Math.Round(side / multiple) * multiple, (MinSide + multiple - 1) / multiple * multiple,
            MaxSide / multiple * multiple);
}
