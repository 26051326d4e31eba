using System.Diagnostics.Metrics;

namespace TrueLive.Server.Streams;

/// <summary>What operators see of streams: sources and outputs by state, and the figures of each.</summary>
internal sealed class StreamMetrics : IDisposable
{
    public const string MeterName = "TrueLive.Server.Streams";

    private readonly Meter _meter = new(MeterName);
    private readonly StreamRegistry _registry;

    public StreamMetrics(StreamRegistry registry)
    {
        _registry = registry;
        _meter.CreateObservableGauge(
            "truelive.stream.sources", () => ByState(Sources.Select(l => l.Source!.Status.State)),
            "{stream}", "Streams by the state of their source.");
        _meter.CreateObservableGauge(
            "truelive.stream.outputs", () => ByState(_registry.All.SelectMany(l => l.Outputs).Select(o => o.Status.State)),
            "{output}", "Outputs of sessions by state.");
        _meter.CreateObservableCounter(
            "truelive.stream.source.losses",
            () => Sources.Select(l => new Measurement<long>(l.Source!.Status.Losses, Tag("session", l.Hosted.Session.Id))),
            "{loss}", "Connections to a source that broke off or failed.");
        Counter("frames", o => o.Frames, "{frame}", "Pictures that an output passed on.");
        Counter("frames.dropped", o => o.Dropped, "{frame}", "Pictures that an output took too slowly and that were let go.");
        Counter("losses", o => o.Status.Losses, "{loss}", "Connections of an output that broke off or failed.");
        Gauge("rate", o => o.Rate, "bit/s", "Bits per second that an output passes on.");
        Gauge("delay", o => o.Delay?.TotalSeconds ?? 0, "s", "Coded pictures that wait for an output, by their length.");
    }

    private IEnumerable<StreamLegs> Sources => _registry.All.Where(l => l.Source is not null);

    public void Dispose() => _meter.Dispose();

    private void Counter(string name, Func<OutputRun, long> figure, string unit, string words) =>
        _meter.CreateObservableCounter($"truelive.stream.output.{name}", () => Each(figure), unit, words);

    private void Gauge(string name, Func<OutputRun, double> figure, string unit, string words) =>
        _meter.CreateObservableGauge($"truelive.stream.output.{name}", () => Each(figure), unit, words);

    private IEnumerable<Measurement<T>> Each<T>(Func<OutputRun, T> figure)
        where T : struct =>
        from legs in _registry.All
        from output in legs.Outputs
        select new Measurement<T>(figure(output), Tag("session", legs.Hosted.Session.Id), Tag("output", output.Id));

    private static IEnumerable<Measurement<int>> ByState(IEnumerable<LegState> states) =>
        states.GroupBy(s => s).Select(g => new Measurement<int>(g.Count(), Tag("state", StreamLog.Word(g.Key))));

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
