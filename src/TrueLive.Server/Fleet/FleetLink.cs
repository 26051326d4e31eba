using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using TrueLive.Core.Sessions;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Fleet;

/// <summary>
/// A worker's end of its link to the fleet: one outbound WebSocket, which begins anew when it breaks. Sessions do not depend on it: while
/// no control node can be reached they go on, and those that were placed elsewhere meanwhile end when one can be.
/// </summary>
internal sealed partial class FleetLink(
    ServerOptions options, FleetTickets tickets, WorkerReports reports, UsageOutbox usage, WorkerAddress address, SessionRegistry registry,
    TimeProvider time,
        IHostApplicationLifetime life, ILogger<FleetLink> logger)
    : BackgroundService
{
    // Also the time within which a control node answers, or counts as lost.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LeaveTime = TimeSpan.FromSeconds(1);

    // Loading a model may take as long.
    private static readonly TimeSpan PlaceTime = TimeSpan.FromSeconds(60);

    private readonly string _run = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource();
        using var starts = life.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken).ConfigureAwait(false);
        for (string? said = null; !stoppingToken.IsCancellationRequested;)
        {
            try
            {
                said = await RunAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (Exception error) when (error is WebSocketException or IOException or OperationCanceledException or InvalidDataException)
            {
                if (life.ApplicationStopping.IsCancellationRequested)
                    return;
                var words = error is OperationCanceledException ? $"It did not answer within {Patience.TotalSeconds:0} s." : error.Message;
                if (words != said)
                    LogBroken(options.Join, words);
                said = words;
            }
            await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<string?> RunAsync(CancellationToken stop)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + options.JoinKey);
        socket.Options.CollectHttpResponseDetails = true;
        using var broken = new CancellationTokenSource();
        // A worker that stops takes its leave first, so that its sessions can go on elsewhere at once.
        using var leaves = stop.Register(() => broken.CancelAfter(LeaveTime));
        using var patience = new CancellationTokenSource(Patience, time);
        using var early = CancellationTokenSource.CreateLinkedTokenSource(stop, patience.Token);
        var door = new UriBuilder(options.Join) { Path = LinkMessage.Path };
        door.Scheme = door.Scheme == "https" ? "wss" : "ws";
        try
        {
            await socket.ConnectAsync(door.Uri, early.Token).ConfigureAwait(false);
        }
        catch (WebSocketException error)
        {
            throw new IOException(WordsOf(socket.HttpStatusCode) ?? error.InnerException?.Message ?? error.Message, error);
        }
        using var turn = new SemaphoreSlim(1);
        // What it has when it is told to stop, before its sessions end for that: callbacks run in the reverse order of their registration.
        var last = new TaskCompletionSource<WorkerReport>();
        using var leaving = life.ApplicationStopping.Register(() => last.TrySetResult(reports.Now() with { Usage = usage.Last() }));
        await SendAsync(new Hello(LinkMessage.Protocol, typeof(FleetLink).Assembly.GetName().Version!.ToString(3), _run, address.Announced,
            address.Certificate)).ConfigureAwait(false);
        if (await LinkCodec.ReceiveAsync(socket, early.Token).ConfigureAwait(false) is not Welcome welcome)
            throw new InvalidDataException(socket.CloseStatusDescription is { Length: > 0 } why ? why
                : "What answers there is no front door of a fleet, or of another version.");
        tickets.Begin(welcome.Worker, Convert.FromBase64String(welcome.TicketKey), welcome.Now);
        LogJoined(options.Join, welcome.Worker);
        usage.Begin(broken.Token);
        var report = ReportAsync();
        try
        {
            while (true)
            {
                using var silence = new CancellationTokenSource(Patience, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(broken.Token, silence.Token);
                switch (await LinkCodec.ReceiveAsync(socket, either.Token).ConfigureAwait(false))
                {
                    case Heard heard:
                        Obey(heard);
                        break;
                    case Place place:
                        _ = TakeAsync(place);
                        break;
                    case null:
                        throw new InvalidDataException(socket.CloseStatusDescription is { Length: > 0 } because ? because
                            : "The front door sent what is no message of a link.");
                }
            }
        }
        finally
        {
            await broken.CancelAsync().ConfigureAwait(false);
            await report.ConfigureAwait(false);
        }

        Task SendAsync(LinkMessage message) =>
            InTurnAsync(() => socket.SendAsync(LinkCodec.Write(message), WebSocketMessageType.Text, true, broken.Token));

        async Task InTurnAsync(Func<Task> send)
        {
            await turn.WaitAsync(broken.Token).ConfigureAwait(false);
            try
            {
                await send().ConfigureAwait(false);
            }
            finally
            {
                turn.Release();
            }
        }

        async Task ReportAsync()
        {
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(broken.Token, life.ApplicationStopping);
            try
            {
                while (!life.ApplicationStopping.IsCancellationRequested)
                {
                    var now = reports.Now();
                    // Sessions that end because this server does are what another worker goes on with.
                    if (life.ApplicationStopping.IsCancellationRequested)
                        break;
                    await SendAsync(now with { Usage = usage.Next() }).ConfigureAwait(false);
                    await Task.Delay(TimeSpan.FromMilliseconds(welcome.ReportMs), time, pause.Token)
                        .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    broken.Token.ThrowIfCancellationRequested();
                }
                await SendAsync(await last.Task.WaitAsync(broken.Token).ConfigureAwait(false)).ConfigureAwait(false);
                await InTurnAsync(() => socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, broken.Token))
                    .ConfigureAwait(false);
            }
            catch (Exception over) when (over is OperationCanceledException or WebSocketException or ObjectDisposedException)
            {
                // The receiving side says why.
            }
        }

        async Task TakeAsync(Place place)
        {
            try
            {
                await SendAsync(await AnswerAsync(place, stop).ConfigureAwait(false)).ConfigureAwait(false);
            }
            catch (Exception over) when (over is OperationCanceledException or WebSocketException or ObjectDisposedException)
            {
                // The link broke: the control node has given the place back.
            }
            catch (Exception error)
            {
                // Nothing awaits this task: a failure is logged here or nowhere.
                LogPlaceFailed(place.Session, error);
            }
        }
    }

    private async Task<Placed> AnswerAsync(Place place, CancellationToken stop)
    {
        using var late = new CancellationTokenSource(PlaceTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, late.Token);
        try
        {
            if (place.Restore is { } was)
                await registry.RestoreAsync(was, TimeSpan.FromMilliseconds(place.SilentMs), either.Token).ConfigureAwait(false);
            else
                await registry.CheckAsync(place.Model, place.Size, either.Token).ConfigureAwait(false);
            return new Placed(place.Call, 0, "");
        }
        catch (RequestRefusedException refused)
        {
            return new Placed(place.Call, refused.Status, refused.Message);
        }
    }

    private void Obey(Heard heard)
    {
        foreach (var (session, why) in heard.End)
        {
            if (registry.Find(session) is not { } hosted)
                continue;
            // It was handed out, and the word that it arrived was lost.
            if (hosted.Session.IsHeld)
                registry.Depart(hosted);
            else
                registry.End(hosted, EndCause.ControlServer, why);
        }
    }

    private static string? WordsOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => "It does not know the key (join_key), or the key was revoked.",
        HttpStatusCode.NotFound => "There is no front door of a fleet at this address (join).",
        HttpStatusCode.TooManyRequests => "It has seen too many wrong keys from this address.",
        _ => null,
    };

    [LoggerMessage(EventId = 8001, EventName = "fleet_joined", Level = LogLevel.Information,
        Message = "Joined the fleet at {Join} as {Worker}.")]
    private partial void LogJoined(string join, string worker);

    [LoggerMessage(EventId = 8003, EventName = "fleet_place_failed", Level = LogLevel.Error,
        Message = "Session {Session} could not be taken.")]
    private partial void LogPlaceFailed(string session, Exception error);

    [LoggerMessage(EventId = 8002, EventName = "fleet_link_broken", Level = LogLevel.Warning,
        Message = "No link to the fleet at {Join}: {Why} Sessions that run go on; it is tried again until it works.")]
    private partial void LogBroken(string join, string why);
}
