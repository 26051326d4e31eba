using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Clips;

/// <summary>
/// Asks a clip service for one clip. Answers, redirects, sizes and times are limited: whatever the service sends, memory and disk stay
/// bounded.
/// </summary>
internal sealed partial class ClipClient : IDisposable
{
    private const int MaxAnswer = 4 << 20;
    private const int MaxRedirects = 5;
    private const int MaxWaits = 5;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);
    private readonly ClipApi _service;
    private readonly TimeProvider _time;
    private readonly Action<string>? _say;
    // Time spent waiting because the service limits requests, which is no part of the time that a clip takes.
    private TimeSpan _waited;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) })
    { Timeout = Timeout.InfiniteTimeSpan };

    public ClipClient(ClipApi service, TimeProvider time, Action<string>? say = null)
    {
        (_service, _time, _say) = (service, time, say);
        foreach (var template in new[] { service.Submit, service.Poll, service.Download })
        {
            foreach (Match place in Place().Matches($"{template?.Url} {template?.Body} {string.Concat(template?.Headers.Values ?? [])}"))
            {
                if (place.Groups[1].Value is ['e', 'n', 'v', ':', .. var name]
                    && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)))
                    throw new TargetException($"{service.Name} needs the environment variable {name}.");
            }
        }
    }

    /// <summary>
    /// Makes one clip and writes it to <paramref name="path"/>; returns the seconds from the request that was accepted to the last byte.
    /// </summary>
    /// <exception cref="TargetException">The service failed or broke a limit; the message says which.</exception>
    public async Task<double> MakeAsync(string prompt, string imageBase64, string path, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(_service.Seconds), _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        var began = _time.GetTimestamp();
        _waited = TimeSpan.Zero;
        var values = new Dictionary<string, string>
        {
            ["prompt"] = prompt,
            ["image_base64"] = imageBase64,
            ["image"] = "data:image/png;base64," + imageBase64
        };
        try
        {
            var answer = await AskAsync(_service.Submit, values, limit.Token).ConfigureAwait(false);
            var waited = _waited;
            if (_service.Poll is { } poll)
            {
                values["job"] = At(answer, _service.Job!, "job");
                answer = await PollAsync(poll, values, limit.Token).ConfigureAwait(false);
            }
            var download = _service.Download ?? new RequestTemplate("GET",
                new Uri(new Uri(Fill(_service.Submit.Url, values, false)), At(answer, _service.Result!, "result")).ToString(),
                new Dictionary<string, string>(), null);
            await DownloadAsync(download, values, path, limit.Token).ConfigureAwait(false);
            return (_time.GetElapsedTime(began) - waited).TotalSeconds;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TargetException($"{_service.Name} took longer than {_service.Seconds:0} s for one clip (limits.seconds).");
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ResponseEnded)
        {
            throw new TargetException($"{_service.Name} closed the connection without an answer.", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UriFormatException)
        {
            throw new TargetException($"{_service.Name}: {e.Message}", e);
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonDocument> PollAsync(RequestTemplate poll, Dictionary<string, string> values, CancellationToken cancel)
    {
        while (true)
        {
            var answer = await AskAsync(poll, values, cancel).ConfigureAwait(false);
            var state = At(answer, _service.State, "state");
            if (_service.Done.Contains(state))
                return answer;
            if (_service.Failed.Contains(state))
                throw new TargetException($"{_service.Name} says that the job is '{state}': " +
                    $"{answer.RootElement.ToString()[..Math.Min(300, answer.RootElement.ToString().Length)]}");
            await Task.Delay(TimeSpan.FromSeconds(_service.Every), _time, cancel).ConfigureAwait(false);
        }
    }

    private async Task<JsonDocument> AskAsync(RequestTemplate template, Dictionary<string, string> values, CancellationToken cancel)
    {
        using var response = await SendAsync(template, values, cancel).ConfigureAwait(false);
        using var stream = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        var buffer = new byte[MaxAnswer];
        var length = await stream.ReadAtLeastAsync(buffer, MaxAnswer, false, cancel).ConfigureAwait(false);
        if (length == MaxAnswer)
            throw new TargetException($"{_service.Name} answered with more than 4 MiB where JSON was expected.");
        try
        {
            return JsonDocument.Parse(buffer.AsMemory(0, length));
        }
        catch (JsonException e)
        {
            throw new TargetException($"{_service.Name} answered with something that is not JSON: " +
                $"{Encoding.UTF8.GetString(buffer, 0, Math.Min(length, 120))}", e);
        }
    }

    private async Task DownloadAsync(RequestTemplate template, Dictionary<string, string> values, string path, CancellationToken cancel)
    {
        using var response = await SendAsync(template, values, cancel).ConfigureAwait(false);
        var most = (long)(_service.Megabytes * 1e6);
        if (response.Content.Headers.ContentLength > most)
            throw TooLarge();
        await using var to = File.Create(path);
        using var from = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        var buffer = new byte[1 << 16];
        for (long total = 0; await from.ReadAsync(buffer, cancel).ConfigureAwait(false) is > 0 and var read;)
        {
            if ((total += read) > most)
                throw TooLarge();
            await to.WriteAsync(buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
        }

        TargetException TooLarge() => new($"{_service.Name} sent a clip of more than {_service.Megabytes:0.#} MB (limits.megabytes).");
    }

    private async Task<HttpResponseMessage> SendAsync(RequestTemplate template, Dictionary<string, string> values, CancellationToken cancel)
    {
        var url = new Uri(Fill(template.Url, values, false));
        var origin = url.GetLeftPart(UriPartial.Authority);
        for (var (redirects, waits) = (0, 0); ;)
        {
            using var request = new HttpRequestMessage(new HttpMethod(template.Method), url);
            // Headers may hold keys, which no other host may get.
            foreach (var (name, value) in url.GetLeftPart(UriPartial.Authority) == origin
                ? template.Headers
                : new Dictionary<string, string>())
                request.Headers.TryAddWithoutValidation(name, Fill(value, values, false));
            if (template.Body is { } body)
                request.Content = new StringContent(Fill(body, values, true), Encoding.UTF8, "application/json");
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel).ConfigureAwait(false);
            if ((int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } next)
            {
                response.Dispose();
                url = new Uri(url, next);
                if (redirects++ == MaxRedirects || url.Scheme is not ("http" or "https"))
                    throw new TargetException($"{_service.Name} redirects " +
                        $"{(redirects > MaxRedirects ? $"more than {MaxRedirects} times" : $"to {url.Scheme}:, which is not followed")}.");
                if (template.Method != "GET")
                    throw new TargetException($"{_service.Name} redirects a {template.Method} to {url.Host}; name that address in the " +
                        "description instead.");
                continue;
            }
            if (response.IsSuccessStatusCode)
                return response;
            using (response)
            {
                var refused = $"{_service.Name} answered {(int)response.StatusCode} {response.ReasonPhrase} to {template.Method} " +
                    $"{url.GetLeftPart(UriPartial.Path)}.";
                if (Wait(response) is not { } wait)
                    throw new TargetException(refused);
                if (wait > LongestWait)
                    throw new TargetException($"{refused} It asks to come back in {wait.TotalSeconds:0} s: run the probe again then.");
                if (waits++ == MaxWaits)
                    throw new TargetException($"{refused} It stayed so for {MaxWaits} retries.");
                _say?.Invoke(FormattableString.Invariant($"{refused} Retrying in {wait.TotalSeconds:0.#} s."));
                var began = _time.GetTimestamp();
                await Task.Delay(wait, _time, cancel).ConfigureAwait(false);
                _waited += _time.GetElapsedTime(began);
            }
        }

        // As long as the answer says; without that, only a GET, which changes nothing, is repeated.
        TimeSpan? Wait(HttpResponseMessage response) => (int)response.StatusCode is not (429 or 502 or 503 or 504) ? null
            : response.Headers.RetryAfter is { } after && (after.Delta ?? after.Date - _time.GetUtcNow()) is { } asked
                ? asked < TimeSpan.Zero ? TimeSpan.Zero : asked
            : template.Method == "GET" ? TimeSpan.FromSeconds(_service.Every) : null;
    }

    /// <summary>The text at a JSON pointer of an answer.</summary>
    /// <exception cref="TargetException">There is nothing, or no text.</exception>
    internal static string At(JsonDocument answer, string pointer, string what)
    {
        try
        {
            return Find(answer.RootElement, pointer, what).ToString();
        }
        catch (InvalidOperationException broken)
        {
            throw new TargetException($"The answer has no text at {pointer} ({what}): it is not valid Unicode.", broken);
        }
    }

    // A name or text that is not valid Unicode throws InvalidOperationException when it is read.
    private static JsonElement Find(JsonElement answer, string pointer, string what)
    {
        var node = answer;
        foreach (var part in pointer.Split('/').Skip(1)
            .Select(p => p.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)))
        {
            if (node.ValueKind == JsonValueKind.Array && int.TryParse(part, out var index) && index >= 0 && index < node.GetArrayLength())
                node = node[index];
            else if (node.ValueKind != JsonValueKind.Object || !node.TryGetProperty(part, out node))
                throw new TargetException($"The answer has nothing at {pointer} ({what}): " +
                    $"{answer.ToString()[..Math.Min(300, answer.ToString().Length)]}");
        }
        return node;
    }

    private static string Fill(string template, Dictionary<string, string> values, bool inJson) => Place().Replace(template, place =>
    {
        var name = place.Groups[1].Value;
        var value = name.StartsWith("env:", StringComparison.Ordinal)
            ? Environment.GetEnvironmentVariable(name[4..]) ?? ""
            : values.GetValueOrDefault(name)
            ?? throw new TargetException($"${{{name}}} is not known; allowed: {string.Join(", ", values.Keys)}, env:NAME.");
        return inJson ? JsonSerializer.Serialize(value)[1..^1] : value;
    });

    [GeneratedRegex(@"\$\{([A-Za-z_:0-9]+)\}")]
    private static partial Regex Place();
}
