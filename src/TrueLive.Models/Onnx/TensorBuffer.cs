using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace TrueLive.Models.Onnx;

/// <summary>A tensor in pinned managed memory that ONNX Runtime reads and writes in place.</summary>
internal sealed class TensorBuffer : IDisposable
{
    private readonly byte[] _bytes;

    public TensorBuffer(TensorElementType type, ReadOnlySpan<long> shape)
    {
        Type = type;
        Count = checked((int)TensorPrimitives.Product(shape));
        var size = type switch
        {
            TensorElementType.Float => 4,
            TensorElementType.Float16 => 2,
            TensorElementType.UInt8 => 1,
            TensorElementType.Int64 => 8,
            TensorElementType.Int32 => 4,
            _ => throw new NotSupportedException($"Tensors of type {type} are not taken; float, float16, uint8, int32 and int64 are."),
        };
        _bytes = GC.AllocateArray<byte>(Math.Max(1, Count * size), pinned: true);
        Value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, type, shape.ToArray(), Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0), Count * size);
    }

    public TensorElementType Type { get; }

    public int Count { get; }

    public OrtValue Value { get; }

    public Span<byte> Bytes => _bytes.AsSpan();

    public Span<float> Floats => MemoryMarshal.Cast<byte, float>(_bytes.AsSpan());

    /// <summary>Writes numbers in the tensor's own type; rounds and clamps for whole numbers.</summary>
    public void Write(ReadOnlySpan<float> values)
    {
        switch (Type)
        {
            case TensorElementType.Float:
                values.CopyTo(Floats);
                break;
            case TensorElementType.Float16:
                TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(_bytes.AsSpan()));
                break;
            case TensorElementType.UInt8:
                for (var i = 0; i < values.Length; i++)
                    _bytes[i] = (byte)Math.Clamp(values[i] + 0.5f, 0, 255);
                break;
            case TensorElementType.Int64:
                for (var i = 0; i < values.Length; i++)
                    MemoryMarshal.Cast<byte, long>(_bytes.AsSpan())[i] = (long)values[i];
                break;
            default:
                for (var i = 0; i < values.Length; i++)
                    MemoryMarshal.Cast<byte, int>(_bytes.AsSpan())[i] = (int)values[i];
                break;
        }
    }

    /// <summary>Reads all elements as numbers.</summary>
    public void Read(Span<float> values)
    {
        switch (Type)
        {
            case TensorElementType.Float:
                Floats[..Count].CopyTo(values);
                break;
            case TensorElementType.Float16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(_bytes.AsSpan())[..Count], values);
                break;
            case TensorElementType.UInt8:
                TensorPrimitives.ConvertTruncating<byte, float>(_bytes.AsSpan(0, Count), values);
                break;
            case TensorElementType.Int64:
                TensorPrimitives.ConvertTruncating<long, float>(MemoryMarshal.Cast<byte, long>(_bytes.AsSpan())[..Count], values);
                break;
            default:
                TensorPrimitives.ConvertTruncating<int, float>(MemoryMarshal.Cast<byte, int>(_bytes.AsSpan())[..Count], values);
                break;
        }
    }

    public void Dispose() => Value.Dispose();
}
