using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Graphs;

/// <summary>A tensor in pinned managed memory that ONNX Runtime reads and writes in place.</summary>
internal sealed class TensorBuffer : IDisposable
{
    /// <summary>Largest tensor in bytes: a picture of 4096 x 4096 in float.</summary>
    public const long MaxBytes = 4L * 4096 * 4096 * 4;

    private readonly byte[] _bytes;

    public TensorBuffer(TensorElementType type, ReadOnlySpan<long> shape)
    {
        (Type, Shape) = (type, shape.ToArray());
        var size = Width(type) is > 0 and var width ? width : throw new NotSupportedException($"Tensors of type {type} are not taken.");
        Int128 count = 1;
        foreach (var side in shape)
            count = Int128.Min(count * side, MaxBytes + 1);
        if (count * size > MaxBytes)
            throw new NotSupportedException($"A tensor of [{string.Join(", ", Shape)}] is larger than {MaxBytes >> 20} MB.");
        Count = (int)count;
        _bytes = GC.AllocateArray<byte>(Math.Max(1, Count * size), pinned: true);
        Value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, type, Shape,
            Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0), Count * size);
    }

    /// <summary>Whether tensors of this type can be filled and read.</summary>
    public static bool Takes(TensorElementType type) => Width(type) > 0;

    public TensorElementType Type { get; }

    public long[] Shape { get; }

    public int Count { get; }

    public OrtValue Value { get; }

    /// <summary>The first float; valid as long as this object is.</summary>
    public unsafe float* Start => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);

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
            case TensorElementType.UInt8 or TensorElementType.Bool:
                for (var i = 0; i < values.Length; i++)
                    _bytes[i] = (byte)Math.Clamp(values[i] + 0.5f, 0, 255);
                break;
            case TensorElementType.Int8:
                for (var i = 0; i < values.Length; i++)
                    _bytes[i] = (byte)(sbyte)Math.Clamp(MathF.Round(values[i]), sbyte.MinValue, sbyte.MaxValue);
                break;
            case TensorElementType.Int64:
                for (var i = 0; i < values.Length; i++)
                    MemoryMarshal.Cast<byte, long>(_bytes.AsSpan())[i] = (long)MathF.Round(values[i]);
                break;
            default:
                for (var i = 0; i < values.Length; i++)
                    MemoryMarshal.Cast<byte, int>(_bytes.AsSpan())[i] = (int)MathF.Round(values[i]);
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
            case TensorElementType.UInt8 or TensorElementType.Bool:
                TensorPrimitives.ConvertTruncating<byte, float>(_bytes.AsSpan(0, Count), values);
                break;
            case TensorElementType.Int8:
                TensorPrimitives.ConvertTruncating<sbyte, float>(MemoryMarshal.Cast<byte, sbyte>(_bytes.AsSpan(0, Count)), values);
                break;
            case TensorElementType.Int64:
                TensorPrimitives.ConvertTruncating<long, float>(MemoryMarshal.Cast<byte, long>(_bytes.AsSpan())[..Count], values);
                break;
            default:
                TensorPrimitives.ConvertTruncating<int, float>(MemoryMarshal.Cast<byte, int>(_bytes.AsSpan())[..Count], values);
                break;
        }
    }

    /// <summary>Whether every element is a finite number.</summary>
    public bool IsFinite() => Type switch
    {
        TensorElementType.Float => TensorPrimitives.IsFiniteAll<float>(Floats[..Count]),
        TensorElementType.Float16 => TensorPrimitives.IsFiniteAll<Half>(MemoryMarshal.Cast<byte, Half>(_bytes.AsSpan())[..Count]),
        _ => true,
    };

    public void Dispose() => Value.Dispose();

    /// <summary>A manifest's element type as the runtime names it.</summary>
    public static TensorElementType ElementOf(TensorType type) => type switch
    {
        TensorType.Float32 => TensorElementType.Float,
        TensorType.Float16 => TensorElementType.Float16,
        TensorType.Int8 => TensorElementType.Int8,
        TensorType.Int32 => TensorElementType.Int32,
        _ => TensorElementType.UInt8,
    };

    private static int Width(TensorElementType type) => type switch
    {
        TensorElementType.Float or TensorElementType.Int32 => 4,
        TensorElementType.Float16 => 2,
        TensorElementType.UInt8 or TensorElementType.Int8 or TensorElementType.Bool => 1,
        TensorElementType.Int64 => 8,
        _ => 0,
    };
}
