using System.Diagnostics.Metrics;

namespace TrueLive.Fleet.Gateway;

/// <summary>How long clients waited at this control node for a worker to be chosen and to agree, for /metrics.</summary>
internal sealed class PlacementTimes : IDisposable
{
    private readonly Meter _meter = new(FleetWatch.MeterName);
    private readonly Histogram<double> _times;

    public PlacementTimes() => _times = _meter.CreateHistogram("truelive.fleet.placement.time", "s",
        "From the request for a session to the worker that agreed to have it.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60] });

    public void Placed(TimeSpan took) => _times.Record(took.TotalSeconds);

    public void Dispose() => _meter.Dispose();
}
