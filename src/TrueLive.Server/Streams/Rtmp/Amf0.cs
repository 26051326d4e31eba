using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace TrueLive.Server.Streams.Rtmp;

/// <summary>Values of RTMP's commands (AMF0).</summary>
internal static class Amf0
{
    private const int MaxDepth = 8;
    private const int MaxValues = 256;
    private const int MaxText = 4096;

    private const byte NumberMark = 0;
    private const byte FlagMark = 1;
    private const byte TextMark = 2;
    private const byte ObjectMark = 3;
    private const byte NullMark = 5;
    private const byte UndefinedMark = 6;
    private const byte NamedArrayMark = 8;
    private const byte EndMark = 9;
    private const byte ArrayMark = 10;
    private const byte DateMark = 11;
    private const byte LongTextMark = 12;

    /// <summary>
    /// The values of a command: numbers, flags, texts, objects as dictionaries, and null for everything that is none of these. What cannot
    /// be read, or is more than a command needs, ends them: OBS 29 closes an array in its object as if the array were one.
    /// </summary>
    public static List<object?> Read(ReadOnlySpan<byte> bytes)
    {
        var (values, left) = (new List<object?>(), MaxValues);
        while (!bytes.IsEmpty && Value(ref bytes, ref left, 0, out var value))
            values.Add(value);
        return values;
    }

    /// <summary>Writes a command.</summary>
    /// <param name="values">Numbers, texts, null, and objects as arrays of names and values.</param>
    public static byte[] Write(params object?[] values)
    {
        var to = new ArrayBufferWriter<byte>(256);
        foreach (var value in values)
            Write(to, value);
        return to.WrittenSpan.ToArray();
    }

    private static bool Value(ref ReadOnlySpan<byte> bytes, ref int left, int depth, out object? value)
    {
        value = null;
        if (--left < 0 || depth > MaxDepth || !Take(ref bytes, 1, out var mark))
            return false;
        ReadOnlySpan<byte> taken;
        switch (mark[0])
        {
            case NumberMark:
                if (!Take(ref bytes, 8, out taken))
                    return false;
                value = BinaryPrimitives.ReadDoubleBigEndian(taken);
                return true;
            case FlagMark:
                value = Take(ref bytes, 1, out taken) && taken[0] != 0;
                return !taken.IsEmpty;
            case TextMark:
                var isText = Text(ref bytes, 2, out var text);
                value = text;
                return isText;
            case LongTextMark:
                var isLong = Text(ref bytes, 4, out text);
                value = text;
                return isLong;
            case NullMark or UndefinedMark:
                return true;
            case ObjectMark:
                return Members(ref bytes, ref left, depth, out value);
            case NamedArrayMark:
                return Take(ref bytes, 4, out _) && Members(ref bytes, ref left, depth, out value);
            case ArrayMark:
                if (!Take(ref bytes, 4, out taken))
                    return false;
                for (var count = BinaryPrimitives.ReadUInt32BigEndian(taken); count > 0; count--)
                {
                    if (!Value(ref bytes, ref left, depth + 1, out _))
                        return false;
                }
                return true;
            default:
                return mark[0] == DateMark && Take(ref bytes, 10, out _);
        }
    }

    private static bool Members(ref ReadOnlySpan<byte> bytes, ref int left, int depth, out object? value)
    {
        var members = new Dictionary<string, object?>();
        value = members;
        while (Text(ref bytes, 2, out var name))
        {
            if (name.Length == 0 && !bytes.IsEmpty && bytes[0] == EndMark)
                return Take(ref bytes, 1, out _);
            if (!Value(ref bytes, ref left, depth + 1, out var member))
                return false;
            members[name] = member;
        }
        return false;
    }

    private static bool Text(ref ReadOnlySpan<byte> bytes, int digits, out string text)
    {
        text = "";
        if (!Take(ref bytes, digits, out var size))
            return false;
        var length = digits == 2 ? BinaryPrimitives.ReadUInt16BigEndian(size) : BinaryPrimitives.ReadUInt32BigEndian(size);
        if (length > MaxText || !Take(ref bytes, (int)length, out var letters))
            return false;
        text = Encoding.UTF8.GetString(letters);
        return true;
    }

    private static bool Take(scoped ref ReadOnlySpan<byte> bytes, int count, out ReadOnlySpan<byte> taken)
    {
        taken = bytes.Length < count ? default : bytes[..count];
        bytes = bytes[taken.Length..];
        return taken.Length == count;
    }

    private static void Write(ArrayBufferWriter<byte> to, object? value)
    {
        switch (value)
        {
            case double number:
                to.Write((ReadOnlySpan<byte>)[NumberMark]);
                BinaryPrimitives.WriteDoubleBigEndian(to.GetSpan(8), number);
                to.Advance(8);
                break;
            case string text:
                to.Write((ReadOnlySpan<byte>)[TextMark]);
                WriteText(to, text);
                break;
            case (string Name, object? Value)[] members:
                to.Write((ReadOnlySpan<byte>)[ObjectMark]);
                foreach (var (name, member) in members)
                {
                    WriteText(to, name);
                    Write(to, member);
                }
                to.Write((ReadOnlySpan<byte>)[0, 0, EndMark]);
                break;
            case null:
                to.Write((ReadOnlySpan<byte>)[NullMark]);
                break;
            default:
                throw new ArgumentException($"{value.GetType()} has no form in AMF0.", nameof(value));
        }
    }

    private static void WriteText(ArrayBufferWriter<byte> to, string text)
    {
        BinaryPrimitives.WriteUInt16BigEndian(to.GetSpan(2), (ushort)Encoding.UTF8.GetByteCount(text));
        to.Advance(2);
        to.Advance(Encoding.UTF8.GetBytes(text, to.GetSpan(3 * text.Length)));
    }
}
