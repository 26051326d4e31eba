using TrueLive.Core.Models;

namespace TrueLive.Models.Manifest;

/// <summary>A further input filled with a reference picture that users set; grey until one is.</summary>
public sealed record PictureInput : PictureSpec
{
    /// <summary>Name in the ONNX graph, and of the parameter.</summary>
    public string Name { get; set; } = "";

    /// <summary>Display name.</summary>
    public string Title { get; set; } = "";

    /// <summary>Width to which every picture is scaled.</summary>
    public int Width { get; set; }

    /// <summary>Height to which every picture is scaled.</summary>
    public int Height { get; set; }

    internal ModelParameter Parameter => new(Name, Title, ParameterKind.Image);

    internal bool IsRight =>
        ExtraInput.IsParameterId(Name) && Title is { Length: > 0 and <= 100 } && Width is >= 8 and <= 2048 && Height is >= 8 and <= 2048;
}
