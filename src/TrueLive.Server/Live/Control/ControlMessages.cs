using System.Text.Json;
using System.Text.Json.Serialization;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;
using TrueLive.Server.Journals;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Recordings;

namespace TrueLive.Server.Live.Control;

// Control protocol version 1, spoken over the data channel "control" and over the WebSocket transport alike. One JSON object per
// message. Unknown fields are ignored, unknown types are answered with an error. docs/control-protocol.md is the reference.

/// <summary>A message from the client. Which fields matter depends on <see cref="Type"/>.</summary>
internal sealed record ClientMessage
{
    public string? Type { get; init; }

    /// <summary>Chosen by the client, up to 64 characters; returns in every answer to the message.</summary>
    public string? Id { get; init; }

    public string? Text { get; init; }

    public float? Strength { get; init; }

    public double? TransitionMs { get; init; }

    /// <summary>Values of the model's parameters, by id.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Values { get; init; }

    public string? Model { get; init; }

    public string? Size { get; init; }

    /// <summary>Echoed by <c>pong</c>.</summary>
    public double? T { get; init; }
}

/// <summary>First message of every connection: the session and its settings.</summary>
internal sealed record SessionMessage(
    string Session, string Token, string Model, string ModelVersion, string Size, string Tier, PromptView Prompt, int Epoch, bool Paused,
    string Transport, long Connection, ResumedView? Resumed)
{
    public string Type { get; } = "session";

    public int V { get; } = 1;
}

/// <summary>
/// The prompt in force, what the model understood of it, and the values of the model's parameters; <c>values</c> is missing while all have
/// their defaults, and <c>mask</c> while the look is on the whole picture.
/// </summary>
internal sealed record PromptView(
    long Revision, string Text, float Strength, double TransitionMs, bool Understood, float Confidence,
    IReadOnlyList<LookView> Looks, IReadOnlyList<AdjustmentView> Adjustments, IReadOnlyList<string> UnknownWords, string? Note,
    IReadOnlyDictionary<string, string>? Values, MaskView? Mask = null, PaletteView? Palette = null)
{
    public static PromptView From(SessionSettings now) => From(now.Prompt, PaletteView.From(now));

    private static PromptView From(Prompt p, PaletteView? palette) => new(
        p.Revision, p.Text, p.Strength, p.Transition.TotalMilliseconds, p.Reading.Understood, p.Reading.Confidence,
        [.. p.Reading.Looks.Select(l => new LookView(l.Look, l.Weight))],
        [.. p.Reading.Adjustments.Select(AdjustmentView.From)],
        p.Reading.UnknownWords, p.Reading.Note,
        p.Values.All.IsEmpty ? null : p.Values.All, MaskView.From(KeepMask.Of(p)),
        palette);
}

/// <summary>The picture whose colours the result takes on, by its id, and how much of them.</summary>
internal sealed record PaletteView(string Picture, float Strength)
{
    // A model may have parameters of its own that are named like those of a palette.
    public static PaletteView? From(SessionSettings now) =>
        now.Model.Info.Parameters.Any(p => ReferenceEquals(p, Palette.Parameters[0]))
        && Palette.Of(now.Prompt) is { IsEmpty: false } palette
            ? new(palette.Picture!.Id, palette.Strength)
            : null;
}

/// <summary>The part of the picture that the look is <c>on</c>, and what is shown of the <c>rest</c>.</summary>
internal sealed record MaskView(string On, string Rest)
{
    public static MaskView? From(KeepMask mask) => mask.IsEmpty ? null : new(KeepMask.Name(mask.On), KeepMask.Name(mask.Rest));
}

/// <summary>A look and its share.</summary>
internal sealed record LookView(string Look, float Weight);

/// <summary>A change of the finished picture: its kind, and -1..1 of it.</summary>
internal sealed record AdjustmentView(string Kind, float Amount)
{
    public static AdjustmentView From(Adjustment a) => new(JsonNamingPolicy.SnakeCaseLower.ConvertName(a.Kind.ToString()), a.Amount);
}

/// <summary>The command was taken; <c>applied</c> follows with its first frame.</summary>
internal sealed record AcceptedMessage(string? Id, PromptView Prompt, int Epoch, string Model, string Size)
{
    public string Type { get; } = "accepted";
}

/// <summary>The first frame that shows the command's effect went out.</summary>
internal sealed record AppliedMessage(string Id, FirstFrameView? FirstFrame, double WaitedMs)
{
    public string Type { get; } = "applied";
}

/// <summary>Identifies a frame by its number in the output, its number in the input, and its 90 kHz timestamp.</summary>
internal sealed record FirstFrameView(long Output, long Source, uint MediaTime, long Revision, int Epoch);

