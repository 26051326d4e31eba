using System.Text.Json.Serialization;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>The waiting line over HTTP: a refusal brings a ticket, and the next request shows it.</summary>
internal static class LineTickets
{
    /// <summary>Carries the ticket of a client that waits for a place; a browser's WebSocket has the query's <c>line</c> instead.</summary>
    public const string Header = "X-TrueLive-Line";

    /// <summary>Addresses of positions in the line, by their tickets.</summary>
    public const string Path = "/v1/line";

    /// <summary>A request as a waiting line sees it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="owner">Whose it is.</param>
    public static LineClaim Of(HttpRequest request, string owner)
    {
        var shown = request.Headers[Header].ToString() is { Length: > 0 } header ? header : request.Query["line"].ToString();
        var client = owner != ApiKeyRing.Nobody ? owner : request.HttpContext.Connection.RemoteIpAddress?.ToString() ?? "";
        return new LineClaim(shown.Length > 0 ? shown : null, client, !request.HttpContext.WebSockets.IsWebSocketRequest);
    }
}

/// <summary>A client's position in the waiting line.</summary>
/// <param name="Ticket">To be sent with the next request.</param>
/// <param name="Position">1 is next.</param>
/// <param name="Waiting">Clients in the line.</param>
/// <param name="EstimateS">Expected wait in seconds; left out while it is not known.</param>
/// <param name="EstimateFrom">Sessions whose ends the estimate is made from.</param>
internal sealed record LineView(
    [property: JsonPropertyName("ticket")] string Ticket, [property: JsonPropertyName("position")] int Position,
    [property: JsonPropertyName("waiting")] int Waiting,
    [property: JsonPropertyName("estimate_s"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? EstimateS,
    [property: JsonPropertyName("estimate_from")] int EstimateFrom)
{
    public static LineView From(LineStand line) => new(line.Ticket, line.Position, line.Waiting,
        line.Estimate is { } wait ? (int)Math.Ceiling(Math.Min(wait.TotalSeconds, 1e6)) : null, line.Ended);
}
