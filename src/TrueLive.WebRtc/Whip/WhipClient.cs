using System.Net;
using System.Net.Http.Headers;
using System.Text;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Whip;

/// <summary>A WHIP server refused, or did not speak WHIP. The message is meant for people.</summary>
public sealed class WhipException(string words, Exception? inner = null) : IOException(words, inner);

/// <summary>
/// The offerer's side of WHIP (RFC 9725), which asks to get video back in the same connection as well. The server's every byte is
/// hostile: answers are limited in size, redirects in number, and all of it in time, and no request ever goes to another origin than the
/// one named.
/// </summary>
public sealed class WhipClient : IAsyncDisposable
{
    /// <summary>Longest answer taken, in bytes.</summary>
    public const int MaxAnswer = 128 * 1024;

    private const int MaxRedirects = 3;
    private const int MaxRetries = 3;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    private readonly RtcEndpoint _endpoint;
    private readonly HttpClient _http;
    private readonly string? _key;
    private readonly TimeProvider _time;

    private WhipClient(RtcEndpoint endpoint, HttpClient http, string? key, RtcPeer peer, TimeProvider time) =>
        (_endpoint, _http, _key, Peer, _time) = (endpoint, http, key, peer, time);

    /// <summary>The connection; open once <see cref="ConnectAsync"/> has returned.</summary>
    public RtcPeer Peer { get; }

    /// <summary>Address of the session at the server; null when the server gave none at its own origin.</summary>
    public Uri? Resource { get; private set; }

    /// <summary>Offers, takes the answer, and waits until media can flow.</summary>
    /// <param name="url">WHIP endpoint, http or https.</param>
    /// <param name="key">Sent as bearer token; null sends none.</param>
    /// <param name="preferences">What is sent and received.</param>
    /// <param name="handlers">Where media and channels go.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="reach">How far the server may lead.</param>
    /// <param name="patience">How long one answer may take; 10 s by default.</param>
    /// <param name="said">Receives a message when a busy server asks the client to wait.</param>
    /// <param name="loses">As <see cref="PeerOptions.Loses"/>.</param>
    /// <exception cref="WhipException">
    /// The server refused, takes or sends no video where that is asked for, cannot be reached, or no way for media was found.
    /// </exception>
    public static async Task<WhipClient> ConnectAsync(
        Uri url, string? key, MediaPreferences preferences, PeerHandlers handlers, TimeProvider time, CancellationToken cancel,
        WhipReach reach = WhipReach.Any, TimeSpan? patience = null, Action<string>? said = null,
        Func<bool, bool>? loses = null)
    {
        if (url.Scheme is not ("http" or "https"))
            throw new WhipException($"'{url}' is not an http or https address.");
        var endpoint = new RtcEndpoint(new RtcEndpointOptions(), time);
        var answerTime = patience ?? AnswerTime;
        var server = new ReachedServer(reach, answerTime);
        var http = new HttpClient(server.Handler()) { Timeout = answerTime, MaxResponseContentBufferSize = MaxAnswer };
        var peer = endpoint.Offer(preferences, new PeerOptions { MayReach = server.MayLeadTo, Loses = loses }).Start(handlers);
        var client = new WhipClient(endpoint, http, key, peer, time);
        try
        {
            client.Peer.Accept(await client.PostAsync(url, peer.LocalDescription, said, cancel).ConfigureAwait(false));
            if (preferences.SendVideo && client.Peer.Plan?.SendVideo is null)
                throw new WhipException("The server takes no video: its answer refuses it, or says 'sendonly' or 'inactive'. Check that " +
                    "the address is one for publishing (WHIP), not for watching (WHEP).");
            if (preferences.ReceiveVideo && client.Peer.Plan?.ReceiveVideo is null)
                throw new WhipException("The server only takes video: its answer says 'recvonly', so none would come back. The address " +
                    "must be one that returns video in the same connection.");
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
                OperationCanceledException => new WhipException($"The server did not answer within {answerTime.TotalSeconds:0} s.", error),
                HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } =>
                    new WhipException("The server closed the connection without an answer.", error),
                HttpRequestException =>
                    new WhipException($"The server cannot be reached: {error.InnerException?.Message ?? error.Message}", error),
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
                // The server notices by itself that the client has gone.
            }
        }
        Peer.Close();
        _endpoint.Dispose();
        _http.Dispose();
    }

    private async Task<string> PostAsync(Uri url, string offer, Action<string>? said, CancellationToken cancel)
    {
        for (var (redirects, retries) = (0, 0); ;)
        {
            using var request = Request(HttpMethod.Post, url);
            request.Content = new StringContent(offer, Encoding.UTF8, new MediaTypeHeaderValue("application/sdp"));
            using var response = await _http.SendAsync(request, cancel).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect
                && response.Headers.Location is { } next)
            {
                if (redirects++ == MaxRedirects)
                    throw new WhipException($"The server redirects more than {MaxRedirects} times.");
                var target = new Uri(url, next);
                // Key and offer are meant for the server that was named, not for one that it redirects to.
                if (!IsSameOrigin(target, url) && !IsUpgrade(url, target))
                    throw new WhipException($"The server redirects to '{target}', which is another origin and is not followed. If that " +
                        "is the right address, name it instead.");
                url = target;
                continue;
            }
            if (response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found)
                throw new WhipException($"The server redirects with {(int)response.StatusCode}, which would make the offer a GET (RFC " +
                    $"9725 section 4.5); it should use 307 or 308. It names '{response.Headers.Location}'.");
            var body = await response.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.Created)
            {
                var refused = $"The server answered {(int)response.StatusCode} {Line(response.ReasonPhrase)}{Excerpt(body)}";
                if (RetryAfter(response) is not { } wait)
                    throw new WhipException(refused);
                if (wait > LongestWait)
                    throw new WhipException($"{refused} It asks to come back in {wait.TotalSeconds:0} s: try again then.");
                if (retries++ == MaxRetries)
                    throw new WhipException($"{refused} It stayed so for {MaxRetries} retries at the times that it asked for.");
                said?.Invoke($"{refused} Retrying in {wait.TotalSeconds:0} s, as it asks.");
                await Task.Delay(wait, _time, cancel).ConfigureAwait(false);
                continue;
            }
            // A server whose session address is on another host notices by itself that its client has gone.
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

    private static bool IsSameOrigin(Uri a, Uri b) =>
        Uri.Compare(a, b, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static bool IsUpgrade(Uri from, Uri to) =>
        from is { Scheme: "http", IsDefaultPort: true } && to is { Scheme: "https", IsDefaultPort: true } && from.Host == to.Host;

    // Retried only where the server says when (429, 503), and at gateways whose server is still starting.
    private TimeSpan? RetryAfter(HttpResponseMessage response) =>
        (int)response.StatusCode is 429 or 502 or 503 or 504 && response.Headers.RetryAfter is { } after
            && (after.Delta ?? after.Date - _time.GetUtcNow()) is { } wait
            ? wait < TimeSpan.Zero ? TimeSpan.Zero : wait : null;

    private static string Excerpt(string body) => Line(body) is { Length: > 0 } line ? ": " + line : ".";

    // It is shown on terminals, which obey control characters.
    private static string Line(string? text)
    {
        var line = string.Join(' ', new string([.. (text ?? "").Take(2000).Select(c => char.IsControl(c) ? ' ' : c)])
            .Split(' ', StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= 300 ? line : string.Concat(line.AsSpan(0, 300), "...");
    }
}
