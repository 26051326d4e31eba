using TrueLive.Probe.Estimators;

namespace TrueLive.Probe.Trials;

/// <summary>From when on an output follows its input at the usual delay, to within a second.</summary>
internal sealed class Following
{
    /// <summary>Seconds for which an output must follow: the codes of a shorter time agree by chance now and then.</summary>
    public const double Sustained = 2;

    private const double Begun = 0.5;
    private const double Enough = 0.7;

    private readonly FrameMap _map;
    private readonly double[] _sums;
    private readonly double _enough;

    public Following(FrameMap map)
    {
        (_map, _sums) = (map, new double[map.Input.Count + 1]);
        for (var i = 0; i < map.Input.Count; i++)
            _sums[i + 1] = _sums[i] + map.Agreement[i];
        var levels = Enumerable.Range(0, map.Input.Count).Where(i => i % 5 == 0).Select(i => Mean(i, End(i, Sustained)))
            .Where(double.IsFinite).Order().ToArray();
        _enough = Enough * Intervals.Quantile(levels, 0.75);
    }

    /// <summary>
    /// The first moment from <paramref name="after"/> to <paramref name="until"/> from which the output shows, at no more than the usual
    /// delay and a tenth (at least 0.1 s), what was sent from <paramref name="sentFrom"/> on; NaN when there is none.
    /// </summary>
    public double Begins(double usual, double after, double until, int sentFrom = 0)
    {
        var most = usual + Math.Max(0.1, 0.1 * usual);
        var good = new int[_map.Input.Count + 1];
        for (var i = 0; i < _map.Input.Count; i++)
            good[i + 1] = good[i] + (Follows(i) ? 1 : 0);
        for (var i = 0; i < _map.Input.Count && _map.Time(i) < until; i++)
        {
            var end = End(i, Sustained);
            if (_map.Time(i) < after || end < 0)
                continue;
            if (good[end] - good[i] < 0.9 * (end - i) || Mean(i, end) < _enough)
                continue;
            // The beginning of so long a stretch may be chance.
            while (i < end && !(Follows(i) && Mean(i, End(i, Begun)) >= _enough))
                i++;
            return _map.Time(i);
        }
        return double.NaN;

        bool Follows(int i) => _map.Input[i] >= sentFrom && _map.Delay[i] <= most;
    }

    // The entry after so many seconds, or -1 where the output ends before.
    private int End(int from, double seconds)
    {
        var (low, high) = (from, _map.Input.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_map.Time(middle) < _map.Time(from) + seconds)
                low = middle + 1;
            else
                high = middle;
        }
        return low < _map.Input.Count ? low : -1;
    }

    private double Mean(int from, int end) => end < 0 || end - from < 3 ? double.NaN : (_sums[end] - _sums[from]) / (end - from);
}
