using TrueLive.Core.Models;
using TrueLive.Server.Configuration;
using TrueLive.Server.Sessions;

namespace TrueLive.Server.Http;

/// <summary>Health and capabilities.</summary>
internal static class InfoEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/healthz", () => Results.Text("ok\n")).WithTags("Health").WithSummary("The process runs");
        app.MapGet("/readyz", (CapacityMeasurement measurement) => measurement.Finished.IsCompleted
                ? Results.Ok(new ReadyView(true, "Models are loaded and the machine's capacity is measured."))
                : Results.Json(new ReadyView(false, "The machine's capacity is being measured."), ApiJson.Default.ReadyView, statusCode: 503))
            .WithTags("Health").WithSummary("Sessions can start").Produces<ReadyView>().Produces<ReadyView>(503);
        app.MapGet("/v1/capabilities", Capabilities).WithTags("Info").WithSummary("Models, sizes, transports and measured capacity");
    }

    private static CapabilitiesView Capabilities(ModelShelf models, Admission admission, SessionRegistry registry, ServerOptions options) => new(
        typeof(InfoEndpoints).Assembly.GetName().Version!.ToString(3), "live",
        "Tier 3, live: each incoming frame is turned into an outgoing one while the stream runs.",
        [.. models.All.Select(m => ModelView.From(m.Info))], models.Default.Info.Id, options.Size, options.TargetRate,
        [.. admission.Costs.Select(c => new CapacityView(
            c.ModelId, $"{c.Width}x{c.Height}", c.StepMs, c.CpuMs, c.Frames, admission.Capacity(models.Find(c.ModelId)!, c.Width, c.Height)))],
        ["whip", "whep", "websocket-jpeg"], options.KeepSeconds, options.FrameAgeMs, Prompt.MaxLength, registry.Count);
}
