using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace TrueLive.Models.Manifest;

/// <summary>A model folder cannot be used; the message names the file and the field and says what is allowed.</summary>
public sealed class ModelException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>How elements lie in a picture tensor.</summary>
public enum TensorLayout
{
    /// <summary>Channels first: planes.</summary>
    Nchw,

    /// <summary>Channels last: pixels.</summary>
    Nhwc,
}

/// <summary>Element type of a picture tensor.</summary>
public enum TensorType
{
    /// <summary>32-bit float.</summary>
    Float32,

    /// <summary>16-bit float.</summary>
    Float16,

    /// <summary>8-bit unsigned.</summary>
    Uint8,
}

/// <summary>Order of the colour channels.</summary>
public enum ChannelOrder
{
    /// <summary>Red first.</summary>
    Rgb,

    /// <summary>Blue first.</summary>
    Bgr,
}

/// <summary>What the result of a network is.</summary>
public enum OutputRole
{
    /// <summary>The picture to show.</summary>
    Image,

    /// <summary>One channel, 0..1: where the input is kept; the rest is blurred.</summary>
    Mask,

    /// <summary>Numbers that are no picture; the input is passed on unchanged.</summary>
    Data,
}

/// <summary>How a picture tensor is to be read; see models/README.md.</summary>
// Setters, not initialisers: generated JSON readers overwrite the defaults of init-only properties that the file leaves out.
public record PictureSpec
{
    /// <summary>Order of the dimensions.</summary>
    public TensorLayout Layout { get; set; }

    /// <summary>Element type.</summary>
    public TensorType Type { get; set; }

    /// <summary>Channel order.</summary>
    public ChannelOrder Colour { get; set; }

    /// <summary>Values of black and white before mean and deviation.</summary>
    public float[] Range { get; set; } = [0, 1];

    /// <summary>Subtracted per channel, in the model's channel order.</summary>
    public float[] Mean { get; set; } = [0, 0, 0];

    /// <summary>Divided by per channel.</summary>
    public float[] Std { get; set; } = [1, 1, 1];
}

/// <summary>The picture input.</summary>
public sealed record FrameSpec : PictureSpec
{
    /// <summary>Name in the ONNX graph.</summary>
    public string Input { get; set; } = "";

    /// <summary>3, or 4 for a fourth channel of ones.</summary>
    public int Channels { get; set; } = 3;
}

/// <summary>The result.</summary>
public sealed record OutputSpec : PictureSpec
{
    /// <summary>Name in the ONNX graph.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it is.</summary>
    public OutputRole Role { get; set; }
}

/// <summary>Sizes that the network takes.</summary>
/// <param name="Min">Smallest side.</param>
/// <param name="Max">Largest side.</param>
/// <param name="Multiple">Sides are multiples of this.</param>
/// <param name="Width">Fixed width; goes with <paramref name="Height"/>.</param>
/// <param name="Height">Fixed height.</param>
public sealed record SizeSpec(int Min = 64, int Max = 1280, int Multiple = 1, int? Width = null, int? Height = null);

/// <summary>A tensor that goes out of one step and into the next.</summary>
/// <param name="Input">Name of the input.</param>
/// <param name="Output">Name of the output.</param>
/// <param name="Channels">Planes of size / <paramref name="Divide"/>; 0 when <paramref name="Shape"/> is given.</param>
/// <param name="Divide">How much smaller than the frame the planes are.</param>
/// <param name="Shape">A fixed shape.</param>
public sealed record StateSpec(string Input, string Output, int Channels = 0, int Divide = 1, int[]? Shape = null);

/// <summary>The conditioning input.</summary>
public sealed record StyleSpec(string Input, int Length);

/// <summary>A further input filled with one number.</summary>
public sealed record ExtraInput(string Name, float Value);

