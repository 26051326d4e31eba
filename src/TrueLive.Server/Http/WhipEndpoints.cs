using System.Buffers;
using System.Text;
using Microsoft.Net.Http.Headers;
using TrueLive.Server.Configuration;
using TrueLive.Server.Interactive;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Live.Transports;
using TrueLive.Server.Resources;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.Server.Http;

/// <summary>
/// WHIP (RFC 9725): a client sends its camera; the answer returns the made pictures in the same connection when the offer can receive. WHEP
/// (draft-ietf-wish-whep): viewers of a session. Endpoints take offers; each offer becomes a connection with an address of its own.
/// docs/whip.md goes through the RFC line by line.
/// </summary>
internal static partial class WhipEndpoints
{
    /// <summary>Carries the token of a session that a client resumes.</summary>
    public const string TokenHeader = "X-TrueLive-Token";

    /// <summary>
    /// Number of a connection. A client that reconnects sends the number that it had, so that of two connections with one token the older
    /// gives way.
    /// </summary>
    public const string ConnectionHeader = "X-TrueLive-Connection";

    private const string Sdp = "application/sdp";
    private const string Fragment = "application/trickle-ice-sdpfrag";
    private const int MaxBody = 128 * 1024;

    // One in use, one that takes over from it, and some that never connect.
    private const int MaxSenders = 8;

    public static void Map(IEndpointRouteBuilder app)
    {
        var whip = app.MapGroup("/whip").WithTags("WHIP");
        whip.MapPost("", PublishNew).WithSummary("A live session from an SDP offer; the answer returns the made pictures")
            .Produces<string>(201, Sdp).ProducesProblem(400).ProducesProblem(404).ProducesProblem(406).ProducesProblem(409)
            .ProducesProblem(415).ProducesProblem(422).ProducesProblem(503);
        whip.MapPost("/{id}", PublishTo).WithSummary("Send a camera into a session made before")
            .Produces<string>(201, Sdp).ProducesProblem(400).ProducesProblem(404).ProducesProblem(406).ProducesProblem(409)
            .ProducesProblem(415).ProducesProblem(422).ProducesProblem(503);
        whip.MapPatch("/{id}/{connection}", (string id, string connection, HttpContext http, Gate gate, SessionRegistry registry) =>
                PatchAsync(http, SenderOf(id, connection, http, gate, registry)?.Peer))
            .WithSummary("Trickle ICE or ICE restart").Produces(204).Produces<string>(200, Fragment).ProducesProblem(404)
            .ProducesProblem(412).ProducesProblem(428);
        whip.MapDelete("/{id}/{connection}", (string id, string connection, HttpContext http, Gate gate, SessionRegistry registry) =>
        {
            if (SenderOf(id, connection, http, gate, registry) is { } sender)
                sender.Stop();
            else if (registry.Find(id, gate.OwnerOf(http.Request)) is { } left && left.LeftBy == connection)
                registry.End(left, Core.Sessions.EndCause.ControlClient);
            else
                return NoSuchConnection();
            return Results.Ok();
        }).WithSummary("Stop sending: ends the connection; a session that was made ahead is kept for the next");
        var whep = app.MapGroup("/whep").WithTags("WHEP");
        whep.MapPost("/{id}", WatchAsync).WithSummary("Watch a session")
            .Produces<string>(201, Sdp).ProducesProblem(400).ProducesProblem(404).ProducesProblem(406).ProducesProblem(503);
        whep.MapGet("/{id}", (string id, SessionRegistry registry) => registry.Find(id) is { } hosted
            ? Results.Ok(WatchView.From(hosted))
            : SessionEndpoints.NoSuchSession(id))
            .WithSummary("What is watched").Produces<WatchView>().ProducesProblem(404);
        whep.MapPatch("/{id}/{viewer}", (string id, string viewer, HttpContext http, SessionRegistry registry) =>
                PatchAsync(http, registry.Find(id)?.Viewers.GetValueOrDefault(viewer)))
            .WithSummary("Trickle ICE or ICE restart of a viewer").Produces(204).Produces<string>(200, Fragment).ProducesProblem(404)
            .ProducesProblem(412).ProducesProblem(428);
        whep.MapDelete("/{id}/{viewer}", (string id, string viewer, SessionRegistry registry) =>
        {
            if (registry.Find(id)?.Viewers.GetValueOrDefault(viewer) is not { } peer)
                return Problems.Of(StatusCodes.Status404NotFound, "There is no such viewer; it may have left.");
            peer.Close("The viewer left.");
            return Results.Ok();
        }).WithSummary("Stop watching");
        foreach (var group in new[] { whip, whep })
        {
            foreach (var address in new[] { "", "/{id}", "/{id}/{connection}" })
                group.MapMethods(address, ["OPTIONS"], () => Results.Ok()).ExcludeFromDescription();
        }
    }

