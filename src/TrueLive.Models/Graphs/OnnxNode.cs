using System.Text;

namespace TrueLive.Models.Graphs;

/// <summary>A call of an operator or a function as it lies in the file (NodeProto).</summary>
/// <param name="Type">Name of what is called.</param>
/// <param name="Domain">Library that it is from.</param>
/// <param name="Attributes">Each an AttributeProto.</param>
internal readonly record struct OnnxNode(string Type, string Domain, IReadOnlyList<ReadOnlyMemory<byte>> Attributes)
{
    /// <exception cref="InvalidDataException">The bytes are no message.</exception>
    public static OnnxNode Read(ReadOnlyMemory<byte> node)
    {
        string type = "", domain = "";
        var attributes = new List<ReadOnlyMemory<byte>>();
        foreach (var field in ProtoField.Read(node).Where(f => f.Wire == 2))
        {
            if (field.Number == 4)
                type = Text(field);
            else if (field.Number == 7)
                domain = Text(field);
            else if (field.Number == 5)
                attributes.Add(field.Bytes);
        }
        return new OnnxNode(type, domain, attributes);
    }

    /// <summary>The text of a field.</summary>
    public static string Text(ProtoField field) => Encoding.UTF8.GetString(field.Bytes.Span);
}
