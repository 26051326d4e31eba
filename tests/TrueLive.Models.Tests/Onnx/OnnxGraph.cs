using System.Runtime.InteropServices;
using System.Text;
using TrueLive.Models.Graphs;

namespace TrueLive.Models.Tests.Onnx;

/// <summary>Element types by their number in onnx.proto.</summary>
internal enum Element
{
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Half = 10,
}

/// <summary>
/// Makes small ONNX files (onnx.proto, IR version 8), so that each layout, type and mistake is tested with the real ONNX Runtime.
/// </summary>
internal sealed class OnnxGraph
{
    private readonly List<ProtoField> _graph = [Text(2, "test")];
    private readonly List<ProtoField> _opsets = [];
    private readonly List<ProtoField> _functions = [];

    /// <summary>A graph input; a dimension of 0 is free.</summary>
    public OnnxGraph Input(string name, Element type, params long[] shape) => Add(Value(11, name, type, shape));

    /// <summary>A graph output; a dimension of 0 is free.</summary>
    public OnnxGraph Output(string name, Element type, params long[] shape) => Add(Value(12, name, type, shape));

    /// <summary>A node; attributes are integers or lists of them.</summary>
    public OnnxGraph Node(string type, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes) =>
        Add(Nested(1, NodeFields(type, "", inputs, outputs, attributes)));

    /// <summary>A node of an unknown operator domain.</summary>
    public OnnxGraph CustomNode(string domain, string type, string input, string output)
    {
        _opsets.Add(Nested(8, Text(1, domain), new ProtoField(2, 1)));
        return Add(Nested(1, NodeFields(type, domain, [input], [output], [])));
    }

    /// <summary>A constant.</summary>
    public OnnxGraph Constant(string name, float[] values, params long[] shape) =>
        Add(Nested(5, [.. Dims(1, shape), new ProtoField(2, (long)Element.Float), Text(8, name),
            new ProtoField(9, MemoryMarshal.AsBytes(values.AsSpan()).ToArray())]));

    /// <summary>A constant of integers.</summary>
    public OnnxGraph Whole(string name, long[] values, params long[] shape) =>
        Add(Nested(5, [.. Dims(1, shape), new ProtoField(2, (long)Element.Int64), Text(8, name),
            new ProtoField(9, MemoryMarshal.AsBytes(values.AsSpan()).ToArray())]));

    /// <summary>A constant whose numbers lie in another file.</summary>
    public OnnxGraph ExternalConstant(string name, string location, params long[] shape) =>
        Add(Nested(5, [.. Dims(1, shape), new ProtoField(2, (long)Element.Float), Text(8, name),
            Nested(13, Text(1, "location"), Text(2, location)), new ProtoField(14, 1)]));

    /// <summary>A sparse constant: many zeros and a single one in few bytes of the file.</summary>
    public OnnxGraph SparseConstant(string name, params long[] shape) =>
        Add(Nested(15, [
            Nested(1, [.. Dims(1, [1]), new ProtoField(2, (long)Element.Float), Text(8, name), new ProtoField(9, new byte[4])]),
            Nested(2, [.. Dims(1, [1]), new ProtoField(2, (long)Element.Int64), new ProtoField(9, new byte[8])]),
            .. Dims(3, shape)]));

    /// <summary>A node with a subgraph as its attribute.</summary>
    public OnnxGraph NodeWithBody(string type, string[] inputs, string[] outputs, OnnxGraph body) =>
        Add(Nested(1, [.. NodeFields(type, "", inputs, outputs, []),
            Nested(5, Text(1, "body"), Nested(6, [.. body._graph]), new ProtoField(20, 5))]));

    /// <summary>A function of the domain <c>local</c> that calls another function of it <paramref name="times"/> times.</summary>
    public OnnxGraph Function(string name, string called, int times)
    {
        var calls = Enumerable.Range(0, times).Select(_ => Nested(7, NodeFields(called, "local", ["x"], ["y"], [])));
        _functions.Add(Nested(25, [Text(1, name), Text(4, "x"), Text(5, "y"), .. calls, Text(10, "local")]));
        return this;
    }

    public byte[] Bytes(int opset = 13, int version = 8) =>
        ProtoField.Write([new ProtoField(1, version), Nested(7, [.. _graph]), Nested(8, Text(1, ""), new ProtoField(2, opset)), .. _opsets,
            .. _functions]);

    private OnnxGraph Add(ProtoField field)
    {
        _graph.Add(field);
        return this;
    }

    private static ProtoField Value(int number, string name, Element type, long[] shape) =>
        Nested(number, Text(1, name), Nested(2, Nested(1, new ProtoField(1, (long)type),
            Nested(2, [.. shape.Select((side, i) => Nested(1, side > 0 ? new ProtoField(1, side) : Text(2, "free" + i)))]))));

    private static ProtoField[] NodeFields(
        string type, string domain, string[] inputs, string[] outputs, (string Name, object Value)[] attributes) =>
        [.. inputs.Select(i => Text(1, i)), .. outputs.Select(o => Text(2, o)), Text(4, type), Text(7, domain),
            .. attributes.Select(a => a.Value switch
        {
            long[] list => Nested(5, [Text(1, a.Name), .. list.Select(n => new ProtoField(8, n)), new ProtoField(20, 7)]),
            var number => Nested(5, Text(1, a.Name), new ProtoField(3, Convert.ToInt64(number, null)), new ProtoField(20, 2)),
        })];

    // Not packed; readers accept both forms.
    private static ProtoField[] Dims(int number, long[] shape) => [.. shape.Select(s => new ProtoField(number, s))];

    private static ProtoField Text(int number, string text) => new(number, Encoding.UTF8.GetBytes(text));

    private static ProtoField Nested(int number, params ProtoField[] fields) => new(number, ProtoField.Write(fields));
}
