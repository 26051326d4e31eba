using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Congestion;

/// <summary>
/// Loss-based rate control (draft-ietf-rmcat-gcc-02 section 6): above 10 % loss decrease, below 2 % increase, between them hold.
/// Loss that does not fall when the rate does (a radio link) is learnt and no longer answered. Bit/s and microseconds.
/// </summary>
internal sealed class LossRate(int start, int min, int max, Instant began)
{
    private const long Interval = 200_000;
    private const long ShortQueue = 50_000;
    private const int MinPackets = 20;
    private const double Floor = 0.7;
    private const double MostLearnt = 0.3;
    private double _rate = start;
    private double _inherent;
    private double _loss;
    private double _episodeRate;
    private double _episodeLoss;
    private int _packets;
    private int _lost;
    private Instant _since = began;

    public int Rate => (int)_rate;

    /// <summary>Smoothed share of packets lost.</summary>
    public double Loss => _loss;

    public void Set(double rate) => _rate = Math.Clamp(rate, min, max);

    /// <summary>Counts acknowledged and lost packets; updates the rate once there are enough.</summary>
    public void Add(int packets, int lost, double current, int? carried, long queueDelay, Instant now)
    {
        _packets += packets;
        _lost += lost;
        if (now - _since < Interval || _packets < MinPackets)
            return;

        Decide((double)_lost / _packets, current, carried, queueDelay);
        _packets = _lost = 0;
        _since = now;
    }

    /// <summary>Takes a share of loss.</summary>
    /// <param name="share">0 to 1.</param>
    /// <param name="current">Bitrate in use.</param>
    /// <param name="carried">Acknowledged bitrate; null when not known.</param>
    /// <param name="queueDelay">Tells loss by a full queue from loss by nature.</param>
    public void Decide(double share, double current, int? carried, long queueDelay)
    {
        _loss = 0.7 * _loss + 0.3 * share;
        _inherent *= 0.998;
        if (share < 0.02 + _inherent)
        {
            _episodeRate = 0;
            _rate = Math.Min(_rate * 1.05 + 1000, max);
        }
        else if (share > 0.10 + _inherent && _loss > 0.10 + _inherent)
        {
            if (_episodeRate == 0)
                (_episodeRate, _episodeLoss) = (Math.Min(_rate, current), _loss);

            // Never below the rate that did arrive: several reports of the same queue overflow must not add up.
            var floor = Math.Max(min, Math.Min(Floor * (carried ?? 0), current));
            _rate = Math.Max(Math.Min(_rate, current) * (1 - 0.5 * Math.Min(share, 0.5)), floor);
            if (queueDelay < ShortQueue && _rate < 0.6 * _episodeRate && _loss > 0.7 * _episodeLoss)
            {
                _inherent = Math.Min(_loss, MostLearnt);
                _rate = 0.85 * _episodeRate;
                _episodeRate = 0;
            }
        }
    }
}
