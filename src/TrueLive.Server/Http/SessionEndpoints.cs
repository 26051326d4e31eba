using Microsoft.AspNetCore.Mvc;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>Sessions over plain HTTP, for clients without a data channel and for operators.</summary>
internal static class SessionEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var sessions = app.MapGroup("/v1/sessions").WithTags("Sessions");
        sessions.MapGet("", (HttpRequest http, Gate gate, SessionRegistry registry) =>
                new SessionListView([.. registry.Hosted.Where(s => s.Owner == gate.OwnerOf(http)).OrderBy(s => s.Created)
                    .Select(s => SessionView.From(s, gate))]))
            .WithSummary("Your sessions");
        sessions.MapPost("", CreateAsync)
            .WithSummary("Make a session that waits for its video")
            .Produces<SessionView>(StatusCodes.Status201Created).ProducesProblem(400).ProducesProblem(503);
        sessions.MapGet("/{id}", (string id, HttpRequest http, Gate gate, SessionRegistry registry) =>
                registry.Find(id, gate.OwnerOf(http)) is { } hosted ? Results.Ok(SessionView.From(hosted, gate)) : NoSuchSession(id))
            .WithSummary("One session").Produces<SessionView>().ProducesProblem(404);
        sessions.MapPatch("/{id}", UpdateAsync)
            .WithSummary("Change prompt, model or size, pause, resume or reset")
            .Produces<AcceptedMessage>(StatusCodes.Status202Accepted).ProducesProblem(404).ProducesProblem(422);
        sessions.MapDelete("/{id}", End).WithSummary("End a session").Produces(200).ProducesProblem(404);
        app.MapDelete(LineTickets.Path + "/{ticket}", (string ticket, SessionRegistry registry) =>
        {
            registry.Places.Leave(ticket);
            return Results.NoContent();
        }).WithTags("Sessions").WithSummary("Leave the waiting line").Produces(204);
    }

    internal static IResult NoSuchSession(string id) => Problems.Of(
        StatusCodes.Status404NotFound,
        $"There is no session '{(id.Length > 64 ? id[..64] : id)}'. It may have ended, or its time to come back is over.");

    private static async Task<IResult> CreateAsync(
        HttpContext http, [FromBody] CreateSessionBody? body, Gate gate, SessionRegistry registry)
    {
        using var span = SessionTrace.Request(http.Request, "POST /v1/sessions");
        try
        {
            var request = new SessionRequest(body?.Model, body?.Size, body?.Prompt, body?.Strength)
            {
                Owner = gate.OwnerOf(http.Request),
                Id = gate.SessionOf(http.Request),
                Values = ParameterJson.Texts(body?.Values),
                Line = LineTickets.Of(http.Request, gate.OwnerOf(http.Request)),
            };
            var hosted = await registry.CreateAsync(request, http.RequestAborted).ConfigureAwait(false);
            registry.Places.Settle(hosted.Session.Id, made: true);
            return Results.Created($"/v1/sessions/{hosted.Session.Id}", SessionView.From(hosted, gate, withToken: true));
        }
        catch (RequestRefusedException refused)
        {
            span.Fail(refused.Message);
            return Problems.From(http, refused);
        }
    }

    private static async Task<IResult> UpdateAsync(
        string id, [FromBody] UpdateSessionBody body, HttpRequest http, Gate gate, SessionRegistry registry)
    {
        if (registry.Find(id, gate.OwnerOf(http)) is not { } hosted)
            return NoSuchSession(id);
        var command = body.Id ?? "";
        if (command.Length > 64)
            return Problems.Of(StatusCodes.Status422UnprocessableEntity, "The id is longer than 64 characters.");
        var receipt = new CommandReceipt(null, hosted.Session.Settings);
        if (body.Model is not null || body.Size is not null)
            receipt = await registry.SwitchAsync(hosted, command, body.Model, body.Size, http.HttpContext.RequestAborted)
                .ConfigureAwait(false);
        if (receipt.Rejected is null && (body.Prompt is not null || body.Strength is not null || body.Values is not null))
        {
            TimeSpan? transition = body.TransitionMs is { } ms && Math.Abs(ms) < 1e6 ? TimeSpan.FromMilliseconds(ms) : null;
            receipt = registry.Update(hosted, command, new PromptChange(body.Prompt, body.Strength, transition)
            { Values = ParameterJson.Texts(body.Values) });
        }
        if (receipt.Rejected is null && body.Reset == true)
            receipt = hosted.Session.Reset(command);
        if (receipt.Rejected is null && body.Paused is { } paused)
            receipt = hosted.Session.Pause(paused);
        return receipt.Rejected is { } reason
            ? Problems.Of(StatusCodes.Status422UnprocessableEntity, reason)
            : Results.Json(ControlConnection.Accepted(body.Id, receipt.Settings), ApiJson.Default.AcceptedMessage,
                statusCode: StatusCodes.Status202Accepted);
    }

    internal static IResult End(string id, HttpRequest http, Gate gate, SessionRegistry registry)
    {
        if (registry.Find(id, gate.OwnerOf(http)) is not { } hosted)
            return NoSuchSession(id);
        registry.End(hosted, EndCause.ControlClient);
        return Results.Ok();
    }
}
