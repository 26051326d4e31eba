using System.Net;
using TrueLive.WebRtc.Transport;

namespace TrueLive.Probe.Targets;

/// <summary>
/// Fetches HLS. The host that the user named may be anywhere, but stays public where it was at first; what a playlist names beside it must
/// have a public address. Otherwise a measured service could have the probe call machines of the user's own network. Redirects are not
/// followed.
/// </summary>
internal sealed class HlsHosts : IDisposable
{
    private static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(10);

    private readonly string _named;
    private readonly HttpClient _http;
    private bool? _isPublic;

    /// <param name="named">The user's host as requests name it (<see cref="Uri.IdnHost"/>).</param>
    public HlsHosts(string named)
    {
        _named = named;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ConnectTimeout = ConnectTime,
            ConnectCallback = ConnectAsync,
        });
    }

    /// <summary>An answer that is what was asked for.</summary>
    /// <exception cref="HttpRequestException">It is not, or the host may not be called.</exception>
    public async Task<HttpResponseMessage> GetAsync(Uri at, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, at);
        var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode)
            return answer;
        var status = (int)answer.StatusCode;
        answer.Dispose();
        throw new HttpRequestException($"it answered {status}");
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>Those of a host's addresses that may be called.</summary>
    /// <exception cref="IOException">There are none.</exception>
    internal IPAddress[] Usable(string host, IPAddress[] addresses)
    {
        IPAddress[] open = [.. addresses.Where(a => !PrivateAddress.Is(a))];
        var named = string.Equals(host, _named, StringComparison.OrdinalIgnoreCase);
        if (named)
            _isPublic ??= open.Length == addresses.Length;
        if (named && _isPublic is false)
            return addresses;
        return open.Length > 0 ? open : throw new IOException(named ? $"{host} has moved into a private network"
            : $"its playlist leads to {host}, which is in a private network");
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var to = context.DnsEndPoint;
        var usable = Usable(to.Host, await Dns.GetHostAddressesAsync(to.Host, cancel).ConfigureAwait(false));
        return await CheckedAddresses.ConnectAsync(usable, to.Port, cancel).ConfigureAwait(false);
    }
}
