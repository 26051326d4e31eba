using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using TrueLive.Clips;
using TrueLive.Core.Tiers;
using TrueLive.Media.Files;
using TrueLive.Server.Access;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>Tier 1 over HTTP: uploads, clip jobs, their events and results.</summary>
internal static class ClipEndpoints
{
    private static readonly TimeSpan EventPause = TimeSpan.FromMilliseconds(250);

    public static void Map(IEndpointRouteBuilder app)
    {
        var uploads = app.MapGroup("/v1/uploads").WithTags("Uploads").AddEndpointFilter(AnswerRefusals(Tier.Clip));
        uploads.MapPost("", UploadAsync)
            .WithSummary("Send a video file, or a ZIP of numbered PNG or JPEG pictures (fps says how many a second): the body is the " +
            "file, of any content type").Produces<UploadView>(201).ProducesProblem(413).ProducesProblem(415);
        uploads.MapGet("", (HttpRequest http, Gate gate, ClipUploads all, SignedLinks links) =>
            new UploadListView([.. all.List(gate.OwnerOf(http)).Select(u => WithPreview(u, gate.OwnerOf(http), links))]))
            .WithSummary("Your uploads");
        uploads.MapGet("/{id}", (string id, HttpRequest http, Gate gate, ClipUploads all, SignedLinks links) =>
            all.Find(gate.OwnerOf(http), id) is { } upload ? Results.Ok(WithPreview(upload, gate.OwnerOf(http), links)) : NoSuch("upload"))
            .WithSummary("One upload").Produces<UploadView>().ProducesProblem(404);
        uploads.MapGet("/{id}/preview", PreviewAsync).WithSummary("A picture of an upload (JPEG), whatever kind of file it is")
            .ProducesProblem(404).ProducesProblem(415);
        uploads.MapDelete("/{id}", (string id, HttpRequest http, Gate gate, ClipUploads all) =>
        {
            if (all.Find(gate.OwnerOf(http), id) is not { } upload)
                return NoSuch("upload");
            all.Delete(upload);
            return Results.NoContent();
        }).WithSummary("Delete an upload").Produces(204).ProducesProblem(404);

        var clips = app.MapGroup("/v1/clips").WithTags("Clips").AddEndpointFilter(AnswerRefusals(Tier.Clip));
        clips.MapPost("", CreateAsync).WithSummary("Make a clip (tier 1)").Produces<ClipView>(202).ProducesProblem(404).ProducesProblem(413)
            .ProducesProblem(422).ProducesProblem(429);
        clips.MapGet("", ListAsync).WithSummary("Your clips, newest first").Produces<ClipListView>();
        clips.MapGet("/{id}", GetAsync).WithSummary("One clip").Produces<ClipView>().ProducesProblem(404);
        clips.MapGet("/{id}/events", EventsAsync).WithSummary("A clip's progress as server-sent events").ProducesProblem(404);
        clips.MapGet("/{id}/result", ResultAsync).WithSummary("The finished file, with range requests").ProducesProblem(404)
            .ProducesProblem(409);
        clips.MapGet("/{id}/source", SourceAsync).WithSummary("The upload that a clip was made from, while it is kept, with range requests")
            .ProducesProblem(404);
        clips.MapDelete("/{id}", DeleteAsync).WithSummary("Cancel a clip, or remove one that has ended").Produces<ClipView>()
            .ProducesProblem(404);
    }

    /// <summary>Turns a refusal into problem details that say what to change and, like every other answer, name the tier.</summary>
    internal static Func<EndpointFilterInvocationContext, EndpointFilterDelegate, ValueTask<object?>> AnswerRefusals(Tier tier) =>
        async (context, next) =>
    {
        var answer = await AnswerAsync(context, next).ConfigureAwait(false);
        if (answer is ProblemHttpResult { ProblemDetails: var problem })
            (problem.Extensions["tier"], problem.Extensions["tier_means"]) = (TierWords.Name(tier), TierWords.Means(tier));
        return answer;
    };

