using System.Net;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Http;

/// <summary>
/// Access control. With API keys, a request needs a key with the right scope. Without keys, only the server's own pages and programs have
/// access, judged by the Host and Origin headers, so that no other page, not even one on this machine, can get in through the user's
/// browser (DNS rebinding, cross-site WebSockets). The page itself, <c>/healthz</c> and <c>/readyz</c> are open to all, and a signed link
/// gives access to what it names. A worker of a fleet serves only its control nodes, recognised by their tickets.
/// </summary>
internal sealed class Gate(ServerOptions options, ApiKeyRing ring, SignedLinks links, FailedKeys failed, FleetTickets? tickets = null)
{
    /// <summary>Signed links are checked by the workers that signed them; here only their owners' keys are checked.</summary>
    public bool LeavesLinksToWorkers { get; init; }

    private static readonly string[] OfProxies = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"];
    private static readonly string HostName = Dns.GetHostName();

    private readonly HashSet<string> _origins = [.. options.Origins.Select(o => o.TrimEnd('/').ToLowerInvariant())];
    private readonly HashSet<string> _hosts = new(options.Origins.Select(o => new Uri(o).Host), StringComparer.OrdinalIgnoreCase);

    /// <summary>Status and words of the refusal; null admits the request.</summary>
    public (int Status, string Words)? Refuse(HttpRequest request) =>
        tickets is not null ? RefuseStranger(request, tickets) : ring.Required ? RefuseKey(request) : RefusePage(request);

    /// <summary>An address with a token that gives access to it alone without a key; the plain address on a server without keys.</summary>
    public string Share(string path, string owner) => ring.Required || tickets is not null ? links.Sign(path, owner) : AddressOf(path);

    /// <summary>A path of this server as clients reach it.</summary>
    public string AddressOf(string path) => options.PathPrefix + path;

    /// <summary>
    /// The owner of a request: a name made from the API key, the same for everyone on a server without keys, and empty for a request with
    /// only a link.
    /// </summary>
    public string OwnerOf(HttpRequest request) => tickets is not null ? tickets.Of(request)?.Owner ?? "" : !ring.Required
        ? ApiKeyRing.Nobody
        : KeyOf(request) is { } key && ring.Find(key) is { } known ? known.Owner : "";

    /// <summary>
    /// The session that a fleet's gateway sends a request for; null on a standalone server, and for requests that belong to no session.
    /// </summary>
    public string? SessionOf(HttpRequest request) => tickets?.Of(request)?.Session is { Length: > 0 } session ? session : null;

    /// <summary>Name of the key that was shown, for logs.</summary>
    public string NameOf(HttpRequest request) =>
        KeyOf(request) is { } key && ring.Find(key) is { } known ? known.Name : request.Query.ContainsKey("token") ? "link" : "none";

    /// <summary>Whether the key that was shown permits this; everything is permitted on a server without keys.</summary>
    public bool Permits(HttpRequest request, KeyScopes scope) =>
        !ring.Required || (KeyOf(request) is { } key && ring.Find(key) is { } known && known.Scopes.HasFlag(scope));

