using System.Text;
using TrueLive.Models.Graphs;

namespace TrueLive.Models.Fused;

/// <summary>A float tensor at which a graph is cut and which becomes an input; null dimensions are free.</summary>
internal sealed record CutInput(string Name, params int?[] Shape);

/// <summary>
/// Extracts a part of an ONNX file (onnx.proto): the operators between given tensors, with the constants that they need. Weights and
/// operators are left unchanged.
/// </summary>
internal static class GraphCut
{
    private const int Nodes = 1;
    private const int Initializers = 5;
    private const int Inputs = 11;
    private const int Outputs = 12;
    private const int Values = 13;

    /// <summary>The file reduced to the operators that lead from the inputs to the outputs.</summary>
    /// <exception cref="InvalidDataException">A requested tensor does not exist.</exception>
    public static byte[] Make(ReadOnlyMemory<byte> model, IReadOnlyList<CutInput> inputs, IReadOnlyList<string> outputs) =>
        ProtoField.Write(ProtoField.Read(model).Select(f => f is { Number: 7, Wire: 2 }
            ? new ProtoField(7, Graph(f.Bytes, inputs, outputs))
            : f));

    private static byte[] Graph(ReadOnlyMemory<byte> graph, IReadOnlyList<CutInput> inputs, IReadOnlyList<string> outputs)
    {
        var fields = ProtoField.Read(graph).ToArray();
        var made = fields.Where(f => f.Number == Nodes).SelectMany(f => Names(f, 2)).ToHashSet();
        var kept = fields.Where(f => f.Number is Inputs or Initializers)
            .Select(f => Names(f, f.Number == Inputs ? 1 : 8).FirstOrDefault("")).ToHashSet();
        if (inputs.Select(i => i.Name).Concat(outputs).FirstOrDefault(n => !made.Contains(n) && !kept.Contains(n)) is { } unknown)
            throw new InvalidDataException($"'{unknown}'");

        var given = inputs.Select(i => i.Name).ToHashSet();
        var needed = outputs.ToHashSet();
        var used = new HashSet<int>();
        // The nodes of a graph are sorted topologically.
        for (var i = fields.Length - 1; i >= 0; i--)
        {
            if (fields[i].Number != Nodes || !Names(fields[i], 2).Any(n => needed.Contains(n) && !given.Contains(n)))
                continue;
            used.Add(i);
            needed.UnionWith(Names(fields[i], 1));
        }
        return ProtoField.Write([
            .. fields.Where((f, i) => f.Number switch
            {
                Nodes => used.Contains(i),
                Initializers => needed.Contains(Names(f, 8).FirstOrDefault("")),
                Inputs or Outputs or Values => false,
                _ => true,
            }),
            .. inputs.Where(i => needed.Contains(i.Name)).Select(i => new ProtoField(Inputs, Value(i.Name, i.Shape))),
            .. outputs.Select(o => new ProtoField(Outputs, Value(o, null)))]);
    }

    private static IEnumerable<string> Names(ProtoField message, int field) =>
        ProtoField.Read(message.Bytes).Where(f => f.Number == field && f.Wire == 2).Select(f => Encoding.UTF8.GetString(f.Bytes.Span));

    // ValueInfo: name = 1, type = 2; tensor_type = 1; elem_type = 1 (float = 1), shape = 2; dim = 1; dim_value = 1, dim_param = 2.
    private static byte[] Value(string name, int?[]? shape)
    {
        var tensor = new List<ProtoField> { new(1, 1L) };
        if (shape is not null)
        {
            tensor.Add(new(2, ProtoField.Write(shape.Select((side, i) => new ProtoField(1, ProtoField.Write(
                [side is { } s ? new ProtoField(1, (long)s) : new ProtoField(2, Encoding.UTF8.GetBytes($"{name}:{i}"))]))))));
        }
        return ProtoField.Write([new(1, Encoding.UTF8.GetBytes(name)), new(2, ProtoField.Write([new(1, ProtoField.Write(tensor))]))]);
    }
}
