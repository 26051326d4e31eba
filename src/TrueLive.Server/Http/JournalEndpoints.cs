using TrueLive.Core.Tiers;
using TrueLive.Server.Journals;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Http;

/// <summary>Journals of the caller's live sessions.</summary>
internal sealed record JournalListView(IReadOnlyList<JournalView> Journals);

/// <summary>Recording live sessions, to be rendered again as clips.</summary>
internal static class JournalEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var sessions = app.MapGroup("/v1/sessions").WithTags("Journals").AddEndpointFilter(ClipEndpoints.AnswerRefusals(Tier.Live));
        sessions.MapPost("/{id}/journal", Begin).WithSummary("Begin to record a live session").Produces<JournalView>(201)
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(413);
        sessions.MapDelete("/{id}/journal", EndAsync).WithSummary("Stop recording").Produces<JournalView>().ProducesProblem(404);
        var journals = app.MapGroup("/v1/journals").WithTags("Journals").AddEndpointFilter(ClipEndpoints.AnswerRefusals(Tier.Live));
        journals.MapGet("", (HttpRequest http, Gate gate, JournalStore store) => new JournalListView(store.List(gate.OwnerOf(http))))
            .WithSummary("Your journals");
        journals.MapGet("/{id}", (string id, HttpRequest http, Gate gate, JournalStore store, SessionRegistry registry) =>
            store.Find(gate.OwnerOf(http), id) is { } journal
                ? Results.Ok(registry.Find(journal.View.Session)?.Observer.Recorder?.View is { } now && now.Id == id ? now : journal.View)
                : NoSuch())
            .WithSummary("One journal").Produces<JournalView>().ProducesProblem(404);
        journals.MapDelete("/{id}", (string id, HttpRequest http, Gate gate, JournalStore store) =>
        {
            if (store.Find(gate.OwnerOf(http), id) is not { } journal)
                return NoSuch();
            store.Delete(journal.View);
            return Results.NoContent();
        }).WithSummary("Delete a journal").Produces(204).ProducesProblem(404);
    }

    private static IResult Begin(string id, HttpRequest http, Gate gate, JournalStore store, SessionRegistry registry)
    {
        if (registry.Find(id, gate.OwnerOf(http)) is not { } hosted)
            return SessionEndpoints.NoSuchSession(id);
        return hosted.Observer.Record(() => store.Begin(gate.OwnerOf(http), hosted.Session))
            ? Results.Created($"/v1/journals/{hosted.Observer.Recorder!.View.Id}", hosted.Observer.Recorder.View)
            : Problems.Of(StatusCodes.Status409Conflict, "The session is being recorded already. Stop that journal first.");
    }

    private static async Task<IResult> EndAsync(string id, HttpContext http, Gate gate, SessionRegistry registry)
    {
        if (registry.Find(id, gate.OwnerOf(http.Request)) is not { } hosted)
            return SessionEndpoints.NoSuchSession(id);
        if (hosted.Observer.Recorder is not { } recorder)
            return NoSuch();
        recorder.End("It was stopped.");
        // Another server may be asked for a clip of it next, and knows only what is on disk.
        await recorder.Written.WaitAsync(http.RequestAborted).ConfigureAwait(false);
        return Results.Ok(recorder.View);
    }

    private static IResult NoSuch() => Problems.Of(StatusCodes.Status404NotFound, "There is no such journal. It may have expired.");
}
