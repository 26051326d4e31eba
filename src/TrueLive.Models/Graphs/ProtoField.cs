using System.Buffers.Binary;

namespace TrueLive.Models.Graphs;

/// <summary>
/// One field of a Protocol Buffers message as it lies in the file: ONNX is read and made from these, without generated classes.
/// </summary>
/// <param name="Number">Field number.</param>
/// <param name="Wire">0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.</param>
/// <param name="Value">The number of a field of wire type 0, 1 or 5.</param>
/// <param name="Bytes">The content of a field of wire type 2: text, packed numbers or another message.</param>
public readonly record struct ProtoField(int Number, int Wire, ulong Value, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>A whole number.</summary>
    public ProtoField(int number, long value) : this(number, 0, (ulong)value, default)
    {
    }

    /// <summary>Text, packed numbers or another message.</summary>
    public ProtoField(int number, ReadOnlyMemory<byte> bytes) : this(number, 2, 0, bytes)
    {
    }

    /// <summary>The fields of a message, in the order of the file.</summary>
    /// <exception cref="InvalidDataException">The bytes are no message.</exception>
    public static IEnumerable<ProtoField> Read(ReadOnlyMemory<byte> message)
    {
        var at = 0;
        while (at < message.Length)
        {
            var key = Varint(message.Span, ref at);
            var (number, wire) = ((int)(key >> 3), (int)(key & 7));
            if (number is < 1 or > 1 << 29)
                throw new InvalidDataException($"there is no field {number} at byte {at}");
            switch (wire)
            {
                case 0:
                    yield return new(number, wire, Varint(message.Span, ref at), default);
                    break;
                case 1 or 5:
                    var width = wire == 1 ? 8 : 4;
                    if (message.Length - at < width)
                        throw new InvalidDataException($"field {number} is cut off at byte {at}");
                    var fixedBytes = message.Span.Slice(at, width);
                    yield return new(number, wire, width == 8
                        ? BinaryPrimitives.ReadUInt64LittleEndian(fixedBytes)
                        : BinaryPrimitives.ReadUInt32LittleEndian(fixedBytes), default);
                    at += width;
                    break;
                case 2:
                    var length = Varint(message.Span, ref at);
                    if (length > (ulong)(message.Length - at))
                        throw new InvalidDataException($"field {number} at byte {at} is longer than the file");
                    yield return new(number, wire, 0, message.Slice(at, (int)length));
                    at += (int)length;
                    break;
                default:
                    throw new InvalidDataException($"field {number} at byte {at} has an unknown kind");
            }
        }
    }

    /// <summary>A message of these fields.</summary>
    public static byte[] Write(IEnumerable<ProtoField> fields)
    {
        using var to = new MemoryStream();
        Span<byte> number = stackalloc byte[8];
        foreach (var field in fields)
        {
            Varint(to, (ulong)field.Number << 3 | (uint)field.Wire);
            switch (field.Wire)
            {
                case 0:
                    Varint(to, field.Value);
                    break;
                case 2:
                    Varint(to, (ulong)field.Bytes.Length);
                    to.Write(field.Bytes.Span);
                    break;
                default:
                    BinaryPrimitives.WriteUInt64LittleEndian(number, field.Value);
                    to.Write(number[..(field.Wire == 1 ? 8 : 4)]);
                    break;
            }
        }
        return to.ToArray();
    }

    /// <summary>Packed whole numbers, as in the dimensions of a tensor.</summary>
    public static IEnumerable<long> Numbers(ProtoField field)
    {
        if (field.Wire == 0)
        {
            yield return (long)field.Value;
            yield break;
        }
        for (var at = 0; at < field.Bytes.Length;)
            yield return (long)Varint(field.Bytes.Span, ref at);
    }

    private static ulong Varint(ReadOnlySpan<byte> from, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64 && at < from.Length; shift += 7)
        {
            var next = from[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
        throw new InvalidDataException($"a number is cut off at byte {at}");
    }

    private static void Varint(MemoryStream to, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            to.WriteByte((byte)(value | 0x80));
        to.WriteByte((byte)value);
    }
}
