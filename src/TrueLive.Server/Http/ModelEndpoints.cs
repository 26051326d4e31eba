using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>Loads models before they are used.</summary>
internal static class ModelEndpoints
{
    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/v1/models/{id}/warm", WarmAsync).WithTags("Info")
        .WithSummary("Load a model and, while nobody is live, measure it at the server's size, so that a session with it begins at once")
        .Produces<ModelView>().ProducesProblem(404).ProducesProblem(422).ProducesProblem(503);

    private static async Task<IResult> WarmAsync(
        string id, HttpContext http, ModelStore models, Admission admission, CapacityMeasurement measurement, SessionRegistry registry,
        ServerOptions options)
    {
        if (models.All.FirstOrDefault(m => m.Info.Id == id) is not { } model)
            return Problems.Of(StatusCodes.Status404NotFound,
                $"There is no such model. This server has: {string.Join(", ", models.All.Select(m => m.Info.Id))}.");
        try
        {
            await ModelStore.WarmAsync(model, http.RequestAborted).ConfigureAwait(false);
            // During a live session, a measurement would take processor time from it.
            if (registry.Count == 0)
                await measurement.KnowAsync(model, options.SizePixels.Width, options.SizePixels.Height, http.RequestAborted)
                    .ConfigureAwait(false);
            return Results.Ok(ModelView.From(model, models, admission, options));
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
    }
}
