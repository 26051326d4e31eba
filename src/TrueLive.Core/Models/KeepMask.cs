using System.Collections.Immutable;
using System.Text.Json;

namespace TrueLive.Core.Models;

/// <summary>The part of the picture that a look is applied to.</summary>
public enum MaskArea : byte
{
    /// <summary>The whole picture.</summary>
    Everything,

    /// <summary>The persons in it.</summary>
    Person,

    /// <summary>All but the persons.</summary>
    Background,
}

/// <summary>What is shown where the look is not.</summary>
public enum MaskRest : byte
{
    /// <summary>The picture as it came in.</summary>
    Camera,

    /// <summary>That picture blurred.</summary>
    Blur,

    /// <summary>Black, like the further members one colour.</summary>
    Black,

    /// <summary>White.</summary>
    White,

    /// <summary>Grey.</summary>
    Grey,

    /// <summary>Green, as of a green screen.</summary>
    Green,

    /// <summary>Blue.</summary>
    Blue,

    /// <summary>Red.</summary>
    Red,

    /// <summary>Yellow.</summary>
    Yellow,

    /// <summary>Orange.</summary>
    Orange,

    /// <summary>Purple.</summary>
    Purple,

    /// <summary>Pink.</summary>
    Pink,

    /// <summary>A picture that the user sent.</summary>
    Picture,
}

/// <summary>
/// Where a look is applied and what is shown elsewhere. It is a part of the prompt: three parameters set it, and where they do not, the
/// words do.
/// </summary>
/// <param name="On">Where the look is applied.</param>
/// <param name="Rest">What is shown elsewhere.</param>
public readonly record struct KeepMask(MaskArea On, MaskRest Rest)
{
    /// <summary>Id of the parameter that sets <see cref="On"/>.</summary>
    public const string OnId = "mask_on";

    /// <summary>Id of the parameter that sets <see cref="Rest"/>.</summary>
    public const string RestId = "mask_rest";

    /// <summary>Id of the parameter that sets the picture of <see cref="MaskRest.Picture"/>.</summary>
    public const string PictureId = "mask_picture";

    // What the parameters are set to while the words decide.
    private const string AsPrompt = "as prompted";

    /// <summary>No mask is in force.</summary>
    public bool IsEmpty => On == MaskArea.Everything;

    /// <summary>The three parameters.</summary>
    public static IReadOnlyList<ModelParameter> Parameters { get; } =
    [
        new(OnId, "Look on", ParameterKind.Choice) { Default = AsPrompt, Choices = Choices<MaskArea>() },
        new(RestId, "Elsewhere", ParameterKind.Choice) { Default = AsPrompt, Choices = Choices<MaskRest>() },
        new(PictureId, "Picture behind", ParameterKind.Image),
    ];

    /// <summary>
    /// The mask that a prompt asks for. What the words say counts where it goes with what is set. Where only what is shown elsewhere is
    /// set, the look is on the person; a picture is shown where one is set, and black where one is asked for that is not there.
    /// </summary>
    public static KeepMask Of(Prompt prompt)
    {
        var hasPicture = prompt.Values.Picture(PictureId) is not null;
        var (on, rest) = (Parse<MaskArea>(prompt.Values.Text(OnId)),
            Parse<MaskRest>(prompt.Values.Text(RestId)) ?? (hasPicture ? MaskRest.Picture : null));
        if (prompt.Reading.Mask is { } said && (on is null || on == said.On) && !(rest is not null && said.IsEmpty))
            (on, rest) = (said.On, rest ?? said.Rest);
        on ??= rest is null ? MaskArea.Everything : MaskArea.Person;
        if (rest == MaskRest.Picture && !hasPicture)
            rest = MaskRest.Black;
        return on == MaskArea.Everything ? default : new(on.Value, rest ?? MaskRest.Camera);
    }

    /// <summary>A member as parameters, messages and traces name it.</summary>
    public static string Name<T>(T member)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(member.ToString());

    private static ImmutableArray<string> Choices<T>()
        where T : struct, Enum => [AsPrompt, .. Enum.GetValues<T>().Select(Name)];

    private static T? Parse<T>(string? name)
        where T : struct, Enum => name is not null && Enum.TryParse<T>(name, ignoreCase: true, out var member) ? member : null;
}
