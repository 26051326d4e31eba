using System.Net.WebSockets;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Live.Transports;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary><c>GET /v1/live</c>: a live session over one WebSocket.</summary>
internal static class LiveSocketEndpoint
{
    // Over HTTP/2 a WebSocket begins with CONNECT (RFC 8441).
    public static void Map(IEndpointRouteBuilder app) => app.MapMethods("/v1/live", ["GET", "CONNECT"], RunAsync).WithTags("Live")
        .WithSummary("A live session over one WebSocket: JPEG pictures and the control protocol").ProducesProblem(400).ProducesProblem(404)
        .ProducesProblem(503);

    private static async Task<IResult> RunAsync(
        HttpContext http, string? model, string? size, string? prompt, float? strength, string? token, long? connection, Gate gate,
        SessionRegistry registry, PictureBudget budget, LargePictures large, LiveDecoders decoders, TimeProvider time)
    {
        AdmittedClient admitted;
        using var span = SessionTrace.Request(http.Request, "WebSocket");
        try
        {
            admitted = await AdmittedClient.OfAsync(
                registry, token, connection, new SessionRequest(model, size, prompt, strength)
                {
                    Owner = gate.OwnerOf(http.Request),
                    Id = gate.SessionOf(http.Request),
                    Line = LineTickets.Of(http.Request, gate.OwnerOf(http.Request)),
                }, time, http.RequestAborted).ConfigureAwait(false);
        }
        catch (RequestRefusedException refused)
        {
            span.Fail(refused.Message);
            return Problems.From(http, refused);
        }
        if (!http.WebSockets.IsWebSocketRequest)
        {
            // A page that was refused a WebSocket repeats the request without the upgrade to learn the reason. A session made for it is
            // ended, and a client that waited for its place keeps its position for the WebSocket: it is back in line before the place is
            // free, so that nobody behind it gets it.
            if (string.IsNullOrEmpty(token))
            {
                registry.Places.Settle(admitted.Hosted.Session.Id, made: false);
                registry.End(admitted.Hosted, EndCause.ControlClient);
            }
            return Problems.Of(StatusCodes.Status426UpgradeRequired, "This address speaks WebSocket.");
        }
        registry.Places.Settle(admitted.Hosted.Session.Id, made: true);
        using var webSocket = await http.WebSockets.AcceptWebSocketAsync(SocketProtocol.Accept(http)).ConfigureAwait(false);
        span?.Dispose();
        using var socket = new JpegSocket(webSocket, budget, large, decoders.ForPictures(admitted.Hosted.Session.Id),
            admitted.Hosted.Owner, time);
        using var control = new ControlConnection(admitted, registry, "websocket-jpeg", socket.SendText, time);
        socket.Control = control;
        socket.Sent = admitted.Hosted.CountSent;
        socket.TroubleChanged = words => admitted.Hosted.Input.Tell(words);
        var texts = socket.SendTextsAsync(http.RequestAborted);
        if (admitted.Hosted.Session.Settings.Paused)
            await ShowLastAsync(admitted.Hosted, socket, http.RequestAborted).ConfigureAwait(false);
        var end = await registry.RunAsync(admitted.Hosted, "websocket-jpeg", socket, new BroadcastSink(socket, admitted.Hosted.Broadcaster),
            http.RequestAborted, admitted.Number).ConfigureAwait(false);
        control.Dispose();
        await control.Finished.ConfigureAwait(false);
        socket.FinishTexts();
        await texts.ConfigureAwait(false);
        await socket.CloseAsync(end.Words).ConfigureAwait(false);
        return Results.Empty;
    }

    // A paused session makes no new picture, so a reloaded page gets the last one.
    private static async Task ShowLastAsync(HostedSession hosted, JpegSocket socket, CancellationToken cancel)
    {
        try
        {
            if (hosted.Broadcaster.TakeLast() is { } last)
            {
                using (last.Frame)
                    await socket.WriteAsync(last, cancel).ConfigureAwait(false);
            }
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
            // The session's own loop notices and reports why.
        }
    }
}
