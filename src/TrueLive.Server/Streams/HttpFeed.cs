using TrueLive.Server.Access;

namespace TrueLive.Server.Streams;

/// <summary>
/// Fetches a stream that is one endless answer, for a child that has no network: the hosts allowed and the addresses behind them are
/// checked here, and redirects are not followed.
/// </summary>
internal static class HttpFeed
{
    /// <summary>Copies the answer until either side ends.</summary>
    /// <exception cref="HttpRequestException">It could not be fetched; the message says why.</exception>
    public static async Task RunAsync(StreamAddress address, OutboundHosts hosts, Stream to, CancellationToken cancel)
    {
        using var answer = await GetAsync(address.Fetched, hosts, cancel).ConfigureAwait(false);
        await using var body = await answer.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        await body.CopyToAsync(to, cancel).ConfigureAwait(false);
    }

    /// <summary>An answer that is what was asked for.</summary>
    /// <exception cref="HttpRequestException">It is not, or the host may not be called.</exception>
    public static async Task<HttpResponseMessage> GetAsync(Uri address, OutboundHosts hosts, CancellationToken cancel)
    {
        if (hosts.Refuse(address.AbsoluteUri, out _) is { } refused)
            throw new HttpRequestException(refused);
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        var answer = await hosts.SendAsync(request, cancel).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode)
            return answer;
        var status = (int)answer.StatusCode;
        answer.Dispose();
        throw new HttpRequestException(status is >= 300 and < 400
            ? "it redirects, and redirects are not followed; give the address that it leads to" : $"it answered {status}");
    }
}
