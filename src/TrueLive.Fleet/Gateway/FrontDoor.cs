using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Runtime;
using TrueLive.Fleet.Grains;
using TrueLive.Fleet.Links;
using TrueLive.Fleet.Placement;
using TrueLive.Server.Access;
using TrueLive.Server.Http;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Usage;
using Yarp.ReverseProxy.Forwarder;

namespace TrueLive.Fleet.Gateway;

/// <summary>
/// Passes the requests of clients on to the workers: those of a session to the worker that has it, those that make one to the worker that
/// is chosen for it, all others of one owner to one worker.
/// </summary>
internal sealed class FrontDoor(IHttpForwarder forwarder, SessionPlaces places, WorkerRoutes routes, IGrainFactory grains, Gate gate,
    Quotas quotas, TimeProvider time, IHostApplicationLifetime life)
{
    // A connection without a byte for as long is dead: WebSockets are pinged, and events of clips come more often.
    private static readonly ForwarderRequestConfig Settings = new()
    {
        ActivityTimeout = TimeSpan.FromMinutes(5),
        Version = new Version(1, 1),
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    // The workers' own characters, such as the plus sign of times.
    private static readonly JsonSerializerOptions AsSent = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly TimeSpan ListTime = TimeSpan.FromSeconds(2);

    public async Task ServeAsync(HttpContext http)
    {
        try
        {
            await PassOnAsync(http).ConfigureAwait(false);
        }
        catch (RequestRefusedException refused)
        {
            await Problems.From(http, refused).ExecuteAsync(http).ConfigureAwait(false);
        }
        catch (Exception away) when (away is OrleansException or TimeoutException && !http.Response.HasStarted)
        {
            await RefuseAsync(http, "The control nodes of the fleet are finding each other. Try again in a few seconds.")
                .ConfigureAwait(false);
        }
    }

    private async Task PassOnAsync(HttpContext http)
    {
        var owner = gate.OwnerOf(http.Request);
        var asked = await ClientRequest.OfAsync(http.Request, http.RequestAborted).ConfigureAwait(false);
        var begins = asked.Makes is not null
            || (HttpMethods.IsPost(http.Request.Method) && http.Request.Path.Value is "/v1/clips" or "/v1/streams");
        if (begins && quotas.Refuse(owner) is { } over)
            throw over;
        if (asked.Makes is { } ask)
            await MakeAsync(http, ask, owner).ConfigureAwait(false);
        else if (asked.Session is { } id)
        {
            if (await places.FindAsync(id, owner, http.RequestAborted).ConfigureAwait(false) is { } worker)
                await SendAsync(http, worker, id, owner).ConfigureAwait(false);
            else
                await SessionEndpoints.NoSuchSession(id).ExecuteAsync(http).ConfigureAwait(false);
        }
        else if (http.Request.Path == "/v1/sessions" && HttpMethods.IsGet(http.Request.Method))
        {
            await ListAsync(http, owner).ConfigureAwait(false);
        }
        else
        {
            var whose = owner.Length > 0 ? owner : SignedLinks.ClaimedOwner(http.Request.Query["token"].ToString()) ?? "";
            if (HomeOf(whose, await LivingAsync().ConfigureAwait(false)) is not { } home)
                throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable,
                    "The fleet has no worker that answers. Try again in a moment.");
            // The worker knows how much it takes.
            if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
                limit.MaxRequestBodySize = null;
            await SendAsync(http, home, "", owner).ConfigureAwait(false);
        }
    }

    private async Task MakeAsync(HttpContext http, SessionAsk ask, string owner)
    {
        using var span = SessionTrace.Request(http.Request, "front door");
        try
        {
            var (chosen, session) = await places.PlaceAsync(ask, LineTickets.Of(http.Request, owner) with
            { Owner = owner, MaxSessions = quotas.Of(owner).Sessions }).ConfigureAwait(false);
            var made = false;
            try
            {
                made = await SendAsync(http, chosen, session, owner, span).ConfigureAwait(false);
            }
            finally
            {
                await places.SettleAsync(session, made).ConfigureAwait(false);
            }
        }
        catch (RequestRefusedException refused)
        {
            span.Fail(refused.Message);
            throw;
        }
    }

    // True when the worker did what was asked.
    private async Task<bool> SendAsync(HttpContext http, LinkedWorker worker, string session, string owner, Activity? span = null)
    {
        var route = routes.To(worker);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, route.Gone, life.ApplicationStopping);
        var error = await forwarder.SendAsync(http, worker.Address, route.Invoker, Settings,
            new TicketTransformer(TicketFor(http.Request, worker, session, owner), span), over.Token).ConfigureAwait(false);
        if (error != ForwarderError.None && !http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            span.Fail("The machine that has this does not answer.");
            await RefuseAsync(http, "The machine that has this does not answer. Try again in a second: if it is lost, another one goes on.")
                .ConfigureAwait(false);
        }
        return http.Response.StatusCode < 400;
    }

    private string TicketFor(HttpRequest request, LinkedWorker worker, string session, string owner) =>
        worker.Sign(session, owner, gate.NameOf(request), link: owner.Length == 0, time.GetUtcNow());

    // One list of all workers; one that does not answer in time is left out, as its sessions are not to be had now.
    private async Task ListAsync(HttpContext http, string owner)
    {
        var lists = await Task.WhenAll((await LivingAsync().ConfigureAwait(false)).Select(OneAsync)).ConfigureAwait(false);
        var all = new JsonArray([.. lists.SelectMany(l => l).OrderBy(s => (string?)s["created"], StringComparer.Ordinal)
            .Select(s => s.DeepClone())]);
        await Results.Text(new JsonObject { ["sessions"] = all }.ToJsonString(AsSent), "application/json", Encoding.UTF8).ExecuteAsync(http)
            .ConfigureAwait(false);

        async Task<IEnumerable<JsonNode>> OneAsync(LinkedWorker worker)
        {
            using var late = new CancellationTokenSource(ListTime, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, late.Token);
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(worker.Address + "/v1/sessions"));
                request.Headers.TryAddWithoutValidation(GatewayTicket.Header, TicketFor(http.Request, worker, "", owner));
                using var answer = await routes.To(worker).Invoker.SendAsync(request, either.Token).ConfigureAwait(false);
                answer.EnsureSuccessStatusCode();
                var list = JsonNode.Parse(await answer.Content.ReadAsStringAsync(either.Token).ConfigureAwait(false));
                return list?["sessions"] is JsonArray sessions ? sessions.OfType<JsonNode>() : [];
            }
            catch (Exception gone) when (gone is HttpRequestException or JsonException or ObjectDisposedException
                || (gone is OperationCanceledException && !http.RequestAborted.IsCancellationRequested))
            {
                return [];
            }
        }
    }

    private Task<LinkedWorker[]> LivingAsync() => grains.GetGrain<IFleetGrain>(0).LivingAsync();

    // The same worker for the same owner as long as it lives, and few move when one comes or goes (rendezvous hashing).
    private static LinkedWorker? HomeOf(string owner, IEnumerable<LinkedWorker> living) => living.MaxBy(w => Weight(owner, w.Name));

    private static ulong Weight(string owner, string worker) =>
        BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{owner}\n{worker}")));

    private static Task RefuseAsync(HttpContext http, string words) =>
        Problems.From(http, new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, words)).ExecuteAsync(http);
}
