using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Models.Masks;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Http;

/// <summary>Health and capabilities.</summary>
internal static class InfoEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/healthz", () => Results.Text("ok\n")).WithTags("Health").WithSummary("The process runs");
        app.MapGet("/readyz", ReadyAsync).WithTags("Health")
            .WithSummary("Everything can start that this server does; otherwise what is short, in words").Produces<ReadyView>()
            .Produces<ReadyView>(503);
        app.MapGet("/v1/capabilities", Capabilities).WithTags("Info").WithSummary("Models, sizes, transports and measured capacity");
    }

    private static async Task<IResult> ReadyAsync(CapacityMeasurement measurement, ServerHealth health, CancellationToken cancel)
    {
        var lacking = await health.LookAsync(cancel).ConfigureAwait(false);
        if (lacking.Count > 0)
            return NotReady(string.Join(' ', lacking.Select(s => s.Words)),
                [.. lacking.Select(s => new ShortageView(s.Resource.ToString().ToLowerInvariant(), s.Words))]);
        return measurement.Finished.IsCompleted
            ? Results.Ok(new ReadyView(true, "The default model is loaded and measured."))
            : NotReady("The machine's capacity is being measured.", null);

        static IResult NotReady(string reason, IReadOnlyList<ShortageView>? lacking) =>
            Results.Json(new ReadyView(false, reason, lacking), ApiJson.Default.ReadyView,
                statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    private static CapabilitiesView Capabilities(
        ModelStore models, Admission admission, CapacityMeasurement measurement, SessionRegistry registry, ServerOptions options) => new(
        typeof(InfoEndpoints).Assembly.GetName().Version!.ToString(3), TierWords.Name(Tier.Live), TierWords.Means(Tier.Live),
        [.. models.All.Select(m => ModelView.From(m, models, admission, options))], models.Default.Info.Id, options.Size,
        options.TargetRate,
        [.. admission.Costs.Select(c => new CapacityView(
            c.ModelId, $"{c.Width}x{c.Height}", c.StepMs, c.CpuMs, c.Frames, admission.Capacity(models.Find(c.ModelId)!, c.Width, c.Height),
            c.Beside > 0 ? c.Beside : null, Masked(models, admission, c)))],
        [.. Unmeasured(models, measurement)], ["whip", "whep", "websocket-jpeg"], options.KeepSeconds, options.ReplaySeconds,
        options.FrameAgeMs, Prompt.MaxLength, registry.Count, [.. Tiers(models, admission, options)], options.AiMark);

    // Null while nobody knows what a mask costs, and for a model that has none.
    private static int? Masked(ModelStore models, Admission admission, FrameCost cost) =>
        admission.Mask is not null && models.Find(cost.ModelId) is MaskedModel model
            ? admission.Capacity(model, cost.Width, cost.Height, masked: true)
            : null;

    private static IEnumerable<UnmeasuredView> Unmeasured(ModelStore models, CapacityMeasurement measurement)
    {
        foreach (var model in models.All)
        {
            foreach (var size in measurement.SizesOf(model))
            {
                if (measurement.Lacks(model, size, out var failed))
                    yield return new UnmeasuredView(model.Info.Id, $"{size.Width}x{size.Height}",
                        failed ? "it failed, see the server log" : "not measured yet");
            }
        }
    }

    private static IEnumerable<TierView> Tiers(ModelStore models, Admission admission, ServerOptions options)
    {
        string[] sizes = [.. models.All.Select(m => m.Info)
            .Select(i => i.Sizes.FixedWidth is { } w
            ? $"{i.Id}: {w}x{i.Sizes.FixedHeight}"
            : $"{i.Id}: sides {i.Sizes.MinSide}..{i.Sizes.MaxSide}, multiples of {i.Sizes.Multiple}")];
        RateView[] rates = [.. admission.Costs.Where(c => c.StepMs > 0)
            .Select(c => new RateView(c.ModelId, $"{c.Width}x{c.Height}", Math.Round(1000 / c.StepMs, 1), Floor(c)))];
        yield return new TierView(
            TierWords.Name(Tier.Clip), TierWords.Means(Tier.Clip), options.Clips, sizes, rates,
            [$"uploads of at most {options.ClipUploadMb} MB and {options.ClipSeconds} s",
                $"{options.ClipOpen} open clips and {options.ClipDiskMb} MB a key", $"results kept {options.ClipKeepHours} h",
                "clips stand still while live sessions need the cores"]);
        yield return new TierView(
            TierWords.Name(Tier.Interactive), TierWords.Means(Tier.Interactive),
            options.Clips && options.InteractiveClips > 0, sizes, rates,
            [$"sources of at most {Core.Clips.InteractiveClip.MaxSource.TotalSeconds:0} s and " +
                $"{Interactive.InteractiveLoading.MaxFrames} frames", $"{options.InteractiveClips} open at once"]);
        yield return new TierView(
            TierWords.Name(Tier.Live), TierWords.Means(Tier.Live), true, sizes, rates,
            [.. admission.Costs.Select(c =>
                $"{admission.Capacity(models.Find(c.ModelId)!, c.Width, c.Height)} session(s) of {c.ModelId} at {c.Width}x{c.Height} and " +
                $"{options.TargetRate} frames per second" +
                (Masked(models, admission, c) is { } masked ? $", {masked} with a mask of the person in each" : ""))]);

        // A chunk's frames come out of one step, which takes as long as all of them.
        double Floor(FrameCost cost)
        {
            var chunk = models.Find(cost.ModelId)!.Info.Chunk;
            return Math.Round(cost.StepMs * chunk.Gives + chunk.Wait(TimeSpan.FromSeconds(1.0 / options.TargetRate)).TotalMilliseconds, 2);
        }
    }
}
