using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using TrueLive.Server.Capacity;
using TrueLive.Server.Probes;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>Runs of the probe over HTTP, for the page and for scripts.</summary>
internal static partial class ProbeEndpoints
{
    private const long MaxReport = 16L << 20;

    // A report is a self-contained page with its own style and no script; nothing in it may reach the server.
    private const string ReportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

    public static void Map(IEndpointRouteBuilder app)
    {
        var probes = app.MapGroup("/v1/probes").WithTags("Probe");
        probes.MapGet("", (HttpRequest http, Gate gate, ProbeRuns runs) =>
            new ProbeListView([.. runs.All.Where(j => j.Owner == gate.OwnerOf(http)).Select(j => j.Look().View)]))
            .WithSummary("Your runs, newest first");
        probes.MapPost("", Begin)
            .WithSummary("Measure this server ('self'), the probe's own echo ('echo') or another address; one run at a time")
            .Produces<ProbeView>(StatusCodes.Status202Accepted).ProducesProblem(409).ProducesProblem(422);
        probes.MapGet("/{id}", (string id, HttpRequest http, Gate gate, ProbeRuns runs) => runs.Find(id, gate.OwnerOf(http)) is { } job
            ? Results.Ok(job.Look().View)
            : NoSuchRun(id))
            .WithSummary("One run").Produces<ProbeView>().ProducesProblem(404);
        probes.MapGet("/{id}/events", Watch).WithSummary("The run as server-sent events: 'progress', last 'end'")
            .Produces(200, contentType: "text/event-stream").ProducesProblem(404);
        foreach (var file in new[] { "report.html", "report.json" })
        {
            probes.MapGet("/{id}/" + file, (string id, HttpContext http, Gate gate, ProbeRuns runs) => Report(id, file, http, gate, runs))
                .WithSummary("The report").ProducesProblem(404).ProducesProblem(409);
        }
        probes.MapDelete("/{id}", Remove).WithSummary("Cancel a run, or remove an ended one").Produces<ProbeView>().ProducesProblem(404);
        app.MapGet("/v1/requirement", Require).WithTags("Probe")
            .WithSummary("What do I need? Without 'build' the questions and their choices; with it the tier, the requirement and what to ask")
            .Produces(200, contentType: "application/json").ProducesProblem(422).ProducesProblem(429);
        probes.MapPost("/check", Check).WithSummary("Does a report meet a requirement? Body: report.json; or ?probe=ID")
            .Produces<ProbeCheckView>().ProducesProblem(413).ProducesProblem(422).ProducesProblem(429);
    }

    private static IResult Begin([FromBody] ProbeBody body, HttpRequest http, Gate gate, IServer server, ProbeRuns runs)
    {
        try
        {
            var own = new UriBuilder(server.Features.Get<IServerAddressesFeature>()!.Addresses.First());
            if (own.Host is "0.0.0.0" or "[::]" or "::")
                own.Host = "127.0.0.1";
            // This server is measured on behalf of the client that asks: with its key and under its limits.
            var key = body.Target is null or "" or "self" ? Gate.KeyOf(http) : body.Key;
            var job = runs.Begin(gate.OwnerOf(http), body.Target, own.Uri.GetLeftPart(UriPartial.Authority), body.Profile, key);
            return Results.Accepted($"/v1/probes/{job.Id}", job.Look().View);
        }
        catch (RequestRefusedException refused)
        {
            return Problems.Of(refused.Status, refused.Message);
        }
    }

