namespace TrueLive.WebRtc.Srtp;

/// <summary>
/// Remembers which of the last <see cref="Size"/> packet indices were seen (RFC 3711 section 3.3.2). A sender without a retransmission
/// stream repairs under the old index, several hundred packets behind the newest where a picture is large: the window holds as many
/// packets as a frame may have.
/// </summary>
internal sealed class ReplayWindow
{
    public const int Size = 4096;
    private readonly ulong[] _seen = new ulong[Size / 64];
    private ulong _top;
    private bool _any;

    /// <summary>True when the index is neither seen nor too old.</summary>
    public bool IsFresh(ulong index) => !_any || index > _top || (_top - index < Size && (Word(index) & Bit(index)) == 0);

    /// <summary>Marks an authenticated index.</summary>
    public void Mark(ulong index)
    {
        if (!_any || index > _top)
        {
            Forget(index);
            (_top, _any) = (index, true);
        }

        if (_top - index < Size)
            Word(index) |= Bit(index);
    }

    // The bits between the old and the new top belong to indices that have left the window.
    private void Forget(ulong next)
    {
        if (!_any || next - _top >= Size)
        {
            Array.Clear(_seen);
            return;
        }

        for (var index = _top + 1; index <= next; index++)
            Word(index) &= ~Bit(index);
    }

    private ref ulong Word(ulong index) => ref _seen[index / 64 % (Size / 64)];

    private static ulong Bit(ulong index) => 1UL << (int)(index % 64);
}