    /// <summary>
    /// Adds the accepted methods and content types to answers to OPTIONS, CORS preflights included (RFC 9725 section 4.2).
    /// </summary>
    public static void TellOptions(HttpContext http)
    {
        if (!HttpMethods.IsOptions(http.Request.Method)
            || !(http.Request.Path.StartsWithSegments("/whip", out var rest) || http.Request.Path.StartsWithSegments("/whep", out rest)))
            return;
        var isConnection = (rest.Value ?? "").Trim('/').Contains('/', StringComparison.Ordinal);
        http.Response.Headers.Allow = isConnection ? "OPTIONS, PATCH, DELETE" : "OPTIONS, POST";
        http.Response.Headers[isConnection ? "Accept-Patch" : "Accept-Post"] = isConnection ? Fragment : Sdp;
    }

    private static Sender? SenderOf(string id, string connection, HttpContext http, Gate gate, SessionRegistry registry) =>
        registry.Find(id, gate.OwnerOf(http.Request))?.Senders.GetValueOrDefault(connection);

    private static IResult NoSuchConnection() =>
        Problems.Of(StatusCodes.Status404NotFound, "There is no such connection; it may have ended.");

    private static Task<IResult> PublishNew(
        HttpContext http, string? model, string? size, string? prompt, float? strength, string? codec, WebRtcPort port, Gate gate,
        SessionRegistry registry, InteractiveCommands interactive,
        TimeProvider time, IHostApplicationLifetime life) => PublishAsync(
            http, codec, port, registry, interactive, time, life,
            () => AdmittedClient.OfAsync(
                registry, http.Request.Headers[TokenHeader], long.TryParse(http.Request.Headers[ConnectionHeader], out var had)
                    ? had
                    : null,
                new SessionRequest(model, size, prompt, strength)
                {
                    Owner = gate.OwnerOf(http.Request),
                    Id = gate.SessionOf(http.Request),
                    Line = LineTickets.Of(http.Request, gate.OwnerOf(http.Request)),
                },
                time, http.RequestAborted));

