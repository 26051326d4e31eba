namespace TrueLive.Models.Graphs;

/// <summary>
/// How many nodes a file's graph has once ONNX Runtime has put the bodies of its functions (FunctionProto) in the places of their calls: a
/// dozen
/// functions that each call the next one ten times are a few hundred bytes and a million million nodes.
/// </summary>
internal sealed class OnnxFunctions
{
    /// <summary>Most nodes that are taken; large models have a few ten thousand.</summary>
    public const long MaxNodes = 500_000;

    // Exporters make a function of each kind of module, which nest some ten deep.
    private const int MaxDepth = 100;

    private readonly Dictionary<string, Body> _bodies = [];

    private OnnxFunctions()
    {
    }

    /// <summary>Nodes after all is put in place, at most a number beyond <see cref="MaxNodes"/>.</summary>
    /// <exception cref="InvalidDataException">A function calls itself, functions call each other too deep, or the file is cut
    /// off.</exception>
    public static long CountNodes(byte[] file)
    {
        var functions = new OnnxFunctions();
        var graph = new Body();
        foreach (var field in ProtoField.Read(file).Where(f => f.Wire == 2))
        {
            if (field.Number == 7)
                Graph(field.Bytes, graph);
            else if (field.Number == 25)
                functions.Add(field.Bytes);
        }
        return functions.Nodes(graph, 0);
    }

    private void Add(ReadOnlyMemory<byte> function)
    {
        string name = "", domain = "";
        var body = new Body();
        foreach (var field in ProtoField.Read(function).Where(f => f.Wire == 2))
        {
            if (field.Number == 1)
                name = OnnxNode.Text(field);
            else if (field.Number == 10)
                domain = OnnxNode.Text(field);
            else if (field.Number == 7)
                Node(OnnxNode.Read(field.Bytes), body);
        }
        _bodies[$"{domain}:{name}"] = body;
    }

    private long Nodes(Body body, int depth)
    {
        if (depth > MaxDepth)
            throw new InvalidDataException($"its functions call each other more than {MaxDepth} deep");
        if (body.Total is { } known)
            return known;
        if (body.InWork)
            throw new InvalidDataException("a function of it calls itself");
        body.InWork = true;
        var total = 0L;
        foreach (var (called, times) in body.Calls)
            total = Math.Min(total + times * (_bodies.TryGetValue(called, out var function) ? Math.Max(1, Nodes(function, depth + 1)) : 1),
                MaxNodes + 1);
        body.InWork = false;
        body.Total = total;
        return total;
    }

    private static void Graph(ReadOnlyMemory<byte> graph, Body body)
    {
        foreach (var field in ProtoField.Read(graph).Where(f => f is { Number: 1, Wire: 2 }))
            Node(OnnxNode.Read(field.Bytes), body);
    }

    private static void Node(OnnxNode node, Body body)
    {
        foreach (var inner in node.Attributes.SelectMany(a => ProtoField.Read(a)).Where(f => f.Number is 6 or 11 && f.Wire == 2))
            Graph(inner.Bytes, body);
        var name = $"{node.Domain}:{node.Type}";
        body.Calls[name] = body.Calls.GetValueOrDefault(name) + 1;
    }

    private sealed class Body
    {
        public Dictionary<string, long> Calls { get; } = [];

        public long? Total { get; set; }

        public bool InWork { get; set; }
    }
}
