using TrueLive.Core.Tiers;
using Microsoft.AspNetCore.Mvc;
using TrueLive.Server.Clips;
using TrueLive.Server.Interactive;
using TrueLive.Server.Sessions;

namespace TrueLive.Server.Http;

/// <summary>Tier 2 over HTTP and WebSocket.</summary>
internal static class InteractiveEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/interactive").WithTags("Interactive").AddEndpointFilter(ClipEndpoints.AnswerRefusals(Tier.Interactive));
        group.MapPost("", CreateAsync).WithSummary("Open an interactive clip (tier 2)").Produces<InteractiveView>(201).ProducesProblem(404).ProducesProblem(409).ProducesProblem(422).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("/{id}", (string id, HttpContext http, Gate gate, InteractiveShelf shelf, SignedLinks links, LivePrecedence live) =>
            Find(id, http, gate, shelf, links) is { } seat ? Results.Ok(seat.View(links, live.LiveHasCores)) : NoSuch()).WithSummary("One interactive clip").Produces<InteractiveView>().ProducesProblem(404);
        group.MapDelete("/{id}", async (string id, HttpContext http, Gate gate, InteractiveShelf shelf, SignedLinks links) =>
        {
            if (Find(id, http, gate, shelf, links) is not { } seat)
                return NoSuch();
            await shelf.EndAsync(seat).ConfigureAwait(false);
            return Results.NoContent();
        }).WithSummary("Close an interactive clip").Produces(204).ProducesProblem(404);
        group.MapMethods("/{id}/socket", ["GET", "CONNECT"], SocketAsync).WithSummary("Tweaks in, revisions and pictures out, over a WebSocket").ProducesProblem(404).ProducesProblem(426);
    }

    private static async Task<IResult> CreateAsync(HttpContext http, [FromBody] CreateInteractiveBody body, Gate gate, InteractiveShelf shelf, SignedLinks links, LivePrecedence live)
    {
        var seat = await shelf.OpenAsync(gate.OwnerOf(http.Request), body, http.RequestAborted).ConfigureAwait(false);
        return Results.Created($"/v1/interactive/{seat.Id}", seat.View(links, live.LiveHasCores));
    }

    private static async Task<IResult> SocketAsync(string id, HttpContext http, Gate gate, InteractiveShelf shelf, SignedLinks links, InteractiveCommands commands)
    {
        if (Find(id, http, gate, shelf, links) is not { } seat)
            return NoSuch();
        if (!http.WebSockets.IsWebSocketRequest)
            return Problems.Of(StatusCodes.Status426UpgradeRequired, "This address speaks WebSocket.");
        using var socket = await http.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        await commands.ServeAsync(seat, new WebSocketCarrier(socket), http.RequestAborted).ConfigureAwait(false);
        return Results.Empty;
    }

    private static InteractiveSeat? Find(string id, HttpContext http, Gate gate, InteractiveShelf shelf, SignedLinks links) =>
        shelf.Find(id) is { } seat && (seat.Owner == gate.OwnerOf(http.Request) || links.Opens(http.Request)) ? seat : null;

    private static IResult NoSuch() => Problems.Of(StatusCodes.Status404NotFound, "There is no such interactive clip. It ends when nobody is connected to it for a while.");
}
