namespace TrueLive.WebRtc.Srtp;

/// <summary>Remembers which of the last 128 packet indices were seen (RFC 3711 section 3.3.2).</summary>
internal struct ReplayWindow
{
    public const int Size = 128;
    private UInt128 _seen;
    private ulong _top;
    private bool _any;

    /// <summary>True when the index is neither seen nor too old.</summary>
    public readonly bool IsFresh(ulong index) =>
        !_any || index > _top || (_top - index < Size && (_seen >> (int)(_top - index) & 1) == 0);

    /// <summary>Marks an authenticated index.</summary>
    public void Mark(ulong index)
    {
        if (!_any || index > _top)
        {
            var shift = _any ? index - _top : Size;
            _seen = (shift < Size ? _seen << (int)shift : 0) | 1;
            _top = index;
            _any = true;
        }
        else if (_top - index < Size)
        {
            _seen |= UInt128.One << (int)(_top - index);
        }
    }
}
