using System.Diagnostics.Metrics;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Interactive;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Live.Transports;
using TrueLive.Server.Streams;

namespace TrueLive.Server.Telemetry;

/// <summary>Metrics of the server, in addition to the live path's own.</summary>
internal sealed class ServerMetrics : IDisposable
{
    public const string MeterName = "TrueLive.Server";

    private readonly Meter _meter = new(MeterName);

    public ServerMetrics(SessionRegistry registry, Admission admission, ModelStore models, InteractiveRegistry interactive,
        ClipWorker clips, WebRtcPort port, WorkPlaces work, AuditLog audit)
    {
        _meter.CreateObservableGauge(
            "truelive.tier.active",
            () => new[] { (Tier.Clip, clips.Running), (Tier.Interactive, interactive.Count), (Tier.Live, registry.Count) }
                .Select(t => new Measurement<int>(t.Item2, new KeyValuePair<string, object?>("tier", TierWords.Name(t.Item1)))),
            "{item}", "Clips in work, interactive clips open and live sessions, by tier.");
        _meter.CreateObservableGauge(
            "truelive.sessions",
            () => registry.Hosted.GroupBy(s => s.Session.State)
                .Select(g =>
                new Measurement<int>(g.Count(), new KeyValuePair<string, object?>("state", g.Key.ToString().ToLowerInvariant()))),
            "{session}", "Sessions by state.");
        _meter.CreateObservableGauge(
            "truelive.waiting", () => registry.Places.Waiting, "{client}", "Clients that wait in line for a place.");
        _meter.CreateObservableGauge(
            "truelive.sessions.degraded", () =>
                registry.Hosted.Count(s => s.SourceLost is not null || s.Session.Stats.DegradedTo is not null), "{session}",
                "Live sessions that make fewer pictures than they promise, and streams without a source.");
        _meter.CreateObservableGauge(
            "truelive.capacity.sessions",
            () => admission.Costs.Select(c => new Measurement<int>(
                admission.Capacity(models.Find(c.ModelId)!, c.Width, c.Height),
                new KeyValuePair<string, object?>("model", c.ModelId), new KeyValuePair<string, object?>("size", $"{c.Width}x{c.Height}"))),
            "{session}", "Live sessions that this machine holds, as measured; without those that nobody has asked for yet.");
        _meter.CreateObservableGauge(
            "truelive.capacity.used", () =>
                registry.Hosted.Sum(s => admission.ShareOf(s.Session.Settings)), "1", "Share of the machine taken by sessions.");
        _meter.CreateObservableGauge("truelive.work.requests", () => work.Taken, "{request}",
            "Uploads that are taken in and reports that are checked, those that wait for their turn included.");
        _meter.CreateObservableGauge("truelive.link.connections.pending", () => port.Pending, "{connection}",
            "WebRTC connections that were answered and are not open yet.");
        _meter.CreateObservableGauge("truelive.work.programs", () => work.Running, "{process}",
            "Programs that look into files for such requests.");
        _meter.CreateObservableCounter(
            "truelive.link.frames.lost",
            () =>
            {
                var (incomplete, overtaken) = port.FramesLost();
                return new Measurement<long>[] { new(incomplete, new KeyValuePair<string, object?>("reason", "incomplete")),
                    new(overtaken, new KeyValuePair<string, object?>("reason", "overtaken")) };
            },
            "{frame}", "Frames lost on the links: they came incomplete, or a key frame overtook them before they were sent.");
        _meter.CreateObservableCounter("truelive.audit.lost", () => audit.Lost, "{entry}",
            "Entries of the audit log that were not written.");
        _meter.CreateObservableCounter("truelive.link.datagrams.unsent", () => port.Endpoint?.UnsentDatagrams ?? 0, "{datagram}",
            "Datagrams that the system or a TCP connection did not take.");
        _meter.CreateObservableCounter("truelive.link.connections.refused", () => port.Endpoint?.RefusedConnections ?? 0, "{connection}",
            "TCP connections closed because too many strangers were connected.");
    }

    /// <summary>Meters to export.</summary>
    public static string[] Meters => [MeterName, StreamMetrics.MeterName, SessionMetrics.MeterName, "System.Runtime"];

    public void Dispose() => _meter.Dispose();
}
