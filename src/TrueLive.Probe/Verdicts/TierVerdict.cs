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

    /// <summary>What it makes of its input; null where that was not asked.</summary>
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

/// <summary>The thresholds of the decision rules, all in one place.</summary>
public sealed record Thresholds
{
    /// <summary>Joint p at or below which the output depends on the input.</summary>
    public double DependenceP { get; init; } = 0.001;

    /// <summary>Family p (after Holm) at or below which a family answers.</summary>
    public double FamilyP { get; init; } = 0.01;

    /// <summary>Acausal p at or below which the output leads its input.</summary>
    public double AcausalP { get; init; } = 0.001;

    /// <summary>Share of locked windows for streaming.</summary>
    public double Lock { get; init; } = 0.9;

    /// <summary>Share of input stretches depicted for streaming.</summary>
    public double Coverage { get; init; } = 0.9;

    /// <summary>Largest Q of tier 3, seconds.</summary>
    public double QuantumLive { get; init; } = 1.5;

    /// <summary>Largest Q of a sampled stream, seconds.</summary>
    public double QuantumSampled { get; init; } = 0.5;

    /// <summary>Largest Q of tier 2, seconds.</summary>
    public double QuantumInteractive { get; init; } = 10;

    /// <summary>Largest Q of a frame-synchronous stream, seconds (or two frames).</summary>
    public double QuantumFrame { get; init; } = 0.15;

    /// <summary>Prompt responses needed before Q counts.</summary>
    public int QuantumResponses { get; init; } = 20;

    /// <summary>Slope beyond which the delay grows, milliseconds per second.</summary>
    public double Slope { get; init; } = 0.2;

    /// <summary>Gap between families, seconds, or a tenth of the delay.</summary>
    public double FamilyGap { get; init; } = 0.1;

    /// <summary>Share of the changes that a filter must explain, by the lower end of its interval.</summary>
    public double Filter { get; init; } = 0.9;

    /// <summary>Share that the input itself must explain to be passed through, by the lower end of its interval.</summary>
    public double Same { get; init; } = 0.95;

    /// <summary>Largest difference of a gain from 1 in a picture that is passed through.</summary>
    public double Gain { get; init; } = 0.15;

    /// <summary>Largest difference of mean values in a picture that is passed through, 0..255.</summary>
    public double Offset { get; init; } = 6;

    /// <summary>Share of what no filter explains that must follow from the input to be called restyled.</summary>
    public double Predicted { get; init; } = 0.04;

    /// <summary>Level of each accusation's own test: hybrid by families, hybrid by the remainder, partial, run-ahead.</summary>
    public double AccusationP { get; init; } = 0.001;

    /// <summary>Holm's p of the remainder at other lags at or below which something older shows through.</summary>
    public double RemainderP { get; init; } = 0.004;

    /// <summary>p above which a family counts as unanswered, after Holm's correction.</summary>
    public double UnansweredP { get; init; } = 0.05;

    /// <summary>Delay growth that any grain of a locked system may feign, milliseconds.</summary>
    public double Wander { get; init; } = 300;

    /// <summary>Blackout p above which even the strongest stimulus went unanswered.</summary>
    public double BlackoutP { get; init; } = 0.01;

    /// <summary>Loop ratio below which an output that answers nothing is a replay; what coding and delivery leave of an exact loop.</summary>
    public double LoopUnmoved { get; init; } = 0.5;

    /// <summary>The product's thresholds.</summary>
    public static Thresholds Product { get; } = new();
}
