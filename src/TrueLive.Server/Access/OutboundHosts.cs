using System.Net;
using System.Net.Sockets;
using TrueLive.WebRtc.Transport;

namespace TrueLive.Server.Access;

/// <summary>An address that may not be called; the message says what the operator would have to allow.</summary>
internal sealed class HostRefusedException(string message) : Exception(message);

/// <summary>
/// Calls only hosts that the operator allowed, and a private address only if its host is named in full.
/// It connects to the very address that was checked (<see cref="CheckedAddresses"/>). Follows no redirects and uses no proxy.
/// </summary>
internal sealed class OutboundHosts(IReadOnlyList<string> allowed, string setting) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        ConnectCallback = async (context, cancel) => await ConnectAsync(allowed, context.DnsEndPoint, cancel).ConfigureAwait(false),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>Null when the address may be called, else why not.</summary>
    public string? Refuse(string? address, out Uri? uri)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out uri) || uri.Scheme is not ("http" or "https") || uri.UserInfo.Length > 0)
            return $"'{Shown(address)}' is not an http or https address.";
        return RefuseHost(uri.IdnHost);
    }

    /// <summary>Null when the host may be called, else why not.</summary>
    public string? RefuseHost(string host) =>
        allowed.Any(a => Matches(a, host)) ? null : $"The operator has not allowed the host '{host}' ({setting}).";

    /// <summary>The addresses under which a host that <see cref="RefuseHost"/> let pass may be connected to now.</summary>
    /// <exception cref="HostRefusedException">It is in a private network and not named in full.</exception>
    /// <exception cref="SocketException">No such host is known.</exception>
    public Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancel) => ResolveAsync(allowed, host, cancel);

    /// <summary>Whether a host that <see cref="Refuse"/> let pass is named in full, so that it may be in a private network.</summary>
    public bool IsNamed(string host) => IsNamed(allowed, host);

    /// <summary>Sends a request to an address that <see cref="Refuse"/> let pass.</summary>
    /// <exception cref="HttpRequestException">It failed; a refused address is its inner <see cref="HostRefusedException"/>.</exception>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancel) =>
        _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);

    public void Dispose() => _http.Dispose();

    private static bool IsNamed(IReadOnlyList<string> allowed, string host) => allowed.Any(a => !a.StartsWith('*') && Matches(a, host));

    private static bool Matches(string rule, string host) => rule == "*" ||
        (rule.StartsWith("*.", StringComparison.Ordinal)
            ? host.EndsWith(rule[1..], StringComparison.OrdinalIgnoreCase)
            : rule.Equals(host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase));

    private static async ValueTask<Stream> ConnectAsync(IReadOnlyList<string> allowed, DnsEndPoint to, CancellationToken cancel)
    {
        var usable = await ResolveAsync(allowed, to.Host, cancel).ConfigureAwait(false);
        return await CheckedAddresses.ConnectAsync(usable, to.Port, cancel).ConfigureAwait(false);
    }

    private static async Task<IPAddress[]> ResolveAsync(IReadOnlyList<string> allowed, string host, CancellationToken cancel)
    {
        var named = IsNamed(allowed, host);
        var addresses = await Dns.GetHostAddressesAsync(host, cancel).ConfigureAwait(false);
        IPAddress[] usable = [.. addresses.Where(a => named || !PrivateAddress.Is(a))];
        return usable.Length > 0
            ? usable
            : throw new HostRefusedException($"{host} is in a private network; the operator would have to name it in full.");
    }

    private static string Shown(string? text) => text is null ? "" : text.Length <= 80 ? text : text[..80] + "...";
}