    /// <summary>The key that a request shows; null for none.</summary>
    public static string? KeyOf(HttpRequest request)
    {
        var bearer = request.Headers.Authorization.ToString();
        if (bearer.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            return bearer[7..].Trim();
        var header = request.Headers["X-Api-Key"].ToString();
        return header.Length > 0 ? header : SocketProtocol.KeyOf(request.HttpContext);
    }

    private (int, string)? RefuseStranger(HttpRequest request, FleetTickets known)
    {
        if (IsOpen(request.Path))
            return null;
        if (known.Of(request) is { } ticket)
        {
            return !ticket.Link || links.Opens(request) ? null
                : (StatusCodes.Status401Unauthorized, "This link opens nothing, or no longer: ask whoever gave it to you for a new one.");
        }
        // Monitoring scrapes each machine directly.
        if (request.Path.StartsWithSegments("/metrics") && ring.Required)
            return RefuseKey(request);
        if (request.Path.StartsWithSegments("/metrics") && request.HttpContext.Connection.RemoteIpAddress is { }
            from && IPAddress.IsLoopback(from))
            return null;
        return (StatusCodes.Status401Unauthorized,
            $"This machine is a worker and takes requests from its front door alone. Go to {options.Join}.");
    }

    private (int, string)? RefuseKey(HttpRequest request)
    {
        if (IsOpen(request.Path))
            return null;
        var shown = KeyOf(request);
        if (shown is { Length: > 0 } && ring.Find(shown) is { } key)
        {
            var needed = Needed(request);
            // Pictures are parameters of live sessions and of clips, so either scope will do.
            return (key.Scopes & needed) == needed || (request.Path.StartsWithSegments("/v1/pictures")
                && key.Scopes.HasFlag(KeyScopes.Clips)) ? null
                : (StatusCodes.Status403Forbidden,
                    $"The key '{key.Name}' does not open this: it needs the scope {needed.ToString().ToLowerInvariant()}.");
        }
        // A token is not checked here: it opens nothing that is answered here.
        if (LeavesLinksToWorkers
            ? Needed(request) is not (KeyScopes.Operate or KeyScopes.None)
                && SignedLinks.ClaimedOwner(request.Query["token"].ToString()) is { } owner && ring.Knows(owner)
            : links.Opens(request))
            return null;
        if (shown is { Length: > 0 } && failed.IsTooMany(request.HttpContext.Connection.RemoteIpAddress))
            return (StatusCodes.Status429TooManyRequests, "Too many wrong keys came from your address. Wait a minute.");
        return (StatusCodes.Status401Unauthorized, request.Query.ContainsKey("key")
            ? "A key in an address ends up in the logs of proxies, so none is taken from there. Make a new one, and send it as " +
                "'Authorization: Bearer KEY', or from a browser's WebSocket as docs/control-protocol.md says."
            : "This server asks for an API key: send it as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'.");
    }

    private (int, string)? RefusePage(HttpRequest request)
    {
        // Behind an unknown proxy, every client would appear to be the proxy's own machine.
        if (options.Proxies.Length == 0 && Array.Find(OfProxies, request.Headers.ContainsKey) is { } header)
            return (StatusCodes.Status403Forbidden,
                $"This request came through a proxy ({header}), and this server asks for no keys. Set api_keys, or name the proxy in " +
                "proxies and its address in origins.");
        var host = request.Host.Host;
        if (!IsOwn(host))
        {
            return (StatusCodes.Status421MisdirectedRequest, OptionsReader.IsLoopback(options.Host)
                ? $"The host '{host}' is not this machine. Open http://127.0.0.1:{options.Port} instead, or name its address in origins."
                : $"The host '{host}' is not known here. Use the IP address of this machine, or name http://{host} in origins.");
        }
        var origin = request.Headers.Origin.ToString();
        return origin.Length == 0 || IsOwn(request, origin) ? null
            : (StatusCodes.Status403Forbidden,
                $"Pages from '{origin}' may not use this server. Name that origin in origins, or set api_keys.");
    }

    private bool IsOwn(HttpRequest request, string origin) =>
        origin.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase)
            || _origins.Contains(origin.ToLowerInvariant());

    // Anybody can point a host name at this server's address, so only addresses, and names set by the operator, are accepted.
    private bool IsOwn(string host)
    {
        if (host == "localhost" || _hosts.Contains(host))
            return true;
        var isAddress = IPAddress.TryParse(host.Trim('[', ']'), out var address);
        return OptionsReader.IsLoopback(options.Host)
            ? isAddress && IPAddress.IsLoopback(address!)
            : isAddress || host.Equals(HostName, StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsOpen(PathString path) =>
        !(path.StartsWithSegments("/v1") || path.StartsWithSegments("/whip") || path.StartsWithSegments("/whep")
            || path.StartsWithSegments("/hls")
            || path.StartsWithSegments("/metrics") || path.StartsWithSegments("/openapi") || path.StartsWithSegments("/docs"));

    private static KeyScopes Needed(HttpRequest request)
    {
        var path = request.Path;
        if (path.StartsWithSegments("/v1/capabilities") || path.StartsWithSegments(UsageEndpoints.Path)
            || path.StartsWithSegments("/openapi") || path.StartsWithSegments("/docs"))
            return KeyScopes.None;
        if (path.StartsWithSegments("/whep") || path.StartsWithSegments("/hls"))
            return KeyScopes.Watch;
        if (path.StartsWithSegments("/v1/uploads") || path.StartsWithSegments("/v1/clips") || path.StartsWithSegments("/v1/interactive"))
            return KeyScopes.Clips;
        if (path.StartsWithSegments("/v1/probes") || path.StartsWithSegments("/v1/requirement"))
            return KeyScopes.Probe;
        return path.StartsWithSegments("/metrics") || path.StartsWithSegments("/v1/fleet") ? KeyScopes.Operate : KeyScopes.Publish;
    }
}
