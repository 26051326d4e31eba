using System.Diagnostics.Metrics;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Telemetry;

/// <summary>What keys have used since the process began, for /metrics. Bills are made from /v1/usage, which outlives it.</summary>
internal sealed class UsageMetrics : IDisposable
{
    private readonly Meter _meter = new(ServerMetrics.MeterName);

    public UsageMetrics(UsageLedger ledger)
    {
        Add("truelive.usage.time", "s", "Seconds in which live sessions were live, and length of clips, by key.", t => t.Seconds);
        Add("truelive.usage.frames", "{frame}", "Pictures that models made, by key.", t => t.Frames);
        Add("truelive.usage.sent", "By", "Coded pictures that were sent, and size of clips, by key.", t => t.Bytes);
        _meter.CreateObservableCounter("truelive.usage.refused", () => ledger.Refused, "{row}",
            "Rows of usage that were not taken because there were too many.");

        void Add(string name, string unit, string words, Func<UsageTotal, double> value) => _meter.CreateObservableCounter(name,
            () => ledger.Totals().Select(t => new Measurement<double>(value(t), new KeyValuePair<string, object?>("key", t.Key),
                new KeyValuePair<string, object?>("kind", t.Kind))), unit, words);
    }

    public void Dispose() => _meter.Dispose();
}
