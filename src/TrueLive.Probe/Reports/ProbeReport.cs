using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;

namespace TrueLive.Probe.Reports;

/// <summary>The report of one run as it is written to <c>report.json</c>. Numbers that were not measured are null.</summary>
public sealed record ProbeReport
{
    /// <summary>Version of this layout.</summary>
    public const string SchemaId = "live-ai-video-report/2";

    /// <summary>Version of the program that writes reports.</summary>
    public static string ProgramVersion { get; } =
        typeof(ProbeReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Always <see cref="SchemaId"/>.</summary>
    public string Schema { get; init; } = SchemaId;

    /// <summary>How the run was made.</summary>
    public required RunSection Run { get; init; }

    /// <summary>The judgement.</summary>
    public required VerdictSection Verdict { get; init; }

    /// <summary>Every number by name.</summary>
    public required IReadOnlyDictionary<string, Metric> Metrics { get; init; }

    /// <summary>The codes one by one.</summary>
    public required IReadOnlyList<ChannelRow> Channels { get; init; }

    /// <summary>The vendor's claims beside what was measured.</summary>
    public IReadOnlyList<ClaimRow> Claims { get; init; } = [];

    /// <summary>Requirements checked with this report.</summary>
    public IReadOnlyList<RequirementSection> Requirements { get; init; } = [];

    /// <summary>What was tried after the run, in sessions of its own; its numbers are among the metrics.</summary>
    public IReadOnlyList<TrialSection> Trials { get; init; } = [];

    /// <summary>Phases sent, enough to derive all codes from the seed.</summary>
    public required IReadOnlyList<PhaseRow> Plan { get; init; }

    /// <summary>Files beside the report with their SHA-256.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <summary>How reports are written and read: snake case, NaN as null, indented.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The published JSON schema of the report.</summary>
    public static JsonNode JsonSchema()
    {
        var schema = Json.GetJsonSchemaAsNode(typeof(ProbeReport));
        schema["$id"] = SchemaId;
        return schema;
    }

    /// <summary>Reads a report.</summary>
    /// <exception cref="FormatException">Not a report of this version; the message says what is wrong.</exception>
    public static ProbeReport Read(ReadOnlySpan<byte> json)
    {
        try
        {
            var report = JsonSerializer.Deserialize<ProbeReport>(json, Json) ?? throw new FormatException("The file holds no report.");
            return report.Schema == SchemaId
                ? report
                : throw new FormatException($"The report has schema '{report.Schema}'; this version reads '{SchemaId}'.");
        }
        catch (JsonException e)
        {
            throw new FormatException($"The file is not a report: {e.Message}", e);
        }
    }
}

/// <summary>How a run was made.</summary>
public sealed record RunSection
{
    /// <summary>Identifier: the time, then part of the commitment.</summary>
    public required string Id { get; init; }

    /// <summary>When the run began.</summary>
    public required DateTimeOffset Utc { get; init; }

    /// <summary>Profile name.</summary>
    public required string Profile { get; init; }

    /// <summary>VALID or INVALID.</summary>
    public required string Validity { get; init; }

    /// <summary>Why the run does not count; empty when it does.</summary>
    public IReadOnlyList<string> InvalidReasons { get; init; } = [];

    /// <summary>Whether the run was cut short.</summary>
    public bool Incomplete { get; init; }

    /// <summary>Why it ended early; null when it did not.</summary>
    public string? EndedBecause { get; init; }

    /// <summary>Evidence grade, E1 to E5.</summary>
    public required string Evidence { get; init; }

    /// <summary>The target as named on the command line, without secrets.</summary>
    public required string Target { get; init; }

    /// <summary>Program version.</summary>
    public required string Version { get; init; }

    /// <summary>SHA-256 of seed and configuration, published before the run.</summary>
    public required string Commitment { get; init; }

    /// <summary>The configuration that was committed to.</summary>
    public required string Configuration { get; init; }

    /// <summary>The seed; null until revealed.</summary>
    public string? Seed { get; init; }

    /// <summary>99 % quantile of the probe's own timer error, milliseconds.</summary>
    public double? TimerP99Ms { get; init; }

    /// <summary>Share of frames that the probe could not send in time, 0..1.</summary>
    public double SendDrops { get; init; }

    /// <summary>Median delay of the probe's own echo, milliseconds; null when not measured.</summary>
    public double? EchoD50Ms { get; init; }

    /// <summary>95 % quantile of the delay of the probe's own echo, milliseconds; null when not measured.</summary>
    public double? EchoD95Ms { get; init; }

    /// <summary>Whether the target takes prompts.</summary>
    public bool TakesPrompts { get; init; }

    /// <summary>Re-draws of the randomisation tests.</summary>
    public int Redraws { get; init; }

    /// <summary>Sessions with the target: 2 when the run was resumed.</summary>
    public int Sessions { get; init; } = 1;

    /// <summary>What happened on the way to the target and back, in words, such as a connection that was cut; null for nothing.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>The look of a glance that decided, from 1; null for a run of phases.</summary>
    public int? Look { get; init; }

    /// <summary>Size of the picture that was sent, as 640x360; null where it is not known.</summary>
    public string? Size { get; init; }

    /// <summary>Strength of the codes.</summary>
    public double Amplitude { get; init; } = 1;
}

/// <summary>
/// The judgement: when and how finely the output answers (tier), and what the system makes of its input (nature; null when not judged).
/// </summary>
public sealed record VerdictSection(
    string Tier, string? Nature, [property: JsonPropertyName("class")] string? LatencyClass, string? Cadence, IReadOnlyList<string> Flags,
    string Sentence,
    IReadOnlyList<GateRow> Gates, IReadOnlyList<string> WhatWouldSettleIt);

/// <summary>One gate; passed is null when it was not reached or lacked evidence.</summary>
public sealed record GateRow(string Id, string Title, bool? Passed, string Evidence);

/// <summary>One number with its unit, its 95 % interval, the events behind it and how it was found.</summary>
public sealed record Metric
{
    /// <summary>The number; null when not measured.</summary>
    public double? Value { get; init; }

    /// <summary>Its unit; "1" for a pure number.</summary>
    public required string Unit { get; init; }

    /// <summary>Ends of the 95 % interval; null when there is none.</summary>
    public double[]? Ci95 { get; init; }

    /// <summary>Independent events.</summary>
    public int? N { get; init; }

    /// <summary>Re-draws behind a p-value.</summary>
    public int? K { get; init; }

    /// <summary>Distance from the null in its standard deviations.</summary>
    public double? Z { get; init; }

    /// <summary>Estimator, or why there is no number.</summary>
    public string? Method { get; init; }
}

/// <summary>One code channel.</summary>
public sealed record ChannelRow(string Channel, string Family, double P, double Z, double? DelayMs, double? DecodeR);

/// <summary>A vendor's statement beside the measured quantity.</summary>
public sealed record ClaimRow(string Metric, string Claimed, string? Source, double? Measured, string Unit);

/// <summary>
/// One trial after the run. The result is "measured", "in part", "not measured", "not tested", "not possible" or "invalid"; only the first two
/// have numbers.
/// </summary>
public sealed record TrialSection(string Trial, string Result, string Sentence, IReadOnlyList<string> Notes);

/// <summary>One phase as planned and sent.</summary>
public sealed record PhaseRow(string Kind, double Seconds, double DwellScale);

/// <summary>A requirement's outcome.</summary>
public sealed record RequirementSection(string Id, string Title, string Result, IReadOnlyList<RequirementRow> Rows);

/// <summary>One rule's outcome.</summary>
public sealed record RequirementRow(string Metric, string Rule, string Level, string Result, string Reason);
