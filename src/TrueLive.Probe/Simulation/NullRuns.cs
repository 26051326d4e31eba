using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Recordings;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Simulation;

/// <summary>
/// Runs whose output has nothing to do with the input: p-values must be uniform. The output is other footage with motion, cuts
/// and objects of its own, restyled; or any real recording.
/// </summary>
internal static class NullRuns
{
    /// <summary>Length of the recordings of <see cref="Pair"/>.</summary>
    public const double RecordingSeconds = 60;

    /// <summary>Re-draws made of a recording.</summary>
    public const int RecordingRedraws = RecordedCodes.Redraws;

    /// <summary>One p-value of the fast phase against restyled footage of another seed.</summary>
    public static double Simulated(string seedText, string look, bool withCodesOfAnother, double seconds, int redraws)
    {
        var system = SimulatedSystem.All.First(s => s.Name == (withCodesOfAnother ? "prerendered" : "canned"));
        using var run = new SimulatedRun(system, look, ProbeSeed.From(seedText));
        run.Plan.Append(PhaseKind.Fast, seconds);
        run.Advance(CancellationToken.None);
        return P(run.Plan, run.Seen, redraws);
    }

    /// <summary>
    /// One p-value of the fast phase against a recording, from a point of it drawn by the seed. The recording is read once and never
    /// changed.
    /// </summary>
    public static double Recorded(string seedText, Observation recording, double seconds, int redraws)
    {
        var seed = ProbeSeed.From(seedText);
        var plan = new StimulusPlan(seed, 1);
        plan.Append(PhaseKind.Fast, seconds);
        var room = Math.Max(0, recording.Times[^1] - recording.Times[0] - seconds);
        var from = recording.Times[0] + seed.Stream("offset").NextDouble(0, 1) * room;
        var seen = new Observation();
        for (var j = 0; j < plan.Frames.Count; j++)
            seen.Sent.Add(j * SimulatedInput.Step);
        for (var i = Timeline.LowerBound(recording.Times, from); i < recording.Count && recording.Times[i] < from + seconds; i++)
            seen.Restore(recording.Times[i] - from, recording.Features(i), recording.Change[i], recording.Midpoint[i]);
        return P(plan, seen, redraws);
    }

    /// <summary>Restyled footage in which nothing is sent by the probe.</summary>
    public static Observation Footage(string seedText, string look, double seconds) => Play("canned", look, seedText, seconds);

    /// <summary>One p-value of a pair of recordings: what one camera saw, and a restyle of what another saw.</summary>
    public static double Pair(string seedText, string look)
    {
        var test = RecordedCodes.Test(Play("echo", look, "input " + seedText, RecordingSeconds),
            Play("stream", look, "output " + seedText, RecordingSeconds), 1, default).Joint;
        return Continuous(test, ProbeSeed.From(seedText));
    }

    private static Observation Play(string system, string look, string seedText, double seconds)
    {
        using var run = new SimulatedRun(SimulatedSystem.Named(system), look, ProbeSeed.From(seedText));
        run.Plan.Append(PhaseKind.Fast, seconds);
        run.Advance(CancellationToken.None);
        return run.Seen;
    }

    /// <summary>
    /// The two-sided Kolmogorov-Smirnov test of uniformity: p that a uniform sample lies as far off (asymptotic with Stephens' correction).
    /// </summary>
    public static (double Distance, double P) Uniformity(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var n = sorted.Length;
        var distance = 0.0;
        for (var k = 0; k < n; k++)
            distance = Math.Max(distance, Math.Max((k + 1.0) / n - sorted[k], sorted[k] - k / (double)n));
        var x = distance * (Math.Sqrt(n) + 0.12 + 0.11 / Math.Sqrt(n));
        var p = 0.0;
        for (var k = 1; k <= 100; k++)
            p += 2 * (k % 2 == 1 ? 1 : -1) * Math.Exp(-2.0 * k * k * x * x);
        return (distance, Math.Clamp(x < 0.2 ? 1 : p, 0, 1));
    }

    /// <summary>
    /// The exact p spread evenly over its step of 1/(K+1): continuous and uniform when the null holds, as the test above assumes.
    /// </summary>
    private static double Continuous(NullTest test, ProbeSeed seed) => test.P - seed.Stream("tie").NextDouble(0, 1) / (test.K + 1);

    private static double P(StimulusPlan plan, Observation seen, int redraws) => Continuous(
        FastTest.Of(plan, 0, seen, Timeline.DeBurst(seen.Times)).Run(redraws, 1, Stopping.Never, default).Joint, plan.Seed);
}
