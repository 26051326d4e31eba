using System.Globalization;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;

namespace TrueLive.Probe.Verdicts;

/// <summary>A verdict in progress: what was found, the thresholds that apply, and the gates judged so far.</summary>
internal sealed class Judgement(ProbeFindings found, RunQuality quality, Thresholds limits)
{
    public ProbeFindings Found => found;

    public RunQuality Quality => quality;

    public Thresholds Limits => limits;

    public List<Gate> Gates { get; } = [];

    public List<string> Flags { get; } = [];

    public List<string> Settle { get; } = [];

    public bool FastDependent => found.Fast.Joint.ForRules <= limits.DependenceP;

    public bool SlowDependent => found.Slow is { } slow && slow.Test.ForRules <= limits.DependenceP;

    public bool PromptDependent => found.Control is { } control && control.Test.ForRules <= limits.FamilyP;

    /// <summary>Whether prompts were answered often and finely enough to tell the grain.</summary>
    public bool PromptGrain => PromptDependent && found.ControlQuantum is { N: var n, High: var high } && n >= limits.QuantumResponses
        && high <= limits.QuantumLive;

    public bool Pass(string id, string title, bool passed, string evidence)
    {
        Gates.Add(new Gate(id, title, passed, evidence));
        return passed;
    }

    public void Unknown(string id, string title, string evidence) => Gates.Add(new Gate(id, title, null, evidence));

    public static string F(double value, int digits = 2) =>
        double.IsNaN(value) ? "not measured" : value.ToString("F" + digits, CultureInfo.InvariantCulture);

    public static string P(NullTest test) => test.K == 0 ? "not tested" : F(test.P, 4) + $" (K {test.K})";
}