    private static Task<IResult> PublishTo(
        string id, HttpContext http, string? codec, WebRtcPort port, Gate gate, SessionRegistry registry, InteractiveCommands interactive,
        TimeProvider time, IHostApplicationLifetime life) =>
        registry.Find(id, gate.OwnerOf(http.Request)) is { } hosted
            ? PublishAsync(http, codec, port, registry, interactive, time, life, () =>
            {
                if (hosted.Stays)
                    throw new RequestRefusedException(StatusCodes.Status409Conflict,
                        "This session's picture comes from a stream. Make a session of your own to send a camera.");
                registry.Contest(hosted);
                if (hosted.Senders.Count >= MaxSenders)
                    throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable,
                        $"{MaxSenders} connections to this session are being opened. Those that never open end within " +
                        $"{AdmittedClient.ConnectTime.TotalSeconds:0} s.");
                return AdmittedClient.OfAsync(registry, hosted.Token, null,
                    new SessionRequest(null, null, null, null) { Owner = hosted.Owner }, time, http.RequestAborted);
            })
            : Task.FromResult(SessionEndpoints.NoSuchSession(id));

    private static async Task<IResult> PublishAsync(
        HttpContext http, string? codec, WebRtcPort port, SessionRegistry registry, InteractiveCommands interactive, TimeProvider time,
        IHostApplicationLifetime life, Func<Task<AdmittedClient>> arrive)
    {
        using var span = SessionTrace.Request(http.Request, "WHIP");
        var (offer, problem) = await ReadAsync(http, Sdp).ConfigureAwait(false);
        if (problem is not null)
            return problem;
        AdmittedClient? admitted = null;
        try
        {
            // Checked first: an offer that cannot be answered makes no session, and gets the same answer on a full server.
            port.Check(offer, receive: true, codec);
            admitted = await arrive().ConfigureAwait(false);
            RtcPeer peer;
            using (SessionTrace.Part("signalling"))
                peer = port.Answer(admitted.Hosted.Session.Id, offer, receive: true, codec, http.Connection.LocalIpAddress);
            var logger = http.RequestServices.GetRequiredService<ILogger<WebRtcClient>>();
            var decoders = http.RequestServices.GetRequiredService<LiveDecoders>();
            var session = admitted.Hosted.Session.Id;
            var client = new WebRtcClient(admitted, peer, () => decoders.ForVideo(session), registry, interactive.Serve, time, logger)
            {
                OwnsSession = http.Request.RouteValues["id"] is null,
            };
            _ = RunAsync(http, client, client.RunAsync(IsNew(http, admitted), life.ApplicationStopped));
            var id = admitted.Hosted.Session.Id;
            registry.Places.Settle(id, made: true);
            http.Response.Headers[TokenHeader] = admitted.Hosted.Token;
            http.Response.Headers[ConnectionHeader] = $"{admitted.Number}";
            return Created(http, $"/whip/{id}/{client.Id}", peer, admitted.Hosted);
        }
        catch (RequestRefusedException refused)
        {
            span.Fail(refused.Message);
            return Problems.From(http, refused);
        }
        catch (Exception error) when (error is SdpException or InvalidOperationException)
        {
            span.Fail(error.Message);
            // A session made for a connection that cannot be made is ended.
            if (admitted is not null && IsNew(http, admitted))
            {
                // Back in line before the place is free.
                registry.Places.Settle(admitted.Hosted.Session.Id, made: false);
                registry.End(admitted.Hosted, Core.Sessions.EndCause.ControlClient);
            }
            return Unanswered(error);
        }
    }

    private static async Task<IResult> WatchAsync(
        string id, HttpContext http, string? codec, WebRtcPort port, SessionRegistry registry, Gate gate, ServerOptions options,
        IHostApplicationLifetime life)
    {
        if (registry.Find(id) is not { } hosted)
            return SessionEndpoints.NoSuchSession(id);
        var (offer, problem) = await ReadAsync(http, Sdp).ConfigureAwait(false);
        if (problem is not null)
            return problem;
        try
        {
            port.Check(offer, receive: false, codec);
            WebRtcViewer viewer;
            // Two concurrent offers must not both take the last place.
            lock (hosted.Viewers)
            {
                if (hosted.Viewers.Count >= options.MaxViewers)
                    return Problems.Of(StatusCodes.Status503ServiceUnavailable,
                        $"This session has {options.MaxViewers} viewers, which is the limit of the server (max_viewers).");
                var who = $"{id} watched from {http.Connection.RemoteIpAddress}";
                viewer = new WebRtcViewer(hosted, port.Answer(who, offer, receive: false, codec, http.Connection.LocalIpAddress));
            }
            _ = RunAsync(http, viewer, viewer.RunAsync(life.ApplicationStopped));
            // Signed, since a client with only the session's link has no key for DELETE or PATCH.
            return Created(http, gate.Share($"/whep/{id}/{viewer.Id}", hosted.Owner), viewer.Peer, hosted);
        }
        catch (Exception error) when (error is SdpException or InvalidOperationException)
        {
            return Unanswered(error);
        }
    }

    // Neither named in the address nor resumed by token.
    private static bool IsNew(HttpContext http, AdmittedClient admitted) =>
        admitted.Resumed is null && http.Request.RouteValues["id"] is null && http.Request.Headers[TokenHeader].Count == 0;

    private static async Task RunAsync(HttpContext http, IDisposable connection, Task run)
    {
        var logger = http.RequestServices.GetRequiredService<ILogger<WebRtcPort>>();
        try
        {
            using (connection)
                await run.ConfigureAwait(false);
        }
        catch (Exception error)
        {
            // Nothing awaits this task: a failure is logged here or nowhere.
            LogFailed(logger, error);
        }
    }

    [LoggerMessage(EventId = 2005, EventName = "webrtc_failed", Level = LogLevel.Error, Message = "A WebRTC connection failed.")]
    private static partial void LogFailed(ILogger logger, Exception error);

    private static async Task<IResult> PatchAsync(HttpContext http, RtcPeer? peer)
    {
        if (peer is not { State: not PeerState.Closed } open)
            return NoSuchConnection();
        var (fragment, problem) = await ReadAsync(http, Fragment).ConfigureAwait(false);
        if (problem is not null)
            return problem;
        if (http.Request.Headers.IfMatch.Count == 0)
            return Problems.Of(StatusCodes.Status428PreconditionRequired,
                "Send If-Match with the ETag of the answer, or with * for an ICE restart.");
        if (!Matches(http.Request, TagOf(open)))
            return Problems.Of(StatusCodes.Status412PreconditionFailed, "If-Match names another ICE session than the one in use.");
        if (!TrickleFragment.TryParse(fragment, out var trickle))
            return Problems.Of(StatusCodes.Status400BadRequest,
                "An ICE restart needs a=ice-ufrag (4 to 256 characters) and a=ice-pwd (22 to 256 characters).");
        foreach (var candidate in trickle.Candidates)
            open.AddCandidate(candidate);
        if (trickle.Ufrag is not { } ufrag || trickle.Password is not { } password || ufrag == open.RemoteUfrag)
            return Results.NoContent();
        TransportDescription local;
        try
        {
            local = open.RestartIce(ufrag, password);
        }
        catch (InvalidOperationException)
        {
            return Problems.Of(StatusCodes.Status404NotFound, "There is no such connection; it has just ended.");
        }
        http.Response.Headers.ETag = $"\"{TagOf(open)}\"";
        var answer = new StringBuilder();
        answer.Append("a=ice-lite\r\n").Append($"a=ice-ufrag:{local.IceUfrag}\r\na=ice-pwd:{local.IcePassword}\r\n");
        answer.Append("m=video 9 UDP/TLS/RTP/SAVPF 0\r\n").Append($"a=mid:{open.Plan!.TransportMid}\r\n");
        foreach (var candidate in local.Candidates)
            answer.Append("a=").Append(candidate).Append("\r\n");
        return Results.Text(answer.Append("a=end-of-candidates\r\n").ToString(), Fragment);
    }

    // Strong comparison (RFC 9110 section 13.1.1). In RFC 9725's example of a restart, the star is written as a quoted tag.
    private static bool Matches(HttpRequest request, string tag) => request.Headers.IfMatch.ToString().Trim() is "*" or "\"*\""
        || request.GetTypedHeaders().IfMatch.Any(m => !m.IsWeak && m.Tag.AsSpan().Trim('"').SequenceEqual(tag));

    private static IResult Created(HttpContext http, string location, RtcPeer peer, HostedSession hosted)
    {
        AiMarkHeader.Tell(http.Response, hosted.SourceType);
        http.Response.Headers.ETag = $"\"{TagOf(peer)}\"";
        http.Response.Headers.Location = location;
        return Results.Text(AiMarkHeader.InSdp(peer.LocalDescription, hosted.SourceType), Sdp, statusCode: StatusCodes.Status201Created);
    }

    private static string TagOf(RtcPeer peer) => peer.LocalUfrag ?? "";

    private static IResult Unanswered(Exception error) => error switch
    {
        SdpNotAcceptableException { IsCoding: true } =>
            Problems.Of(StatusCodes.Status406NotAcceptable, $"Nothing would be seen or heard of this offer: {error.Message}."),
        SdpNotAcceptableException =>
            Problems.Of(StatusCodes.Status422UnprocessableEntity, $"The offer cannot be carried as a whole: {error.Message}."),
        SdpException => Problems.Of(StatusCodes.Status400BadRequest, $"The offer cannot be answered: {error.Message}."),
        _ => Problems.Of(StatusCodes.Status503ServiceUnavailable, error.Message),
    };

    private static async Task<(string Body, IResult? Problem)> ReadAsync(HttpContext http, string type)
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var sent)
            || !sent.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase))
            return ("", Problems.Of(StatusCodes.Status415UnsupportedMediaType, $"The content type must be {type}."));
        if (http.Request.ContentLength > MaxBody)
            return ("", Problems.Of(StatusCodes.Status413PayloadTooLarge, $"The body is longer than {MaxBody} bytes."));
        var buffer = ArrayPool<byte>.Shared.Rent(MaxBody + 1);
        try
        {
            var length = await http.Request.Body.ReadAtLeastAsync(buffer.AsMemory(0, MaxBody + 1), MaxBody + 1, throwOnEndOfStream: false,
                http.RequestAborted).ConfigureAwait(false);
            return length > MaxBody
                ? ("", Problems.Of(StatusCodes.Status413PayloadTooLarge, $"The body is longer than {MaxBody} bytes."))
                : (Encoding.UTF8.GetString(buffer.AsSpan(0, length)), null);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
