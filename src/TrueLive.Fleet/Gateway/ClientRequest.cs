using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TrueLive.Fleet.Placement;
using TrueLive.Server.Access;
using TrueLive.Server.Http;

namespace TrueLive.Fleet.Gateway;

/// <summary>What a client's request is about.</summary>
/// <param name="Session">The session that its address, token or body names; null for none.</param>
/// <param name="Makes">What it asks for, where it makes a session; else null.</param>
internal sealed record ClientRequest(string? Session, SessionAsk? Makes)
{
    /// <summary>Reads a request; its body can be read once more afterwards.</summary>
    public static async Task<ClientRequest> OfAsync(HttpRequest request, CancellationToken cancel)
    {
        if (SessionPath.SessionOf(request.Path) is { } named)
            return new ClientRequest(named, null);
        var makes = IsPost("/whip") || IsPost("/v1/sessions") || IsLive(request);
        if (!makes && !IsPost("/v1/interactive"))
            return new ClientRequest(null, null);
        var token = IsLive(request) ? request.Query["token"].ToString() : request.Headers[WhipEndpoints.TokenHeader].ToString();
        if (makes && token.Length > 0)
            return new ClientRequest(token.Split('.')[0], null);
        if (request.Path == "/whip" || IsLive(request))
            return new ClientRequest(null, new SessionAsk(TextOf(request.Query["model"]), TextOf(request.Query["size"])));
        request.EnableBuffering();
        var (model, size, session) = await BodyAsync(request.Body, cancel).ConfigureAwait(false);
        request.Body.Position = 0;
        return makes ? new ClientRequest(null, new SessionAsk(model, size)) : new ClientRequest(session, null);

        bool IsPost(string path) => request.Path == path && HttpMethods.IsPost(request.Method);
    }

    // Over HTTP/2 a WebSocket begins with CONNECT (RFC 8441).
    private static bool IsLive(HttpRequest request) =>
        request.Path == "/v1/live" && (HttpMethods.IsGet(request.Method) || HttpMethods.IsConnect(request.Method));

    private static string? TextOf(string? text) => string.IsNullOrEmpty(text) ? null : text;

    // A body that is wrong is answered by the worker, in its words.
    private static async Task<(string? Model, string? Size, string? Session)> BodyAsync(Stream body, CancellationToken cancel)
    {
        try
        {
            using var json = await JsonDocument.ParseAsync(body, new JsonDocumentOptions { MaxDepth = 8 }, cancel).ConfigureAwait(false);
            return (Of("model"), Of("size"), Of("session"));

            string? Of(string name) => json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
                ? TextOf(value.GetString()) : null;
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