/// <summary>How text is matched to looks; see training/README.md.</summary>
/// <param name="Words">Word table inside the folder.</param>
/// <param name="Temperature">Softness of the choice between looks.</param>
/// <param name="Known">Best score below which a text means nothing.</param>
/// <param name="Keep">Share of the strongest look below which a look is left out.</param>
/// <param name="Stop">Words that are passed over.</param>
public sealed record PromptSpec(string Words, double Temperature, double Known, double Keep, string[] Stop);

/// <summary>A look.</summary>
public sealed record LookSpec(string Id, string Title, string Description, string[] Anchors, float[] Style);

/// <summary>The <c>manifest.json</c> of a model folder, schema <c>truelive-model/1</c>; every field is explained in models/README.md.</summary>
public sealed partial record ModelManifest
{
    /// <summary>Largest ONNX file taken, in bytes.</summary>
    public const long MaxFileBytes = 512L << 20;

    /// <summary>Schema name.</summary>
    public string Schema { get; set; } = "";

    /// <summary>Short name.</summary>
    public string Id { get; set; } = "";

    /// <summary>Version of the weights.</summary>
    public string Version { get; set; } = "1";

    /// <summary>Name for people.</summary>
    public string Title { get; set; } = "";

    /// <summary>A sentence for people.</summary>
    public string Description { get; set; } = "";

    /// <summary>Licence of the weights.</summary>
    public string Licence { get; set; } = "not stated";

    /// <summary>ONNX file.</summary>
    public string File { get; set; } = "";

    /// <summary>Checksum of the file, in hexadecimal; null is not checked.</summary>
    public string? Sha256 { get; set; }

    /// <summary>Picture input.</summary>
    public FrameSpec? Frame { get; set; }

    /// <summary>Result.</summary>
    public OutputSpec? Output { get; set; }

    /// <summary>Sizes.</summary>
    public SizeSpec? Size { get; set; }

    /// <summary>Memory.</summary>
    public StateSpec[] States { get; set; } = [];

    /// <summary>Conditioning.</summary>
    public StyleSpec? Style { get; set; }

    /// <summary>Further inputs.</summary>
    public ExtraInput[] Inputs { get; set; } = [];

    /// <summary>Text matching.</summary>
    public PromptSpec? Prompt { get; set; }

    /// <summary>Looks.</summary>
    public LookSpec[] Looks { get; set; } = [];

    /// <summary>What is said about reference images; null when nothing is.</summary>
    [JsonPropertyName("reference_image")]
    public string? ReferenceImage { get; set; }

    /// <summary>Figures from the evaluation, as written there.</summary>
    public JsonElement? Measured { get; set; }

    /// <summary>The folder that it was read from.</summary>
    [JsonIgnore]
    public string Folder { get; private init; } = "";

