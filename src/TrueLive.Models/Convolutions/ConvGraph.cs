using System.Runtime.InteropServices;
using System.Text;
using TrueLive.Models.Graphs;

namespace TrueLive.Models.Convolutions;

/// <summary>Reads an ONNX graph (onnx.proto) that consists only of what <see cref="ConvLayer"/> can express.</summary>
internal sealed class ConvGraph
{
    private const int Float = 1;

    // Far more than any live model has.
    private const int MaxLayers = 64;
    private const int MaxChannels = 256;
    private const long MaxPacked = 64 << 20;

    private readonly Dictionary<string, (long[] Shape, float[] Values)> _constants = [];
    // The layer that each tensor belongs to; -1 for the picture.
    private readonly Dictionary<string, int> _pictures;
    private readonly List<ConvLayer> _layers = [];
    // The last tensor of each layer so far, and the tensors of a layer that other layers read.
    private readonly List<string> _ends = [];
    private readonly List<(int Layer, string Name)> _read = [];
    private readonly string _tiles;
    private long _packed;

    private ConvGraph(string picture, string tiles) => (_pictures, _tiles) = (new() { [picture] = -1 }, tiles);

    /// <summary>
    /// The layers in the order in which they run, the last one computing <paramref name="result"/>; null if the graph contains anything
    /// else, more than 64 layers, more than 256 channels, or more than 64 MB of packed weights.
    /// </summary>
    /// <param name="model">The ONNX file.</param>
    /// <param name="picture">Name of the input with the planes.</param>
    /// <param name="tiles">Name of the input with the screen, repeated over the picture.</param>
    /// <param name="result">Name of the output.</param>
    public static IReadOnlyList<ConvLayer>? Read(ReadOnlyMemory<byte> model, string picture, string tiles, string result)
    {
        var read = new ConvGraph(picture, tiles);
        try
        {
            var graph = ProtoField.Read(model).FirstOrDefault(f => f is { Number: 7, Wire: 2 }).Bytes;
            foreach (var tensor in ProtoField.Read(graph).Where(f => f is { Number: 5, Wire: 2 }))
                read.Constant(tensor.Bytes, null);
            if (!ProtoField.Read(graph).Where(f => f is { Number: 1, Wire: 2 }).All(node => read.Node(node.Bytes)))
                return null;
        }
        catch (InvalidDataException)
        {
            // A field that the runtime ignores need not hold a valid message.
            return null;
        }
        var whole = read._layers.Count > 0 && read._ends[^1] == result && !read._layers[^1].Doubled
            && read._read.All(r => r.Layer < 0 || read._ends[r.Layer] == r.Name);
        return whole ? read._layers : null;
    }

    // False for a node that is not a layer or part of one.
    private bool Node(ReadOnlyMemory<byte> node)
    {
        var fields = ProtoField.Read(node).ToArray();
        string[] inputs = [.. Texts(fields, 1)], outputs = [.. Texts(fields, 2)];
        var type = Texts(fields, 4).FirstOrDefault("");
        if (type == "Constant" && outputs.Length == 1)
        {
            foreach (var tensor in fields.Where(f => f is { Number: 5, Wire: 2 }).SelectMany(f => ProtoField.Read(f.Bytes))
                .Where(f => f is { Number: 5, Wire: 2 }))
                Constant(tensor.Bytes, outputs[0]);
            return true;
        }
        var pictures = inputs.Where(_pictures.ContainsKey).ToArray();
        if (pictures.Length == 0)
            return true;
        if (outputs.Length != 1 || Texts(fields, 7).FirstOrDefault("") is not ("" or "ai.onnx"))
            return false;
        var attributes = fields.Where(f => f is { Number: 5, Wire: 2 }).Select(f => ProtoField.Read(f.Bytes).ToArray())
            .DistinctBy(a => Texts(a, 1).FirstOrDefault("")).ToDictionary(a => Texts(a, 1).FirstOrDefault(""));
        if (type == "Conv")
            return Conv(inputs, outputs[0], attributes);

        var at = pictures.Max(p => _pictures[p]);
        if (at < 0 || pictures.All(p => _ends[at] != p))
            return false;
        var layer = _layers[at];
        var plain = !layer.Relu && layer.Residual is null;
        var other = inputs.Length == 2 ? inputs[inputs[0] == _ends[at] ? 1 : 0] : "";
        ConvLayer? next = type switch
        {
            "Relu" when !layer.Relu => layer with { Relu = true },
            "Mul" when pictures.Length == 1 && plain && !layer.Doubled && layer is { Scale: null, Shift: null, Screened: false } =>
                layer with { Scale = other },
            "Add" when pictures.Length == 1 && plain && !layer.Doubled && layer is { Shift: null, Screened: false } =>
                other == _tiles ? layer with { Screened = true } : layer with { Shift = other },
            "Add" when pictures.Length == 2 && plain && _pictures[other] is >= 0 and var from &&
                from != at && (_layers[from].Out, _layers[from].Divide) == (layer.Out, layer.Divide) => Residual(from, other),
            "Resize" when plain && layer is { Kernel: 1, Doubled: false, Divide: > 1 } && Doubles(inputs, attributes) =>
                layer with { Doubled = true, Divide = layer.Divide / 2 },
            _ => null,
        };
        if (next is null)
            return false;
        (_layers[at], _ends[at], _pictures[outputs[0]]) = (next, outputs[0], at);
        return true;

        ConvLayer Residual(int from, string name)
        {
            _read.Add((from, name));
            return layer with { Residual = from };
        }
    }

