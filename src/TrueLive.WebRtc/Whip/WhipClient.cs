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
/// hostile: answers are limited in size, redirects in number, and all of it in time.
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

    /// <summary>Address of the session at the server; null when the server gave none.</summary>
    public Uri? Resource { get; private set; }

    /// <summary>Offers, takes the answer, and waits until media can flow.</summary>
    /// <param name="url">WHIP endpoint, http or https.</param>
    /// <param name="key">Sent as bearer token; null sends none.</param>
    /// <param name="preferences">What is sent and received.</param>
    /// <param name="options">Where media and channels go.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="WhipException">The server refused, cannot be reached, sends no video back where some is wanted, or no way for media was found.</exception>
    public static async Task<WhipClient> ConnectAsync(
        Uri url, string? key, MediaPreferences preferences, PeerOptions options, TimeProvider time, CancellationToken cancel)
    {
        if (url.Scheme is not ("http" or "https"))
            throw new WhipException($"'{url}' is not an http or https address.");
        var endpoint = new RtcEndpoint(new RtcEndpointOptions(), time);
        var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = AnswerTime }) { Timeout = AnswerTime, MaxResponseContentBufferSize = MaxAnswer };
        var client = new WhipClient(endpoint, http, key, endpoint.Offer(preferences, options, out var offer));
        try
        {
            client.Peer.Accept(await client.PostAsync(url, offer, cancel).ConfigureAwait(false));
            if (preferences.ReceiveVideo && client.Peer.Plan!.ReceiveVideo is null)
                throw new WhipException("The server takes video and sends none back: its answer says recvonly, or rejects the video.");
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
                // The key is for the host that it was given for.
                if (target.Scheme is not ("http" or "https") || (_key is not null && target.Host != url.Host))
                    throw new WhipException($"The server redirects to '{target}', which is not followed.");
                url = target;
                continue;
            }
            if (response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found)
                throw new WhipException($"The server redirects with {(int)response.StatusCode}, which would make the offer a GET (RFC 9725 section 4.5); it should use 307 or 308. It names '{response.Headers.Location}'.");
            var body = await response.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.Created)
                throw new WhipException($"The server answered {(int)response.StatusCode} {response.ReasonPhrase}: {Excerpt(body)}");
            if (response.Headers.Location is { } location)
                Resource = new Uri(url, location);
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

    private static string Excerpt(string body) => body.Length <= 300 ? body : string.Concat(body.AsSpan(0, 300), "...");
}
