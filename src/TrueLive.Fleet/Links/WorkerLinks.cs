using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using TrueLive.Fleet.Grains;
using TrueLive.Server.Access;
using TrueLive.Server.Fleet;
using TrueLive.Server.Http;

namespace TrueLive.Fleet.Links;

/// <summary>
/// The links of workers to this control node: who may begin one, what is believed of what comes over it, and how others ask a worker that
/// is linked here.
/// </summary>
internal sealed partial class WorkerLinks(IGrainFactory grains, JoinKeys keys, FailedKeys failed, WorkerRoutes routes, TimeProvider time,
    IHostApplicationLifetime life, SessionMover mover, FleetUsage usage, ILogger<WorkerLinks> logger)
    : IControlNode
{
    /// <summary>Time between two reports of a worker.</summary>
    public static readonly TimeSpan ReportTime = TimeSpan.FromMilliseconds(400);

    // A link over which nothing has come for as long is closed: the worker begins another.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // A worker that reports without a pause takes no more of this node than one report in this time.
    private static readonly TimeSpan LeastPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, WorkerLink> _links = new(StringComparer.Ordinal);

    // Workers whose first report is on its way to the directory.
    private readonly ConcurrentDictionary<string, Task> _arriving = new(StringComparer.Ordinal);

    // What others call this node by; null until it has begun.
    private readonly Lock _referring = new();
    private IControlNode? _self;

    private IFleetGrain Fleet => grains.GetGrain<IFleetGrain>(0);

    public async Task<Placed> PlaceAsync(string worker, Place place)
    {
        var began = time.GetTimestamp();
        // The directory names a worker to others before its answer has come back here.
        if (_arriving.TryGetValue(worker, out var arrival))
            await arrival.WaitAsync(ControlCluster.LongAnswerTime, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // One limit for both, since the caller waits no longer.
        var rest = ControlCluster.LongAnswerTime - time.GetElapsedTime(began);
        return rest > TimeSpan.Zero && _links.TryGetValue(worker, out var link)
            ? await link.AskAsync(place, rest, time).ConfigureAwait(false)
            : WorkerLink.Silent;
    }

    /// <summary>A worker begins its link.</summary>
    public async Task ServeAsync(HttpContext http)
    {
        if (Gate.KeyOf(http.Request) is not { Length: > 0 } key || keys.Find(key) is not { } name)
        {
            var many = failed.IsTooMany(http.Connection.RemoteIpAddress);
            var words = many ? "Too many wrong keys came from your address. Wait a minute."
                : "A worker joins with a key of its own: 'truelive fleet keys create NAME' makes one.";
            await Problems.Of(many ? StatusCodes.Status429TooManyRequests : StatusCodes.Status401Unauthorized, words).ExecuteAsync(http)
                .ConfigureAwait(false);
            return;
        }
        if (!http.WebSockets.IsWebSocketRequest)
        {
            await Problems.Of(StatusCodes.Status426UpgradeRequired, "This address speaks WebSocket.").ExecuteAsync(http)
                .ConfigureAwait(false);
            return;
        }
        using var socket = await http.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, life.ApplicationStopping);
        string? why = null;
        try
        {
            why = await TalkAsync(http, socket, name, key, ended).ConfigureAwait(false);
        }
        catch (Exception over) when (over is WebSocketException or OperationCanceledException)
        {
            why = life.ApplicationStopping.IsCancellationRequested ? "This control node stops." : null;
        }
        if (why is not null)
            LogEnded(name, why);
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            await socket.CloseOutputAsync(WebSocketCloseStatus.PolicyViolation, Short(why), CancellationToken.None)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task<string?> TalkAsync(HttpContext http, WebSocket socket, string name, string key, CancellationTokenSource ended)
    {
        if (await ReceiveAsync(socket, ended.Token).ConfigureAwait(false) is not Hello hello)
            return "It did not begin with a greeting that this version knows.";
        if (hello.Speaks != LinkMessage.Protocol)
            return $"TrueLive {hello.Version} there speaks version {hello.Speaks} of the link, this control node version " +
                $"{LinkMessage.Protocol}: "
                + "bring both to one release.";
        if (AddressOf(hello.Address, http) is not { } address)
            return $"Its address is '{hello.Address}', which is none. Set worker_address.";
        var linked = new LinkedWorker(name, hello.Run, hello.Version, address, hello.Certificate,
            Convert.ToBase64String(RandomNumberGenerator.GetBytes(GatewayTicket.KeyLength)), null);
        linked = linked with { Problem = await routes.TryAsync(linked, ended.Token).ConfigureAwait(false) };
        using var link = new WorkerLink(socket, linked, ended.Token);
        await link.SendAsync(new Welcome(name, linked.TicketKey, time.GetUtcNow(), (int)ReportTime.TotalMilliseconds))
            .ConfigureAwait(false);
        var counted = usage.OneLink();
        var (tried, heard, begun) = (time.GetTimestamp(), (long?)null, false);
        try
        {
            while (true)
            {
                switch (await ReceiveAsync(socket, ended.Token).ConfigureAwait(false))
                {
                    case WorkerReport report:
                        if (keys.Find(key) != name)
                            return "Its key was revoked.";
                        if (heard is { } last && time.GetElapsedTime(last) < LeastPause)
                            await Task.Delay(LeastPause, time, ended.Token).ConfigureAwait(false);
                        heard = time.GetTimestamp();
                        if (report.Usage is { } used)
                            counted.Take(used);
                        if (link.Worker.Problem is not null && time.GetElapsedTime(tried) > LookAgain)
                            (tried, link.Worker) = (time.GetTimestamp(),
                                link.Worker with { Problem = await routes.TryAsync(link.Worker, ended.Token).ConfigureAwait(false) });
                        var answer = await (begun ? HearAsync(link, report) : ArriveAsync(name, link, report)).ConfigureAwait(false);
                        if (answer is null)
                            continue;
                        if (answer.Refused is not null)
                            return answer.Refused;
                        begun = true;
                        await link.SendAsync(answer.Heard).ConfigureAwait(false);
                        if (answer.Heard.Draining && report.Sessions.Count > 0)
                            mover.Begin(link.Worker, [.. report.Sessions.Select(s => s.Id)], ended.Token);
                        break;
                    case Placed placed:
                        link.Answered(placed);
                        break;
                    case null when socket.CloseStatus == WebSocketCloseStatus.NormalClosure:
                        await Fleet.LeaveAsync(name, hello.Run).ConfigureAwait(false);
                        return "It stops.";
                    default:
                        return "It sent what is no message of a worker.";
                }
            }
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            _links.TryRemove(new KeyValuePair<string, WorkerLink>(name, link));
        }
    }

    private async Task<ReportAnswer?> ArriveAsync(string name, WorkerLink link, WorkerReport report)
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _arriving[name] = arrived.Task;
        try
        {
            var answer = await HearAsync(link, report).ConfigureAwait(false);
            if (answer is { Refused: null })
                _links[name] = link;
            return answer;
        }
        finally
        {
            _arriving.TryRemove(new KeyValuePair<string, Task>(name, arrived.Task));
            arrived.SetResult();
        }
    }

    // While the directory moves to another node it does not answer; the worker waits longer than that takes.
    private async Task<ReportAnswer?> HearAsync(WorkerLink link, WorkerReport report)
    {
        try
        {
            return await Fleet.HearAsync(link.Worker, report with { Usage = null }, Self()).ConfigureAwait(false);
        }
        catch (Exception away) when (away is OrleansException or TimeoutException)
        {
            LogAway(away.Message);
            return null;
        }
    }

    private IControlNode Self()
    {
        lock (_referring)
            return _self ??= grains.CreateObjectReference<IControlNode>(this);
    }

    private async Task<LinkMessage?> ReceiveAsync(WebSocket socket, CancellationToken ended)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ended, patience.Token);
        return await LinkCodec.ReceiveAsync(socket, either.Token).ConfigureAwait(false);
    }

    // "http://:8080" lacks the host, which is where the link comes from.
    private static string? AddressOf(string announced, HttpContext http)
    {
        var from = http.Connection.RemoteIpAddress;
        var host = from is null ? "" : from.IsIPv4MappedToIPv6 ? from.MapToIPv4().ToString()
            : from.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{from}]" : from.ToString();
        var whole = announced.Replace("://:", $"://{host}:", StringComparison.Ordinal);
        return Uri.TryCreate(whole, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            && uri is { PathAndQuery: "/", UserInfo: "" } ? uri.GetLeftPart(UriPartial.Authority) : null;
    }

    // A close frame holds 123 bytes of reason (RFC 6455 section 5.5).
    private static string? Short(string? why) => why?.Length > 120 ? why[..120] : why;

    [LoggerMessage(EventId = 8101, EventName = "fleet_link_ended", Level = LogLevel.Information,
        Message = "The link of worker {Worker} ended: {Why}")]
    private partial void LogEnded(string worker, string why);

    [LoggerMessage(EventId = 8102, EventName = "fleet_directory_away", Level = LogLevel.Warning,
        Message = "The directory of the fleet does not answer: {Why}")]
    private partial void LogAway(string why);
}