    private bool Conv(string[] inputs, string output, Dictionary<string, ProtoField[]> attributes)
    {
        if (inputs.Length != 3 || !_pictures.TryGetValue(inputs[0], out var from) || !_constants.TryGetValue(inputs[1], out var weights)
            || !_constants.TryGetValue(inputs[2], out var bias) || weights.Shape.Length != 4)
            return false;
        int outs = (int)weights.Shape[0], ins = (int)weights.Shape[1], kernel = (int)weights.Shape[2];
        long stride = Numbers("strides").FirstOrDefault(1), dilation = Numbers("dilations").FirstOrDefault(1);
        var known = _layers.Count < MaxLayers && Math.Max(outs, ins) <= MaxChannels && weights.Shape[3] == kernel && outs % 16 == 0
            && (from < 0 || (ins % 16 == 0 && ins == _layers[from].Out)) && bias.Values.Length == outs
            && Numbers("group").FirstOrDefault(1) == 1
            && Numbers("strides").All(s => s == stride) && Numbers("dilations").All(d => d == dilation)
            && !attributes.ContainsKey("auto_pad")
            && Numbers("pads").DefaultIfEmpty(0).All(p => p == dilation * (kernel / 2))
            && (from < 0
                ? _layers.Count == 0 && (kernel, stride, dilation) is (3, 2, 1)
                : (kernel, stride, dilation) is (1, 1, 1) or (3, 1, 1) or (3, 1, 2) or (3, 2, 1));
        _packed += (long)WinogradConvolution.PackedLength(ins, outs) * sizeof(float);
        if (!known || _packed > MaxPacked)
            return false;
        _read.Add((from, inputs[0]));
        _layers.Add(new ConvLayer(from, ins, outs, kernel, (int)stride, (int)dilation, weights.Values, bias.Values)
        { Divide = (from < 0 ? 1 : _layers[from].Divide) * (int)stride });
        _ends.Add(output);
        _pictures[output] = _layers.Count - 1;
        return true;

        long[] Numbers(string name) =>
            attributes.TryGetValue(name, out var a) ? [.. a.Where(f => f.Number is 3 or 8).SelectMany(ProtoField.Numbers)] : [];
    }

    private bool Doubles(string[] inputs, Dictionary<string, ProtoField[]> attributes)
    {
        return !attributes.ContainsKey("axes") && Is("mode", "nearest") && Is("coordinate_transformation_mode", "asymmetric")
            && Is("nearest_mode", "floor")
            && inputs.Length == 3 && _constants.TryGetValue(inputs[2], out var scales) && scales.Values is [1, 1, 2, 2];

        bool Is(string name, string value) => attributes.TryGetValue(name, out var a) && Texts(a, 4).FirstOrDefault() == value;
    }

    // TensorProto: dims = 1, data_type = 2, float_data = 4, name = 8, raw_data = 9.
    private void Constant(ReadOnlyMemory<byte> tensor, string? name)
    {
        var fields = ProtoField.Read(tensor).ToArray();
        if (fields.FirstOrDefault(f => f.Number == 2).Value != Float)
            return;
        var shape = fields.Where(f => f.Number == 1).Take(8).SelectMany(ProtoField.Numbers).ToArray();
        var bytes = fields.FirstOrDefault(f => f is { Number: 9 or 4, Wire: 2 }).Bytes;
        var values = MemoryMarshal.Cast<byte, float>(bytes.Span).ToArray();
        if (shape.Aggregate((Int128)1, (a, b) => a * b) == values.Length)
            _constants[name ?? Texts(fields, 8).FirstOrDefault("")] = (shape, values);
    }

    private static IEnumerable<string> Texts(IEnumerable<ProtoField> fields, int number) =>
        fields.Where(f => f.Number == number && f.Wire == 2).Select(f => Encoding.UTF8.GetString(f.Bytes.Span));
}
