using System.Net;
using System.Net.Sockets;
using TrueLive.Server.Configuration;
using TrueLive.WebRtc.Transport;

namespace TrueLive.Server.Live.Transports;

/// <summary>
/// Keeps the announced addresses in step with DNS: names are resolved here, since not every browser resolves names in candidates, and again
/// every minute, since a home connection's address changes. A name that cannot be resolved is left out.
/// </summary>
internal sealed partial class AnnouncedAddresses(
    ServerOptions options, WebRtcPort port, TimeProvider time, ILogger<AnnouncedAddresses> logger) : BackgroundService
{
    /// <summary>Stands for the machine's own addresses.</summary>
    public const string Local = "local";

    private static readonly TimeSpan Refresh = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, IReadOnlyList<IPAddress>> _known = [];
    private readonly HashSet<string> _unknown = [];

    /// <summary>Addresses that need no look-up.</summary>
    public static IReadOnlyList<IPAddress> Fixed(ServerOptions options) =>
        [.. options.WebrtcAddresses.SelectMany(a => IPAddress.TryParse(a, out var ip) ? [ip] : a == Local ? OwnOf(options) : [])];

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (port.Endpoint is not { } endpoint || options.WebrtcAddresses.All(a => IPAddress.TryParse(a, out _)))
            return;
        using var pace = new PeriodicTimer(Refresh, time);
        try
        {
            do
            {
                foreach (var name in options.WebrtcAddresses.Where(a => a != Local && !IPAddress.TryParse(a, out _)))
                    await ResolveAsync(name, stoppingToken).ConfigureAwait(false);
                endpoint.Announced = [.. options.WebrtcAddresses.SelectMany(Now).Distinct()];
            }
            while (await pace.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
        }
    }

    private IEnumerable<IPAddress> Now(string address) => address == Local ? OwnOf(options)
        : IPAddress.TryParse(address, out var ip) ? [ip] : _known.GetValueOrDefault(address) ?? [];

    private async Task ResolveAsync(string name, CancellationToken stop)
    {
        try
        {
            _known[name] = await Dns.GetHostAddressesAsync(name, stop).ConfigureAwait(false);
            _unknown.Remove(name);
        }
        catch (SocketException error)
        {
            // Addresses known before are still announced: DNS may be unavailable for a while.
            if (_unknown.Add(name))
                LogUnknown(name, error.Message);
        }
    }

    private static IReadOnlyList<IPAddress> OwnOf(ServerOptions options) => LocalAddresses.For(WebRtcPort.AddressOf(options.Host));

    [LoggerMessage(EventId = 1008, EventName = "address_unresolved", Level = LogLevel.Warning,
        Message = "webrtc_addresses has '{Name}', which cannot be resolved now and is not announced: {Words}")]
    private partial void LogUnknown(string name, string words);
}
