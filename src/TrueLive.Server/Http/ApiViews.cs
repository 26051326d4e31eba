using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Models.Masks;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Interactive;
using TrueLive.Server.Journals;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Pictures;
using TrueLive.Server.Recordings;
using TrueLive.Server.Streams;

namespace TrueLive.Server.Http;

/// <summary>Body of <c>POST /v1/sessions</c>; null takes the server's default.</summary>
internal sealed record CreateSessionBody(
    string? Model, string? Size, string? Prompt, float? Strength, IReadOnlyDictionary<string, JsonElement>? Values);

/// <summary>Body of <c>PATCH /v1/sessions/{id}</c>; null keeps what is in force.</summary>
internal sealed record UpdateSessionBody(
    string? Id, string? Prompt, float? Strength, double? TransitionMs, bool? Paused, bool? Reset, string? Model, string? Size,
    IReadOnlyDictionary<string, JsonElement>? Values);

/// <summary>
/// A session as the API shows it. The token is present only in the response that created the session; anybody who has the <c>whep</c>
/// address may watch; <c>input_problem</c> says what is wrong with the input, and what to send instead; <c>digital_source_type</c> that AI
/// makes the pictures.
/// </summary>
internal sealed record SessionView(
    string Id, string? Token, string State, string Transport, DateTimeOffset Created, string Model, string ModelVersion, string Size,
    string Tier, string TierMeans,
    PromptView Prompt, int Epoch, StatsMessage Stats, string Whip, string Whep, JournalView? Journal, string? InputProblem,
    string? DigitalSourceType = null, RecordedView? Recording = null)
{
    public static SessionView From(HostedSession hosted, Gate gate, bool withToken = false)
    {
        var s = hosted.Session.Settings;
        return new SessionView(
            hosted.Session.Id, withToken ? hosted.Token : null, hosted.Session.State.ToString().ToLowerInvariant(), hosted.Transport,
            hosted.Created,
            s.Model.Info.Id, s.Model.Info.Version, $"{s.Width}x{s.Height}", TierWords.Name(Core.Tiers.Tier.Live),
            TierWords.Means(Core.Tiers.Tier.Live), PromptView.From(s), s.Epoch,
            hosted.SourceLost is { } lost
                ? StatsMessage.From(hosted.Session.Stats) with { Degraded = TierWords.Repeated(lost) }
                : StatsMessage.From(hosted.Session.Stats), gate.AddressOf($"/whip/{hosted.Session.Id}"),
                gate.Share($"/whep/{hosted.Session.Id}", hosted.Owner),
            hosted.Observer.Recorder?.View is { Recording: true } journal ? journal : null, hosted.Input.Problem, hosted.SourceType,
            hosted.Recorded?.Invoke());
    }
}

/// <summary>The view of a session that a viewer gets.</summary>
internal sealed record WatchView(
    string Model, string Size, PromptView Prompt, string State, string? Reason, string? InputProblem, string? DigitalSourceType = null)
{
    public static WatchView From(HostedSession hosted)
    {
        var session = hosted.Session;
        var s = session.Settings;
        return new WatchView(s.Model.Info.Id, $"{s.Width}x{s.Height}", PromptView.From(s),
            session.State.ToString().ToLowerInvariant(), session.Last?.End?.Words, hosted.Input.Problem, hosted.SourceType);
    }
}

/// <summary>All sessions.</summary>
internal sealed record SessionListView(IReadOnlyList<SessionView> Sessions);

/// <summary>What this server can do, with measured figures; <c>ai_mark</c>: what it makes says that AI made it.</summary>
internal sealed record CapabilitiesView(
    string Version, string Tier, string TierMeans, IReadOnlyList<ModelView> Models, string DefaultModel, string DefaultSize, int TargetFps,
    IReadOnlyList<CapacityView> Capacity, IReadOnlyList<UnmeasuredView> NotMeasured, IReadOnlyList<string> Transports, int KeepSeconds,
    int ReplaySeconds, int FrameAgeMs, int MaxPromptLength, int RunningSessions, IReadOnlyList<TierView> Tiers, bool AiMark);

