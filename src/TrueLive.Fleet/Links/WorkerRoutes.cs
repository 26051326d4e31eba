using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using TrueLive.Fleet.Grains;

namespace TrueLive.Fleet.Links;

/// <summary>
/// The ways from this control node to the workers: connections of HTTP, by the certificate that the worker announced over its link. A way
/// ends with its worker, and whatever goes over it. Thread-safe.
/// </summary>
internal sealed class WorkerRoutes(TimeProvider time) : IDisposable
{
    private static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<(string Name, string Run, string Address, string? Certificate), Route> _routes = new();

    /// <summary>The way to a worker.</summary>
    public Route To(LinkedWorker worker) => _routes.GetOrAdd((worker.Name, worker.Run, worker.Address, worker.Certificate), static key =>
        new Route(Connect(key.Certificate)));

    /// <summary>Ends the ways to all workers but these.</summary>
    public void Keep(IEnumerable<LinkedWorker> living)
    {
        var kept = living.Select(w => (w.Name, w.Run)).ToHashSet();
        foreach (var (key, _) in _routes.Where(r => !kept.Contains((r.Key.Name, r.Key.Run))))
        {
            if (_routes.TryRemove(key, out var gone))
                gone.Dispose();
        }
    }

    /// <summary>Why a worker cannot be reached, in words; null where it can.</summary>
    public async Task<string?> TryAsync(LinkedWorker worker, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(ConnectTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        using var invoker = new HttpMessageInvoker(Connect(worker.Certificate));
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(worker.Address + "/healthz"));
            using var answer = await invoker.SendAsync(request, either.Token).ConfigureAwait(false);
            return answer.IsSuccessStatusCode ? null
                : $"{worker.Address} answers the control node with {(int)answer.StatusCode}. Set worker_address on the worker.";
        }
        catch (Exception error) when (error is HttpRequestException
            || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            var why = error is HttpRequestException ? error.InnerException?.Message ?? error.Message : "it does not answer";
            return $"The control node cannot reach it at {worker.Address}: {why}. "
                + "Set host and worker_address on the worker, and let the control nodes through to it.";
        }
    }

    public void Dispose() => Keep([]);

    private static SocketsHttpHandler Connect(string? certificate)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = ConnectTime,
            // The front door says itself which trace a request belongs to.
            ActivityHeadersPropagator = null,
        };
        // Workers need no certificate that anybody signed: the link, which has a key, says which one is theirs.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) =>
            shown is not null && certificate is not null && shown.GetCertHashString(HashAlgorithmName.SHA256).Equals(certificate,
                StringComparison.OrdinalIgnoreCase);
        return handler;
    }

    /// <summary>A way to one run of one worker.</summary>
    internal sealed class Route(SocketsHttpHandler handler) : IDisposable
    {
        private readonly CancellationTokenSource _gone = new();

        public HttpMessageInvoker Invoker { get; } = new(handler);

        /// <summary>The worker is lost: what still goes over this way ends.</summary>
        public CancellationToken Gone => _gone.Token;

        // The source is not disposed of: requests that have just taken its token may register with it.
        public void Dispose()
        {
            _gone.Cancel();
            Invoker.Dispose();
        }
    }
}
