using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Reflection;
using TrueLive.Hub.Repositories;

namespace TrueLive.Hub.Transfer;

/// <summary>
/// Asks a hub. The token goes to the hub's own address only: where it points elsewhere, as it does for large files, that request is made
/// without it.
/// </summary>
internal sealed class HubClient : IDisposable
{
    private const int MaxRedirects = 8;

    private static readonly string Version =
        typeof(HubClient).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    private readonly HubSettings _settings;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;

    public HubClient(HubSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        // A server that compresses ignores the range that a resumed file asks for.
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(20),
            ResponseDrainTimeout = TimeSpan.Zero,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Silence after which a connection is given up.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(60);

    public void Dispose() => _http.Dispose();

    /// <summary>What a repository holds.</summary>
    /// <exception cref="HubException">The hub does not say.</exception>
    public async Task<RepositoryListing> ListAsync(RepositoryName repository, CancellationToken cancel)
    {
        var address = new Uri(_settings.Endpoint,
            $"api/models/{repository.Id}/revision/{Uri.EscapeDataString(repository.Revision)}?blobs=true");
        try
        {
            using var answer = await GetAsync(address, 0, cancel).ConfigureAwait(false);
            Require(answer, repository, null);
            await using var body = await answer.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
            return RepositoryListing.Read(await ReadAsync(body, repository, cancel).ConfigureAwait(false), repository);
        }
        catch (Exception e) when (IsBroken(e, cancel))
        {
            throw Unreachable(e);
        }
    }

    /// <summary>A file's content from an offset on; the answer may be to another offset.</summary>
    /// <exception cref="HubException">The hub refuses, in a way that trying again does not change.</exception>
    public async Task<HttpResponseMessage> OpenAsync(RepositoryName repository, string commit, HubFile file, long from,
        CancellationToken cancel)
    {
        var path = string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString));
        var answer = await GetAsync(new Uri(_settings.Endpoint, $"{repository.Id}/resolve/{commit}/{path}"), from, cancel)
                .ConfigureAwait(false);
        try
        {
            if (answer.StatusCode is not HttpStatusCode.RequestedRangeNotSatisfiable && (int)answer.StatusCode < 500)
                Require(answer, repository, file.Path);
            return answer;
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    /// <summary>What a failure to reach the hub says to people.</summary>
    public HubException Unreachable(Exception why) => new(
        $"{_settings.Endpoint} cannot be reached or broke off: {Text.Shown(why.GetBaseException().Message).TrimEnd('.')}. What was downloaded is kept; "
            + "run the command again to go on. "
        + "A mirror is named by HF_ENDPOINT, a proxy by HTTPS_PROXY; with HF_HUB_OFFLINE=1 only the cache is used.", why);

    /// <summary>The other side or the way to it failed, which may pass.</summary>
    public static bool IsBroken(Exception e, CancellationToken cancel) =>
        e is HttpRequestException or HttpIOException or TimeoutException or IOException { InnerException: SocketException }
            || (e is OperationCanceledException && !cancel.IsCancellationRequested);

    private async Task<HttpResponseMessage> GetAsync(Uri address, long from, CancellationToken cancel)
    {
        for (var hop = 0; hop <= MaxRedirects; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("truelive", Version.Split('+')[0]));
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            if (_settings.MayShowToken(address))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _settings.Token);
            var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel).WaitAsync(Patience, _time, cancel)
                .ConfigureAwait(false);
            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308) || answer.Headers.Location is not { } to)
                return answer;
            answer.Dispose();
            var next = new Uri(address, to);
            if (next.Scheme != "https" && !(next.Scheme == "http" && address.Scheme == "http"))
                throw new HubException($"{address.Host} points to {Text.Shown(next.GetLeftPart(UriPartial.Authority))}, which is not "
                    + "encrypted. Nothing is asked there.");
            address = next;
        }
        throw new HubException($"The hub points from one address to the next without an end ({MaxRedirects} were followed), last to "
            + $"{address.Host}. Is HF_ENDPOINT right?");
    }

    private async Task<byte[]> ReadAsync(Stream body, RepositoryName repository, CancellationToken cancel)
    {
        using var whole = new MemoryStream();
        var part = new byte[64 << 10];
        while (await body.ReadAsync(part, cancel).AsTask().WaitAsync(Patience, _time, cancel).ConfigureAwait(false) is > 0 and var read)
        {
            whole.Write(part, 0, read);
            if (whole.Length > RepositoryListing.MaxBytes)
                throw new HubException($"What the hub says of {repository} is longer than {RepositoryListing.MaxBytes >> 20} MB, and is "
                    + "not read.");
        }
        return whole.ToArray();
    }

    private void Require(HttpResponseMessage answer, RepositoryName repository, string? file)
    {
        if (answer.IsSuccessStatusCode)
            return;
        var code = answer.Headers.TryGetValues("X-Error-Code", out var codes) ? codes.First() : "";
        var said = answer.Headers.TryGetValues("X-Error-Message", out var messages) ? $" It says: {Text.Shown(messages.First())}" : "";
        var page = new Uri(_settings.Endpoint, repository.Id);
        var token = _settings.Token is not null;
        throw new HubException((answer.StatusCode, code) switch
        {
            (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, "GatedRepo") =>
                $"{repository} is gated: its makers give access on {page}. Ask for it there"
                    + (token ? ", with the account that HF_TOKEN belongs to." : ", then set HF_TOKEN to a token of that account.") + said,
            (HttpStatusCode.Unauthorized, _) when token => $"The hub does not accept the token of HF_TOKEN (it may have expired), or "
                + $"{repository} does not exist.{said}",
            (HttpStatusCode.Unauthorized, _) => $"{repository} does not exist, or is private: "
                + $"set HF_TOKEN to a token that may read it.{said}",
            (HttpStatusCode.Forbidden, _) => $"The hub refuses {file ?? repository.ToString()}"
                + $"{(token ? ": the token of HF_TOKEN has no right to it" : "; it may want a token (HF_TOKEN)")}.{said}",
            (HttpStatusCode.NotFound, "RevisionNotFound") => $"{repository.Id} has no revision '{repository.Revision}'.",
            (HttpStatusCode.NotFound, _) when file is not null => $"{repository} lists {Text.Shown(file)}, but the hub does not have it.",
            (HttpStatusCode.NotFound, _) => $"There is no {repository} on {_settings.Endpoint.Host}. Models are named org/name[@revision].",
            (HttpStatusCode.TooManyRequests, _) =>
                $"The hub asks for fewer requests (429). Try again {Later(answer.Headers.RetryAfter)}. What was downloaded is kept.",
            var (status, _) => $"The hub answers {(int)status} for {Text.Shown(file ?? repository.ToString())}.{said}",
        });
    }

    private static string Later(RetryConditionHeaderValue? given) =>
        given?.Delta is { } wait ? FormattableString.Invariant($"in {wait.TotalSeconds:0} s") : "later";
}