    /// <summary>Reads and checks the manifest of a folder.</summary>
    /// <exception cref="ModelException">The message names the file and the field.</exception>
    public static ModelManifest Load(string folder)
    {
        var path = Path.Combine(folder, "manifest.json");
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists)
                throw new ModelException($"{folder} has no manifest.json. What belongs in it is written in models/README.md.");
            if (info.Length > 4 << 20)
                throw new ModelException($"{path} is {info.Length} bytes; a manifest has at most 4 MB.");
            var manifest = JsonSerializer.Deserialize(System.IO.File.ReadAllBytes(path), ManifestJson.Default.ModelManifest)
                ?? throw new ModelException($"{path} is empty.");
            manifest = manifest with { Folder = Path.GetFullPath(folder) };
            manifest.Check(path);
            return manifest;
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path}: field {(e.Path is { Length: > 2 } at ? at[2..] : "(whole file)")} cannot be read (line {e.LineNumber + 1}): {FirstSentence(e.Message)}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path} cannot be read: {e.Message}", e);
        }
    }

    private void Check(string path)
    {
        Require(Schema == "truelive-model/1", "schema", "must be \"truelive-model/1\"");
        Require(IdPattern().IsMatch(Id), "id", "must be 1 to 64 of a-z, 0-9 and -");
        Require(Title.Length is > 0 and <= 100, "title", "must be 1 to 100 characters");
        Require(IsInside(File), "file", "must name an ONNX file inside the model's folder");
        Require(Frame is { Input.Length: > 0 }, "frame.input", "must name the picture input of the graph");
        Require(Frame!.Channels is 3 or 4, "frame.channels", "must be 3 or 4");
        Require(Output is { Name.Length: > 0 }, "output.name", "must name the result of the graph");
        foreach (var (spec, name) in new (PictureSpec, string)[] { (Frame, "frame"), (Output!, "output") })
        {
            Require(spec.Range.Length == 2 && spec.Range[0] != spec.Range[1] && spec.Range.All(float.IsFinite), name + ".range", "must be two different numbers, black and white");
            Require(spec.Mean.Length == 3 && spec.Mean.All(float.IsFinite), name + ".mean", "must be three numbers");
            Require(spec.Std.Length == 3 && spec.Std.All(s => float.IsFinite(s) && s != 0), name + ".std", "must be three numbers other than 0");
        }
        Require(Size is not null, "size", "must be {\"min\", \"max\", \"multiple\"} or {\"width\", \"height\"}");
        Require(Size!.Width.HasValue == Size.Height.HasValue, "size", "needs width and height together");
        if (Size.Width is { } w && Size.Height is { } h)
            Require(w is >= 16 and <= 4096 && h is >= 16 and <= 4096, "size", "width and height must be 16 to 4096");
        else
            Require(Size.Min >= 16 && Size.Max >= Size.Min && Size.Max <= 4096 && Size.Multiple is >= 1 and <= 256, "size", "needs 16 <= min <= max <= 4096 and a multiple of 1 to 256");
        for (var i = 0; i < States.Length; i++)
        {
            var s = States[i];
            Require(s is { Input.Length: > 0, Output.Length: > 0 }, $"states[{i}]", "needs input and output");
            Require(s.Shape is { Length: >= 1 and <= 6 } shape ? shape.All(d => d is >= 1 and <= 1 << 20) : s.Channels is >= 1 and <= 1024 && s.Divide is >= 1 and <= 64, $"states[{i}]", "needs either channels (with divide) or a shape of positive numbers");
        }
        if (Style is not null)
            Require(Style is { Input.Length: > 0, Length: >= 1 and <= 4096 }, "style", "needs an input name and a length of 1 to 4096");
        for (var i = 0; i < Looks.Length; i++)
        {
            var look = Looks[i];
            Require(look is { Id.Length: > 0, Title.Length: > 0, Anchors: not null, Style: not null }, $"looks[{i}]", "needs id, title, anchors and style");
            Require(Style is not null && look.Style!.Length == Style.Length && look.Style.All(float.IsFinite), $"looks[{i}].style", $"must have {Style?.Length ?? 0} numbers, as style.length says");
        }
        if (Prompt is not null)
        {
            Require(Looks.Length > 0, "looks", "must not be empty when there is a prompt");
            Require(IsInside(Prompt.Words ?? ""), "prompt.words", "must name a file inside the model's folder");
            Require(Prompt.Temperature > 0, "prompt.temperature", "must be above 0");
        }

        void Require(bool holds, string field, string rule)
        {
            if (!holds)
                throw new ModelException($"{path}: {field} {rule}.");
        }
    }

    private bool IsInside(string name) =>
        name.Length > 0 && Path.GetFileName(name) == name && System.IO.File.Exists(Path.Combine(Folder, name)) && new FileInfo(Path.Combine(Folder, name)).LinkTarget is null;

    private static string FirstSentence(string text) => text.IndexOf(". ", StringComparison.Ordinal) is > 0 and var dot ? text[..(dot + 1)] : text;

    [GeneratedRegex("^[a-z0-9-]{1,64}$")]
    private static partial Regex IdPattern();
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(ModelManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
