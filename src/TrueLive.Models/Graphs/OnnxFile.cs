using TrueLive.Models.Manifest;

namespace TrueLive.Models.Graphs;

/// <summary>
/// Looks through an ONNX file (onnx.proto, IR version 3 to 13) before ONNX Runtime sees it, for what would let a small file open
/// other files or take memory without bound, and for what the runtime would only refuse in its own words.
/// </summary>
internal static class OnnxFile
{
    /// <summary>Most bytes that the constants of one file may need once loaded.</summary>
    public const long MaxConstants = 1L << 30;

    private const int MaxDepth = 32;
    private const int MaxDomains = 256;
    private const int MaxPlaces = 1000;
    private const long TooMany = long.MaxValue / 4;

    private static readonly HashSet<string> KnownDomains = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc",
        "com.ms.internal.nhwc"];

    // Bytes of an element by TensorProto.DataType; what is not listed counts as one.
    private static int Width(ulong type) =>
        type switch { 1 or 6 or 12 => 4, 4 or 5 or 10 or 16 => 2, 7 or 11 or 13 or 14 => 8, 8 or 15 => 16, _ => 1 };

    /// <summary>Checks the file.</summary>
    /// <param name="file">Its bytes.</param>
    /// <param name="path">For the messages.</param>
    /// <param name="limits">How large it may be, and where numbers may lie that are not in it.</param>
    /// <exception cref="ModelException">It is no ONNX file, names another file, uses operators of a foreign library, or declares too
    /// much.</exception>
    public static void Check(byte[] file, string path, GraphLimits limits)
    {
        var findings = new Findings();
        try
        {
            var graph = false;
            foreach (var field in ProtoField.Read(file))
            {
                if (field is { Number: 7, Wire: 2 })
                    (graph, _) = (true, Graph(field.Bytes, findings, 0));
                else if (field is { Number: 25, Wire: 2 })
                    Function(field.Bytes, findings);
            }
            if (!graph)
                throw new InvalidDataException("it has no graph");
            // After all nesting was found to be shallow.
            if (OnnxFunctions.CountNodes(file) > OnnxFunctions.MaxNodes)
                throw new ModelException($"{path} (field file) has more than {OnnxFunctions.MaxNodes} operators once its functions are " +
                    "put in place. Export the model without functions that call each other.");
        }
        catch (InvalidDataException e)
        {
            throw new ModelException($"{path} (field file) is not an ONNX file, or is cut off: {e.Message}.", e);
        }
        if (findings.External.FirstOrDefault(e => !IsBeside(e.Key, limits.DataFolder)) is { Key: { } place } outside)
        {
            throw new ModelException(limits.DataFolder is null
                ? $"{path} (field file): tensor '{Short(outside.Value)}' lies outside this file. Save the model as one file: external " +
                    "data is not read."
                : $"{path} (field file): tensor '{Short(outside.Value)}' lies in '{Short(place)}', which is no plain file beside it.");
        }
        if (findings.Constants > limits.Constants)
            throw new ModelException($"{path} (field file) declares {findings.Constants >> 20} MB of constants; at most " +
                $"{limits.Constants >> 20} MB are taken.");
        if (findings.Foreign.FirstOrDefault(f => !findings.Functions.Contains(f.Key)) is { Key: { } domain } foreign)
            throw new ModelException($"{path} (field file) uses the custom operator {Short(foreign.Value)} of '{Short(domain)}', which " +
                "ONNX Runtime does not have. Export the model with standard operators.");
    }

    private sealed class Findings
    {
        // A tensor of each place outside the file; the place is empty where none is named.
        public Dictionary<string, string> External { get; } = [];

        public long Constants { get; set; }

        // An operator of each domain that ONNX Runtime does not know.
        public Dictionary<string, string> Foreign { get; } = [];

        public HashSet<string> Functions { get; } = [];
    }

    private static bool Graph(ReadOnlyMemory<byte> graph, Findings findings, int depth)
    {
        if (depth > MaxDepth)
            throw new InvalidDataException($"graphs are nested more than {MaxDepth} deep");
        foreach (var field in ProtoField.Read(graph).Where(f => f.Wire == 2))
        {
            if (field.Number == 1)
                Node(OnnxNode.Read(field.Bytes), findings, depth);
            else if (field.Number == 5)
                Tensor(field.Bytes, findings);
            else if (field.Number == 15)
                SparseTensor(field.Bytes, findings);
        }
        return true;
    }

    private static void Function(ReadOnlyMemory<byte> function, Findings findings)
    {
        foreach (var field in ProtoField.Read(function).Where(f => f.Wire == 2))
        {
            if (field.Number == 7)
                Node(OnnxNode.Read(field.Bytes), findings, 0);
            else if (field.Number == 10 && findings.Functions.Count < MaxDomains)
                findings.Functions.Add(OnnxNode.Text(field));
        }
    }

    private static void Node(OnnxNode node, Findings findings, int depth)
    {
        foreach (var attribute in node.Attributes)
            Attribute(attribute, findings, depth);
        if (!KnownDomains.Contains(node.Domain) && findings.Foreign.Count < MaxDomains)
            findings.Foreign.TryAdd(node.Domain, node.Type);
    }

    private static void Attribute(ReadOnlyMemory<byte> attribute, Findings findings, int depth)
    {
        foreach (var field in ProtoField.Read(attribute).Where(f => f.Wire == 2))
        {
            if (field.Number is 5 or 10)
                Tensor(field.Bytes, findings);
            else if (field.Number is 6 or 11)
                Graph(field.Bytes, findings, depth + 1);
            else if (field.Number is 22 or 23)
                SparseTensor(field.Bytes, findings);
        }
    }

    private static ulong Tensor(ReadOnlyMemory<byte> tensor, Findings findings)
    {
        var (name, place, external, type, count) = ("", "", false, 0UL, (Int128)1);
        foreach (var field in ProtoField.Read(tensor))
        {
            if (field.Number == 1)
                count = Times(count, field);
            else if (field is { Number: 2, Wire: 0 })
                type = field.Value;
            else if (field is { Number: 8, Wire: 2 })
                name = OnnxNode.Text(field);
            else if (field is { Number: 14, Wire: 0, Value: not 0 })
                external = true;
            else if (field is { Number: 13, Wire: 2 })
                (external, place) = (true, Location(field.Bytes) ?? place);
        }
        if (external && findings.External.Count < MaxPlaces)
            findings.External.TryAdd(place, name);
        Declare(count, type, findings);
        return type;
    }

    // Where an entry of external data says that it lies; null for one that says something else.
    private static string? Location(ReadOnlyMemory<byte> entry)
    {
        string key = "", value = "";
        foreach (var field in ProtoField.Read(entry).Where(f => f.Wire == 2))
        {
            if (field.Number == 1)
                key = OnnxNode.Text(field);
            else if (field.Number == 2)
                value = OnnxNode.Text(field);
        }
        return key == "location" ? value : null;
    }

    private static bool IsBeside(string place, string? folder) =>
        folder is not null && place.Length is > 0 and <= 200 && Path.GetFileName(place) == place
        && place is not ("." or "..") && !place.Contains('\\') && !place.Contains('\0')
        && new FileInfo(Path.Combine(folder, place)) is { Exists: true, LinkTarget: null };

    // A sparse tensor is few bytes in the file but is loaded with all its zeros.
    private static void SparseTensor(ReadOnlyMemory<byte> tensor, Findings findings)
    {
        var (type, count) = (1UL, (Int128)1);
        foreach (var field in ProtoField.Read(tensor))
        {
            if (field is { Number: 1, Wire: 2 })
                type = Tensor(field.Bytes, findings);
            else if (field is { Number: 2, Wire: 2 })
                Tensor(field.Bytes, findings);
            else if (field.Number == 3)
                count = Times(count, field);
        }
        Declare(count, type, findings);
    }

    private static Int128 Times(Int128 count, ProtoField dims)
    {
        foreach (var side in ProtoField.Numbers(dims))
            count = Int128.Min(count * Math.Max(0, side), TooMany);
        return count;
    }

    private static void Declare(Int128 count, ulong type, Findings findings) =>
        findings.Constants = (long)Int128.Min(findings.Constants + count * Width(type), TooMany);

    // A name may be as long as the file.
    private static string Short(string name) => name.Length <= 200 ? name : name[..200] + "...";
}
