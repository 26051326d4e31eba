namespace TrueLive.WebRtc.Srtp;

/// <summary>Guesses the 48-bit index of a packet from its 16-bit sequence number (RFC 3711 section 3.3.1).</summary>
internal struct RolloverCounter
{
    private ulong _highest;
    private bool _any;

    /// <summary>The index nearest to the highest one accepted.</summary>
    public readonly ulong Estimate(ushort sequence)
    {
        if (!_any)
            return sequence;

        var delta = (short)(sequence - (ushort)_highest);
        return delta < 0 && (ulong)-delta > _highest ? sequence : _highest + (ulong)delta;
    }

    /// <summary>Records an authenticated index.</summary>
    public void Accept(ulong index)
    {
        if (!_any || index > _highest)
        {
            _highest = index;
            _any = true;
        }
    }
}
