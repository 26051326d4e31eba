using System.Net;
using System.Security.Cryptography;
using System.Text;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Http;

/// <summary>
/// Who may come in. With API keys: whoever shows one. Without keys on loopback: only pages and programs of this machine, told by
/// the Host and Origin headers, so that a web page from elsewhere cannot reach in through the user's browser (DNS rebinding,
/// cross-site WebSockets). The page itself, <c>/healthz</c> and <c>/readyz</c> are open to all, and a signed link opens what it names.
/// </summary>
internal sealed class Gate(ServerOptions options, SignedLinks links)
{
    private readonly byte[][] _keys = [.. options.ApiKeys.Select(k => SHA256.HashData(Encoding.UTF8.GetBytes(k)))];

    /// <summary>The words of the refusal and its status; null lets the request in.</summary>
    public (int Status, string Words)? Refuse(HttpRequest request)
    {
        if (_keys.Length > 0)
        {
            if (IsOpen(request.Path) || HttpMethods.IsOptions(request.Method) || KeyOf(request) is { } key && Knows(key) || links.Opens(request))
                return null;
            return (StatusCodes.Status401Unauthorized, "This server asks for an API key: send it as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'.");
        }
        if (options.Insecure || !OptionsReader.IsLoopback(options.Host))
            return null;
        if (!IsLocal(request.Host.Host))
            return (StatusCodes.Status421MisdirectedRequest, $"The host '{request.Host.Host}' is not this machine. Open http://127.0.0.1:{options.Port} instead.");
        var origin = request.Headers.Origin.ToString();
        if (origin.Length > 0 && !(Uri.TryCreate(origin, UriKind.Absolute, out var uri) && IsLocal(uri.Host)))
            return (StatusCodes.Status403Forbidden, $"Pages from '{origin}' may not use this server. Set api_keys to let other pages in.");
        return null;
    }

    /// <summary>An address with what opens it, and nothing else, to those without a key; the address itself where no keys are asked for.</summary>
    public string Share(string path) => _keys.Length > 0 ? links.Sign(path) : AddressOf(path);

    /// <summary>A path of this server as clients reach it.</summary>
    public string AddressOf(string path) => options.PathPrefix + path;

    /// <summary>Whose request it is: a name made from the API key, the same for everyone where no keys are asked for.</summary>
    public string OwnerOf(HttpRequest request) =>
        _keys.Length > 0 && KeyOf(request) is { } key ? "key-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 8)) : "local";

    // A browser cannot set headers on a WebSocket, so that one request may carry its key in the address.
    private static string? KeyOf(HttpRequest request)
    {
        var bearer = request.Headers.Authorization.ToString();
        if (bearer.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            return bearer[7..].Trim();
        var header = request.Headers["X-Api-Key"].ToString();
        return header.Length > 0 ? header : request.HttpContext.WebSockets.IsWebSocketRequest ? request.Query["key"] : (string?)null;
    }

    private bool Knows(string key)
    {
        var shown = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        var known = false;
        foreach (var hash in _keys)
            known |= CryptographicOperations.FixedTimeEquals(hash, shown);
        return known;
    }

    private static bool IsOpen(PathString path) =>
        !(path.StartsWithSegments("/v1") || path.StartsWithSegments("/whip") || path.StartsWithSegments("/whep")
            || path.StartsWithSegments("/metrics") || path.StartsWithSegments("/openapi") || path.StartsWithSegments("/docs"));

    private static bool IsLocal(string host) =>
        host == "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
}
