using System.Buffers;
using System.Buffers.Binary;

namespace TrueLive.Server.Streams;

/// <summary>
/// Writes coded H.264 pictures and Opus packets as Matroska (RFC 9559), for a child that passes them on: each packet is whole in a cluster
/// of its own, so that none waits for the next, and the parameter sets come once at the front. Not thread-safe.
/// </summary>
internal sealed class MatroskaWriter
{
    private const byte SequenceParameters = 7;
    private const byte PictureParameters = 8;
    private const byte Delimiter = 9;
    private const byte Picture1 = 1;
    private const byte Sound2 = 2;
    private const byte Video = 1;
    private const byte Audio = 2;

    // A cluster with its time, and the head of a block.
    private const int TimeLength = 10;
    private const int BlockHead = 9;

    // Two channels, no samples before the first, 48 kHz (RFC 7845 section 5.1).
    private static readonly byte[] OpusHead = [.. "OpusHead"u8, 1, 2, 0, 0, 0x80, 0xBB, 0, 0, 0, 0, 0];

    private readonly ArrayBufferWriter<byte> _out = new(1 << 16);
    private byte[] _sps = [];
    private byte[] _pps = [];

    /// <summary>20 ms of silence.</summary>
    public static ReadOnlySpan<byte> Silence => [0xF8, 0xFF, 0xFE];

    /// <summary>
    /// Takes the parameter sets of a key frame over. True when they are others than those before, which containers that have them once, at
    /// the front, cannot hold.
    /// </summary>
    public bool TakeParameters(ReadOnlySpan<byte> annexB)
    {
        ReadOnlySpan<byte> sps = default;
        ReadOnlySpan<byte> pps = default;
        for (var rest = annexB; Next(ref rest, out var unit);)
        {
            if (Kind(unit) == SequenceParameters)
                sps = unit;
            else if (Kind(unit) == PictureParameters)
                pps = unit;
        }
        if (sps.Length < 4 || pps.IsEmpty || (sps.SequenceEqual(_sps) && pps.SequenceEqual(_pps)))
            return false;
        (_sps, _pps) = (sps.ToArray(), pps.ToArray());
        return true;
    }

    /// <summary>The head of the file with the parameter sets; valid until the next call.</summary>
    public ReadOnlyMemory<byte> Begin()
    {
        _out.ResetWrittenCount();
        byte[] parameters =
        [
            1, _sps[1], _sps[2], _sps[3], 0xFF, 0xE1, (byte)(_sps.Length >> 8), (byte)_sps.Length, .. _sps,
            1, (byte)(_pps.Length >> 8), (byte)_pps.Length, .. _pps,
        ];
        var picture = Element(0xAE, [
            .. Element(0xD7, [Picture1]), .. Element(0x73C5, [Picture1]), .. Element(0x83, [Video]), .. Element(0x9C, [0]),
            .. Element(0x86, "V_MPEG4/ISO/AVC"u8), .. Element(0x63A2, parameters),
        ]);
        var sound = Element(0xAE, [
            .. Element(0xD7, [Sound2]), .. Element(0x73C5, [Sound2]), .. Element(0x83, [Audio]), .. Element(0x9C, [0]),
            .. Element(0x86, "A_OPUS"u8), .. Element(0x63A2, OpusHead),
            .. Element(0xE1, [.. Element(0xB5, [0x47, 0x3B, 0x80, 0]), .. Element(0x9F, [2])]),
        ]);
        _out.Write((ReadOnlySpan<byte>)
        [
            .. Element(0x1A45DFA3, [.. Element(0x4282, "matroska"u8), .. Element(0x4287, [4]), .. Element(0x4285, [2])]),
            // A segment whose size nobody knows yet; times are in milliseconds.
            0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            .. Element(0x1549A966, [.. Element(0x2AD7B1, Number(1_000_000)), .. Element(0x4D80, "TrueLive"u8),
                .. Element(0x5741, "TrueLive"u8)]),
            .. Element(0x1654AE6B, [.. picture, .. sound]),
        ]);
        return _out.WrittenMemory;
    }

    /// <summary>One picture; valid until the next call.</summary>
    /// <param name="annexB">The access unit with start codes.</param>
    /// <param name="key">It stands alone.</param>
    /// <param name="milliseconds">Its time.</param>
    /// <param name="first">A unit that goes before those of the picture; empty for none.</param>
    public ReadOnlyMemory<byte> Picture(ReadOnlySpan<byte> annexB, bool key, uint milliseconds, ReadOnlySpan<byte> first = default)
    {
        var length = first.IsEmpty ? 0 : 4 + first.Length;
        for (var rest = annexB; Next(ref rest, out var unit);)
            length += Belongs(unit) ? 4 + unit.Length : 0;
        Head(Picture1, length, key, milliseconds);
        if (!first.IsEmpty)
            Unit(first);
        for (var rest = annexB; Next(ref rest, out var unit);)
        {
            if (Belongs(unit))
                Unit(unit);
        }
        return _out.WrittenMemory;
    }

    private void Unit(ReadOnlySpan<byte> unit)
    {
        BinaryPrimitives.WriteInt32BigEndian(_out.GetSpan(4), unit.Length);
        _out.Advance(4);
        _out.Write(unit);
    }

    /// <summary>One packet of sound; valid until the next call.</summary>
    public ReadOnlyMemory<byte> Sound(ReadOnlySpan<byte> opus, uint milliseconds)
    {
        Head(Sound2, opus.Length, key: true, milliseconds);
        _out.Write(opus);
        return _out.WrittenMemory;
    }

    private void Head(byte track, int length, bool key, uint at)
    {
        _out.ResetWrittenCount();
        _out.Write((ReadOnlySpan<byte>)[0x1F, 0x43, 0xB6, 0x75]);
        Size(TimeLength + BlockHead + length);
        _out.Write((ReadOnlySpan<byte>)
            [0xE7, 0x88, 0, 0, 0, 0, (byte)(at >> 24), (byte)(at >> 16), (byte)(at >> 8), (byte)at, 0xA3]);
        Size(4 + length);
        _out.Write((ReadOnlySpan<byte>)[(byte)(0x80 | track), 0, 0, (byte)(key ? 0x80 : 0)]);
    }

    // Four bytes are enough for 256 MiB.
    private void Size(int length)
    {
        BinaryPrimitives.WriteInt32BigEndian(_out.GetSpan(4), length | 0x10000000);
        _out.Advance(4);
    }

    private static byte[] Element(uint id, ReadOnlySpan<byte> content) =>
        [.. Number((int)id), .. Number(content.Length | 0x10000000), .. content];

    private static byte[] Number(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes[bytes.AsSpan().IndexOfAnyExcept((byte)0)..];
    }

    private static int Kind(ReadOnlySpan<byte> unit) => unit[0] & 0x1F;

    private static bool Belongs(ReadOnlySpan<byte> unit) => Kind(unit) is not (SequenceParameters or PictureParameters or Delimiter);

    // Walks the units of a byte stream (ITU-T H.264 annex B).
    private static bool Next(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> unit)
    {
        unit = default;
        while (unit.IsEmpty)
        {
            if (rest.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]) is not (>= 0 and var start))
                return false;
            rest = rest[(start + 3)..];
            var end = rest.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]);
            unit = (end < 0 ? rest : rest[..end]).TrimEnd((byte)0);
        }
        return true;
    }
}
