using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Congestion;

/// <summary>
/// Sender-side congestion control after draft-ietf-rmcat-gcc-02: the lower of a delay-based and a loss-based estimate, fed by
/// transport-wide feedback; with receiver reports and REMB alone where the far side offers no more. Bit/s and microseconds.
/// </summary>
internal sealed class CongestionControl
{
    private const int LogSize = 8192;
    private const long OutageAfter = 700_000;
    private const long ProbeInterval = 8_000_000;
    private const long OneWayWindow = 10_000_000;

    private readonly Sent[] _log = new Sent[LogSize];
    private readonly DelayTrend _trend = new();
    private readonly DelayRate _delay;
    private readonly LossRate _loss;
    private readonly Throughput _acknowledged = new();
    private readonly Probe _probe = new();
    private readonly int _min;
    private readonly int _max;
    private readonly bool _feedback;
    private Unwrapper _sequences = new(16);
    private Unwrapper _references = new(24);
    private long _highestLogged;
    private Instant _lastSent;
    private Instant _lastFeedback;
    private Instant _nextProbe;
    private Instant _ignoreLossBefore;
    private long _minOneWay = long.MaxValue;
    private long _olderMinOneWay = long.MaxValue;
    private Instant _oneWayTurned;
    private int _beforeOutage;
    private double _outageRate;
    private Instant _lastTick;
    private long _remb = long.MaxValue;

    private struct Sent
    {
        public long Sequence;
        public Instant At;
        public int Bytes;
        public byte Probe;
        public bool Acknowledged;
    }

    /// <param name="start">Bitrate before the path is known.</param>
    /// <param name="min">Floor.</param>
    /// <param name="max">Ceiling.</param>
    /// <param name="feedback">Transport-wide feedback is agreed.</param>
    /// <param name="now">Now.</param>
    public CongestionControl(int start, int min, int max, bool feedback, Instant now)
    {
        (_min, _max, _feedback, _oneWayTurned) = (min, max, feedback, now);
        _delay = new DelayRate(start, min, max);
        _loss = new LossRate(start, min, max, now);
        Target = start;
    }

    /// <summary>Bitrate for all packets together.</summary>
    public int Target { get; private set; }

    /// <summary>Estimated time that packets wait in the bottleneck's queue.</summary>
    public long QueueDelay { get; private set; }

    /// <summary>The far side has been silent while we sent.</summary>
    public bool Outage => _beforeOutage != 0;

    /// <summary>Bytes that the probe under way still wants sent.</summary>
    public int ProbeBytesLeft => _probe.BytesLeft;

    /// <summary>Bitrate of the probe under way; 0 without.</summary>
    public int ProbeRate => _probe.Rate;

    /// <summary>Logs a packet that leaves now.</summary>
    public void OnSent(ushort sequence, int bytes, bool probe, Instant now)
    {
        _highestLogged = _sequences.Unwrap(sequence);
        if (probe)
            _probe.Sent(bytes, now);

        _lastFeedback = _lastFeedback == default ? now : _lastFeedback;
        _lastSent = now;
        _log[_highestLogged & (LogSize - 1)] = new Sent
        { Sequence = _highestLogged, At = now, Bytes = bytes, Probe = probe ? _probe.Id : (byte)0 };
    }

    /// <summary>Takes one transport-wide feedback packet.</summary>
    public void OnFeedback(ReadOnlySpan<byte> packet, long roundTrip, Instant now)
    {
        if (!TransportFeedback.TryParse(packet, out var feedback))
            return;

        if (Outage)
            EndOutage(now);

        _lastFeedback = now;
        var reference = _references.Unwrap(feedback.ReferenceTime) * 64_000;
        int received = 0, lost = 0;
        int? probed = null;
        while (feedback.MoveNext())
        {
            ref var sent = ref _log[_sequences.Peek(feedback.Sequence) & (LogSize - 1)];
            if ((ushort)sent.Sequence != feedback.Sequence || sent.Sequence == 0 || sent.Acknowledged)
                continue;

            if (!feedback.Received)
            {
                lost += sent.At >= _ignoreLossBefore ? 1 : 0;
                continue;
            }

            received++;
            sent.Acknowledged = true;
            var arrived = reference + feedback.ArrivalOffset;
            ObserveOneWay(arrived - sent.At.Microseconds, now);
            _acknowledged.Add(arrived, sent.Bytes);
            _trend.Add(sent.At, arrived);
            if (sent.Probe != 0 && sent.Probe == _probe.Id && _probe.Rate != 0)
                probed = _probe.Arrived(sent.Bytes, arrived) ?? probed;
        }

        _delay.Update(_trend.State, _acknowledged.Bitrate(), QueueDelay, _loss.Loss, roundTrip, now);
        if (_delay.DelayIsNotOurs)
        {
            _minOneWay = _olderMinOneWay = long.MaxValue;
            _oneWayTurned = now;
        }

        _loss.Add(received + lost, lost, Target, _acknowledged.Bitrate(), QueueDelay, now);
        if (probed is { } measured)
            OnProbed(measured, now);

        Settle();
    }

