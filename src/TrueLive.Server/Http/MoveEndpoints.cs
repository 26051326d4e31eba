using Microsoft.AspNetCore.Http.Features;
using TrueLive.Server.Access;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams;

namespace TrueLive.Server.Http;

/// <summary>
/// How a control node moves a session from worker to worker: POST stops it here and hands it out, PUT takes it in there, DELETE ends it
/// here once it has arrived, PATCH goes on with it here when it has not. Only a ticket of the control node's own opens these.
/// </summary>
internal static class MoveEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var move = app.MapGroup("/v1/sessions/{id}/move").ExcludeFromDescription();
        move.MapPost("", HandOutAsync);
        move.MapPut("", TakeInAsync);
        move.MapDelete("", (string id, HttpRequest http, FleetTickets tickets, SessionRegistry registry) =>
            Held(id, http, tickets, registry, held: false, registry.Depart));
        move.MapPatch("", (string id, HttpRequest http, FleetTickets tickets, SessionRegistry registry) =>
            Held(id, http, tickets, registry, held: true, SessionRegistry.Resume));
    }

    private static async Task<IResult> HandOutAsync(string id, bool? now, HttpContext http, FleetTickets tickets, SessionRegistry registry,
        StreamRegistry streams)
    {
        if (!IsOwn(http.Request, tickets) || registry.Find(id) is not { } hosted)
            return SessionEndpoints.NoSuchSession(id);
        if (now != true && streams.Find(id)?.Outputs.Any(o => o.Status.State != LegState.Ended) == true)
            return Problems.Of(StatusCodes.Status409Conflict, "It has outputs on this machine.");
        try
        {
            var (session, memory) = await registry.HoldAsync(hosted, now == true, http.RequestAborted).ConfigureAwait(false);
            var parcel = SessionParcel.Write(session, memory);
            if (now == true || memory.Model is not { } model || parcel.Length > model.Bytes.Length)
                return Results.Bytes(parcel, "application/octet-stream");
            SessionRegistry.Resume(hosted);
            return Problems.Of(StatusCodes.Status409Conflict, "Its model's memory is too large.");
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
    }

    private static async Task<IResult> TakeInAsync(string id, double? silentMs, HttpContext http, FleetTickets tickets,
        SessionRegistry registry)
    {
        if (!IsOwn(http.Request, tickets))
            return SessionEndpoints.NoSuchSession(id);
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = SessionParcel.Longest;
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted).ConfigureAwait(false);
        var silent = TimeSpan.FromMilliseconds(Math.Clamp(silentMs ?? 0, 0, 60_000));
        if (SessionParcel.Read(body.GetBuffer().AsMemory(0, (int)body.Length)) is not var (session, memory) || session.Id != id)
            return Problems.Of(StatusCodes.Status400BadRequest, "This is no session on its way.");
        memory = memory with { HeardAgo = memory.HeardAgo + silent };
        try
        {
            await registry.RestoreAsync(session, memory, silent, http.RequestAborted).ConfigureAwait(false);
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
        return Results.NoContent();
    }

    private static IResult Held(string id, HttpRequest http, FleetTickets tickets, SessionRegistry registry, bool held,
        Action<HostedSession> act)
    {
        if (!IsOwn(http, tickets) || registry.Find(id) is not { } hosted || (held && !hosted.Session.IsHeld))
            return SessionEndpoints.NoSuchSession(id);
        act(hosted);
        return Results.NoContent();
    }

    private static bool IsOwn(HttpRequest http, FleetTickets tickets) => tickets.Of(http) is { Own: true };
}
