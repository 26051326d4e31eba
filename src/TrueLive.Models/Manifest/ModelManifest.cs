using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using TrueLive.Core.Models;

namespace TrueLive.Models.Manifest;

/// <summary>A model folder cannot be used; the message names the file and the field and says what is allowed.</summary>
public sealed class ModelException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Sizes that the model takes.</summary>
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
/// <param name="FollowsMotion">Whether the planes are moved with the content of the picture before the next step reads them.</param>
public sealed record StateSpec(string Input, string Output, int Channels = 0, int Divide = 1, int[]? Shape = null,
    [property: JsonPropertyName("follows_motion")] bool FollowsMotion = false);

/// <summary>The conditioning input.</summary>
public sealed record StyleSpec(string Input, int Length);

/// <summary>
/// Where the graph may be cut because the host computes its first and last operators itself, much quicker; see models/README.md.
/// </summary>
/// <param name="Stem">What the first convolution reads: frame, frame - last frame, last image - frame, hold.</param>
/// <param name="Screen">What a style lays over the half-size features, before it is repeated.</param>
/// <param name="Tiles">The screen repeated over the picture.</param>
/// <param name="Grade">The colour matrix of a style, less the one that changes nothing.</param>
/// <param name="Paint">What the last convolution makes, at half size.</param>
/// <param name="MaxHold">The most that one image may owe to the one before.</param>
/// <param name="HoldSlope">Steepness of the decision between holding and painting anew.</param>
/// <param name="StyleClose">How fast a change of style closes the memory.</param>
/// <param name="OffOpen">Mean difference of the frames up to which the memory is held as the model wants.</param>
/// <param name="OffClosed">Mean difference from which on it is not held.</param>
/// <param name="Far">How far from a fresh picture the held one may be.</param>
public sealed record FusedSpec(
    string Stem, string Screen, string Tiles, string Grade, string Paint, [property: JsonPropertyName("max_hold")] float MaxHold,
    [property: JsonPropertyName("hold_slope")] float HoldSlope,
    [property: JsonPropertyName("style_close")] float StyleClose, [property: JsonPropertyName("off_open")] float OffOpen,
    [property: JsonPropertyName("off_closed")] float OffClosed, float Far);

/// <summary>How text is matched to looks; see training/README.md.</summary>
/// <param name="Words">Word table inside the folder.</param>
/// <param name="Temperature">Softness of the choice between looks.</param>
/// <param name="Known">Best score below which a text means nothing.</param>
/// <param name="Keep">Share of the strongest look below which a look is left out.</param>
/// <param name="Stop">Words that are passed over.</param>
public sealed record PromptSpec(string Words, double Temperature, double Known, double Keep, string[] Stop)
{
    // For looks without a word table: nothing but their names and anchors is understood.
    internal static PromptSpec NamesOnly { get; } = new("", 0.06, 0.5, 0.25, []);
}

/// <summary>A look.</summary>
public sealed record LookSpec(string Id, string Title, string Description, string[] Anchors, float[] Style);

/// <summary>
/// The <c>manifest.json</c> of a model folder, schema <c>truelive-model/1</c>; every field is explained in models/README.md.
/// </summary>
public sealed partial record ModelManifest
{
    /// <summary>Largest ONNX file taken, in bytes.</summary>
    public const long MaxFileBytes = 512L << 20;

    /// <summary>Largest manifest taken, in bytes.</summary>
    public const long MaxManifestBytes = 4 << 20;

    private const int MaxTensors = 64;
    private const int MaxWords = 64;
    private const int MaxFiles = 1000;
    private const int MaxParameters = 32;

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

    /// <summary>What the host computes instead of the graph; null where it computes nothing.</summary>
    public FusedSpec? Fused { get; set; }

    /// <summary>A diffusion pipeline in subfolders instead of one file; null for one file.</summary>
    public DiffusionSpec? Diffusion { get; set; }

    /// <summary>Program and arguments of a model that runs as a child process, instead of one file; empty for none.</summary>
    public string[] Command { get; set; } = [];

    /// <summary>Further files of a model with a command, relative to its folder, beside those that its arguments name.</summary>
    [JsonPropertyName("files")]
    public string[] CommandFiles { get; set; } = [];

    /// <summary>Memory in MB that a model with a command may take.</summary>
    [JsonPropertyName("memory_mb")]
    public int MemoryMb { get; set; } = 4096;

