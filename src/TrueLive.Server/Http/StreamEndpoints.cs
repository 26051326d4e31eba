using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Mvc;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams;

namespace TrueLive.Server.Http;

/// <summary>Streams over HTTP: live sessions whose source is an address, and the ways out of any live session.</summary>
internal static class StreamEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var streams = app.MapGroup("/v1/streams").WithTags("Streams");
        streams.MapGet("", (HttpRequest http, Gate gate, StreamRegistry registry) => new StreamListView(
            [
                .. registry.All.Where(l => l.Hosted.Owner == gate.OwnerOf(http)).OrderBy(l => l.Hosted.Created)
                    .Select(l => StreamView.From(l, gate)),
            ]))
            .WithSummary("Your sessions that come from an address or have outputs");
        streams.MapPost("", BeginAsync).WithSummary("A live session from an address: RTSP, RTMP, SRT, HTTP, HLS, a file or a camera")
            .Produces<StreamView>(201).ProducesProblem(400).ProducesProblem(409).ProducesProblem(422).ProducesProblem(503);
        streams.MapGet("/{id}", (string id, HttpRequest http, Gate gate, StreamRegistry registry) =>
                Of(id, http, gate, registry) is { } legs ? Results.Ok(StreamView.From(legs, gate)) : SessionEndpoints.NoSuchSession(id))
            .WithSummary("One stream").Produces<StreamView>().ProducesProblem(404);
        streams.MapDelete("/{id}", SessionEndpoints.End)
            .WithSummary("End a stream").Produces(200).ProducesProblem(404);
        streams.MapGet("/{id}/events", Events)
            .WithSummary("What happens to the source and the outputs, as server-sent events").ProducesProblem(404);
        var outputs = app.MapGroup("/v1/sessions/{id}/outputs").WithTags("Streams");
        outputs.MapGet("", List)
            .WithSummary("Where a session's pictures go besides its client and viewers").Produces<OutputListView>().ProducesProblem(404);
        outputs.MapPost("", AddAsync).WithSummary("Send a session's pictures on: RTMP, SRT, UDP, HLS, a recording or a virtual webcam")
            .Produces<OutputView>(201).ProducesProblem(404).ProducesProblem(422);
        outputs.MapDelete("/{output}", EndAsync).WithSummary("End an output").Produces(200).ProducesProblem(404);
        HlsEndpoints.Map(app);
    }

    private static StreamLegs? Of(string id, HttpRequest http, Gate gate, StreamRegistry registry) =>
        registry.Find(id) is { } legs && legs.Hosted.Owner == gate.OwnerOf(http) ? legs : null;

    private static async Task<IResult> BeginAsync(
        HttpContext http, [FromBody] CreateStreamBody body, Gate gate, SessionRegistry sessions, StreamRegistry registry,
        ServerOptions options)
    {
        try
        {
            var source = StreamAddress.Parse(body.Source, output: false, out var problem) ?? throw Refuse(problem);
            var onLoss = body.OnLoss switch
            {
                null or "last" => LossAction.Last,
                "end" => LossAction.End,
                _ => throw Refuse("on_loss is 'last' or 'end'."),
            };
            // More than there may be are told from as many as there may be, and not read.
            var outputs = (body.Outputs ?? []).Take(StreamRegistry.MaxOutputs + 1)
                .Select(target => OutputSettings.Of(target, body.BitrateKbps, body.KeyframeS, options, trusted: false)).ToArray();
            var session = new SessionRequest(body.Model, body.Size, body.Prompt, body.Strength)
            {
                Owner = gate.OwnerOf(http.Request),
                Values = ParameterJson.Texts(body.Values),
                Line = LineTickets.Of(http.Request, gate.OwnerOf(http.Request)),
            };
            var request = new StreamRequest(source, session, body.Loop ?? false, onLoss, Trusted: false);
            var legs = await registry.BeginAsync(request, outputs, http.RequestAborted).ConfigureAwait(false);
            sessions.Places.Settle(legs.Hosted.Session.Id, made: true);
            return Results.Created($"/v1/streams/{legs.Hosted.Session.Id}", StreamView.From(legs, gate));
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
    }

    private static IResult List(string id, HttpRequest http, Gate gate, SessionRegistry sessions, StreamRegistry registry) =>
        sessions.Find(id, gate.OwnerOf(http)) is null ? SessionEndpoints.NoSuchSession(id)
            : Results.Ok(new OutputListView(
                registry.Find(id) is { } legs ? [.. legs.Outputs.Select(o => OutputView.From(legs, o, gate))] : []));

    private static async Task<IResult> AddAsync(
        string id, HttpContext http, [FromBody] CreateOutputBody body, Gate gate, SessionRegistry sessions, StreamRegistry registry,
        ServerOptions options)
    {
        if (sessions.Find(id, gate.OwnerOf(http.Request)) is not { } hosted)
            return SessionEndpoints.NoSuchSession(id);
        try
        {
            var settings = OutputSettings.Of(body.Target, body.BitrateKbps, body.KeyframeS, options, trusted: false);
            var output = await registry.AddAsync(hosted, settings, http.RequestAborted).ConfigureAwait(false);
            return registry.Find(id) is { } legs
                ? Results.Created($"/v1/sessions/{id}/outputs/{output.Id}", OutputView.From(legs, output, gate))
                : SessionEndpoints.NoSuchSession(id);
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
    }

    private static async Task<IResult> EndAsync(string id, string output, HttpRequest http, Gate gate, StreamRegistry registry) =>
        Of(id, http, gate, registry) is { } legs && await legs.EndAsync(output).ConfigureAwait(false)
            ? Results.Ok() : Problems.Of(StatusCodes.Status404NotFound, "There is no such output; it may have ended.");

    private static IResult Events(string id, HttpContext http, Gate gate, StreamRegistry registry, IHostApplicationLifetime life)
    {
        if (Of(id, http.Request, gate, registry) is not { } legs)
            return SessionEndpoints.NoSuchSession(id);
        http.Response.Headers["X-Accel-Buffering"] = "no";
        return TypedResults.ServerSentEvents(FollowAsync(legs, life.ApplicationStopping, http.RequestAborted));
    }

    private static async IAsyncEnumerable<SseItem<StreamEvent>> FollowAsync(
        StreamLegs legs, CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancel);
        await foreach (var one in legs.Events.FollowAsync(either.Token).ConfigureAwait(false))
            yield return new SseItem<StreamEvent>(one, "leg");
    }

    private static RequestRefusedException Refuse(string words) => new(StatusCodes.Status422UnprocessableEntity, words);
}
