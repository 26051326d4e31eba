using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Congestion;

/// <summary>The state of the path as its delay shows it (draft-ietf-rmcat-gcc-02 section 5.4).</summary>
internal enum PathUse
{
    Normal,
    Over,
    Under,
}

/// <summary>
/// Delay-based detector: groups packets sent together (draft-ietf-rmcat-gcc-02 sections 5.1 and 5.2), fits a line through the
/// accumulated delay variation of the last groups, and compares its slope with an adaptive threshold (section 5.4). The line
/// replaces the Kalman filter of section 5.3, since it needs no noise model. Times in microseconds.
/// </summary>
internal sealed class DelayTrend
{
    private const long BurstTime = 5_000;
    private const int Window = 20;
    private const double Smoothing = 0.9;
    private const double Gain = 4;
    private const int MaxDeltas = 60;
    private const double OveruseTime = 10;
    private const double ThresholdUp = 0.0087;
    private const double ThresholdDown = 0.039;

    private readonly (double Time, double Delay)[] _points = new (double, double)[Window];
    private Group _current;
    private Group _previous;
    private long _firstArrival;
    private int _count;
    private int _deltas;
    private double _accumulated;
    private double _smoothed;
    private double _threshold = 12.5;
    private double _overTime = -1;
    private int _overCount;
    private double _lastTrend;
    private long _lastUpdate;

    private struct Group
    {
        public Instant FirstSent;
        public Instant LastSent;
        public long FirstArrived;
        public long LastArrived;
        public bool Open;
    }

    public PathUse State { get; private set; }

    /// <summary>Resets the estimate, for example after an outage.</summary>
    public void Reset()
    {
        _current = _previous = default;
        _count = _deltas = _overCount = 0;
        _accumulated = _smoothed = _lastTrend = 0;
        _threshold = 12.5;
        _overTime = -1;
        _firstArrival = 0;
        State = PathUse.Normal;
    }

    /// <summary>Takes one acknowledged packet, in the order of sending.</summary>
    public void Add(Instant sent, long arrived)
    {
        if (!_current.Open)
        {
            _current = new Group { FirstSent = sent, LastSent = sent, FirstArrived = arrived, LastArrived = arrived, Open = true };
            return;
        }

        if (sent < _current.FirstSent)
            return;

        if (Belongs(sent, arrived))
        {
            _current.LastSent = sent;
            _current.LastArrived = Math.Max(_current.LastArrived, arrived);
            return;
        }

        if (_previous.Open)
        {
            var arrivalDelta = _current.LastArrived - _previous.LastArrived;
            var sendDelta = _current.LastSent - _previous.LastSent;
            if (arrivalDelta is < 0 or > 3_000_000)
            {
                Reset();
            }
            else
            {
                Update((arrivalDelta - sendDelta) / 1000.0, sendDelta / 1000.0, _current.LastArrived);
            }
        }

        _previous = _current;
        _current = new Group { FirstSent = sent, LastSent = sent, FirstArrived = arrived, LastArrived = arrived, Open = true };
    }

    private bool Belongs(Instant sent, long arrived)
    {
        if (sent - _current.FirstSent <= BurstTime)
            return true;

        // Packets that waited behind other traffic arrive in one burst; their spacing says nothing about the path.
        var arrivalGap = arrived - _current.LastArrived;
        return arrivalGap <= BurstTime && arrivalGap - (sent - _current.LastSent) < 0 && arrived - _current.FirstArrived < 100_000;
    }

    private void Update(double variation, double sendDelta, long arrived)
    {
        _deltas = Math.Min(_deltas + 1, MaxDeltas * 10);
        _firstArrival = _firstArrival == 0 ? arrived : _firstArrival;
        _accumulated += variation;
        _smoothed = Smoothing * _smoothed + (1 - Smoothing) * _accumulated;
        _points[_count++ % Window] = ((arrived - _firstArrival) / 1000.0, _smoothed);
        var trend = _count >= Window ? Slope() : _lastTrend;
        Detect(trend, sendDelta, arrived);
    }

    private double Slope()
    {
        double meanX = 0, meanY = 0;
        foreach (var (x, y) in _points)
        {
            meanX += x / Window;
            meanY += y / Window;
        }

        double above = 0, below = 0;
        foreach (var (x, y) in _points)
        {
            above += (x - meanX) * (y - meanY);
            below += (x - meanX) * (x - meanX);
        }

        return below == 0 ? 0 : above / below;
    }

    private void Detect(double trend, double sendDelta, long arrived)
    {
        var modified = Math.Min(_deltas, MaxDeltas) * trend * Gain;
        if (modified > _threshold)
        {
            _overTime = _overTime < 0 ? sendDelta / 2 : _overTime + sendDelta;
            _overCount++;
            if (_overTime > OveruseTime && _overCount > 1 && trend >= _lastTrend)
            {
                _overTime = 0;
                _overCount = 0;
                State = PathUse.Over;
            }
        }
        else
        {
            _overTime = -1;
            _overCount = 0;
            State = modified < -_threshold ? PathUse.Under : PathUse.Normal;
        }

        _lastTrend = trend;
        var size = Math.Abs(modified);
        // A spike (a route change, a pause of the sender) must not raise the threshold for long.
        if (size <= _threshold + 15)
        {
            var step = Math.Min((arrived - _lastUpdate) / 1000.0, 100);
            _threshold = Math.Clamp(_threshold + (size < _threshold ? ThresholdDown : ThresholdUp) * (size - _threshold) * step, 6, 600);
        }

        _lastUpdate = arrived;
    }
}
