using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TrueLive.Fleet.Placement;
using TrueLive.Server.Access;
using TrueLive.Server.Http;

namespace TrueLive.Fleet.Gateway;

/// <summary>What a client's request is about.</summary>
/// <param name="Path">Its address as the worker's routes take it: a slash at the end is none, and capitals do not matter.</param>
/// <param name="Session">The session that its address, token or body names; null for none.</param>
/// <param name="Makes">What it asks for, where it makes a session; else null.</param>
internal sealed record ClientRequest(PathString Path, string? Session, SessionAsk? Makes)
{
    /// <summary>Reads a request; its body can be read once more afterwards.</summary>
    public static async Task<ClientRequest> OfAsync(HttpRequest request, CancellationToken cancel)
    {
        var path = new PathString(request.Path.Value?.TrimEnd('/'));
        if (SessionPath.SessionOf(path) is { } named)
            return new ClientRequest(path, named, null);
        // Over HTTP/2 a WebSocket begins with CONNECT (RFC 8441).
        var live = path == "/v1/live" && (HttpMethods.IsGet(request.Method) || HttpMethods.IsConnect(request.Method));
        var makes = IsPost("/whip") || IsPost("/v1/sessions") || live;
        if (!makes && !IsPost("/v1/interactive"))
            return new ClientRequest(path, null, null);
        var token = live ? request.Query["token"].ToString() : request.Headers[WhipEndpoints.TokenHeader].ToString();
        if (makes && token.Length > 0)
            return new ClientRequest(path, token.Split('.')[0], null);
        if (path == "/whip" || live)
            return new ClientRequest(path, null, new SessionAsk(TextOf(request.Query["model"]), TextOf(request.Query["size"])));
        request.EnableBuffering();
        var (model, size, session) = await BodyAsync(request.Body, cancel).ConfigureAwait(false);
        request.Body.Position = 0;
        return makes ? new ClientRequest(path, null, new SessionAsk(model, size)) : new ClientRequest(path, session, null);

        bool IsPost(string address) => path == address && HttpMethods.IsPost(request.Method);
    }

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
