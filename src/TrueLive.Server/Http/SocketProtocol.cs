using System.Buffers.Text;
using System.Text;

namespace TrueLive.Server.Http;

/// <summary>
/// The subprotocols of this server's WebSockets. A browser cannot set headers on a WebSocket, and addresses end up in the logs of proxies,
/// so a page offers its key as one more subprotocol.
/// </summary>
internal static class SocketProtocol
{
    /// <summary>The subprotocol that is spoken.</summary>
    public const string Name = "truelive.v1";

    private const string KeyPrefix = "truelive.key.";
    private const int LongestKey = 1024;

    /// <summary>How to accept a WebSocket: a browser that offered subprotocols requires that one of them is chosen.</summary>
    public static WebSocketAcceptContext Accept(HttpContext http) =>
        new() { SubProtocol = http.WebSockets.WebSocketRequestedProtocols.Contains(Name) ? Name : null };

    /// <summary>The key that a WebSocket request carries; null for none.</summary>
    public static string? KeyOf(HttpContext http)
    {
        if (!http.WebSockets.IsWebSocketRequest)
            return null;
        foreach (var offered in http.WebSockets.WebSocketRequestedProtocols)
        {
            if (offered.StartsWith(KeyPrefix, StringComparison.Ordinal) && offered.Length <= LongestKey
                && Base64Url.IsValid(offered.AsSpan(KeyPrefix.Length)))
                return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(offered.AsSpan(KeyPrefix.Length)));
        }
        return null;
    }
}
