using System.Collections.Concurrent;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Simulation;

/// <summary>The result of a glance at a simulated system.</summary>
/// <param name="System">The simulator.</param>
/// <param name="Look">The look.</param>
/// <param name="Seed">The seed's text.</param>
/// <param name="Tier">The tier as printed.</param>
/// <param name="Nature">The nature as printed; null when not judged.</param>
/// <param name="Seconds">When the verdict was reached, in seconds; the length of the glance if none was.</param>
/// <param name="Sentence">The verdict.</param>
public sealed record GlanceRow(string System, string Look, string Seed, string Tier, string? Nature, double Seconds, string Sentence)
{
    /// <summary>Whether a fake was called tier 3.</summary>
    public bool FalseProof => SimulatedSystem.Named(System).Fake && SelfTest.Tier3.Contains(Tier);

    /// <summary>Whether an honest system was accused.</summary>
    public bool Accused => !SimulatedSystem.Named(System).Fake && SelfTestSummary.Accusations.Contains(Tier);
}

/// <summary>Glances at simulated systems, with the same looks as in a real run.</summary>
internal static class GlanceSelfTest
{
    private const double Footage = 60;
    private const int PerFootage = 50;
    private static readonly ConcurrentDictionary<string, Observation> Recorded = new();

    /// <summary>Systems whose output does not depend on what a glance sends, so that one rendering serves many codes.</summary>
    private static readonly string[] Independent = ["canned", "prerendered", "loop", "pingpong", "prompt-only", "run-ahead"];

    /// <summary>One glance.</summary>
    public static GlanceRow Run(string system, string look, string label, int number, AnalysisEffort effort, CancellationToken cancel)
    {
        var text = $"{label} {number}";
        var (plan, at) = Independent.Contains(system) ? Unmoved(system, look, label, number, cancel) : Moved(system, look, text, cancel);
        var looks = ProbeProfile.Glance.Looks;
        for (var k = 1; ; k++)
        {
            var seen = at((int)(looks[k - 1] * CodeLaw.Rate));
            var (_, verdict) = GlanceRules.Take(plan, seen, new RunQuality { TakesPrompts = false, Look = k }, effort, cancel);
            if (k == looks.Count || verdict.Tier != TierLabel.NotProven)
                return new(system, look, text, TierVerdict.Text(verdict.Tier),
                    verdict.Nature is { } nature ? NatureVerdict.Text(nature.Nature) : null, looks[k - 1], verdict.Sentence);
        }
    }

    private static StimulusPlan Planned(StimulusPlan plan)
    {
        plan.Append(PhaseKind.Warmup, ProbeProfile.Glance.Warmup);
        plan.Append(PhaseKind.Fast, ProbeProfile.Glance.Fast);
        return plan;
    }

    private static (StimulusPlan Plan, Func<int, Observation> At) Moved(string system, string look, string seed, CancellationToken cancel)
    {
        var run = new SimulatedRun(SimulatedSystem.Named(system), look, ProbeSeed.From(seed));
        Planned(run.Plan);
        run.Seen.KeepPictures(ProbeProfile.Glance.Warmup, ProbeProfile.Glance.Seconds);
        return (run.Plan, frames =>
        {
            run.Advance(frames, cancel);
            return run.Seen;
        }
        );
    }

    private static (StimulusPlan Plan, Func<int, Observation> At) Unmoved(string system, string look, string label, int number,
        CancellationToken cancel)
    {
        var footage = Recorded.GetOrAdd($"{system} {look} {label} {number / PerFootage}", name =>
        {
            using var run = new SimulatedRun(SimulatedSystem.Named(system), look, ProbeSeed.From(name));
            run.Plan.Append(PhaseKind.Fast, Footage);
            run.Seen.KeepPictures(0, Footage);
            run.Advance(cancel);
            return run.Seen;
        });
        var seed = ProbeSeed.From($"{label} {number}");
        var from = seed.Stream("offset").NextDouble(0, Footage - ProbeProfile.Glance.Seconds);
        return (Planned(new StimulusPlan(seed)), frames =>
        {
            var seen = new Observation();
            for (var j = 0; j < frames; j++)
                seen.Sent.Add(j * SimulatedInput.Step);
            for (var i = 0; i < footage.Count && footage.Times[i] < from + frames * SimulatedInput.Step; i++)
            {
                if (footage.Times[i] >= from)
                    seen.Restore(footage.Times[i] - from, footage.Features(i), footage.Change[i], footage.Midpoint[i]);
            }
            return seen;
        }
        );
    }
}
