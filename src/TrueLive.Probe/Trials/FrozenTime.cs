using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;

namespace TrueLive.Probe.Trials;

/// <summary>
/// How long no new picture came, measured by the rhythm of a calm stretch: by its own rhythm, a stretch that stands still half the time has
/// no gap that is unusual. Most systems repeat the last picture when they have no other, so repeats are not new.
/// </summary>
internal sealed class FrozenTime
{
    // Grey levels; a picture that differs by less from the one before repeats it.
    private const float Repeats = 0.05f;

    private readonly double[] _times;
    private readonly double _limit;

    /// <summary>By the rhythm of a stretch before it.</summary>
    public FrozenTime(Observation seen, double limit) => (_times, _limit) = (NewPictures(seen), limit);

    public FrozenTime(Observation seen, double calmFrom, double calmTo)
    {
        _times = NewPictures(seen);
        var count = _times.Count(t => t >= calmFrom && t < calmTo);
        var mean = count > 1 ? (calmTo - calmFrom) / count : double.PositiveInfinity;
        _limit = Math.Max(3 * mean, mean + 0.15);
    }

    /// <summary>The shortest gap that is a freeze, seconds; infinite where the calm stretch has no rhythm.</summary>
    public double Limit => _limit;

    /// <summary>Seconds of gaps beyond the limit.</summary>
    public double Seconds(double from, double to)
    {
        var (frozen, last) = (0.0, from);
        for (var i = Timeline.LowerBound(_times, from); ; i++)
        {
            var next = i < _times.Length ? Math.Min(to, _times[i]) : to;
            frozen += next - last >= _limit ? next - last : 0;
            if (next >= to)
                return frozen;
            last = next;
        }
    }

    /// <summary>Share of the time, 0 to 1; NaN where the calm stretch has no rhythm.</summary>
    public double Share(double from, double to) => double.IsFinite(_limit) && to > from ? Seconds(from, to) / (to - from) : double.NaN;

    private static double[] NewPictures(Observation seen) =>
        [.. Enumerable.Range(0, seen.Count).Where(i => !(seen.Change[i] < Repeats)).Select(i => seen.Times[i])];
}
