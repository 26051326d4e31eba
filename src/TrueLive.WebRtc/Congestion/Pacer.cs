using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Congestion;

/// <summary>
/// Leaky bucket (draft-ietf-rmcat-gcc-02 section 4): lets packets out at a multiple of the target bitrate. An ordinary frame leaves at
/// once; only packets beyond the burst allowance are spread. It holds no packets: its queue is that of the send stream.
/// </summary>
internal sealed class Pacer
{
    private const double Factor = 2.5;
    private const double DrainFactor = 1.1;
    private const long LongQueue = 60_000;
    private const double BurstSeconds = 0.04;
    private double _budget;
    private Instant _last;

    /// <summary>The rate at which packets are released, bit/s.</summary>
    public double Rate { get; private set; }

    /// <summary>
    /// Refills the bucket for the elapsed time. While the bottleneck's queue is long, bursts would only wait there or be dropped.
    /// </summary>
    /// <param name="target">Bit/s.</param>
    /// <param name="bottleneckDelay">Microseconds.</param>
    /// <param name="now">Microseconds.</param>
    public void Fill(int target, long bottleneckDelay, Instant now)
    {
        Rate = target * (bottleneckDelay > LongQueue ? DrainFactor : Factor);
        var most = Math.Max(Rate * BurstSeconds / 8, 3000);
        _budget = _last == default ? most : Math.Min(most, _budget + Rate / 8 * (now - _last) / 1e6);
        _last = now;
    }

    public bool MaySend => _budget > 0;

    public void Sent(int bytes) => _budget -= bytes;
}