    /// <summary>Takes the loss of a receiver report; acts on it only where there is no transport-wide feedback.</summary>
    public void OnReport(double loss)
    {
        if (!_feedback)
        {
            _loss.Decide(loss, Target, null, 0);
            Settle();
        }
    }

    /// <summary>Takes a receiver's own limit.</summary>
    public void OnRemb(long bitrate)
    {
        if (!_feedback)
        {
            _remb = bitrate;
            Settle();
        }
    }

    /// <summary>Applies changes that depend on time alone; called every few milliseconds.</summary>
    public void Tick(long roundTrip, Instant now)
    {
        var elapsed = _lastTick == default ? 0 : now - _lastTick;
        _lastTick = now;
        if (!_feedback)
            return;

        var patience = Math.Max(OutageAfter, 4 * roundTrip);
        if (_lastFeedback != default && _lastSent > _lastFeedback + patience / 2 && now - _lastFeedback > patience)
            BeginOrDeepenOutage(elapsed);

        if (_probe.Rate != 0 && _probe.Started != default && now - _probe.Started > 1_000_000)
            _probe.Stop();

        if (_probe.Rate == 0 && !Outage && _acknowledged.Bitrate() is not null && now >= _nextProbe && Target < _max
            && _trend.State == PathUse.Normal && QueueDelay < 20_000)
        {
            BeginProbe(_nextProbe == default ? 2 * Target : 3 * Target / 2, now);
        }
    }

    private void BeginProbe(int rate, Instant now)
    {
        _probe.Begin(Math.Min(rate, _max));
        _nextProbe = now + ProbeInterval;
    }

    private void OnProbed(int measured, Instant now)
    {
        var tried = _probe.Rate;
        _probe.Stop();
        if (_trend.State == PathUse.Over)
            return;

        if (measured > Target)
        {
            _delay.Set(0.95 * measured);
            _loss.Set(Math.Max(_loss.Rate, 0.95 * measured));
            if (measured > 0.8 * tried && tried < _max)
                BeginProbe(2 * tried, now);
        }
        else if (measured < 0.7 * tried && measured < Target)
        {
            // The train was stretched: the path carries less than we send.
            _delay.Set(0.9 * measured);
        }
    }

    private void BeginOrDeepenOutage(long elapsed)
    {
        if (!Outage)
        {
            _beforeOutage = Target;
            _outageRate = Target;
            _probe.Stop();
        }

        // Halved every 0.7 s: packets sent into a dead or congested path only make its queue longer.
        _outageRate = Math.Max(_min, _outageRate * Math.Pow(0.5, elapsed / 0.7e6));
        Settle();
    }

    private void EndOutage(Instant now)
    {
        _ignoreLossBefore = now;
        _trend.Reset();
        _acknowledged.Reset();
        _minOneWay = _olderMinOneWay = long.MaxValue;
        _delay.Set(0.75 * _beforeOutage);
        _loss.Set(0.75 * _beforeOutage);
        _beforeOutage = 0;
        _nextProbe = _nextProbe < now + 500_000 ? _nextProbe : now + 500_000;
    }

    /// <summary>
    /// The clocks differ by an unknown constant: only the excess over the smallest value of the last 10 to 20 s means anything.
    /// </summary>
    private void ObserveOneWay(long delay, Instant now)
    {
        if (now - _oneWayTurned > OneWayWindow)
            (_olderMinOneWay, _minOneWay, _oneWayTurned) = (_minOneWay, long.MaxValue, now);

        _minOneWay = Math.Min(_minOneWay, delay);
        QueueDelay = delay - Math.Min(_minOneWay, _olderMinOneWay);
    }

    private void Settle()
    {
        var rate = _feedback ? Math.Min(_delay.Rate, _loss.Rate) : Math.Min(_loss.Rate, _remb);
        if (Outage)
            rate = (long)Math.Min(rate, _outageRate);

        Target = (int)Math.Clamp(rate, _min, _max);
    }
}