    private static async ValueTask<object?> AnswerAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return context.HttpContext.RequestServices.GetRequiredService<ServerOptions>().Clips
                ? await next(context).ConfigureAwait(false)
                : Problems.Of(StatusCodes.Status404NotFound, "This server takes no clips (setting clips).");
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(context.HttpContext, refused);
        }
        catch (Exception error) when (Shortage.Of(error) is { } lacking)
        {
            return Problems.From(context.HttpContext, lacking);
        }
    }

    private static async Task<IResult> UploadAsync(
        HttpContext http, double? fps, Gate gate, ClipUploads uploads, SignedLinks links, ServerOptions options)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = ((long)options.ClipUploadMb << 20) + 1;
        var name = Uri.UnescapeDataString(http.Request.Headers["X-File-Name"].ToString());
        var owner = gate.OwnerOf(http.Request);
        var upload = await uploads.TakeAsync(owner, name, http.Request.Body, http.Request.ContentLength, fps, http.RequestAborted)
            .ConfigureAwait(false);
        return Results.Created($"/v1/uploads/{upload.Id}", WithPreview(upload, owner, links));
    }

    private static UploadView WithPreview(UploadView upload, string owner, SignedLinks links) =>
        upload with { PreviewUrl = links.Sign($"/v1/uploads/{upload.Id}/preview", owner) };

    private static async Task<IResult> PreviewAsync(
        string id, HttpContext http, Gate gate, ClipUploads uploads, ClipFolders folders, UploadPreview preview, SignedLinks links)
    {
        var owner = ClipFolders.IsId(id) && links.Opens(http.Request)
            ? ClipFolders.OwnerOf(Path.Combine(folders.Uploads, id))
            : gate.OwnerOf(http.Request);
        return owner is not null && uploads.Find(owner, id) is { } upload
            ? Results.File(await preview.OfAsync(upload, http.RequestAborted).ConfigureAwait(false), "image/jpeg") : NoSuch("upload");
    }

    private static async Task<IResult> CreateAsync(
        HttpContext http, [FromBody] CreateClipBody body, Gate gate, ClipOrders orders, ClipViews views)
    {
        var job = await orders.TakeAsync(gate.OwnerOf(http.Request), body, http.RequestAborted).ConfigureAwait(false);
        return Results.Accepted($"/v1/clips/{job.Id}", await views.OfAsync(job, http.RequestAborted).ConfigureAwait(false));
    }

    private static async Task<IResult> ListAsync(HttpContext http, int? limit, Gate gate, ClipQueueHost queueHost, ClipViews views)
    {
        var list = new List<ClipView>();
        if (queueHost.InUse)
        {
            var queue = await queueHost.QueueAsync(http.RequestAborted).ConfigureAwait(false);
            foreach (var job in await queue.ListAsync(gate.OwnerOf(http.Request), Math.Clamp(limit ?? 50, 1, 500), http.RequestAborted)
                .ConfigureAwait(false))
                list.Add(await views.OfAsync(job, http.RequestAborted).ConfigureAwait(false));
        }
        return Results.Ok(new ClipListView(TierWords.Name(Tier.Clip), TierWords.Means(Tier.Clip), list));
    }

    private static async Task<IResult> GetAsync(
        string id, HttpContext http, Gate gate, ClipQueueHost queueHost, ClipViews views, SignedLinks links) =>
        await FindAsync(id, http, gate, queueHost, links).ConfigureAwait(false) is { } job
            ? Results.Ok(await views.OfAsync(job, http.RequestAborted, withSource: true).ConfigureAwait(false))
            : NoSuch("clip");

    private static async Task<IResult> EventsAsync(string id, HttpContext http, Gate gate, ClipQueueHost queueHost, ClipViews views,
        SignedLinks links, TimeProvider time, IHostApplicationLifetime lifetime)
    {
        if (await FindAsync(id, http, gate, queueHost, links).ConfigureAwait(false) is null)
            return NoSuch("clip");
        http.Response.Headers["X-Accel-Buffering"] = "no";
        return TypedResults.ServerSentEvents(Follow(id, queueHost, views, time, lifetime.ApplicationStopping, http.RequestAborted));
    }

    private static async IAsyncEnumerable<SseItem<ClipView>> Follow(string id, ClipQueueHost queueHost, ClipViews views, TimeProvider time,
        CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancel)
    {
        ClipView? shown = null;
        using var timer = new PeriodicTimer(EventPause, time);
        while (true)
        {
            ClipJob? job = null;
            ClipView? view = null;
            try
            {
                if ((job = await queueHost.LookAsync(id, cancel).ConfigureAwait(false)) is null)
                    yield break;
                view = await views.OfAsync(job, cancel).ConfigureAwait(false);
            }
            catch (System.Data.Common.DbException)
            {
                // The database will come back; listeners keep the last known state.
            }
            var ended = view is not null && job!.State is not (ClipJobState.Queued or ClipJobState.Running);
            if (view is not null && (ended || view != shown))
                yield return new SseItem<ClipView>(shown = view, ended ? "end" : "progress");
            // A server that shuts down does not wait for listeners; their EventSource reconnects by itself.
            if (ended || stopping.IsCancellationRequested || !await timer.WaitForNextTickAsync(cancel).ConfigureAwait(false))
                yield break;
        }
    }

    private static async Task<IResult> ResultAsync(
        string id, HttpContext http, Gate gate, ClipQueueHost queueHost, ClipFolders folders, ClipViews views, SignedLinks links)
    {
        if (await FindAsync(id, http, gate, queueHost, links).ConfigureAwait(false) is not { } job)
            return NoSuch("clip");
        AiMarkHeader.Tell(http.Response, views.SourceTypeOf(job));
        if (job.State != ClipJobState.Done)
            return Problems.Of(StatusCodes.Status409Conflict, job.Error is { } error
                ? $"There is no result: {error}"
                : $"There is no result yet: the clip is {job.State.ToString().ToLowerInvariant()}.");
        var (ending, type) = ClipFormats.Of(ClipFormats.Named(job.Request.Format) ?? ClipFormat.Mp4);
        var path = folders.ResultOf(job.Id, job.Result, ending);
        return File.Exists(path) ? Results.File(path, type, enableRangeProcessing: true) : NoSuch("clip");
    }

    private static async Task<IResult> SourceAsync(
        string id, HttpContext http, Gate gate, ClipQueueHost queueHost, ClipUploads uploads, SignedLinks links)
    {
        if (await FindAsync(id, http, gate, queueHost, links).ConfigureAwait(false) is not { } job
            || uploads.Find(job.Owner, job.Request.Source) is not { } upload)
            return NoSuch("source");
        // A stranger's file on our origin: browsers must treat it as a film or a picture, never as a page in which a script could run.
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers.ContentSecurityPolicy = "sandbox";
        var type = (upload.Codec, Path.GetExtension(upload.Name)) switch
        {
            ("gif", _) => "image/gif",
            ("png" or "apng", _) => "image/png",
            ("webp", _) => "image/webp",
            ("mjpeg", _) when upload.Frames == 1 => "image/jpeg",
            ("av1", _) when upload.Frames == 1 => "image/avif",
            (_, ".webm" or ".mkv") => "video/webm",
            _ => "video/mp4",
        };
        return Results.File(uploads.PathOf(upload), type, enableRangeProcessing: true);
    }

    private static async Task<IResult> DeleteAsync(string id, HttpContext http, Gate gate, ClipQueueHost queueHost, ClipFolders folders,
        ClipViews views, ClipWorker worker, SignedLinks links)
    {
        if (await FindAsync(id, http, gate, queueHost, links).ConfigureAwait(false) is not { } job)
            return NoSuch("clip");
        var queue = await queueHost.QueueAsync(http.RequestAborted).ConfigureAwait(false);
        if (await queue.CancelAsync(id, CancellationToken.None).ConfigureAwait(false))
        {
            // A waiting job may have been started before; nothing else would remove its files.
            if (!worker.Stop(id) && job.State == ClipJobState.Queued)
                folders.RemoveJob(id);
        }
        else if (await queue.RemoveAsync(id, CancellationToken.None).ConfigureAwait(false))
            folders.RemoveJob(id);
        return Results.Ok(await views.OfAsync(await queue.FindAsync(id, CancellationToken.None).ConfigureAwait(false) ?? job,
            CancellationToken.None).ConfigureAwait(false));
    }

    private static async Task<ClipJob?> FindAsync(string id, HttpContext http, Gate gate, ClipQueueHost queueHost, SignedLinks links)
    {
        if (!ClipFolders.IsId(id) || !queueHost.InUse)
            return null;
        var job = await (await queueHost.QueueAsync(http.RequestAborted).ConfigureAwait(false)).FindAsync(id, http.RequestAborted)
            .ConfigureAwait(false);
        return job is not null && (job.Owner == gate.OwnerOf(http.Request) || links.Opens(http.Request)) ? job : null;
    }

    private static IResult NoSuch(string what) =>
        Problems.Of(StatusCodes.Status404NotFound, $"There is no such {what}. It may have expired.");
}
