using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Graphs;

/// <summary>
/// Compares what a manifest says of the tensors with what the graph declares, so that a mistake is named by its field and not found by a
/// failing step.
/// </summary>
internal sealed class GraphCheck
{
    private readonly ModelManifest _manifest;
    private readonly IReadOnlyDictionary<string, NodeMetadata> _inputs;
    private readonly IReadOnlyDictionary<string, NodeMetadata> _outputs;

    private GraphCheck(ModelManifest manifest, InferenceSession session) =>
        (_manifest, _inputs, _outputs) = (manifest, session.InputMetadata, session.OutputMetadata);

    /// <exception cref="ModelException">The first thing that does not fit.</exception>
    public static void Run(ModelManifest manifest, InferenceSession session)
    {
        var check = new GraphCheck(manifest, session);
        check.Frame();
        check.Output();
        check.States();
        check.OtherInputs();
    }

    private void Frame()
    {
        var frame = _manifest.Frame!;
        Picture(Find(_inputs, frame.Input, "frame.input"), frame, frame.Input, frame.Channels, "frame", _manifest.Size!, "size");
    }

    private void Output()
    {
        var output = _manifest.Output!;
        var tensor = Find(_outputs, output.Name, "output.name");
        if (output.Role == OutputRole.Image)
            Picture(tensor, output, output.Name, 3, "output", _manifest.Size!, "size");
        else if (output.Role == OutputRole.Mask)
            Demand(tensor.Dimensions.Length is 0 or 3 or 4, "output.role",
                $"is mask, but '{output.Name}' is {Shape(tensor)}; a mask has three or four dimensions");
    }

    private void Picture(NodeMetadata tensor, PictureSpec spec, string name, int channels, string field, SizeSpec size, string sizeField)
    {
        Demand(tensor.ElementDataType == TensorBuffer.ElementOf(spec.Type), $"{field}.type",
            $"is {spec.Type.ToString().ToLowerInvariant()}, but '{name}' is {tensor.ElementDataType.ToString().ToLowerInvariant()}");
        var d = tensor.Dimensions;
        // Exporters may leave a shape out; the steps that are tried at load tell.
        if (d.Length == 0)
            return;
        Demand(d.Length == 4, $"{field}.layout", $"needs four dimensions, but '{name}' is {Shape(tensor)}");
        Demand(d[0] is < 1 or 1, $"{field}", $"is fed one picture at a time, but '{name}' is {Shape(tensor)}");
        var (c, h, w) = spec.Layout == TensorLayout.Nchw ? (d[1], d[2], d[3]) : (d[3], d[1], d[2]);
        var other = spec.Layout == TensorLayout.Nchw ? d[3] : d[1];
        Demand(c == channels || (c < 1 && other != channels), other == channels || field == "output" ? $"{field}.layout" : "frame.channels",
            $"does not fit: '{name}' is {Shape(tensor)}, which as {spec.Layout.ToString().ToLowerInvariant()} has {c} channels (-1: any number), where {channels} are given");
        Demand(w < 1 && h < 1 || size is { Width: not null, Height: not null } && (w < 1 || w == size.Width) && (h < 1 || h == size.Height),
            sizeField,
            $"must be {{\"width\": {w}, \"height\": {h}}}, since '{name}' is {Shape(tensor)}");
    }