/// <summary>What one tier offers on this machine.</summary>
/// <param name="Rates">Measured figures; those of a model and size that nobody has asked for yet are missing.</param>
/// <param name="Limits">In words.</param>
internal sealed record TierView(string Tier, string TierMeans, bool Available, IReadOnlyList<string> Sizes, IReadOnlyList<RateView> Rates,
    IReadOnlyList<string> Limits);

/// <summary>Frames per second that the model's step alone reaches, and the least delay that it adds, by design and by its step.</summary>
internal sealed record RateView(string Model, string Size, double StepFps, double DelayFloorMs);

/// <summary>
/// A model. <c>by_design_ms</c> is the delay that it has by design at the server's target rate, without its step: the wait of a frame for
/// the others of its chunk, and the model's lag. <c>warm</c>: it is loaded; <c>memory_mb</c> is the memory that its weights take when
/// loaded, estimated from its files. <c>about_fps</c>: frames a second that its step alone reaches at the server's size, once measured;
/// <c>not_live</c> says why it is better used for clips, <c>broken</c> why it could not be loaded, <c>digital_source_type</c> what its
/// pictures are marked with.
/// </summary>
internal sealed record ModelView(
    string Id, string Version, string Title, string Description, bool TakesPrompt, bool HasMemory, IReadOnlyList<LookInfo> Looks,
    int MinSide, int MaxSide, int Multiple, int? FixedWidth, int? FixedHeight, ChunkView Chunk, double ByDesignMs,
    IReadOnlyList<ParameterView>? Parameters,
    bool Warm, double? MemoryMb, double? AboutFps, string? NotLive, string? Broken,
    string? DigitalSourceType = null)
{
    // Below this rate the picture does not look live: a gesture is over before it is seen.
    private const double LiveFps = 3;

    public static ModelView From(IVideoModel model, ModelStore models, Admission admission, ServerOptions options)
    {
        var fps = FpsOf(model.Info, admission, options);
        var slow = fps < LiveFps && model != models.Default
            ? FormattableString.Invariant(
                $"{model.Info.Title} makes about {fps:0.#} frames per second on this machine, too few for a live picture. Render clips with it.")
            : null;
        var loaded = MaskedModel.Bare(model) as OnDemandModel;
        return From(model.Info, options.TargetRate) with
        {
            Warm = loaded?.IsWarm ?? true,
            MemoryMb = loaded is null ? null : Math.Round(loaded.Bytes / 1048576.0, 1),
            AboutFps = fps,
            NotLive = slow,
            DigitalSourceType = options.AiMark ? Core.Tiers.AiMark.Of(model.Info) : null,
            Broken = loaded?.IsBroken == true ? "It could not be loaded; the server's output says why." : null,
        };
    }

    private static double? FpsOf(ModelInfo info, Admission admission, ServerOptions options)
    {
        var (width, height) = info.Sizes.Nearest(options.SizePixels.Width, options.SizePixels.Height);
        var cost = admission.Costs.FirstOrDefault(c => (c.ModelId, c.Width, c.Height) == (info.Id, width, height));
        // A measured step can be too short for the clock.
        return cost is null ? null : Math.Round(1000 / Math.Max(cost.StepMs, 0.01), 1);
    }

    private static ModelView From(ModelInfo i, int targetRate) => new(
        i.Id, i.Version, i.Title, i.Description, i.TakesPrompt, i.HasMemory, i.Looks,
        i.Sizes.MinSide, i.Sizes.MaxSide, i.Sizes.Multiple, i.Sizes.FixedWidth, i.Sizes.FixedHeight,
        new ChunkView(i.Chunk.Takes, i.Chunk.Gives, i.Chunk.Lag),
        Math.Round(i.Chunk.Wait(TimeSpan.FromSeconds(1.0 / targetRate)).TotalMilliseconds, 1),
        i.Parameters.Count == 0 ? null : [.. i.Parameters.Select(ParameterView.From)], true, null, null, null, null);
}

