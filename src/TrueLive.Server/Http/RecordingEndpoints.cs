using TrueLive.Core.Tiers;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Recordings;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams;

namespace TrueLive.Server.Http;

/// <summary>A file of a recording; its address opens it without a key, for a player.</summary>
internal sealed record RecordingPartView(string Url, long Bytes);

/// <summary>
/// A recording of a live session. <c>ended</c> is missing while it runs; at <c>expires</c> it is deleted, and before that when its key's
/// recordings fill their disk. <c>problem</c> says why nothing is written to one that runs, and is null while all is well.
/// </summary>
internal sealed record RecordingView(
    string Id, string Session, bool Recording, DateTimeOffset Started, DateTimeOffset? Ended, string? EndedBecause, DateTimeOffset Expires,
    long Bytes, string Model, string Size, string Tier, string TierMeans, string? DigitalSourceType,
    IReadOnlyList<RecordingPartView> Parts, string? Problem = null);

/// <summary>Your recordings, newest first, and what is kept of them: the oldest are deleted beyond <c>disk_mb</c>.</summary>
internal sealed record RecordingListView(IReadOnlyList<RecordingView> Recordings, long Bytes, int DiskMb, int KeepHours, int LimitMinutes);

/// <summary>Recording what live sessions make.</summary>
internal static class RecordingEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var sessions = app.MapGroup("/v1/sessions").WithTags("Recordings");
        sessions.MapPost("/{id}/recording", BeginAsync).WithSummary("Record what a live session makes, with sound")
            .Produces<RecordingView>(201).ProducesProblem(404).ProducesProblem(409).ProducesProblem(507);
        sessions.MapDelete("/{id}/recording", EndAsync).WithSummary("Stop recording; all of it is on disk then")
            .Produces<RecordingView>().ProducesProblem(404);
        var recordings = app.MapGroup("/v1/recordings").WithTags("Recordings");
        recordings.MapGet("", List).WithSummary("Your recordings, newest first, and how long they are kept");
        recordings.MapGet("/{id}", (string id, HttpRequest http, Gate gate, RecordingStore store, SignedLinks links) =>
                store.Find(gate.OwnerOf(http), id) is { } found ? Results.Ok(ViewOf(found, store, gate.OwnerOf(http), links)) : NoSuch())
            .WithSummary("One recording").Produces<RecordingView>().ProducesProblem(404);
        recordings.MapGet("/{id}/{file}", Part).WithSummary("A file of a recording, with range requests, also while it grows")
            .ProducesProblem(404);
        recordings.MapDelete("/{id}", DeleteAsync).WithSummary("Delete a recording; one that runs stops first").Produces(204)
            .ProducesProblem(404).ProducesProblem(409);
    }

    private static async Task<IResult> BeginAsync(
        string id, HttpContext http, Gate gate, SessionRegistry registry, SessionRecordings recordings, RecordingStore store,
        SignedLinks links)
    {
        if (registry.Find(id, gate.OwnerOf(http.Request)) is not { } hosted)
            return SessionEndpoints.NoSuchSession(id);
        try
        {
            var recording = await recordings.BeginAsync(hosted, http.RequestAborted).ConfigureAwait(false);
            return Results.Created($"/v1/recordings/{recording.State.Id}", ViewOf(recording, store, hosted.Owner, links));
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
    }

    private static async Task<IResult> EndAsync(
        string id, HttpRequest http, Gate gate, SessionRegistry registry, SessionRecordings recordings, RecordingStore store,
        SignedLinks links)
    {
        if (registry.Find(id, gate.OwnerOf(http)) is not { } hosted)
            return SessionEndpoints.NoSuchSession(id);
        return await recordings.FinishAsync(id, "It was stopped.").ConfigureAwait(false) is { } stopped
            && store.Find(hosted.Owner, stopped.State.Id) is { } recording
                ? Results.Ok(ViewOf(recording, store, hosted.Owner, links))
                : Problems.Of(StatusCodes.Status404NotFound, "The session is not being recorded.");
    }

    private static RecordingListView List(HttpRequest http, Gate gate, RecordingStore store, SignedLinks links, ServerOptions options)
    {
        var owner = gate.OwnerOf(http);
        RecordingView[] all = [.. store.List(owner).Select(r => ViewOf(r, store, owner, links))];
        return new RecordingListView(
            all, all.Sum(r => r.Bytes), options.RecordingDiskMb, options.RecordingKeepHours, options.RecordingMinutes);
    }

    private static IResult Part(string id, string file, HttpContext http, Gate gate, RecordingStore store, SignedLinks links)
    {
        var owner = links.Opens(http.Request) ? store.OwnerOf(id) : gate.OwnerOf(http.Request);
        if (owner is null || store.Find(owner, id) is not { } recording || recording.Part(file) is not { } part)
            return NoSuch();
        GrowingFile bytes;
        try
        {
            bytes = new GrowingFile(part.FullName);
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return NoSuch();
        }
        AiMarkHeader.Tell(http.Response, recording.State.SourceType);
        http.Response.Headers.CacheControl = "no-store";
        return Results.Stream(bytes, "video/mp4", enableRangeProcessing: true);
    }

    private static async Task<IResult> DeleteAsync(
        string id, HttpContext http, Gate gate, RecordingStore store, SessionRecordings recordings)
    {
        if (store.Find(gate.OwnerOf(http.Request), id) is not { } recording)
            return NoSuch();
        try
        {
            await recordings.DeleteAsync(recording).ConfigureAwait(false);
            return Results.NoContent();
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
    }

    private static RecordingView ViewOf(Recording recording, RecordingStore store, string owner, SignedLinks links)
    {
        var s = recording.State;
        RecordingPartView[] parts =
            [.. recording.Parts.Select(p => new RecordingPartView(links.Sign($"/v1/recordings/{s.Id}/{p.Name}", owner), p.Length))];
        return new RecordingView(
            s.Id, s.Session, s.Ended is null, s.Started, s.Ended, s.EndedBecause, store.ExpiryOf(recording), parts.Sum(p => p.Bytes),
            s.Model, s.Size, TierWords.Name(Tier.Live), TierWords.Means(Tier.Live), s.SourceType, parts, recording.Problem());
    }

    private static IResult NoSuch() => Problems.Of(StatusCodes.Status404NotFound, "There is no such recording. It may have expired.");
}
