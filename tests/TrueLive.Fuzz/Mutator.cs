using System.Buffers.Binary;

namespace TrueLive.Fuzz;

/// <summary>Makes new inputs from a corpus, without coverage feedback; the same seed makes the same inputs.</summary>
public sealed class Mutator(IReadOnlyList<byte[]> corpus, int seed)
{
    /// <summary>Longest input made.</summary>
    public const int MaxLength = 16 * 1024;

    private static readonly uint[] Interesting = [0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF,
        0x8000_0000, 0xFFFF_FFFF];
    private readonly Random _random = new(seed);
    private int _made;

    /// <summary>The next input: first the corpus unchanged, then mutations of it.</summary>
    public byte[] Next()
    {
        if (_made < corpus.Count)
        {
            return corpus[_made++];
        }

        var bytes = new List<byte>(corpus[_random.Next(corpus.Count)]);
        for (var changes = 1 << _random.Next(5); changes > 0; changes--)
        {
            Change(bytes);
        }

        return bytes.Count > MaxLength ? [.. bytes.Take(MaxLength)] : [.. bytes];
    }

    private void Change(List<byte> bytes)
    {
        var at = _random.Next(bytes.Count + 1);
        var length = Math.Min(_random.Next(8) == 0 ? _random.Next(256) : _random.Next(1, 9), bytes.Count - at);
        switch (_random.Next(9))
        {
            case 0 when length > 0:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1 when length > 0:
                bytes[at] = (byte)_random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 4:
                var noise = new byte[_random.Next(1, 9)];
                _random.NextBytes(noise);
                bytes.InsertRange(at, noise);
                break;
            case 5 when length > 3:
                Write(bytes, at);
                break;
            case 6:
                // A piece of another seed: whole structures in the wrong place find more than noise does.
                var other = corpus[_random.Next(corpus.Count)];
                var from = _random.Next(other.Length + 1);
                bytes.InsertRange(at, other.AsSpan(from, Math.Min(_random.Next(64), other.Length - from)).ToArray());
                break;
            case 7 when _random.Next(4) == 0:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 8 when _random.Next(8) == 0 && length > 0:
                // One piece many times over: depth, counts, quadratic time.
                var piece = bytes.GetRange(at, length);
                for (var times = _random.Next(2, 400); times > 0 && bytes.Count < MaxLength; times--)
                {
                    bytes.InsertRange(at, piece);
                }

                break;
        }
    }

    private void Write(List<byte> bytes, int at)
    {
        Span<byte> value = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(value, Interesting[_random.Next(Interesting.Length)]);
        var width = 1 << _random.Next(3);
        value = value[(4 - width)..];
        if (_random.Next(4) == 0)
        {
            value.Reverse();
        }

        for (var i = 0; i < width; i++)
        {
            bytes[at + i] = value[i];
        }
    }
}
