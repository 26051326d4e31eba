using System.Buffers;
using System.Text;
using TrueLive.Server.Configuration;
using TrueLive.Server.Interactive;
using TrueLive.Server.Sessions;
using TrueLive.Server.Transports;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.Server.Http;

/// <summary>
/// WHIP (RFC 9725): a client sends its camera; the answer returns the made pictures in the same connection when the offer can receive.
/// WHEP (draft-ietf-wish-whep): viewers of a session. One resource of each is one peer connection.
/// </summary>
internal static partial class WhipEndpoints
{
    /// <summary>Carries the token of a session that a client comes back to.</summary>
    public const string TokenHeader = "X-TrueLive-Token";

    private const string Sdp = "application/sdp";
    private const string Fragment = "application/trickle-ice-sdpfrag";
    private const int MaxBody = 128 * 1024;

    public static void Map(IEndpointRouteBuilder app)
    {
        var whip = app.MapGroup("/whip").WithTags("WHIP");
        whip.MapPost("", PublishNew).WithSummary("A live session from an SDP offer; the answer returns the made pictures")
            .Produces<string>(201, Sdp).ProducesProblem(400).ProducesProblem(404).ProducesProblem(415).ProducesProblem(503);
        whip.MapPost("/{id}", PublishTo).WithSummary("Send a camera into a session made before")
            .Produces<string>(201, Sdp).ProducesProblem(400).ProducesProblem(404).ProducesProblem(415);
        whip.MapPatch("/{id}", (string id, HttpContext http, Gate gate, SessionRegistry registry) => PatchAsync(http, registry.Find(id, gate.OwnerOf(http.Request))?.Peer))
            .WithSummary("Trickle ICE or ICE restart").Produces(204).Produces<string>(200, Fragment).ProducesProblem(404).ProducesProblem(412);
        whip.MapDelete("/{id}", SessionEndpoints.End).WithSummary("End the session");
        var whep = app.MapGroup("/whep").WithTags("WHEP");
        whep.MapPost("/{id}", WatchAsync).WithSummary("Watch a session")
            .Produces<string>(201, Sdp).ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);
        whep.MapGet("/{id}", (string id, SessionRegistry registry) => registry.Find(id) is { } seat ? Results.Ok(WatchView.From(seat.Session.Settings)) : SessionEndpoints.NoSuchSession(id))
            .WithSummary("What is watched").Produces<WatchView>().ProducesProblem(404);
        whep.MapPatch("/{id}/{viewer}", (string id, string viewer, HttpContext http, SessionRegistry registry) =>
                PatchAsync(http, registry.Find(id)?.Viewers.GetValueOrDefault(viewer)))
            .WithSummary("Trickle ICE or ICE restart of a viewer").Produces(204).Produces<string>(200, Fragment).ProducesProblem(404);
        whep.MapDelete("/{id}/{viewer}", (string id, string viewer, SessionRegistry registry) =>
        {
            if (registry.Find(id)?.Viewers.GetValueOrDefault(viewer) is not { } peer)
                return Problems.Of(StatusCodes.Status404NotFound, "There is no such viewer; it may have left.");
            peer.Close("The viewer left.");
            return Results.Ok();
        }).WithSummary("Stop watching");
    }

    private static Task<IResult> PublishNew(
        HttpContext http, string? model, string? size, string? prompt, float? strength, string? codec, WebRtcPort port, Gate gate, SessionRegistry registry, InteractiveCommands interactive,
        TimeProvider time, IHostApplicationLifetime life) => PublishAsync(
            http, codec, port, registry, interactive, time, life,
            () => Arrival.Of(registry, http.Request.Headers[TokenHeader], new SessionRequest(model, size, prompt, strength) { Owner = gate.OwnerOf(http.Request) }, time));

    private static Task<IResult> PublishTo(
        string id, HttpContext http, string? codec, WebRtcPort port, Gate gate, SessionRegistry registry, InteractiveCommands interactive, TimeProvider time, IHostApplicationLifetime life) =>
        registry.Find(id, gate.OwnerOf(http.Request)) is { } seat
            ? PublishAsync(http, codec, port, registry, interactive, time, life, () => Arrival.Of(registry, seat.Token, new SessionRequest(null, null, null, null), time))
            : Task.FromResult(SessionEndpoints.NoSuchSession(id));

    private static async Task<IResult> PublishAsync(
        HttpContext http, string? codec, WebRtcPort port, SessionRegistry registry, InteractiveCommands interactive, TimeProvider time, IHostApplicationLifetime life, Func<Arrival> arrive)
    {
        var (offer, problem) = await ReadAsync(http, Sdp).ConfigureAwait(false);
        if (problem is not null)
            return problem;
        Arrival? arrival = null;
        try
        {
            arrival = arrive();
            var client = new WebRtcClient(arrival, offer, codec, port, registry, interactive, time, http.RequestServices.GetRequiredService<ILogger<WebRtcClient>>(), out var answer);
            _ = RunAsync(http, client, client.RunAsync(IsNew(http, arrival), life.ApplicationStopped));
            var id = arrival.Seat.Session.Id;
            http.Response.Headers[TokenHeader] = arrival.Seat.Token;
            return Created(http, $"/whip/{id}", arrival.Seat.Peer!, answer);
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
        catch (Exception error) when (error is SdpException or InvalidOperationException)
        {
            // A place that was taken for an offer which cannot be answered is given back.
            if (arrival is not null && IsNew(http, arrival))
                registry.End(arrival.Seat, Core.Sessions.EndCause.ControlClient);
            return Unanswered(error);
        }
    }

    private static async Task<IResult> WatchAsync(
        string id, HttpContext http, string? codec, WebRtcPort port, SessionRegistry registry, Gate gate, ServerOptions options, IHostApplicationLifetime life)
    {
        if (registry.Find(id) is not { } seat)
            return SessionEndpoints.NoSuchSession(id);
        var (offer, problem) = await ReadAsync(http, Sdp).ConfigureAwait(false);
        if (problem is not null)
            return problem;
        try
        {
            WebRtcViewer viewer;
            string answer;
            // Two that come at once may not both take the last place.
            lock (seat.Viewers)
            {
                if (seat.Viewers.Count >= options.MaxViewers)
                    return Problems.Of(StatusCodes.Status503ServiceUnavailable, $"This session has {options.MaxViewers} viewers, which is the limit of the server (max_viewers).");
                viewer = new WebRtcViewer(seat, $"{id} watched from {http.Connection.RemoteIpAddress}", offer, codec, port, out answer);
            }
            _ = RunAsync(http, viewer, viewer.RunAsync(life.ApplicationStopped));
            // Who came with the session's link alone has no key to leave or to trickle with.
            return Created(http, gate.Share($"/whep/{id}/{viewer.Id}", seat.Owner), viewer.Peer, answer);
        }
        catch (Exception error) when (error is SdpException or InvalidOperationException)
        {
            return Unanswered(error);
        }
    }

    // Neither named in the address nor come back to.
    private static bool IsNew(HttpContext http, Arrival arrival) =>
        arrival.Resumed is null && http.Request.RouteValues["id"] is null && http.Request.Headers[TokenHeader].Count == 0;

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
            // Nobody waits for this task: what it dies of is said here or nowhere.
            LogFailed(logger, error);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A WebRTC connection failed.")]
    private static partial void LogFailed(ILogger logger, Exception error);

    private static async Task<IResult> PatchAsync(HttpContext http, PeerConnection? peer)
    {
        if (peer is not { State: not PeerState.Closed } open)
            return Problems.Of(StatusCodes.Status404NotFound, "There is no such connection; it may have ended.");
        var (fragment, problem) = await ReadAsync(http, Fragment).ConfigureAwait(false);
        if (problem is not null)
            return problem;
        var wanted = http.Request.Headers.IfMatch.ToString();
        if (wanted.Length > 0 && wanted != "*" && wanted.Trim('"') != TagOf(open))
            return Problems.Of(StatusCodes.Status412PreconditionFailed, "If-Match names another ICE session than the one in use.");
        if (!TrickleFragment.TryParse(fragment, out var trickle))
            return Problems.Of(StatusCodes.Status400BadRequest, "An ICE restart needs a=ice-ufrag (4 to 256 characters) and a=ice-pwd (22 to 256 characters).");
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

    private static IResult Created(HttpContext http, string location, PeerConnection peer, string answer)
    {
        http.Response.Headers.ETag = $"\"{TagOf(peer)}\"";
        http.Response.Headers.Location = location;
        return Results.Text(answer, Sdp, statusCode: StatusCodes.Status201Created);
    }

    private static string TagOf(PeerConnection peer) => peer.LocalUfrag ?? "";

    private static IResult Unanswered(Exception error) => error is SdpException
        ? Problems.Of(StatusCodes.Status400BadRequest, $"The offer cannot be answered: {error.Message}.")
        : Problems.Of(StatusCodes.Status503ServiceUnavailable, error.Message);

    private static async Task<(string Body, IResult? Problem)> ReadAsync(HttpContext http, string type)
    {
        if (!(http.Request.ContentType ?? "").StartsWith(type, StringComparison.OrdinalIgnoreCase))
            return ("", Problems.Of(StatusCodes.Status415UnsupportedMediaType, $"The content type must be {type}."));
        if (http.Request.ContentLength > MaxBody)
            return ("", Problems.Of(StatusCodes.Status413PayloadTooLarge, $"The body is longer than {MaxBody} bytes."));
        var buffer = ArrayPool<byte>.Shared.Rent(MaxBody + 1);
        try
        {
            var length = await http.Request.Body.ReadAtLeastAsync(buffer.AsMemory(0, MaxBody + 1), MaxBody + 1, throwOnEndOfStream: false, http.RequestAborted).ConfigureAwait(false);
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
