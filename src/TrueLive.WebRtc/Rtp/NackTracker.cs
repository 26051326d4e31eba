using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Remembers which packets are missing and when to ask for them (RFC 4585 section 6.2.1). The first request goes out as soon as
/// a hole is seen, or later where the path is known to reorder; it is repeated after a round trip, then twice in each.
/// </summary>
internal sealed class NackTracker
{
    private const int MaxMissing = 1000;
    public const int MaxTries = 12;
    private const long UnknownRoundTrip = 100_000;
    private const long MaxReorderDelay = 60_000;
    private readonly List<Missing> _missing = new(MaxMissing);
    // After an outage, missing packets are too old to be shown. A slow stream that lost a packet or two is not an outage.
    private const long OutageTime = 1_000_000;
    private const int OutageLoss = 16;
    private const double HalfLife = 14e6;
    private long _highest;
    private Instant _lastArrived;
    private Instant _relaxed;
    private long _roundTrip;
    private double _reorderDelay;

    private record struct Missing(long Sequence, Instant Since, Instant FirstAsked, Instant Asked, int Tries);

    /// <summary>Round trip measured from request to repair, in microseconds; 0 before the first one.</summary>
    public long RoundTrip { get; private set; }

    /// <summary>The far side repairs on the stream itself, so that a repair looks like a packet that was overtaken.</summary>
    public bool RepairsInStream { get; set; }

    /// <summary>When the oldest hole was seen; <see cref="Instant.Never"/> without holes.</summary>
    public Instant OldestSince => _missing.Count == 0 ? Instant.Never : _missing[0].Since;

    /// <summary>The packet is known to be missing.</summary>
    public bool IsMissing(long sequence) => IndexOf(sequence) >= 0;

    /// <summary>Notes the arrival of a packet. False when the hole before it is too wide, or too old, to repair.</summary>
    public bool Arrived(long sequence, bool repaired, Instant now)
    {
        var silence = now - _lastArrived;
        _lastArrived = now;
        if (_highest == 0 || sequence > _highest)
        {
            var from = _highest == 0 ? sequence : _highest + 1;
            _highest = sequence;
            if (sequence - from + _missing.Count > MaxMissing || (silence > OutageTime && sequence - from > OutageLoss))
            {
                _missing.Clear();
                return false;
            }

            for (; from < sequence; from++)
                _missing.Add(new Missing(from, now, default, default, 0));

            return true;
        }

        var index = IndexOf(sequence);
        if (index >= 0)
        {
            var hole = _missing[index];
            _missing.RemoveAt(index);
            if (!repaired && !Answers(hole, now))
            {
                _reorderDelay = Math.Max(_reorderDelay, Math.Min(1.1 * (now - hole.Since), MaxReorderDelay));
            }
            else if (hole.Tries > 0)
            {
                // It is unknown which request was answered: the first gives an upper bound of the round trip, the last a lower bound.
                var longest = now - hole.FirstAsked;
                var shortest = now - hole.Asked;
                RoundTrip = RoundTrip == 0 ? longest : (7 * RoundTrip + Math.Clamp(RoundTrip, shortest, longest)) / 8;
            }
        }

        return true;
    }

    /// <summary>Forgets holes that no longer matter.</summary>
    public void ForgetBefore(long sequence)
    {
        var count = 0;
        while (count < _missing.Count && _missing[count].Sequence < sequence)
            count++;

        _missing.RemoveRange(0, count);
    }

    /// <summary>Forgets all holes up to the newest packet.</summary>
    public void Clear() => _missing.Clear();

    /// <summary>Fills in the sequence numbers to ask for now, ascending; returns how many.</summary>
    public int Due(Span<ushort> sequences, int maxTries, long roundTrip, Instant now)
    {
        var count = 0;
        _roundTrip = roundTrip;
        var interval = roundTrip == 0 ? UnknownRoundTrip : Math.Max(20_000, roundTrip + 5_000);
        for (var i = 0; i < _missing.Count && count < sequences.Length; i++)
        {
            var hole = _missing[i];
            // A needless second repair costs a packet; waiting another round trip on a bad path costs the wait for a key frame.
            var due = hole.Tries > 1 ? Math.Max(10_000, interval / 2) : interval;
            if (hole.Tries < maxTries && (hole.Tries == 0 ? now - hole.Since >= (long)_reorderDelay : now - hole.Asked >= due))
            {
                sequences[count++] = (ushort)hole.Sequence;
                _missing[i] = hole with { FirstAsked = hole.Tries == 0 ? now : hole.FirstAsked, Asked = now, Tries = hole.Tries + 1 };
            }
        }

        return count;
    }

    /// <summary>Lets the caution about reordering fade, by half in 14 s; called every few milliseconds.</summary>
    public void Relax(Instant now)
    {
        _reorderDelay *= Math.Pow(0.5, Math.Max(0, now - _relaxed) / HalfLife);
        _relaxed = now;
    }

    // No repair arrives within less than a round trip; an earlier packet was merely late.
    private bool Answers(in Missing hole, Instant now)
    {
        var known = _roundTrip != 0 ? _roundTrip : RoundTrip;
        return RepairsInStream && hole.Tries > 0 && now - hole.FirstAsked >= 0.7 * known;
    }

    private int IndexOf(long sequence)
    {
        int low = 0, high = _missing.Count - 1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var found = _missing[middle].Sequence;
            if (found == sequence)
                return middle;

            (low, high) = found < sequence ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }
}
