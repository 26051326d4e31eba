using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Trials;

/// <summary>What is kept of one cycle of a long session.</summary>
/// <param name="At">Seconds of the session at its end.</param>
/// <param name="Delay">Median delay, seconds; NaN when it could not be measured.</param>
/// <param name="Frozen">Share of time in freezes, percent.</param>
/// <param name="Scene">+1 or -1: which scene came before the reference.</param>
/// <param name="Look">Mean features of the reference as it came back; empty when none came.</param>
internal sealed record SoakCycle(double At, double Delay, double Frozen, int Scene, float[] Look)
{
    // Block means of luma, Cr and Cb lead the features.
    private const int Blocks = 12;

    public bool HasReference => Look.Length > 0;

    public static SoakCycle Of(StimulusPlan plan, Observation seen, AnalysisEffort effort, double at, int scene, double cycle)
    {
        var found = ProbeAnalysis.Analyse(plan, seen, effort, CancellationToken.None);
        // The reference takes the last quarter; the last third of it is read, when what came before has passed.
        var from = Timeline.LowerBound(seen.Times, cycle - cycle / 12);
        var look = new float[seen.Count - from < 5 ? 0 : FeatureExtractor.Motion];
        for (var i = from; look.Length > 0 && i < seen.Count; i++)
        {
            var features = seen.Features(i);
            for (var f = 0; f < look.Length; f++)
                look[f] += features[f] / (seen.Count - from);
        }
        var cadence = Cadence.Measure(seen, 0, cycle, effort.DuplicateBelow);
        return new SoakCycle(at, found.D50.Measured ? found.D50.Value : double.NaN,
            double.IsNaN(cadence.FreezePercent) ? 100 : cadence.FreezePercent, scene, look);
    }

    /// <summary>Mean of luma (0), Cr (1) or Cb (2) of the reference.</summary>
    public double Colour(int plane) => HasReference ? Look.AsSpan(plane * Blocks, Blocks).ToArray().Average() : double.NaN;

    /// <summary>Mean difference from another showing of the reference, grey levels.</summary>
    public double From(SoakCycle other) => Enumerable.Range(0, 3 * Blocks).Average(b => Math.Abs(Look[b] - other.Look[b]));

    public string Words(int number, double minutes) => FormattableString.Invariant(
        $"soak: cycle {number}, {At / 60:0} of {minutes:0} minutes, delay {1000 * Delay:0} ms, frozen {Frozen:0.0} %");
}
