using System.Buffers;
using System.Buffers.Binary;

namespace TrueLive.Server.Streams;

/// <summary>
/// Writes coded H.264 pictures as FLV (Adobe's specification 10.1, AVC in annex E), the container with the least delay through a pipe: each
/// picture is whole in one tag, and its parameter sets come once before it. Not thread-safe.
/// </summary>
internal sealed class FlvWriter
{
    private const int TagHead = 11;
    private const int VideoHead = 5;
    private const byte Video = 9;
    private const byte SequenceParameters = 7;
    private const byte PictureParameters = 8;
    private const byte Delimiter = 9;

    private readonly ArrayBufferWriter<byte> _tag = new(1 << 16);
    private byte[] _sps = [];
    private byte[] _pps = [];

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

    /// <summary>The head of the file and the parameter sets; valid until the next call.</summary>
    public ReadOnlyMemory<byte> Begin()
    {
        _tag.ResetWrittenCount();
        // Only video (the lowest of the flags), so that the reader waits for no sound.
        _tag.Write((ReadOnlySpan<byte>)[(byte)'F', (byte)'L', (byte)'V', 1, 1, 0, 0, 0, 9, 0, 0, 0, 0]);
        var length = VideoHead + 11 + _sps.Length + _pps.Length;
        Head(length, 0, key: true, type: 0);
        _tag.Write((ReadOnlySpan<byte>)[1, _sps[1], _sps[2], _sps[3], 0xFF, 0xE1, (byte)(_sps.Length >> 8), (byte)_sps.Length]);
        _tag.Write(_sps);
        _tag.Write((ReadOnlySpan<byte>)[1, (byte)(_pps.Length >> 8), (byte)_pps.Length]);
        _tag.Write(_pps);
        Size(length);
        return _tag.WrittenMemory;
    }

    /// <summary>One picture; valid until the next call.</summary>
    /// <param name="annexB">The access unit with start codes.</param>
    /// <param name="key">It stands alone.</param>
    /// <param name="milliseconds">Its time.</param>
    public ReadOnlyMemory<byte> Picture(ReadOnlySpan<byte> annexB, bool key, uint milliseconds)
    {
        _tag.ResetWrittenCount();
        var length = VideoHead;
        for (var rest = annexB; Next(ref rest, out var unit);)
            length += Belongs(unit) ? 4 + unit.Length : 0;
        Head(length, milliseconds, key, type: 1);
        for (var rest = annexB; Next(ref rest, out var unit);)
        {
            if (!Belongs(unit))
                continue;
            BinaryPrimitives.WriteInt32BigEndian(_tag.GetSpan(4), unit.Length);
            _tag.Advance(4);
            _tag.Write(unit);
        }
        Size(length);
        return _tag.WrittenMemory;
    }

    private void Head(int length, uint at, bool key, byte type) => _tag.Write((ReadOnlySpan<byte>)
    [
        Video, (byte)(length >> 16), (byte)(length >> 8), (byte)length,
        (byte)(at >> 16), (byte)(at >> 8), (byte)at, (byte)(at >> 24), 0, 0, 0,
        (byte)(key ? 0x17 : 0x27), type, 0, 0, 0,
    ]);

    private void Size(int length)
    {
        BinaryPrimitives.WriteInt32BigEndian(_tag.GetSpan(4), TagHead + length);
        _tag.Advance(4);
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
