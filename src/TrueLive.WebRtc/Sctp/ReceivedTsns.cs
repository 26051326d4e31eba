using System.Runtime.InteropServices;

namespace TrueLive.WebRtc.Sctp;

/// <summary>
/// Which transmission sequence numbers have arrived: all up to a point, and ranges beyond it (RFC 9260 sections 3.3.4 and 6.2).
/// Numbers are unwrapped. At most <see cref="MaxRanges"/> ranges are kept, so that no pattern of holes makes it slow or large.
/// </summary>
internal sealed class ReceivedTsns
{
    public const int MaxRanges = 1024;

    private readonly List<(long First, long Last)> _ranges = [];

    /// <summary>Everything up to here has arrived.</summary>
    public long Cumulative { get; private set; }

    /// <summary>The ranges received beyond the first gap, ascending.</summary>
    public ReadOnlySpan<(long First, long Last)> Beyond => CollectionsMarshal.AsSpan(_ranges);

    public void Begin(long cumulative)
    {
        _ranges.Clear();
        Cumulative = cumulative;
    }

    public bool Contains(long tsn)
    {
        var at = IndexAfter(tsn);
        return tsn <= Cumulative || (at > 0 && tsn <= _ranges[at - 1].Last);
    }

    /// <summary>Notes a number that is not there yet; false when it would make a range too many.</summary>
    public bool Add(long tsn)
    {
        if (tsn == Cumulative + 1)
        {
            Cumulative = tsn;
            Advance();
            return true;
        }
        var at = IndexAfter(tsn);
        var follows = at > 0 && _ranges[at - 1].Last == tsn - 1;
        var precedes = at < _ranges.Count && _ranges[at].First == tsn + 1;
        if (follows && precedes)
        {
            _ranges[at - 1] = (_ranges[at - 1].First, _ranges[at].Last);
            _ranges.RemoveAt(at);
        }
        else if (follows)
        {
            _ranges[at - 1] = (_ranges[at - 1].First, tsn);
        }
        else if (precedes)
        {
            _ranges[at] = (tsn, _ranges[at].Last);
        }
        else if (_ranges.Count < MaxRanges)
        {
            _ranges.Insert(at, (tsn, tsn));
        }
        else
        {
            return false;
        }
        return true;
    }

    /// <summary>Takes everything up to a point as arrived (RFC 3758 section 3.6).</summary>
    public void Forward(long to)
    {
        if (to <= Cumulative)
            return;
        Cumulative = to;
        Advance();
    }

    private void Advance()
    {
        var passed = 0;
        while (passed < _ranges.Count && _ranges[passed].First <= Cumulative + 1)
            Cumulative = Math.Max(Cumulative, _ranges[passed++].Last);
        _ranges.RemoveRange(0, passed);
    }

    // The index of the first range that begins after the number.
    private int IndexAfter(long tsn)
    {
        int low = 0, high = _ranges.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _ranges[middle].First <= tsn ? (middle + 1, high) : (low, middle);
        }
        return low;
    }
}
