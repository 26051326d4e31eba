using TrueLive.Models.Manifest;

namespace TrueLive.Models.Graphs;

/// <summary>An input or output as the file declares it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">TensorProto.DataType; 0 when it is none.</param>
/// <param name="Shape">Sides, -1 for a free one; empty where none is given.</param>
internal sealed record OnnxTensor(string Name, int Type, int[] Shape);

/// <summary>What a graph takes and gives (ValueInfoProto of onnx.proto), without loading it.</summary>
internal sealed record OnnxSignature(IReadOnlyList<OnnxTensor> Inputs, IReadOnlyList<OnnxTensor> Outputs)
{
    private const int MaxTensors = 1000;

    /// <exception cref="ModelException">The file is not ONNX.</exception>
    public static OnnxSignature Read(byte[] file, string path)
    {
        try
        {
            var graph = ProtoField.Read(file).LastOrDefault(f => f is { Number: 7, Wire: 2 }).Bytes;
            List<OnnxTensor> inputs = [], outputs = [];
            var constants = new HashSet<string>();
            foreach (var field in ProtoField.Read(graph).Where(f => f.Wire == 2))
            {
                if (field.Number is 11 or 12 && inputs.Count + outputs.Count < MaxTensors)
                    (field.Number == 11 ? inputs : outputs).Add(Tensor(field.Bytes));
                else if (field.Number == 5)
                    constants.Add(ProtoField.Read(field.Bytes).Where(f => f is { Number: 8, Wire: 2 }).Select(OnnxNode.Text)
                        .FirstOrDefault() ?? "");
            }
            // Older files list constants among the inputs.
            return new OnnxSignature([.. inputs.Where(i => !constants.Contains(i.Name))], outputs);
        }
        catch (InvalidDataException e)
        {
            throw new ModelException($"{path} is not an ONNX file, or is cut off: {e.Message}.", e);
        }
    }

    private static OnnxTensor Tensor(ReadOnlyMemory<byte> value)
    {
        var name = ProtoField.Read(value).Where(f => f is { Number: 1, Wire: 2 }).Select(OnnxNode.Text).FirstOrDefault() ?? "";
        var tensor = Inside(Inside(value, 2), 1);
        var type = ProtoField.Read(tensor).LastOrDefault(f => f is { Number: 1, Wire: 0 }).Value;
        var shape = ProtoField.Read(Inside(tensor, 2)).Where(f => f is { Number: 1, Wire: 2 })
            .Select(d => ProtoField.Read(d.Bytes).LastOrDefault(f => f is
            {
                Number: 1,
                Wire: 0
            }).Value is > 0 and <= int.MaxValue and var side ? (int)side : -1);
        return new OnnxTensor(name, (int)Math.Min(type, int.MaxValue), [.. shape]);
    }

    private static ReadOnlyMemory<byte> Inside(ReadOnlyMemory<byte> message, int number) =>
        ProtoField.Read(message).LastOrDefault(f => f.Number == number && f.Wire == 2).Bytes;
}
