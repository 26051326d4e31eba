using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Orleans;
using TrueLive.Fleet.Grains;
using TrueLive.Server.Http;

namespace TrueLive.Fleet.Gateway;

/// <summary>The fleet over HTTP, for operators: what is where, how full it is, and taking workers out of service.</summary>
internal static class FleetEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/healthz", () => Results.Text("ok\n"));
        app.MapGet("/readyz", (FleetWatch watch) => watch.Latest is { } view && view.Workers.Any(w => w.State == "ready")
            ? Results.Text("ready\n") : Problems.Of(StatusCodes.Status503ServiceUnavailable, "No worker of the fleet is ready."));
        app.MapDelete(LineTickets.Path + "/{ticket}", async (string ticket, SessionPlaces places) =>
        {
            await places.LeaveLineAsync(ticket).ConfigureAwait(false);
            return Results.NoContent();
        });
        app.MapGet("/v1/fleet", async (IGrainFactory grains) =>
            Results.Json(await Fleet(grains).ViewAsync().ConfigureAwait(false), FleetJson.Default.FleetView));
        app.MapPost("/v1/fleet/workers/{name}/drain", (string name, IGrainFactory grains) => DrainAsync(grains, name, on: true));
        app.MapDelete("/v1/fleet/workers/{name}/drain", (string name, IGrainFactory grains) => DrainAsync(grains, name, on: false));
    }

    private static IFleetGrain Fleet(IGrainFactory grains) => grains.GetGrain<IFleetGrain>(0);

    private static async Task<IResult> DrainAsync(IGrainFactory grains, string name, bool on) =>
        await Fleet(grains).DrainAsync(name, on).ConfigureAwait(false)
        ? Results.NoContent() : Problems.Of(StatusCodes.Status404NotFound,
            $"There is no worker '{(name.Length > 64 ? name[..64] : name)}'. 'truelive fleet status' lists them.");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(FleetView))]
internal sealed partial class FleetJson : JsonSerializerContext;
