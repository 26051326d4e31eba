using TrueLive.Clips;
using TrueLive.Core.Clips;
using TrueLive.Media.Files;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Pictures;
using TrueLive.Server.Resources;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Clips;

/// <summary>Checks a client's request for a clip and queues it.</summary>
internal sealed class ClipOrders(
    ClipQueueHost queueHost, ClipFolders folders, ClipUploads uploads, JournalStore journals, ClipSources sources, ClipWebhooks webhooks,
    ModelStore models,
    PictureStore pictures, Quotas quotas, ServerOptions options)
{
    /// <summary>Takes a job.</summary>
    /// <exception cref="RequestRefusedException">
    /// 422 for a request that cannot be met, 413 without room on disk, 429 or 503 for a full queue.
    /// </exception>
    public async Task<ClipJob> TakeAsync(string owner, CreateClipBody body, CancellationToken cancel)
    {
        if (new[] { body.Upload, body.Url, body.Journal }.Count(s => !string.IsNullOrEmpty(s)) != 1)
            throw Wrong("Name one source: upload, url or journal.");
        var model = models.Find(body.Model)
            ?? throw Wrong($"There is no model '{body.Model}'. This server has: {string.Join(", ", models.All.Select(m => m.Info.Id))}.");
        if (ClipValues.Refuse(model, body.Values, body.Seed, pictures.Named(owner, model.Info.Parameters, [body.Values ?? ""]),
            out var values) is { } wrongValues)
            throw Wrong(wrongValues);
        if (body.Prompt is not null && body.Prompts is not null)
            throw Wrong("Give either prompt (one prompt for the whole clip) or prompts (a schedule).");
        if (!(body.Prompts is { } several
            ? PromptSchedule.TryParse(several, out var schedule, out var error)
            : PromptSchedule.TryOne(body.Prompt ?? "", out schedule, out error)))
            throw Wrong(error);
        var strength = body.Strength ?? 1;
        if (!(strength is >= 0 and <= 1))
            throw Wrong("strength must be within 0..1.");
        var transition = body.TransitionMs ?? 300;
        if (!(transition is >= 0 and <= 10_000))
            throw Wrong("transition_ms must be within 0..10000.");
        (int Width, int Height) size = default;
        var stretch = false;
        if (!string.IsNullOrEmpty(body.Size) && !ClipSize.TryParse(body.Size, out size, out stretch))
            throw Wrong($"size is '{body.Size}'. {ClipSize.Rule}");
        Backdrop backdrop = default;
        if (!string.IsNullOrEmpty(body.Background) && !Backdrop.TryParse(body.Background, out backdrop))
            throw Wrong($"background is '{body.Background}'. {Backdrop.Rule}");
        var format = string.IsNullOrEmpty(body.Format) ? "mp4" : body.Format;
        if (ClipFormats.Named(format) is null)
            throw Wrong($"format must be {ClipFormats.Names}.");
        Uri? webhook = null;
        if (!string.IsNullOrEmpty(body.Webhook) && webhooks.Refuse(body.Webhook, out webhook) is { } refused)
            throw Wrong($"webhook: {refused}");
        var request = new ClipRequest(body.Upload ?? "", schedule.ToString(), model.Info.Id, size.Width, size.Height, format, strength,
            webhook?.AbsoluteUri, transition, Stretch: stretch, Values: values, Background: backdrop.ToString());
        return await EnqueueAsync(owner, Sourced(owner, body, request), cancel).ConfigureAwait(false);
    }

    /// <summary>Puts a checked request into the queue.</summary>
    /// <exception cref="RequestRefusedException">413 without room on disk, 429 for a quota, 429 or 503 for a full queue.</exception>
    public async Task<ClipJob> EnqueueAsync(string owner, ClipRequest request, CancellationToken cancel)
    {
        if (quotas.Refuse(owner) is { } over)
            throw over;
        var queue = await queueHost.QueueAsync(cancel).ConfigureAwait(false);
        folders.RefuseMisplaced();
        if (folders.LeftFor(owner) <= 0)
            throw new RequestRefusedException(StatusCodes.Status413PayloadTooLarge,
                $"Your uploads, clips and journals fill the {options.ClipDiskMb} MB that you have. Delete some, or wait until " +
                "they expire.");
        var id = ClipQueue.NewId();
        var taken = false;
        try
        {
            // Before the job, so that no job can end, even if its server dies, without its webhook being known.
            if (!string.IsNullOrEmpty(request.Webhook))
                webhooks.Expect(id, request.Webhook);
            var job = await queue.EnqueueAsync(id, owner, request, cancel).ConfigureAwait(false);
            taken = true;
            queueHost.Wake();
            return job;
        }
        catch (ClipRefusedException full)
        {
            throw new RequestRefusedException(StatusCodes.Status429TooManyRequests, full.Message);
        }
        finally
        {
            if (!taken && !string.IsNullOrEmpty(request.Webhook))
                webhooks.Forget(id);
        }
    }

    private ClipRequest Sourced(string owner, CreateClipBody body, ClipRequest request)
    {
        if (!string.IsNullOrEmpty(body.Journal))
        {
            var journal = journals.Find(owner, body.Journal)
                ?? throw new RequestRefusedException(StatusCodes.Status404NotFound, "There is no such journal. It may have expired.");
            if (journals.IsRecording(journal.View.Id))
                throw new RequestRefusedException(StatusCodes.Status409Conflict, "The journal is still being recorded. Stop it first.");
            return request with { Journal = journal.View.Id, Name = "journal.mkv" };
        }
        if (!string.IsNullOrEmpty(body.Url))
            return sources.Hosts.Refuse(body.Url, out var uri) is { } refused
                ? throw Wrong($"url: {refused}")
                : request with { Url = uri!.AbsoluteUri, Name = ClipUploads.SafeName(Path.GetFileName(uri.AbsolutePath)) };
        var upload = uploads.Find(owner, body.Upload)
            ?? throw new RequestRefusedException(StatusCodes.Status404NotFound, "There is no such upload. It may have expired.");
        return upload.DurationS > options.ClipSeconds
            ? throw Wrong($"The video is {upload.DurationS:0} s long; this server makes clips of at most {options.ClipSeconds} s. " +
                "Cut it first.")
            : request with { Name = upload.Name };
    }

    private static RequestRefusedException Wrong(string why) => new(StatusCodes.Status422UnprocessableEntity, why);
}
