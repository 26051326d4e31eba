using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using TrueLive.Server.Access;
using TrueLive.Server.Http;
using TrueLive.Server.Live.Sessions;
using Yarp.ReverseProxy.Forwarder;

namespace TrueLive.Fleet.Gateway;

/// <summary>Makes of a client's request one for a worker: with a ticket, and without any key that the client showed.</summary>
/// <param name="ticket">The ticket.</param>
/// <param name="span">The span that ends when the worker has answered; null for none.</param>
internal sealed class TicketTransformer(string ticket, Activity? span) : HttpTransformer
{
    private static readonly string[] Withheld = ["Authorization", "X-Api-Key", "Cookie", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
        "X-Forwarded-Proto", GatewayTicket.Header];

    public override async ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest,
        string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken).ConfigureAwait(false);
        var headers = proxyRequest.Headers;
        foreach (var name in Withheld)
            headers.Remove(name);
        headers.Host = null;
        SessionTrace.Pass(proxyRequest);
        headers.TryAddWithoutValidation(GatewayTicket.Header, ticket);
        // A browser's key stands among the subprotocols.
        if (headers.Remove("Sec-WebSocket-Protocol") && httpContext.WebSockets.WebSocketRequestedProtocols.Contains(SocketProtocol.Name))
            headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", SocketProtocol.Name);
    }

    // What the front door says itself of every answer is not said twice.
    public override ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse,
        CancellationToken cancellationToken)
    {
        if (proxyResponse is not null)
        {
            if ((int)proxyResponse.StatusCode >= 500)
                span.Fail("The worker could not do it.");
            // What follows over a WebSocket is no part of the request.
            span?.SetTag("http.response.status_code", (int)proxyResponse.StatusCode).Dispose();
            foreach (var name in httpContext.Response.Headers.Keys)
                proxyResponse.Headers.Remove(name);
        }
        return base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
    }
}