/// <summary>
/// The model or size asked for is being warmed up; the session goes on as it is until <c>accepted</c> or <c>rejected</c>.
/// </summary>
internal sealed record WarmingMessage(string? Id, string Model, string? Size)
{
    public string Type { get; } = "warming";
}

/// <summary>The command was not taken.</summary>
internal sealed record RejectedMessage(string? Id, string Reason)
{
    public string Type { get; } = "rejected";
}

/// <summary>The message could not be understood.</summary>
internal sealed record ErrorMessage(string? Id, string Reason)
{
    public string Type { get; } = "error";
}

/// <summary>
/// The session's state has changed; when a connection or the session ended, the reason is given in words and the cause as a name for
/// programs.
/// </summary>
internal sealed record StateMessage(string State, string? Reason, string? Cause)
{
    public string Type { get; } = "state";

    public static StateMessage From(SessionTransition step) => new(
        step.To.ToString().ToLowerInvariant(), step.End?.Words,
        step.End is { } end ? JsonNamingPolicy.SnakeCaseLower.ConvertName(end.Cause.ToString()) : null);
}

/// <summary>The model's memory was reset, which began a new epoch.</summary>
internal sealed record ForgotMessage(int Epoch, string Reason)
{
    public string Type { get; } = "forgot";
}

/// <summary><c>problem</c> says what is wrong with the input; without it, the problem is over.</summary>
internal sealed record InputMessage(string? Problem)
{
    public string Type { get; } = "input";
}

/// <summary>Answer to <c>ping</c>; <c>server_ms</c> is the clock that provenance times are on.</summary>
internal sealed record PongMessage(string? Id, double? T, double ServerMs)
{
    public string Type { get; } = "pong";
}

/// <summary>
/// The session's figures, once a second. <c>degraded</c> says so while it falls below its promise, <c>away</c> gives the details while the
/// model does not make the pictures, and <c>journal</c> and <c>recording</c> are present while it is recorded. <c>mask_p50_ms</c> is the
/// part of the step that a mask takes while one is in force, and <c>nobody</c> says in words that it finds no person.
/// </summary>
internal sealed record StatsMessage(
    long Received, long Sent, DropsView Dropped, double GeneratedFps, double StepP50Ms, double StepP95Ms, double AgeP50Ms, double AgeP95Ms,
    double BesideStepP99Ms, double OutP50Ms, double OutBesideStepP99Ms, double ByDesignMs, int Window, string? Degraded,
    JournalView? Journal = null, string? Away = null, double? MaskP50Ms = null, string? Nobody = null,
    RecordedView? Recording = null)
{
    public string Type { get; } = "stats";

    public static StatsMessage From(SessionStats s) => new(
        s.Received, s.Sent, new DropsView(s.Replaced, s.Stale, s.Paused, s.StepFailed, s.Flushed, s.SinkFull, s.Superseded),
        Math.Round(s.GeneratedPerSecond, 2),
        Ms(s.StepP50), Ms(s.StepP95), Ms(s.AgeP50), Ms(s.AgeP95), Ms(s.BesideStepP99), Ms(s.OutP50), Ms(s.OutBesideStepP99), Ms(s.ByDesign),
        s.Window,
        s.Away is { } why ? TierWords.PassedThrough(why) : s.DegradedTo is { } rate ? TierWords.Degraded(rate, s.Mask?.P50) : null,
        Away: s.Away, MaskP50Ms: s.Mask is { } mask ? Ms(mask.P50) : null, Nobody: s.Mask is { Nobody: true } ? TierWords.Nobody : null);

    private static double Ms(TimeSpan span) => Math.Round(span.TotalMilliseconds, 2);
}

/// <summary>Frames without an output of their own, by reason.</summary>
internal sealed record DropsView(long Replaced, long Stale, long Paused, long StepFailed, long Flushed, long SinkFull, long Superseded);

/// <summary>Source-generated JSON of the control protocol.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, MaxDepth = 8,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ClientMessage))]
[JsonSerializable(typeof(SessionMessage))]
[JsonSerializable(typeof(AcceptedMessage))]
[JsonSerializable(typeof(AppliedMessage))]
[JsonSerializable(typeof(WarmingMessage))]
[JsonSerializable(typeof(RejectedMessage))]
[JsonSerializable(typeof(ErrorMessage))]
[JsonSerializable(typeof(StateMessage))]
[JsonSerializable(typeof(ForgotMessage))]
[JsonSerializable(typeof(InputMessage))]
[JsonSerializable(typeof(PongMessage))]
[JsonSerializable(typeof(StatsMessage))]
internal sealed partial class ControlJson : JsonSerializerContext;
