using TrueLive.Core.Tiers;
using TrueLive.Media.Files;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Previews;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>Looks as thumbnails of a client's own frame.</summary>
internal static class LookEndpoints
{
    /// <summary>Longest frame taken, in bytes.</summary>
    private const int MaxFrame = 200 * 1024;

    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/v1/looks/preview", MakeAsync).WithTags("Info")
        .WithSummary("One JPEG frame in every look of a model, as a sheet; the header X-TrueLive-Sheet is 'columns,rows,count'")
        .Accepts<byte[]>("image/jpeg").Produces(200, contentType: "image/jpeg").ProducesProblem(400).ProducesProblem(413)
        .ProducesProblem(429);

    private static async Task<IResult> MakeAsync(
        HttpContext http, string? model, LookSheet sheets, ModelStore models, ServerOptions options)
    {
        var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int read; (read = await http.Request.Body.ReadAsync(buffer, http.RequestAborted).ConfigureAwait(false)) > 0;)
        {
            if (body.Length + read > MaxFrame)
                return Problems.Of(StatusCodes.Status413PayloadTooLarge,
                    $"A frame for thumbnails has at most {MaxFrame / 1024} kB; make it smaller.");
            body.Write(buffer, 0, read);
        }
        try
        {
            var sheet = await sheets.MakeAsync(model, body.GetBuffer().AsMemory(0, (int)body.Length), http.RequestAborted)
                .ConfigureAwait(false);
            http.Response.Headers["X-TrueLive-Sheet"] = FormattableString.Invariant($"{sheet.Columns},{sheet.Rows},{sheet.Count}");
            http.Response.Headers.CacheControl = "no-store";
            var sourceType = options.AiMark && models.Find(model) is { } made ? AiMark.Of(made.Info) : null;
            AiMarkHeader.Tell(http.Response, sourceType);
            return Results.Bytes(sourceType is null ? sheet.Jpeg : Xmp.InJpeg(sheet.Jpeg, sourceType), "image/jpeg");
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return Results.Empty;
        }
    }
}
