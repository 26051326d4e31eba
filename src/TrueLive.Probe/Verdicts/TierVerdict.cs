namespace TrueLive.Probe.Verdicts;

/// <summary>What a system turned out to be.</summary>
public enum TierLabel
{
    /// <summary>The run itself was not good enough to judge.</summary>
    Invalid,

    /// <summary>The evidence does not decide; the report says what would.</summary>
    NotProven,

    /// <summary>Nothing that was sent, not even a blackout, changed the output.</summary>
    NotLive,

    /// <summary>The output repeats itself or answers before the input.</summary>
    Replay,

    /// <summary>Only brightness or colour follows the input.</summary>
    PartialLuma,

    /// <summary>Only motion follows the input.</summary>
    PartialMotion,

    /// <summary>Answers prompts, not video.</summary>
    PromptOnly,

    /// <summary>Steered by prompts within 1.5 s, with bounded delay, without live input.</summary>
    PromptStream,

    /// <summary>Clips.</summary>
    T1,

    /// <summary>Interactive clips.</summary>
    T2,

    /// <summary>Live, frame by frame.</summary>
    T3F,

    /// <summary>Live, in chunks.</summary>
    T3C,

    /// <summary>Live, from sampled stills.</summary>
    T3S,

    /// <summary>Live, in steps of which only the largest possible length is known.</summary>
    T3,

    /// <summary>Live, with a delay that grows.</summary>
    T3Unstable,

    /// <summary>Part of the picture follows early, the rest late: something live is laid over old pictures.</summary>
    Hybrid,
}

/// <summary>One decision gate with the evidence behind it. Passed is null when the gate was not reached or lacked evidence.</summary>
public sealed record Gate(string Id, string Title, bool? Passed, string Evidence);

/// <summary>The judgement of a run.</summary>
public sealed record TierVerdict
{
    /// <summary>What it is.</summary>
    public required TierLabel Tier { get; init; }

    /// <summary>What it makes of its input; null when not judged.</summary>
    public NatureVerdict? Nature { get; init; }

    /// <summary>Latency class A to E or X; null when no delay was measured.</summary>
    public string? LatencyClass { get; init; }

    /// <summary>Cadence class by generated frames per second; null when not measured.</summary>
    public string? CadenceClass { get; init; }

    /// <summary>Things worth knowing that do not change the tier.</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>The gates in order.</summary>
    public IReadOnlyList<Gate> Gates { get; init; } = [];

    /// <summary>The verdict as one sentence.</summary>
    public required string Sentence { get; init; }

    /// <summary>For a verdict short of proof: the run that would settle it.</summary>
    public IReadOnlyList<string> WhatWouldSettleIt { get; init; } = [];

    /// <summary>The label as printed.</summary>
    public static string Text(TierLabel tier) => tier switch
    {
        TierLabel.Invalid => "invalid",
        TierLabel.NotProven => "not proven",
        TierLabel.NotLive => "not live",
        TierLabel.Replay => "replay",
        TierLabel.PartialLuma => "partial-luma",
        TierLabel.PartialMotion => "partial-motion",
        TierLabel.PromptOnly => "prompt-only",
        TierLabel.PromptStream => "T3-prompt",
        TierLabel.T3F => "T3-F",
        TierLabel.T3C => "T3-C",
        TierLabel.T3S => "T3-S",
        TierLabel.T3Unstable => "T3-unstable",
        TierLabel.Hybrid => "hybrid",
        _ => tier.ToString(),
    };
}
