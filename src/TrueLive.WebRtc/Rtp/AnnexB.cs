namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Walks the NAL units of an H.264 byte stream (ITU-T H.264 annex B; RTP carries them without start codes, RFC 6184 section 5.6). Bytes
/// before the first start code are skipped.
/// </summary>
internal ref struct AnnexB(ReadOnlySpan<byte> stream)
{
    private ReadOnlySpan<byte> _rest = SkipToUnit(stream);

    /// <summary>The unit found last, header byte first, without start code and trailing zeros. Never empty.</summary>
    public ReadOnlySpan<byte> Current { get; private set; }

    public readonly AnnexB GetEnumerator() => this;

    public bool MoveNext()
    {
        while (!_rest.IsEmpty)
        {
            var next = _rest.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]);
            var unit = (next < 0 ? _rest : _rest[..next]).TrimEnd((byte)0);
            _rest = next < 0 ? default : _rest[(next + 3)..];
            if (!unit.IsEmpty)
            {
                Current = unit;
                return true;
            }
        }

        return false;
    }

    private static ReadOnlySpan<byte> SkipToUnit(ReadOnlySpan<byte> stream)
    {
        var first = stream.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]);
        return first < 0 ? default : stream[(first + 3)..];
    }
}
