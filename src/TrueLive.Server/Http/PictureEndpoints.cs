using Microsoft.AspNetCore.Http.Features;
using TrueLive.Server.Pictures;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>Pictures that set parameters of a model.</summary>
internal static class PictureEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var pictures = app.MapGroup("/v1/pictures").WithTags("Pictures");
        pictures.MapPost("", TakeAsync)
            .WithSummary("Send a picture that a parameter can be set to: the body is the file; its id is the value")
            .Produces<PictureView>(201).ProducesProblem(413).ProducesProblem(415).ProducesProblem(429).ProducesProblem(503);
        pictures.MapDelete("/{id}", (string id, HttpRequest http, Gate gate, PictureStore store) => store.Delete(gate.OwnerOf(http), id)
            ? Results.NoContent()
            : Problems.Of(StatusCodes.Status404NotFound, "There is no such picture. It may have expired.")).WithSummary("Delete a picture")
                .Produces(204).ProducesProblem(404);
    }

    private static async Task<IResult> TakeAsync(HttpContext http, Gate gate, PictureStore store)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = PictureStore.MaxBytes + 1;
        try
        {
            var picture = await store.TakeAsync(gate.OwnerOf(http.Request), http.Request.Body, http.RequestAborted).ConfigureAwait(false);
            return Results.Created($"/v1/pictures/{picture.Id}", picture);
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
        catch (Exception error) when (Shortage.Of(error) is { } lacking)
        {
            return Problems.From(http, lacking);
        }
    }
}
