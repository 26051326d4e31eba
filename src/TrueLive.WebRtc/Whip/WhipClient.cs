using System.Net;
using System.Net.Http.Headers;
using System.Text;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Transport;

namespace TrueLive.WebRtc.Whip;

/// <summary>A WHIP server said no, or something that is not WHIP. The message is for people.</summary>
public sealed class WhipException(string words, Exception? inner = null) : IOException(words, inner);

/// <summary>
/// The offerer's side of WHIP (RFC 9725), which asks to get video back in the same connection as well. The server's every byte is
/// hostile: answers are limited in size, redirects in number, and all of it in time, and no request ever goes to another origin than the one named.
/// </summary>
public sealed class WhipClient : IAsyncDisposable
{
    /// <summary>Longest answer taken, in bytes.</summary>
    public const int MaxAnswer = 128 * 1024;

    private const int MaxRedirects = 3;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);

    private readonly RtcEndpoint _endpoint;
    private readonly HttpClient _http;
    private readonly string? _key;

    private WhipClient(RtcEndpoint endpoint, HttpClient http, string? key, PeerConnection peer) => (_endpoint, _http, _key, Peer) = (endpoint, http, key, peer);

    /// <summary>The connection; open once <see cref="ConnectAsync"/> has returned.</summary>
    public PeerConnection Peer { get; }

    /// <summary>Address of the session at the server; null when the server gave none at its own origin.</summary>
    public Uri? Resource { get; private set; }

    /// <summary>Offers, takes the answer, and waits until media can flow.</summary>
    /// <param name="url">WHIP endpoint, http or https.</param>
    /// <param name="key">Sent as bearer token; null sends none.</param>
    /// <param name="preferences">What is sent and received.</param>
    /// <param name="options">Where media and channels go.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="reach">How far the server may lead.</param>
    /// <exception cref="WhipException">The server refused, cannot be reached, or no way for media was found.</exception>
    public static async Task<WhipClient> ConnectAsync(
        Uri url, string? key, MediaPreferences preferences, PeerOptions options, TimeProvider time, CancellationToken cancel, WhipReach reach = WhipReach.Any)
    {
        if (url.Scheme is not ("http" or "https"))
            throw new WhipException($"'{url}' is not an http or https address.");
        var endpoint = new RtcEndpoint(new RtcEndpointOptions(), time);
        var server = new ReachedServer(reach, AnswerTime);
        var http = new HttpClient(server.Handler()) { Timeout = AnswerTime, MaxResponseContentBufferSize = MaxAnswer };
        var client = new WhipClient(endpoint, http, key, endpoint.Offer(preferences, options with { MayReach = server.MayLeadTo }, out var offer));
        try
        {
            client.Peer.Accept(await client.PostAsync(url, offer, cancel).ConfigureAwait(false));
            await client.Peer.Opened.WaitAsync(cancel).ConfigureAwait(false);
            return client;
        }
        catch (Exception error)
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw error switch
            {
                WhipException or OperationCanceledException when cancel.IsCancellationRequested || error is WhipException => error,
                SdpException => new WhipException($"The answer of the server cannot be used: {error.Message}.", error),
                OperationCanceledException => new WhipException($"The server did not answer within {AnswerTime.TotalSeconds:0} s.", error),
                HttpRequestException => new WhipException($"The server cannot be reached: {error.Message}", error),
                IOException => new WhipException(error.Message, error),
                _ => error,
            };
        }
    }

    /// <summary>Sends a request to the server, with the key.</summary>
    /// <exception cref="HttpRequestException">It cannot be reached, or the address is at another origin than the session.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, Uri url, HttpContent content, CancellationToken cancel)
    {
        if (Resource is null || !IsSameOrigin(url, Resource))
            throw new HttpRequestException($"'{url}' is not at the server of the session.");
        using var request = Request(method, url);
        request.Content = content;
        return await _http.SendAsync(request, cancel).ConfigureAwait(false);
    }

    /// <summary>Tells the server that the session is over, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Resource is { } resource)
        {
            try
            {
                using var request = Request(HttpMethod.Delete, resource);
                using var _ = await _http.SendAsync(request).ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
            {
                // The server finds out by itself that nobody is there.
            }
        }
        Peer.Close();
        _endpoint.Dispose();
        _http.Dispose();
    }

    private async Task<string> PostAsync(Uri url, string offer, CancellationToken cancel)
    {
        for (var redirects = 0; ; redirects++)
        {
            using var request = Request(HttpMethod.Post, url);
            request.Content = new StringContent(offer, Encoding.UTF8, new MediaTypeHeaderValue("application/sdp"));
            using var response = await _http.SendAsync(request, cancel).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect && response.Headers.Location is { } next)
            {
                if (redirects == MaxRedirects)
                    throw new WhipException($"The server redirects more than {MaxRedirects} times.");
                var target = new Uri(url, next);
                // Key and offer are for the server that was named, not for whatever it points to.
                if (!IsSameOrigin(target, url) && !IsUpgrade(url, target))
                    throw new WhipException($"The server redirects to '{target}', which is another origin and is not followed. If that is the right address, name it instead.");
                url = target;
                continue;
            }
            var body = await response.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.Created)
                throw new WhipException($"The server answered {(int)response.StatusCode} {Excerpt(response.ReasonPhrase ?? "")}: {Excerpt(body)}");
            // A server that names a session elsewhere finds out by itself when its client has gone.
            if (response.Headers.Location is { } location && new Uri(url, location) is var session && IsSameOrigin(session, url))
                Resource = session;
            return body;
        }
    }

    private HttpRequestMessage Request(HttpMethod method, Uri url)
    {
        var request = new HttpRequestMessage(method, url);
        if (_key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _key);
        return request;
    }

    private static bool IsSameOrigin(Uri a, Uri b) => Uri.Compare(a, b, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static bool IsUpgrade(Uri from, Uri to) =>
        from is { Scheme: "http", IsDefaultPort: true } && to is { Scheme: "https", IsDefaultPort: true } && from.Host == to.Host;

    // It is shown on terminals, which take orders in control characters.
    private static string Excerpt(string text) => string.Concat(text.Take(300).Select(c => char.IsControl(c) ? ' ' : c)) + (text.Length > 300 ? "..." : "");
}