/// <summary>
/// Frames that a model takes before it hands any out, frames that it then hands out, and the frames that it lags beyond that.
/// </summary>
internal sealed record ChunkView(int Takes, int Gives, int Lag);

/// <summary>What a model declares that its user may set; <c>when</c> a change takes effect is <c>live</c> or <c>load</c>.</summary>
internal sealed record ParameterView(
    string Id, string Title, string Kind, string? Default, double? Min, double? Max, double? Step,
    IReadOnlyList<string>? Choices, string When)
{
    public static ParameterView From(ModelParameter p) => new(
        p.Id, p.Title, p.Kind.ToString().ToLowerInvariant(), p.Default, p.Min, p.Max, p.Step, p.Choices.IsEmpty ? null : p.Choices,
        p.Live ? "live" : "load");
}

/// <summary>
/// Live sessions that the machine holds, as measured; <c>beside</c> counts the live sessions that ran during the measurement and made the
/// step longer (it is repeated when none runs). <c>sessions_masked</c> are those that it holds with a mask of the person in each.
/// </summary>
internal sealed record CapacityView(
    string Model, string Size, double StepMs, double CpuMsPerFrame, int FramesMeasured, int Sessions, int? Beside,
    int? SessionsMasked = null);

/// <summary>A model and size without figures, and why: not measured before its first session, or the measurement failed.</summary>
internal sealed record UnmeasuredView(string Model, string Size, string Why);

/// <summary>Answer of <c>/readyz</c>.</summary>
internal sealed record ReadyView(bool Ready, string Reason, IReadOnlyList<ShortageView>? Short = null);

/// <summary>Something that the machine has run out of.</summary>
internal sealed record ShortageView(string Resource, string Words);

/// <summary>Source-generated JSON of the HTTP API.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(UsageView))]
[JsonSerializable(typeof(CreateSessionBody))]
[JsonSerializable(typeof(UpdateSessionBody))]
[JsonSerializable(typeof(SessionView))]
[JsonSerializable(typeof(SessionListView))]
[JsonSerializable(typeof(WatchView))]
[JsonSerializable(typeof(CapabilitiesView))]
[JsonSerializable(typeof(ModelView))]
[JsonSerializable(typeof(AcceptedMessage))]
[JsonSerializable(typeof(ReadyView))]
[JsonSerializable(typeof(ProbeBody))]
[JsonSerializable(typeof(ProbeListView))]
[JsonSerializable(typeof(ProbeCheckView))]
[JsonSerializable(typeof(ProblemDetails))]
[JsonSerializable(typeof(LineView))]
[JsonSerializable(typeof(CreateClipBody))]
[JsonSerializable(typeof(ClipView))]
[JsonSerializable(typeof(ClipListView))]
[JsonSerializable(typeof(PictureView))]
[JsonSerializable(typeof(UploadView))]
[JsonSerializable(typeof(UploadListView))]
[JsonSerializable(typeof(CreateInteractiveBody))]
[JsonSerializable(typeof(InteractiveView))]
[JsonSerializable(typeof(JournalView))]
[JsonSerializable(typeof(JournalListView))]
[JsonSerializable(typeof(RecordingView))]
[JsonSerializable(typeof(RecordingListView))]
[JsonSerializable(typeof(CreateStreamBody))]
[JsonSerializable(typeof(CreateOutputBody))]
[JsonSerializable(typeof(StreamView))]
[JsonSerializable(typeof(StreamListView))]
[JsonSerializable(typeof(OutputListView))]
[JsonSerializable(typeof(StreamEvent))]
[JsonSerializable(typeof(int))]
internal sealed partial class ApiJson : JsonSerializerContext;
