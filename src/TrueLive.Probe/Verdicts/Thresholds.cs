using TrueLive.Probe.Estimators;

namespace TrueLive.Probe.Verdicts;

/// <summary>The thresholds of the decision rules, all in one place.</summary>
public sealed record Thresholds
{
    /// <summary>Joint p at or below which the output depends on the input.</summary>
    public double DependenceP { get; init; } = 0.001;

    /// <summary>Family p (after Holm) at or below which a family answers.</summary>
    public double FamilyP { get; init; } = 0.01;

    /// <summary>p at or below which balance, object and pattern must answer by themselves; 1 leaves it to the families.</summary>
    public double PictureP { get; init; } = 1;

    /// <summary>Acausal p at or below which the output leads its input.</summary>
    public double AcausalP { get; init; } = 0.001;

    /// <summary>Smallest share of locked windows of a stream.</summary>
    public double Lock { get; init; } = 0.9;

    /// <summary>Smallest share of input stretches that a stream depicts.</summary>
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

    /// <summary>Largest gap between families of one input, seconds, or a tenth of the delay.</summary>
    public double FamilyGap { get; init; } = 0.1;

    /// <summary>Share of the changes that a filter must explain, by the lower end of its interval.</summary>
    public double Filter { get; init; } = 0.9;

    /// <summary>
    /// Share of the changes that the input itself must explain in a picture that is passed through, by the lower end of its interval.
    /// </summary>
    public double Same { get; init; } = 0.95;

    /// <summary>Largest difference of a gain from 1 in a picture that is passed through.</summary>
    public double Gain { get; init; } = 0.15;

    /// <summary>Largest difference of mean values in a picture that is passed through, 0..255.</summary>
    public double Offset { get; init; } = 6;

    /// <summary>Share of the remainder that the input must predict for a restyle.</summary>
    public double Predicted { get; init; } = 0.04;

    /// <summary>Level of each accusation's own test: hybrid by families, partial, run-ahead.</summary>
    public double AccusationP { get; init; } = 0.001;

    /// <summary>Holm's p of the remainder at other lags at or below which something older shows through.</summary>
    public double RemainderP { get; init; } = 0.001;

    /// <summary>
    /// Distance from the re-draws that an accusation by the remainder needs as well: over hundreds of honest runs the smallest p that the
    /// re-draws allow is reached by chance.
    /// </summary>
    public double RemainderZ { get; init; } = NullTest.SurelyZ;

    /// <summary>The same p at or below which a system is not called live: too weak to accuse, too strong to pass.</summary>
    public double RemainderDoubt { get; init; } = 0.004;

    /// <summary>p above which a family counts as unanswered, after Holm's correction.</summary>
    public double UnansweredP { get; init; } = 0.05;

    /// <summary>Delay growth that the grain of a locked system alone can cause, milliseconds.</summary>
    public double Wander { get; init; } = 300;

    /// <summary>Blackout p above which even the strongest stimulus went unanswered.</summary>
    public double BlackoutP { get; init; } = 0.01;

    /// <summary>
    /// Loop ratio below which an output that answers nothing is a replay: encoding and delivery leave that much of an exact loop.
    /// </summary>
    public double LoopUnmoved { get; init; } = RepeatFindings.Blurred;

    /// <summary>The product's thresholds.</summary>
    public static Thresholds Product { get; } = new();

    /// <summary>
    /// The thresholds of each look of a glance. Both tests of a promotion have the same level at each of the five looks, for a total error
    /// rate of at most 0.0005.
    /// </summary>
    public static Thresholds Glance { get; } = new() { DependenceP = 0.0001, PictureP = 0.0001 };
}
