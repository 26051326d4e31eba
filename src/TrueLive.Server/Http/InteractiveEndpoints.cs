using Microsoft.AspNetCore.Mvc;
using TrueLive.Core.Tiers;
using TrueLive.Server.Access;
using TrueLive.Server.Interactive;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Http;

/// <summary>Tier 2 over HTTP and WebSocket.</summary>
internal static class InteractiveEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/v1/interactive").WithTags("Interactive")
            .AddEndpointFilter(ClipEndpoints.AnswerRefusals(Tier.Interactive));
        group.MapPost("", CreateAsync).WithSummary("Open an interactive clip (tier 2)").Produces<InteractiveView>(201).ProducesProblem(404)
            .ProducesProblem(409).ProducesProblem(422).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("/{id}", (string id, HttpContext http, Gate gate, InteractiveRegistry registry, SignedLinks links,
            LivePrecedence live) =>
            Find(id, http, gate, registry, links) is { } hosted ? Results.Ok(hosted.View(links, live.LiveHasCores)) : NoSuch())
                .WithSummary("One interactive clip").Produces<InteractiveView>().ProducesProblem(404);
        group.MapDelete("/{id}", async (string id, HttpContext http, Gate gate, InteractiveRegistry registry, SignedLinks links) =>
        {
            if (Find(id, http, gate, registry, links) is not { } hosted)
                return NoSuch();
            await registry.EndAsync(hosted).ConfigureAwait(false);
            return Results.NoContent();
        }).WithSummary("Close an interactive clip").Produces(204).ProducesProblem(404);
        group.MapMethods("/{id}/socket", ["GET", "CONNECT"], SocketAsync)
            .WithSummary("Tweaks in, revisions and pictures out, over a WebSocket").ProducesProblem(404).ProducesProblem(426);
    }

    private static async Task<IResult> CreateAsync(HttpContext http, [FromBody] CreateInteractiveBody body, Gate gate,
        InteractiveRegistry registry, SignedLinks links, LivePrecedence live)
    {
        var hosted = await registry.OpenAsync(gate.OwnerOf(http.Request), body, http.RequestAborted).ConfigureAwait(false);
        return Results.Created($"/v1/interactive/{hosted.Id}", hosted.View(links, live.LiveHasCores));
    }

    private static async Task<IResult> SocketAsync(
        string id, HttpContext http, Gate gate, InteractiveRegistry registry, SignedLinks links, InteractiveCommands commands,
        TimeProvider time)
    {
        if (Find(id, http, gate, registry, links) is not { } hosted)
            return NoSuch();
        if (!http.WebSockets.IsWebSocketRequest)
            return Problems.Of(StatusCodes.Status426UpgradeRequired, "This address speaks WebSocket.");
        using var socket = await http.WebSockets.AcceptWebSocketAsync(SocketProtocol.Accept(http)).ConfigureAwait(false);
        await commands.ServeAsync(hosted, new WebSocketCarrier(socket, time), http.RequestAborted).ConfigureAwait(false);
        return Results.Empty;
    }

    private static HostedClip? Find(string id, HttpContext http, Gate gate, InteractiveRegistry registry, SignedLinks links) =>
        registry.Find(id) is { } hosted && (hosted.Owner == gate.OwnerOf(http.Request) || links.Opens(http.Request)) ? hosted : null;

    private static IResult NoSuch() =>
        Problems.Of(StatusCodes.Status404NotFound,
        "There is no such interactive clip. It ends when nobody is connected to it for a while.");
}