    /// <summary>What users may set of a model with a command.</summary>
    public ParameterSpec[] Parameters { get; set; } = [];

    /// <summary>Further inputs.</summary>
    public ExtraInput[] Inputs { get; set; } = [];

    /// <summary>Inputs for reference pictures.</summary>
    public PictureInput[] Pictures { get; set; } = [];

    /// <summary>Text matching.</summary>
    public PromptSpec? Prompt { get; set; }

    /// <summary>Looks.</summary>
    public LookSpec[] Looks { get; set; } = [];

    /// <summary>What is said about reference images; null when nothing is.</summary>
    [JsonPropertyName("reference_image")]
    public string? ReferenceImage { get; set; }

    /// <summary>Figures from the evaluation, as written there.</summary>
    public JsonElement? Measured { get; set; }

    /// <summary>
    /// The files that belong to the model, relative to its folder; those of a pipeline that may be missing are among them only when they
    /// are there.
    /// </summary>
    [JsonIgnore]
    public IEnumerable<string> Files => Pulled is { } pulled ? ["manifest.json", .. pulled.Files.Select(f => f.Path)] : Command.Length > 0
        ? ["manifest.json", .. Command.Where(word => System.IO.File.Exists(Path.Combine(Folder, word))), .. CommandFiles]
        : Diffusion is null ? ["manifest.json", File, .. Prompt is { } prompt ? new[] { prompt.Words } : []]
        : ["manifest.json", .. DiffusionSpec.Files(p => System.IO.File.Exists(Path.Combine(Folder, p)))];

    /// <summary>The folder that it was read from.</summary>
    [JsonIgnore]
    public string Folder { get; private init; } = "";

    /// <summary>Where that folder comes from.</summary>
    [JsonIgnore]
    public ModelTrust Trust { get; private init; }

    /// <summary>What was pulled; null for a folder that was given.</summary>
    [JsonIgnore]
    public PulledRecord? Pulled { get; private init; }

