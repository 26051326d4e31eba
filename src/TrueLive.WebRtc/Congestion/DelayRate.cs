using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Congestion;

/// <summary>
/// Delay-based rate control (draft-ietf-rmcat-gcc-02 section 5.5): increase while the path is at ease, hold while its queue drains,
/// decrease to a share of what came through on overuse. Additive near the known capacity, multiplicative far from it.
/// Bit/s and microseconds.
/// </summary>
internal sealed class DelayRate(int start, int min, int max)
{
    private const double Decrease = 0.85;
    private const double SteepestDecrease = 0.65;
    private const long LongQueue = 100_000;
    private const long StandingTime = 2_000_000;
    private double _rate = start;
    private double _capacity;
    private double _deviation = 0.4;
    private bool _holding;
    private Instant _standingSince;
    private long _standingDelay;
    private Instant _lastUpdate;
    private Instant _lastDecrease = Instant.LongAgo;

    public int Rate => (int)_rate;

    /// <summary>The capacity of the path when it was last overused; 0 when unknown.</summary>
    public double Capacity => _capacity;

    /// <summary>
    /// Decreases have not shortened the delay for two seconds: it is a longer way, or somebody else's queue, and not ours.
    /// </summary>
    public bool DelayIsNotOurs { get; private set; }

    /// <summary>Sets the rate from outside: a probe, or the return of a path.</summary>
    public void Set(double rate) => _rate = Math.Clamp(rate, min, max);

    /// <param name="state">The state of the detector.</param>
    /// <param name="throughput">Acknowledged bitrate; null when not known.</param>
    /// <param name="queueDelay">Estimated time in the bottleneck's queue.</param>
    /// <param name="loss">Smoothed share of packets lost.</param>
    /// <param name="roundTrip">Round trip.</param>
    /// <param name="now">Now.</param>
    public void Update(PathUse state, int? throughput, long queueDelay, double loss, long roundTrip, Instant now)
    {
        if (state == PathUse.Normal && queueDelay > LongQueue)
        {
            // A full queue that drops packets has a constant delay, which the slope does not show.
            state = PathUse.Over;
            if (_standingSince == default)
                (_standingSince, _standingDelay) = (now, queueDelay);
        }

        if (queueDelay < Math.Max(LongQueue, 0.9 * _standingDelay))
            (_standingSince, _standingDelay) = (default, 0);

        DelayIsNotOurs = _standingSince != default && now - _standingSince > StandingTime && loss < 0.02;
        var elapsed = _lastUpdate == default ? 0 : Math.Min(now - _lastUpdate, 1_000_000) / 1e6;
        _lastUpdate = now;
        switch (state)
        {
            case PathUse.Over:
                DecreaseTo(throughput, queueDelay, roundTrip, now);
                break;
            case PathUse.Under:
                _holding = true;
                break;
            default:
                if (_holding && queueDelay < 40_000)
                {
                    // The queue is empty again: return to the known capacity of the path, less a margin.
                    _rate = Math.Max(_rate, Math.Min(_capacity * 0.9, max));
                    _holding = false;
                }

                if (!_holding || now - _lastDecrease > 2_000_000)
                {
                    _holding = false;
                    Increase(elapsed, throughput, roundTrip);
                }

                break;
        }

        _rate = Math.Clamp(_rate, min, max);
    }

    private void DecreaseTo(int? throughput, long queueDelay, long roundTrip, Instant now)
    {
        _holding = true;
        // One reaction per response time: the first one takes a round trip to show.
        if (now - _lastDecrease < 200_000 + roundTrip)
            return;

        _lastDecrease = now;
        var carried = throughput ?? _rate * 0.7;
        if (carried < _rate * 1.5)
            LearnCapacity(carried);

        // A long queue needs more room to drain: 0.85 for a short one down to 0.65 at 400 ms.
        var share = Math.Clamp(Decrease - Math.Max(0, queueDelay - LongQueue) / 1.5e6, SteepestDecrease, Decrease);
        _rate = Math.Min(_rate, Math.Max(carried * share, min));
    }

    private void Increase(double elapsed, int? throughput, long roundTrip)
    {
        var spread = 3 * Math.Sqrt(_deviation * _capacity * 1000);
        if (throughput is { } carried && _capacity > 0 && carried > _capacity + spread)
            _capacity = 0;

        double wanted;
        if (_capacity > 0 && _rate > _capacity * 0.8)
        {
            // Half a packet per response time (section 5.5): about 4 kbit/s each 100 ms + rtt.
            var responseTime = (200_000 + roundTrip) / 1e6;
            wanted = _rate + Math.Max(4000, 0.5 * 1200 * 8) / responseTime * elapsed;
        }
        else
        {
            wanted = _rate * Math.Pow(1.08, elapsed) + 1000 * elapsed;
        }

        // No further than what the far side reports as received: with a quiet encoder the estimate would grow without evidence.
        var ceiling = throughput is { } through ? Math.Max(1.5 * through + 10_000, _rate) : double.MaxValue;
        _rate = Math.Min(wanted, ceiling);
    }

    private void LearnCapacity(double carried)
    {
        _capacity = _capacity == 0 ? carried : 0.95 * _capacity + 0.05 * carried;
        if (Math.Abs(_capacity - carried) > 0.3 * carried)
            _capacity = carried;

        var norm = Math.Max(_capacity, 1);
        _deviation = Math.Clamp(0.95 * _deviation + 0.05 * Math.Pow((_capacity - carried) / 1000, 2) * 1000 / norm, 0.4, 2.5);
    }
}
