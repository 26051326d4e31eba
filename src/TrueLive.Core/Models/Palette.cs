namespace TrueLive.Core.Models;

/// <summary>
/// A picture whose colours the result takes on, and how much of them. It is a part of the prompt: two parameters set it. Where the strength
/// has its default, the words may say another.
/// </summary>
/// <param name="Picture">The picture; null for none.</param>
/// <param name="Strength">0..1.</param>
public readonly record struct Palette(ReferencePicture? Picture, float Strength)
{
    /// <summary>Id of the parameter that sets <see cref="Picture"/>.</summary>
    public const string PictureId = "palette";

    /// <summary>Id of the parameter that sets <see cref="Strength"/>.</summary>
    public const string StrengthId = "palette_strength";

    /// <summary>No palette is in force.</summary>
    public bool IsEmpty => Picture is null || Strength <= 0;

    /// <summary>The two parameters.</summary>
    public static IReadOnlyList<ModelParameter> Parameters { get; } =
    [
        new(PictureId, "Palette", ParameterKind.Image),
        new(StrengthId, "Palette strength", ParameterKind.Number) { Default = "1", Min = 0, Max = 1, Step = 0.01 },
    ];

    /// <summary>The palette that a prompt asks for.</summary>
    public static Palette Of(Prompt prompt) =>
        new(prompt.Values.Picture(PictureId), (float)prompt.Values.Number(StrengthId, prompt.Reading.Palette ?? 1));
}
