using System.Text;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Onnx;

namespace TrueLive.Bench;

/// <summary>
/// The fixed-size model "candy" at another size, for a fair comparison: the sides of its input and output and the <c>output_shape</c> of
/// its transposed convolutions are rewritten (onnx.proto), nothing else. Its other operators take any size whose sides are multiples of 4.
/// </summary>
internal static class ResizedModel
{
    private const int Side = 720;
    private static readonly int[] Parts = [1, 2, 4, 8];

    /// <exception cref="ModelException">The file is not that model.</exception>
    public static OnnxVideoModel LoadCandy(string file, int width, int height, TimeProvider time)
    {
        var folder = Directory.CreateTempSubdirectory("truelive-candy-");
        try
        {
            File.WriteAllBytes(Path.Combine(folder.FullName, "candy.onnx"), Resize(File.ReadAllBytes(file), width, height));
            File.WriteAllText(Path.Combine(folder.FullName, "manifest.json"), $$"""
                { "schema": "truelive-model/1", "id": "candy", "title": "candy", "file": "candy.onnx",
                  "frame": { "input": "inputImage", "colour": "bgr", "range": [0, 255] }, "output": { "name": "outputImage" }, "size": { "width": {{width}}, "height": {{height}} } }
                """);
            return OnnxVideoModel.Load(folder.FullName, 1, time);
        }
        catch (InvalidDataException e)
        {
            throw new ModelException($"{file} is not an ONNX file: {e.Message}.", e);
        }
        finally
        {
            folder.Delete(true);
        }
    }

    private static byte[] Resize(ReadOnlyMemory<byte> model, int width, int height) =>
        Each(model, field => field.Number == 7 ? Inside(field, graph => graph.Number switch
        {
            1 => Inside(graph, node => node.Number == 5 && Name(node) == "output_shape" ? Shape(node, width, height) : node),
            11 or 12 => Value(graph, width, height),
            _ => graph,
        }) : field);

    // attribute.ints = 8: height and width of the convolution's output, a fraction of the picture's and a few pixels more.
    private static ProtoField Shape(ProtoField attribute, int width, int height)
    {
        var sides = new Queue<int>([height, width]);
        return Inside(attribute, field => field.Number != 8 ? field : field.Wire == 0
            ? new ProtoField(8, Scaled((long)field.Value, sides.Dequeue()))
            : throw new InvalidDataException("output_shape is packed"));
    }

    private static long Scaled(long side, int to)
    {
        var part = Parts.MinBy(p => Math.Abs(side - Side / p));
        return to / part + (side - Side / part);
    }

    // ValueInfo.type = 2, tensor_type = 1, shape = 2, dim = 1, dim_value = 1. Constants listed as inputs have other sides.
    private static ProtoField Value(ProtoField value, int width, int height)
    {
        var sides = new Queue<int>([height, width]);
        return Inside(value, type => type.Number != 2
            ? type
            : Inside(type, tensor => tensor.Number != 1 ? tensor : Inside(tensor, part => part.Number != 2 ? part : Inside(part, dim =>
            Inside(dim, side => side is { Number: 1, Wire: 0, Value: Side } ? new ProtoField(1, sides.Dequeue()) : side)))));
    }

    private static string Name(ProtoField attribute) =>
        Encoding.UTF8.GetString(ProtoField.Read(attribute.Bytes).FirstOrDefault(f => f.Number == 1).Bytes.Span);

    private static ProtoField Inside(ProtoField field, Func<ProtoField, ProtoField> change) =>
        field.Wire == 2 ? field with { Bytes = Each(field.Bytes, change) } : field;

    private static byte[] Each(ReadOnlyMemory<byte> message, Func<ProtoField, ProtoField> change) =>
        ProtoField.Write(ProtoField.Read(message).Select(change));
}
