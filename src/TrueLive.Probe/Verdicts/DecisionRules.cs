using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;
using static TrueLive.Probe.Verdicts.Judgement;

namespace TrueLive.Probe.Verdicts;

/// <summary>Turns findings into a verdict. Gates are applied in order; the first that fails names the verdict.</summary>
internal static class DecisionRules
{
    /// <summary>Judges a live run (codes sent by us).</summary>
    public static TierVerdict Judge(ProbeFindings found, RunQuality quality, Thresholds? limits = null)
    {
        var judgement = new Judgement(found, quality, limits ?? (quality.Look is null ? Thresholds.Product : Thresholds.Glance));
        var tier = Decide(judgement);
        // If the picture does not answer, or shows two inputs at once, there is no single input to compare the output with.
        var nature = tier != TierLabel.Hybrid && judgement.Gates.Any(g => g is { Id: "G2", Passed: true })
            ? NatureVerdict.Judge(found.Nature, judgement.Limits)
            : null;
        if (quality.Look is { } look)
            tier = GlanceRules.Settle(judgement, tier, nature?.Nature, look);
        if (nature is not null)
            judgement.Gates.Add(nature.Gate);
        return Verdict(judgement, tier, nature);
    }

    /// <summary>Families whose p passes Holm's correction.</summary>
    public static IReadOnlyList<Family> Answered(FastFindings fast, double level)
    {
        var order = Enumerable.Range(0, 4).OrderBy(f => fast.Families[f].ForRules).ToArray();
        var answered = new List<Family>();
        for (var k = 0; k < 4 && fast.Families[order[k]].ForRules * (4 - k) <= level; k++)
            answered.Add((Family)order[k]);
        return answered;
    }

    private static TierLabel Decide(Judgement judgement)
    {
        var invalid = judgement.Quality.InvalidReasons();
        if (!judgement.Pass("G0", "valid run", invalid.Count == 0,
            invalid.Count == 0 ? "the probe kept its own time" : string.Join("; ", invalid)))
            return TierLabel.Invalid;
        if (judgement.Found.Fast.Redraws.Length == 0)
        {
            judgement.Unknown("G1", "no replay", "too little output to analyse");
            judgement.Settle.Add("A target that returns video for the whole fast phase.");
            return TierLabel.NotProven;
        }
        var (answer, stream) = (new AnswerGates(judgement), new StreamGates(judgement));
        return answer.Replay() ?? answer.Causal() ?? answer.Hybrid() ?? stream.Streaming() ?? stream.Clips() ?? stream.Bounded()
            ?? stream.Granular() ?? stream.SubGrade();
    }

    private static TierVerdict Verdict(Judgement judgement, TierLabel tier, NatureVerdict? nature)
    {
        var (found, quality, flags) = (judgement.Found, judgement.Quality, judgement.Flags);
        if (found.Cadence.InterpolatedBy > 1)
            flags.Add($"interpolated x{found.Cadence.InterpolatedBy}");
        if (quality.Incomplete)
            flags.Add("incomplete run" + (quality.EndedBecause is { } why ? ": " + why : ""));
        else if (quality.EndedBecause is { } early)
            flags.Add("ended early: " + early);
        if (quality.Sessions > 1)
            flags.Add($"resumed: {quality.Sessions} sessions in one report");
        flags.AddRange(quality.Notes);
        if (found.Seconds < 600 && tier is TierLabel.T3F or TierLabel.T3C or TierLabel.T3S or TierLabel.T3)
            flags.Add($"watched for {F(found.Seconds, 0)} s only");
        var latency = LatencyOf(found);
        return new TierVerdict
        {
            Tier = tier,
            Nature = nature,
            LatencyClass = latency?.Class,
            CadenceClass = CadenceOf(found.Cadence.Generated),
            Flags = flags,
            Gates = judgement.Gates,
            WhatWouldSettleIt = judgement.Settle,
            Sentence = VerdictWording.Sentence(judgement, tier, nature, latency),
        };
    }

    private static (string Class, string Text)? LatencyOf(ProbeFindings found)
    {
        var (value, name) = found.D95.Measured ? (found.D95, "D95") : (found.D50, "D50");
        if (!value.Measured)
            return null;
        var high = value.High;
        var letter = high <= 0.1 ? "A" : high <= 0.2 ? "B" : high <= 0.4 ? "C" : high <= 1 ? "D" : high <= 10 ? "E" : "X";
        return (letter, $"{name} <= {F(high * 1000, 0)} ms, n = {value.N}");
    }

    private static string? CadenceOf(double fps) =>
        double.IsNaN(fps) ? null : fps >= 20 ? "good" : fps >= 12 ? "usable" : fps >= 4 ? "monitoring only" : "slideshow";
}
