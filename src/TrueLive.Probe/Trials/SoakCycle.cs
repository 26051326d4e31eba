using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Trials;

/// <summary>What is kept of one cycle of a long session.</summary>
/// <param name="At">Seconds of the session at its end.</param>
/// <param name="Delay">Median delay, seconds; NaN when it could not be measured.</param>
/// <param name="Frozen">Share of the codes' time without a new picture, percent.</param>
/// <param name="Limit">The shortest gap that counts as frozen, seconds; infinite as long as no cycle had a rhythm.</param>
/// <param name="Scene">+1 or -1: which scene came before the reference.</param>
/// <param name="Look">Mean features of the reference as it came back; empty when none came.</param>
internal sealed record SoakCycle(double At, double Delay, double Frozen, double Limit, int Scene, float[] Look)
{
    // Block means of luma, Cr and Cb lead the features.
    private const int Blocks = 12;

    // At the beginning of a cycle, pictures that stood still still come back.
    private const double Settling = 0.1;

    public bool HasReference => Look.Length > 0;

    /// <summary>Reads a cycle, by the rhythm of the first one that had any.</summary>
    public static SoakCycle Of(
        StimulusPlan plan, Observation seen, AnalysisEffort effort, double at, int scene, double cycle, double limit)
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
        var delay = found.D50.Measured ? found.D50.Value : double.NaN;
        // The scenes stand still, so that a still picture is no sign of a freeze there.
        var (begins, to) = (Math.Min((double.IsNaN(delay) ? 0 : delay) + Settling * cycle, cycle / 4), cycle / 2);
        var frozen = double.IsFinite(limit) ? new FrozenTime(seen, limit) : new FrozenTime(seen, begins, to);
        var share = frozen.Share(begins, to);
        return new SoakCycle(at, delay, double.IsNaN(share) ? 100 : 100 * share, frozen.Limit, scene, look);
    }

    /// <summary>Mean of luma (0), Cr (1) or Cb (2) of the reference.</summary>
    public double Colour(int plane) => HasReference ? Look.AsSpan(plane * Blocks, Blocks).ToArray().Average() : double.NaN;

    /// <summary>Mean difference from another showing of the reference, grey levels.</summary>
    public double From(SoakCycle other) => Enumerable.Range(0, 3 * Blocks).Average(b => Math.Abs(Look[b] - other.Look[b]));

    public string Words(int number, double minutes) => FormattableString.Invariant(
        $"soak: cycle {number}, {At / 60:0} of {minutes:0} minutes, delay {1000 * Delay:0} ms, frozen {Frozen:0.0} %");
}
