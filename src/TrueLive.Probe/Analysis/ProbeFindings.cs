using TrueLive.Probe.Estimators;

namespace TrueLive.Probe.Analysis;

/// <summary>Everything the estimators found in one run, before any judgement.</summary>
public sealed record ProbeFindings
{
    /// <summary>The fast phase.</summary>
    public FastFindings Fast { get; init; } = new();

    /// <summary>Delay frame by frame; null when the output could not be aligned.</summary>
    public FrameMap? Map { get; init; }

    /// <summary>The slow phase; null when none was run.</summary>
    public EventFindings? Slow { get; init; }

    /// <summary>The control phase; null when none was run or no prompt can be sent.</summary>
    public EventFindings? Control { get; init; }

    /// <summary>The blackout phase; null when none was run.</summary>
    public EventFindings? Blackout { get; init; }

    /// <summary>Control quantum Q, from prompts.</summary>
    public Quantum ControlQuantum { get; init; } = Quantum.None(0);

    /// <summary>Control quantum Q, from slow input events; meaningful for systems that do not stream.</summary>
    public Quantum SlowQuantum { get; init; } = Quantum.None(0);

    /// <summary>Boundaries that the system makes by itself under still input.</summary>
    public BoundaryFindings Boundary { get; init; } = new();

    /// <summary>Loops.</summary>
    public RepeatFindings Repeats { get; init; } = RepeatFindings.None;

    /// <summary>Rhythm of the output.</summary>
    public CadenceFindings Cadence { get; init; } = new();

    /// <summary>How much filters of the aligned input explain; null when the output could not be aligned.</summary>
    public NatureFindings? Nature { get; init; }

    /// <summary>Upper bound on the length of batches, from the delay.</summary>
    public GrainBound Grain { get; init; } = GrainBound.None("not measured");

    /// <summary>Median delay, seconds.</summary>
    public Estimate D50 { get; init; } = Estimate.None;

    /// <summary>90 % quantile of the delay, seconds.</summary>
    public Estimate D90 { get; init; } = Estimate.None;

    /// <summary>95 % quantile of the delay, seconds.</summary>
    public Estimate D95 { get; init; } = Estimate.None;

    /// <summary>99 % quantile of the delay, seconds.</summary>
    public Estimate D99 { get; init; } = Estimate.None;

    /// <summary>"frame" (per-frame map) or "window" (windowed lag: too few channels decode frame by frame).</summary>
    public string DelayMethod { get; init; } = "none";

    /// <summary>Growth of the delay, milliseconds per second.</summary>
    public Estimate SlopeMsPerS { get; init; } = Estimate.None;

    /// <summary>Mean absolute change of delay from frame to frame, seconds.</summary>
    public double FrameJitter { get; init; } = double.NaN;

    /// <summary>The gap between the two families of codes whose lags differ most surely.</summary>
    public FamilyGap FamilyGap { get; init; } = FamilyGap.None;

    /// <summary>Share of 100 ms stretches of input that some output frame depicts.</summary>
    public Estimate Coverage { get; init; } = Estimate.None;

    /// <summary>Growth of the prompt delay with session time, milliseconds per second.</summary>
    public Estimate RunAheadMsPerS { get; init; } = Estimate.None;

    /// <summary>Seconds of session observed.</summary>
    public double Seconds { get; init; }

    /// <summary>Time of the first decoded output frame, seconds from the first frame sent.</summary>
    public double FirstFrame { get; init; } = double.NaN;
}
