using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Mvc;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams;
using TrueLive.Server.Streams.Hls;

namespace TrueLive.Server.Http;

/// <summary>Playlists, segments and parts of HLS outputs.</summary>
internal static class HlsEndpoints
{
    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/hls/{id}/{output}/{file}", GetAsync)
        .WithTags("Streams").WithSummary("Playlists, segments and parts of an HLS output")
        .ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);

    private static async Task<IResult> GetAsync(
        string id, string output, string file, [FromQuery(Name = "_HLS_msn")] long? segment, [FromQuery(Name = "_HLS_part")] int? part,
        HttpContext http, StreamRegistry registry, IHostApplicationLifetime life)
    {
        if (registry.Hls.Find(id, output) is not var (hls, sourceType))
            return NotThere();
        AiMarkHeader.Tell(http.Response, sourceType());
        var from = http.Connection.RemoteIpAddress?.ToString() ?? "";
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, life.ApplicationStopping);
        try
        {
            if (file is HlsOutput.Playlist or HlsOutput.LowLatency)
            {
                var parts = file == HlsOutput.LowLatency;
                if (segment < 0 || part < 0 || (segment is null && part is not null))
                    throw new RequestRefusedException(StatusCodes.Status400BadRequest, "_HLS_part goes with _HLS_msn; both count from 0.");
                // Only those who know that they may wait ask for what is to come.
                await hls.WaitAsync(parts ? segment : null, parts ? part : null, from, either.Token).ConfigureAwait(false);
                http.Response.Headers.CacheControl = "no-cache";
                return Results.Text(hls.Read(parts, http.Request.Query["token"].ToString()), "application/vnd.apple.mpegurl");
            }
            // It may be deleted at any time.
            var piece = await hls.FindAsync(file, from, either.Token).ConfigureAwait(false);
            if (piece?.Open() is not { } bytes)
                return NotThere();
            http.Response.Headers.CacheControl = "max-age=60";
            if (piece.Length is not { } length)
                return Results.Stream(bytes, "video/mp4", enableRangeProcessing: true);
            await using var disposed = bytes.ConfigureAwait(false);
            (http.Response.ContentType, http.Response.ContentLength) = ("video/mp4", length);
            await StreamCopyOperation.CopyToAsync(bytes, http.Response.Body, length, http.RequestAborted).ConfigureAwait(false);
            return Results.Empty;
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
        catch (OperationCanceledException) when (life.ApplicationStopping.IsCancellationRequested)
        {
            return Problems.From(
                http, new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, "The server is stopping. Try again."));
        }
    }

    private static IResult NotThere() => Problems.Of(
        StatusCodes.Status404NotFound, "There is no such playlist, segment or part: the output has ended, or has gone on from it.");
}