    private void States()
    {
        for (var i = 0; i < _manifest.States.Length; i++)
        {
            var state = _manifest.States[i];
            var from = Find(_inputs, state.Input, $"states[{i}].input");
            var to = Find(_outputs, state.Output, $"states[{i}].output");
            Demand(from.ElementDataType == to.ElementDataType, $"states[{i}]",
                $"goes out as {to.ElementDataType} and comes in as {from.ElementDataType}");
            Demand(!state.FollowsMotion || from.ElementDataType == TensorElementType.Float, $"states[{i}].follows_motion",
                $"takes float tensors, but '{state.Input}' is {from.ElementDataType}");
            int[] planes = _manifest.Frame!.Layout == TensorLayout.Nchw ? [1, state.Channels, -1, -1] : [1, -1, -1, state.Channels];
            var wanted = state.Shape ?? planes;
            foreach (var (tensor, name) in new[] { (from, state.Input), (to, state.Output) })
            {
                Demand(tensor.Dimensions.Length == 0 || tensor.Dimensions.Length == wanted.Length
                    && tensor.Dimensions.Zip(wanted).All(d => d.First < 1 || d.Second < 1 || d.First == d.Second),
                    $"states[{i}].{(state.Shape is null ? "channels" : "shape")}",
                    $"gives [{string.Join(", ", wanted)}] (-1: as large as the picture divided), but '{name}' is {Shape(tensor)}");
            }
            Demand(state.Output != _manifest.Output!.Name || _manifest.Output.Role != OutputRole.Image
                || state is { Shape: null, Channels: 3, Divide: 1 }, $"states[{i}]",
                "takes the picture that is shown, so it needs 3 channels and divide 1");
        }
    }

    private void OtherInputs()
    {
        var filled = new HashSet<string>(_manifest.States.Select(s => s.Input)) { _manifest.Frame!.Input };
        if (_manifest.Style is { } style)
        {
            var tensor = Find(_inputs, style.Input, "style.input");
            var known = tensor.Dimensions.Where(d => d > 0).Aggregate(1L, (a, b) => a * b);
            Demand(known == style.Length || (tensor.Dimensions.Any(d => d < 1) && style.Length % known == 0), "style.length",
                $"is {style.Length}, but '{style.Input}' is {Shape(tensor)}");
            filled.Add(style.Input);
        }
        for (var i = 0; i < _manifest.Inputs.Length; i++)
        {
            Find(_inputs, _manifest.Inputs[i].Name, $"inputs[{i}].name");
            filled.Add(_manifest.Inputs[i].Name);
        }
        for (var i = 0; i < _manifest.Pictures.Length; i++)
        {
            var picture = _manifest.Pictures[i];
            Picture(Find(_inputs, picture.Name, $"pictures[{i}].name"), picture, picture.Name, 3, $"pictures[{i}]",
                new SizeSpec(Width: picture.Width, Height: picture.Height), $"pictures[{i}]");
            filled.Add(picture.Name);
        }
        var missing = _inputs.Keys.FirstOrDefault(k => !filled.Contains(k));
        Demand(missing is null, "inputs",
            $"does not fill '{missing}', which {_manifest.File} needs: name it under states, style, pictures or inputs (with a value)");
    }

    private NodeMetadata Find(IReadOnlyDictionary<string, NodeMetadata> tensors, string name, string field)
    {
        Demand(tensors.ContainsKey(name), field,
            $"names '{name}', which {_manifest.File} does not have. It has: {string.Join(", ", tensors.Keys)}");
        Demand(tensors[name].IsTensor && TensorBuffer.Takes(tensors[name].ElementDataType), field,
            $"names '{name}', which is {(tensors[name].IsTensor ? $"of type {tensors[name].ElementDataType}" : "no tensor")}; float, " +
                "float16, uint8, int8, bool, int32 and int64 tensors are taken");
        return tensors[name];
    }

    private void Demand(bool holds, string field, string rule)
    {
        if (!holds)
            throw new ModelException($"{Path.Combine(_manifest.Folder, "manifest.json")}: {field} {rule}.");
    }

    /// <summary>The inputs and outputs of a graph, a line each; for people.</summary>
    public static IEnumerable<string> Describe(InferenceSession graph) =>
        graph.InputMetadata.Select(m => $"in  {m.Key} {Describe(m.Value)}")
            .Concat(graph.OutputMetadata.Select(m => $"out {m.Key} {Describe(m.Value)}"));

    /// <summary>Element type and shape, for people.</summary>
    public static string Describe(NodeMetadata m) =>
        m.IsTensor ? $"{m.ElementDataType.ToString().ToLowerInvariant()} [{string.Join(", ", m.Dimensions)}]" : "no tensor";

    private static string Shape(NodeMetadata tensor) => $"[{string.Join(", ", tensor.Dimensions)}]";
}