    /// <summary>Reads and checks the manifest of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="trust">Where it comes from, as its place says (<see cref="Catalogue.ModelFolders"/>).</param>
    /// <exception cref="ModelException">The message names the file and the field.</exception>
    public static ModelManifest Load(string folder, ModelTrust trust = ModelTrust.Given)
    {
        var path = Path.Combine(folder, "manifest.json");
        if (!System.IO.File.Exists(path))
            throw new ModelException($"{folder} has no manifest.json. What belongs in it is written in models/README.md.");
        var bytes = FolderFile.Read(path, "the manifest", MaxManifestBytes);
        try
        {
            var manifest = JsonSerializer.Deserialize(FolderFile.Text(bytes), ManifestJson.Default.ModelManifest)
                ?? throw new ModelException($"{path} holds null; it must hold an object.");
            manifest = manifest with
            {
                Folder = Path.GetFullPath(folder),
                Trust = trust,
                Pulled = trust == ModelTrust.Pulled ? PulledRecord.Read(folder) : null,
            };
            manifest.Check(path);
            return manifest;
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path}: field {(e.Path is { Length: > 2 } at ? at[2..] : "(whole file)")} cannot be read (line " +
                $"{e.LineNumber + 1}): {FirstSentence(e.Message).Replace("TrueLive.Models.Manifest.", "", StringComparison.Ordinal)}{Taken(e.Path)}", e);
        }
    }

    /// <summary>What a model of this manifest says of itself, without loading its graphs.</summary>
    public ModelInfo Describe()
    {
        var sizes = new ModelSizes(Size!.Min, Size.Max, Size.Multiple, Size.Width, Size.Height);
        return Diffusion is { } diffusion
            ? new ModelInfo(Id, Version, Title, Description, TakesPrompt: true,
                HasMemory: diffusion.Guidance == Guidance.Self || diffusion.Similarity < 1, sizes, [])
            {
                Chunk = Chunk.One with { Lag = diffusion.Lag },
                Parameters = diffusion.Parameters,
            }
            : new ModelInfo(
                Id, Version, Title, Description, Command.Length > 0 || Prompt is not null || Looks.Length > 0, States.Length > 0, sizes,
                [.. Looks.Select(l => new LookInfo(l.Id, l.Title, l.Description))])
            {
                Parameters =
                [
                    .. Inputs.Select(i => i.Parameter).OfType<ModelParameter>(), .. Pictures.Select(p => p.Parameter),
                    .. Parameters.Select(p => p.Parameter),
                ],
            };
    }

    /// <summary>Bytes of the files that belong to the model; a file that is missing is named.</summary>
    /// <exception cref="ModelException">A file is not there.</exception>
    public long FileBytes()
    {
        var files = Files.Select(f => new FileInfo(Path.Combine(Folder, f))).ToArray();
        return files.FirstOrDefault(f => !f.Exists) is { } missing
            ? throw new ModelException($"{missing.FullName} is not there, and manifest.json names it or its kind of model needs it.")
            : files.Sum(f => f.Length);
    }

    private void Check(string path)
    {
        Require(Schema == "truelive-model/1", "schema", "must be \"truelive-model/1\"");
        Require(IdPattern().IsMatch(Id), "id", "must be 1 to 64 of a-z, 0-9 and -");
        Require(Title.Length is > 0 and <= 100, "title", "must be 1 to 100 characters");
        if (Command is not [])
        {
            Require(Trust == ModelTrust.Given, "command",
                "names a program, and programs from a hub are not run. Download it yourself, read it, and use truelive models add");
            CheckCommand();
            return;
        }
        Require(CommandFiles is [], "files", "goes with command only");
        Require(Parameters is [], "parameters", "go with command only; a graph has inputs with a title");
        if (Diffusion is not null)
        {
            CheckDiffusion();
            return;
        }
        Require(IsInside(File), "file", "must be the name of an ONNX file in the model's own folder, without a path");
        Require(Frame is { Input.Length: > 0 }, "frame.input", "must name the picture input of the graph");
        Require(Frame!.Channels is 3 or 4, "frame.channels", "must be 3 or 4");
        Require(Output is { Name.Length: > 0 }, "output.name", "must name the result of the graph");
        Output!.TakeOver(Frame);
        Require(Output.Channel is >= 0 and < 1024, "output.channel", "must be 0 to 1023");
        Require(Enum.IsDefined(Output.Role), "output.role", "must be image, mask or data");
        Require(Pictures.Length <= MaxTensors && Pictures.All(p => p is { IsRight: true }),
            "pictures", $"must be at most {MaxTensors}, each with a name of a-z, 0-9 and _, a title, and a width and height of 8 to 2048");
        foreach (var (spec, name) in (IEnumerable<(PictureSpec, string)>)[(Frame, "frame"), (Output, "output"),
            .. Pictures.Select((p, i) => ((PictureSpec)p, $"pictures[{i}]"))])
        {
            Require(Enum.IsDefined(spec.Layout), name + ".layout", "must be nchw or nhwc");
            Require(Enum.IsDefined(spec.Type), name + ".type", "must be float32, float16, uint8, int8 or int32");
            Require(Enum.IsDefined(spec.Colour), name + ".colour", "must be rgb or bgr");
            Require(spec.Range.Length == 2 && spec.Range[0] != spec.Range[1] && spec.Range.All(float.IsFinite), name + ".range",
                "must be two different numbers, black and white");
            Require(spec.Mean.Length == 3 && spec.Mean.All(float.IsFinite), name + ".mean", "must be three numbers");
            Require(spec.Std.Length == 3 && spec.Std.All(s => float.IsFinite(s) && s != 0), name + ".std",
                "must be three numbers other than 0");
        }
        CheckSize();
        Require(States.Length <= MaxTensors, "states", $"has {States.Length} entries; at most {MaxTensors} are taken");
        for (var i = 0; i < States.Length; i++)
        {
            var s = States[i];
            Require(s is not null, $"states[{i}]", "must not be null");
            Require(s!.Input is { Length: > 0 } && s.Output is { Length: > 0 }, $"states[{i}]", "needs input and output");
            Require(s.Shape is { Length: >= 1 and <= 6 } shape ? shape.All(d => d is >= 1 and <= 1 << 20) : s.Channels is >= 1 and <= 1024
                && s.Divide is >= 1 and <= 64, $"states[{i}]", "needs either channels (with divide) or a shape of positive numbers");
            Require(!s.FollowsMotion || s is { Shape: null, Divide: 1 } && Frame.Layout == TensorLayout.Nchw, $"states[{i}].follows_motion",
                "takes planes of the picture's own size in nchw: channels, and divide 1");
        }
        if (Style is not null)
            Require(Style is { Input.Length: > 0, Length: >= 1 and <= 4096 }, "style", "needs an input name and a length of 1 to 4096");
        if (Fused is { } fused)
        {
            Require(new[] { fused.Stem, fused.Screen, fused.Tiles, fused.Grade, fused.Paint }.All(n => n is { Length: > 0 }), "fused",
                "needs the tensors stem, screen, tiles, grade and paint");
            Require(new[] { fused.MaxHold, fused.HoldSlope, fused.StyleClose, fused.OffOpen, fused.OffClosed,
                fused.Far }.All(float.IsFinite) && fused.OffOpen < fused.OffClosed && fused.Far >= 0, "fused",
                "needs finite numbers, off_open below off_closed and far from 0");
            Require(Style is not null && Output.Role == OutputRole.Image && Inputs.Length == 0 && Pictures.Length == 0
                && new PictureSpec[] { Frame, Output }.All(IsPlain) && Frame.Channels == 3, "fused",
                "takes red, green and blue planes of float32 in 0..1 and a style, and gives such planes");
            Require(Size is { Width: null } && Size.Multiple % 8 == 0, "fused", "takes a size.multiple that 8 divides");
        }
        Require(Inputs.Length <= MaxTensors, "inputs", $"has {Inputs.Length} entries; at most {MaxTensors} are taken");
        for (var i = 0; i < Inputs.Length; i++)
            Require(Inputs[i]?.IsRight == true, $"inputs[{i}]",
                "needs a name and a finite value; one with a title has a name of a-z, 0-9 and _, min <= value <= max and a step above 0");
        string[] filled = [Frame.Input, .. States.Select(s => s.Input), .. Style is null ? [] : new[] { Style.Input },
            .. Inputs.Select(i => i.Name), .. Pictures.Select(p => p.Name)];
        Require(filled.Distinct().Count() == filled.Length, "states, style, inputs",
            $"fill '{filled.GroupBy(f => f).MaxBy(g => g.Count())!.Key}' more than once");
        Require(States.Select(s => s.Output).Distinct().Count() == States.Length, "states", "take one output twice");
        for (var i = 0; i < Looks.Length; i++)
        {
            var look = Looks[i];
            Require(look is { Id.Length: > 0, Title.Length: > 0, Anchors: not null, Style: not null }
                && look.Anchors.All(a => a is not null), $"looks[{i}]", "needs id, title, anchors and style");
            Require(Style is not null && look.Style!.Length == Style.Length && look.Style.All(float.IsFinite), $"looks[{i}].style",
                $"must have {Style?.Length ?? 0} numbers, as style.length says");
        }
        if (Prompt is not null)
        {
            Require(Looks.Length > 0, "looks", "must not be empty when there is a prompt");
            Require(IsInside(Prompt.Words ?? ""), "prompt.words", "must name a file inside the model's folder");
            Require(Prompt.Temperature > 0, "prompt.temperature", "must be above 0");
            // Shares are of the best look's, which must be kept itself.
            Require(Prompt.Keep is >= 0 and <= 1, "prompt.keep", "must be within 0..1");
            Require(Prompt.Stop is null || Prompt.Stop.All(w => w is not null), "prompt.stop", "must be words");
        }

        void CheckCommand()
        {
            Require(File.Length == 0 && Sha256 is null && Frame is null && Output is null && States.Length == 0 && Style is null
                && Fused is null && Diffusion is null
                && Inputs.Length == 0 && Pictures.Length == 0 && Prompt is null && Looks.Length == 0,
                "command", "stands instead of file, sha256, frame, output, states, style, fused, diffusion, inputs, pictures, " +
                    "prompt and looks");
            Require(Command.Length <= MaxWords && Command.All(IsWord), "command", $"must be 1 to {MaxWords} words of 1 to 500 characters");
            Require(CommandFiles.Length <= MaxFiles && CommandFiles.All(f => IsWord(f) && IsBelow(f)), "files",
                $"must be at most {MaxFiles} files in the folder or below it");
            // The interpreter of a virtual environment is a link out of the folder, and is not copied with it.
            Require(Command.Skip(1).All(word => !System.IO.File.Exists(Path.Combine(Folder, word)) || IsBelow(word)), "command",
                "must not name files outside of its folder");
            Require(Parameters.Length <= MaxParameters, "parameters",
                $"has {Parameters.Length} entries; at most {MaxParameters} are taken");
            for (var i = 0; i < Parameters.Length; i++)
            {
                var broken = Parameters[i] is null ? "must not be null" : Parameters[i].Broken;
                Require(broken is null, $"parameters[{i}]", broken ?? "");
            }
            Require(Parameters.DistinctBy(p => p.Id).Count() == Parameters.Length, "parameters", "must have ids that differ");
            Require(MemoryMb is >= 64 and <= 1 << 20, "memory_mb", "must be 64 to 1048576");
            CheckSize();
            Require(Size!.Width is { } wide ? wide % 2 == 0 && Size.Height % 2 == 0 : Size.Multiple % 2 == 0, "size",
                "must have even sides, or an even multiple");
        }

        void CheckDiffusion()
        {
            Require(File.Length == 0 && Sha256 is null && Frame is null && Output is null && States.Length == 0 && Style is null
                && Fused is null && Inputs.Length == 0
                && Pictures.Length == 0 && Prompt is null && Looks.Length == 0,
                "diffusion", "stands instead of file, sha256, frame, output, states, style, fused, inputs, pictures, prompt and looks");
            Require(Diffusion.Broken is null, Diffusion.Broken?.Field ?? "", Diffusion.Broken?.Rule ?? "");
            CheckSize();
            Require(Size!.Width is { } wide ? wide % 8 == 0 && Size.Height % 8 == 0 : Size.Multiple % 8 == 0, "size",
                "must have sides, or a multiple, that 8 divides");
            // What checks and pictures of any model are told by.
            (Frame, Output) = (new FrameSpec { Input = "sample", Range = Diffusion.Picture },
                new OutputSpec { Name = "sample", Range = Diffusion.Picture });
        }

        void CheckSize()
        {
            Require(Size is not null, "size", "must be {\"min\", \"max\", \"multiple\"} or {\"width\", \"height\"}");
            Require(Size!.Width.HasValue == Size.Height.HasValue, "size", "needs width and height together");
            if (Size.Width is { } w && Size.Height is { } h)
                Require(w is >= 16 and <= 4096 && h is >= 16 and <= 4096, "size", "width and height must be 16 to 4096");
            else
                Require(Size.Min >= 16 && Size.Max >= Size.Min && Size.Max <= 4096 && Size.Multiple is >= 1 and <= 256
                    && Size.Max / Size.Multiple > (Size.Min - 1) / Size.Multiple, "size",
                    "needs 16 <= min <= max <= 4096 and a multiple of 1 to 256 that has at least one multiple between them");
        }

        void Require(bool holds, string field, string rule)
        {
            if (!holds)
                throw new ModelException($"{path}: {field} {rule}.");
        }
    }

    private static bool IsPlain(PictureSpec spec) =>
        spec is
        {
            Layout: TensorLayout.Nchw, Type: TensorType.Float32, Colour: ChannelOrder.Rgb, Range: [0, 1], Mean: [0, 0, 0],
            Std: [1, 1, 1]
        };

    private static bool IsWord(string? word) => word is { Length: >= 1 and <= 500 } && !word.Contains('\0');

    private static bool IsBelow(string path) => !Path.IsPathRooted(path) && path.Split('/').All(IsInside);

    private static bool IsInside(string name) =>
        name.Length > 0 && name is not ("." or "..") && Path.GetFileName(name) == name && !name.Contains('\\') && !name.Contains('\0');

    // What a field takes that knows only some words.
    private static string Taken(string? path) => path?.Split('.')[^1] switch
    {
        "layout" => Words<TensorLayout>(),
        "type" => Words<TensorType>(),
        "colour" => Words<ChannelOrder>(),
        "role" => Words<OutputRole>(),
        "kind" => " Taken are: number, choice, flag, text.",
        _ => "",
    };

    private static string Words<T>() where T : struct, Enum => $" Taken are: {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}.";

    private static string FirstSentence(string text) =>
        text.IndexOf(". ", StringComparison.Ordinal) is > 0 and var dot ? text[..(dot + 1)] : text;

    [GeneratedRegex("^[a-z0-9-]{1,64}$")]
    private static partial Regex IdPattern();
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    RespectNullableAnnotations = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(ModelManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
