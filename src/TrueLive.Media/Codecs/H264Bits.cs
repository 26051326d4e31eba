namespace TrueLive.Media.Codecs;

/// <summary>
/// Reads the bits of an H.264 unit, leaving out emulation prevention (ITU-T H.264 sections 7.3.1 and 9.1). Zeros follow the end.
/// </summary>
internal ref struct H264Bits(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;
    private int _bit;

    /// <summary>Whether more was read than there is.</summary>
    public bool Ended { get; private set; }

    /// <summary>An unsigned number of at most 32 bits.</summary>
    public uint Read(int count)
    {
        var value = 0u;
        for (; count > 0; count--)
            value = value << 1 | Bit();
        return value;
    }

    /// <summary>An unsigned Exp-Golomb number, ue(v).</summary>
    public uint Number()
    {
        var zeros = 0;
        while (zeros < 31 && !Ended && Bit() == 0)
            zeros++;
        return (1u << zeros) - 1 + Read(zeros);
    }

    /// <summary>A signed Exp-Golomb number, se(v).</summary>
    public int Signed()
    {
        var number = Number();
        return (number & 1) == 0 ? -(int)(number / 2) : (int)(number / 2 + 1);
    }

    /// <summary>The sum of any number of bytes of 255 and the byte after them (section 7.3.2.3.1).</summary>
    public int Bytes255()
    {
        var value = 0;
        for (uint next = 255; next == 255 && !Ended;)
            value += (int)(next = Read(8));
        return value;
    }

    private uint Bit()
    {
        if (_bit == 0 && _at >= 2 && _at < _bytes.Length && _bytes[_at] == 3 && _bytes[_at - 1] == 0 && _bytes[_at - 2] == 0)
            _at++;
        if (_at >= _bytes.Length)
        {
            Ended = true;
            return 0;
        }
        var bit = (uint)(_bytes[_at] >> (7 - _bit) & 1);
        (_at, _bit) = _bit == 7 ? (_at + 1, 0) : (_at, _bit + 1);
        return bit;
    }
}
