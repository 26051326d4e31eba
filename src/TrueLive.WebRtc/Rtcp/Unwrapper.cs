namespace TrueLive.WebRtc.Rtcp;

/// <summary>
/// Extends a wrapping 16-bit or 32-bit counter to 64 bits by taking each value as the nearest to the last one (as RFC 3711 section 3.3.1
/// does).
/// </summary>
internal struct Unwrapper(int bits)
{
    private readonly int _shift = 64 - bits;
    private long _last;
    private bool _started;

    /// <summary>The extended value; starts above one wrap so that values just before the first one stay positive.</summary>
    public long Unwrap(uint value)
    {
        _last = Peek(value);
        _started = true;
        return _last;
    }

    /// <summary>As <see cref="Unwrap"/> without moving the reference.</summary>
    public readonly long Peek(uint value) =>
        _started ? _last + (((value - _last) << _shift) >> _shift) : value + (1L << (64 - _shift));
}