    private static async Task Watch(string id, HttpContext http, Gate gate, ProbeRuns runs)
    {
        if (runs.Find(id, gate.OwnerOf(http.Request)) is not { } job)
        {
            await NoSuchRun(id).ExecuteAsync(http).ConfigureAwait(false);
            return;
        }
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        try
        {
            while (true)
            {
                var (view, changed) = job.Look();
                var ended = view.State != "running";
                var json = System.Text.Json.JsonSerializer.Serialize(view, ApiJson.Default.ProbeView);
                await http.Response.WriteAsync($"event: {(ended ? "end" : "progress")}\ndata: {json}\n\n", http.RequestAborted)
                    .ConfigureAwait(false);
                await http.Response.Body.FlushAsync(http.RequestAborted).ConfigureAwait(false);
                if (ended)
                    return;
                await changed.WaitAsync(http.RequestAborted).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static IResult Report(string id, string file, HttpContext http, Gate gate, ProbeRuns runs)
    {
        if (runs.Find(id, gate.OwnerOf(http.Request)) is not { } job)
            return NoSuchRun(id);
        var path = Path.Combine(job.Folder, file);
        if (job.State != ProbeState.Done || !File.Exists(path))
            return Problems.Of(StatusCodes.Status409Conflict, "There is no report: the run goes on, failed or was cancelled.");
        http.Response.Headers.ContentSecurityPolicy = ReportPolicy;
        return Results.File(path, file.EndsWith("html", StringComparison.Ordinal) ? "text/html; charset=utf-8" : "application/json");
    }

    private static IResult Remove(string id, HttpRequest http, Gate gate, ProbeRuns runs)
    {
        if (runs.Find(id, gate.OwnerOf(http)) is not { } job)
            return NoSuchRun(id);
        runs.Remove(job);
        return Results.Ok(job.Look().View);
    }

    private static async Task<IResult> Check(
        string? requirement, string? probe, HttpContext http, Gate gate, ProbeRuns runs, WorkPlaces places)
    {
        try
        {
            using var place = places.Enter(gate.OwnerOf(http.Request));
            return await CheckOneAsync(requirement, probe, http, gate, runs, places).ConfigureAwait(false);
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
    }

    private static async Task<IResult> CheckOneAsync(
        string? requirement, string? probe, HttpContext http, Gate gate, ProbeRuns runs, WorkPlaces places)
    {
        if (requirement is null || !PresetName().IsMatch(requirement))
            return Problems.Of(StatusCodes.Status422UnprocessableEntity,
                "Name a requirement that ships with TrueLive: ?requirement=video-call-filter.");
        if (probe is not null)
        {
            return runs.Find(probe, gate.OwnerOf(http.Request)) is { State: ProbeState.Done } job
                ? await RunAsync(Path.Combine(job.Folder, "report.json")).ConfigureAwait(false) : NoSuchRun(probe);
        }
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = MaxReport;
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".json");
        try
        {
            var copy = new FileStream(file, FileMode.CreateNew, FileAccess.Write, FileShare.None);
            await using (copy.ConfigureAwait(false))
                await http.Request.Body.CopyToAsync(copy, http.RequestAborted).ConfigureAwait(false);
            return await RunAsync(file).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(file);
        }

        async Task<IResult> RunAsync(string report)
        {
            using (await places.TurnAsync(http.RequestAborted).ConfigureAwait(false))
                return Checked(await OwnProgram.RunAsync(http.RequestAborted, "check", requirement, report).ConfigureAwait(false));
        }
    }

    private static IResult Checked((int Code, string Output, string Errors) found)
    {
        string[] lines = [.. $"{found.Output}\n{found.Errors}"
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Take(100)];
        return found.Code is 0 or 1 or 2
            ? Results.Ok(new ProbeCheckView(found.Code switch { 0 => "PASS", 1 => "FAIL", _ => "INCONCLUSIVE" }, lines))
            : Problems.Of(StatusCodes.Status422UnprocessableEntity,
                lines.Length > 0 ? string.Join(' ', lines) : "The report could not be checked.");
    }

    private static async Task<IResult> Require(
        string? build, string? watch, string? delay, string[]? keep, HttpContext http, Gate gate, WorkPlaces places)
    {
        (string Name, string? Value)[] given =
            [("build", build), ("watch", watch), ("delay", delay), .. (keep ?? []).Take(10).Select(k => ("keep", (string?)k))];
        string[] arguments = [.. given.Where(g => !string.IsNullOrEmpty(g.Value)).SelectMany(g => new[] { "--" + g.Name, g.Value! })];
        if (given.Any(g => !string.IsNullOrEmpty(g.Value) && !PresetName().IsMatch(g.Value)))
            return Problems.Of(StatusCodes.Status422UnprocessableEntity, "An answer is the id of a choice, as in ?build=video-call-filter.");
        try
        {
            using var place = places.Enter(gate.OwnerOf(http.Request));
            using var turn = await places.TurnAsync(http.RequestAborted).ConfigureAwait(false);
            var (code, output, errors) = await OwnProgram.RunAsync(http.RequestAborted, ["require", "--json", .. arguments])
                .ConfigureAwait(false);
            return code == 0
                ? Results.Text(output, "application/json")
                : Problems.Of(StatusCodes.Status422UnprocessableEntity, errors.Trim());
        }
        catch (RequestRefusedException refused)
        {
            return Problems.From(http, refused);
        }
    }

    private static IResult NoSuchRun(string id) =>
        Problems.Of(StatusCodes.Status404NotFound, $"There is no probe run '{(id.Length > 64 ? id[..64] : id)}'. It may have expired.");

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{0,39}$")]
    private static partial Regex PresetName();
}

/// <summary>Body of <c>POST /v1/probes</c>. The key is passed to the probe and not stored.</summary>
internal sealed record ProbeBody(string? Target, string? Profile, string? Key);

/// <summary>All runs.</summary>
internal sealed record ProbeListView(IReadOnlyList<ProbeView> Probes);

/// <summary>PASS, FAIL or INCONCLUSIVE, and the reasons line by line.</summary>
internal sealed record ProbeCheckView(string Result, IReadOnlyList<string> Lines);
