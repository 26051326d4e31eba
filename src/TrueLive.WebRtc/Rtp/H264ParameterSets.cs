namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// The sequence and picture parameter sets of one H.264 stream, the newest of each id (ITU-T H.264 sections 7.3.2.1 and 7.3.2.2). Senders
/// give them before each key frame, once, or only in the session description (RFC 6184 section 8.1).
/// </summary>
internal sealed class H264ParameterSets
{
    private const int MaxLength = 1024;
    private const int MaxSets = 64;

    // By kind, then id: sequence sets come before the picture sets that refer to them.
    private readonly SortedDictionary<int, byte[]> _sets = [];

    /// <param name="described">Sets of the session description, as Annex B; empty for none.</param>
    public H264ParameterSets(ReadOnlySpan<byte> described)
    {
        foreach (var unit in new AnnexB(described))
            Remember(unit);

        BareKeyFrames = _sets.Count > 0;
    }

    /// <summary>A key frame without sets of its own can be decoded.</summary>
    public bool Known => _sets.Count > 0;

    /// <summary>
    /// Key frames of this stream come without sets, so that one without is whole. Else the sets may be in a packet that was lost, and
    /// may differ from those known.
    /// </summary>
    public bool BareKeyFrames { get; set; }

    /// <summary>Keeps a set that differs from the one known; other units and absurd ones are passed over.</summary>
    public void Remember(ReadOnlySpan<byte> unit)
    {
        if (unit.Length is < 2 or > MaxLength)
            return;

        var kind = unit[0] & 0x1F;
        var id = kind switch
        {
            7 when unit.Length > 4 => FirstNumber(unit[4..]),
            8 => FirstNumber(unit[1..]),
            _ => -1,
        };
        var key = (kind << 8) | id;
        if (id is >= 0 and < 256 && (_sets.TryGetValue(key, out var had) ? !unit.SequenceEqual(had) : _sets.Count < MaxSets))
            _sets[key] = unit.ToArray();
    }

    /// <summary>Inserts all sets before the content of the frame; false when it becomes too large.</summary>
    public bool PutBefore(FrameBuffer frame)
    {
        foreach (var set in _sets.Values.Reverse())
        {
            if (!frame.Prepend(set) || !frame.Prepend([0, 0, 0, 1]))
                return false;
        }

        return true;
    }

    // ue(v), section 9.1; ids have at most 8 bits, so zeros beyond that are no id.
    private static int FirstNumber(ReadOnlySpan<byte> bits)
    {
        var zeros = 0;
        while (zeros < 9 && !Bit(bits, zeros))
            zeros++;

        var value = 0;
        for (var i = zeros; i <= 2 * zeros; i++)
            value = (value << 1) | (Bit(bits, i) ? 1 : 0);

        return zeros > 8 || 2 * zeros >= 8 * bits.Length ? -1 : value - 1;
    }

    private static bool Bit(ReadOnlySpan<byte> bits, int at) => at / 8 < bits.Length && (bits[at / 8] >> (7 - at % 8) & 1) != 0;
}
