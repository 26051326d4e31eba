using Microsoft.AspNetCore.Mvc;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>Errors as RFC 9457 problem details: a title for the kind, a detail that says what to change.</summary>
internal static class Problems
{
    /// <summary>Any refusal; 429 and 503 say when to retry, and a full server adds its figures.</summary>
    public static IResult From(HttpContext http, RequestRefusedException refused)
    {
        if (refused.RenewsAfter is { } renews)
        {
            http.Response.Headers.RetryAfter = FormattableString.Invariant($"{Math.Ceiling(renews.TotalSeconds)}");
            return Results.Problem(statusCode: refused.Status, detail: refused.Message, type: "urn:truelive:problem:quota",
                title: "The key's quota is used up.");
        }
        if (refused.Refusal is not { } full)
        {
            if (refused.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
                http.Response.Headers.RetryAfter = "2";
            return Of(refused.Status, refused.Message);
        }
        var seconds = Math.Max(1, (int)Math.Ceiling(full.RetryAfter.TotalSeconds));
        http.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var problem = new ProblemDetails
        {
            Type = "urn:truelive:problem:full",
            Title = "The server is full.",
            Status = refused.Status,
            Detail = full.Words,
            Extensions = { ["capacity"] = full.Capacity, ["running"] = full.Running, ["retry_after_s"] = seconds },
        };
        if (full.Line is { } line)
        {
            http.Response.Headers[LineTickets.Header] = line.Ticket;
            problem.Extensions["line"] = LineView.From(line);
        }
        return Results.Problem(problem);
    }

    /// <summary>A request that failed for lack of a resource: 507 for the disk, 503 for all else, with a time to retry after.</summary>
    public static IResult From(HttpContext http, Shortage lacking)
    {
        http.Response.Headers.RetryAfter = "10";
        return Of(lacking.Status, lacking.Words);
    }

    /// <summary>A plain refusal.</summary>
    public static IResult Of(int status, string detail) => Results.Problem(statusCode: status, detail: detail);
}
