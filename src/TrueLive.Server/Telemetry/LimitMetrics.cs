using System.Diagnostics.Metrics;
using TrueLive.Server.Access;
using TrueLive.Server.Live.Transports;

namespace TrueLive.Server.Telemetry;

/// <summary>Metrics of requests and connections that limits refuse.</summary>
internal sealed class LimitMetrics : IDisposable
{
    private readonly Meter _meter = new(ServerMetrics.MeterName);
    private readonly Counter<long> _refused;

    public LimitMetrics(ConnectionLimit connections, FailedKeys failed, PictureBudget pictures)
    {
        _meter.CreateObservableGauge("truelive.http.connections", () => connections.Held, "{connection}",
            "Connections to the web server that count against the limit of their address.");
        _meter.CreateObservableCounter("truelive.http.connections.refused", () => connections.Refused, "{connection}",
            "Connections that were closed because their address held too many.");
        _meter.CreateObservableCounter("truelive.keys.wrong", () => failed.Seen, "{request}", "Requests with a wrong key.");
        _meter.CreateObservableCounter("truelive.pictures.over.budget", () => pictures.Refused, "{picture}",
            "Pictures over the WebSocket that were left out because their key had more than its share decoded.");
        _refused = _meter.CreateCounter<long>("truelive.requests.refused", "{request}",
            "Requests that were answered 429 (too many of one client) or 503 (the server is full).");
    }

    /// <summary>Counts a response if it is a refusal because of a limit.</summary>
    public void Answered(int status)
    {
        if (status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
            _refused.Add(1, new KeyValuePair<string, object?>("status", status));
    }

    public void Dispose() => _meter.Dispose();
}
