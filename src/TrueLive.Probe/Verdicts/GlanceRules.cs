using System.Globalization;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Verdicts;

/// <summary>
/// A glance is judged at a few moments fixed beforehand. An early look can only find a system live, and only if the whole picture is
/// accounted for: it can search only a few seconds of older lags, and a live layer may lie over older pictures. All other verdicts wait for
/// the last look, so that their tests are made once.
/// </summary>
internal static class GlanceRules
{
    /// <summary>Re-draws behind a promotion: none of them may score as high as what was sent.</summary>
    public const int Redraws = 9999;

    private const int Screening = 999;

    private static IReadOnlyList<double> Looks => ProbeProfile.Glance.Looks;

    /// <summary>Whether a tier says that the output follows the live input.</summary>
    public static bool Follows(TierLabel tier) =>
        tier is TierLabel.T3F or TierLabel.T3C or TierLabel.T3 or TierLabel.T3S or TierLabel.T3Unstable;

    /// <summary>Judges what was seen up to a look (<see cref="RunQuality.Look"/>). The same observation gives the same verdict.</summary>
    public static (ProbeFindings Found, TierVerdict Verdict) Take(StimulusPlan plan, Observation seen, RunQuality quality,
        AnalysisEffort effort, CancellationToken cancel = default)
    {
        var last = quality.Look == Looks.Count;
        effort = effort with { Redraws = Math.Min(effort.Redraws, Screening), Thorough = last, WithNature = last };
        var found = ProbeAnalysis.Analyse(plan, seen, effort, cancel);
        var screened = Screen();
        if (!last && WaitsForNature(screened))
        {
            found = ProbeAnalysis.WithNature(found, plan, seen, effort, cancel);
            screened = Screen();
        }
        if (!Follows(screened.Tier))
            return (found, screened);
        found = ProbeAnalysis.Certain(found, plan, seen, Redraws, effort.Threads, cancel);
        return (found, DecisionRules.Judge(found, quality));

        TierVerdict Screen() =>
            DecisionRules.Judge(found, quality, Thresholds.Glance with
            { DependenceP = Thresholds.Product.DependenceP, PictureP = Thresholds.Product.DependenceP });
    }

    /// <summary>Whether all else passed, so that only the nature is missing: its test is the most expensive and is made last.</summary>
    private static bool WaitsForNature(TierVerdict verdict) =>
        verdict.Gates.Where(g => g.Passed != true && g.Id is not ("G6" or "G7" or "N1")).Select(g => g.Id).SequenceEqual(["G8"]);

    /// <summary>The provisional verdict after a look that did not decide.</summary>
    public static string Growing(ProbeFindings found, TierVerdict verdict, int look)
    {
        var fast = found.Fast;
        var answer = !ProbeAnalysis.Dependent(fast) ? "Nothing that was sent is found in the picture yet"
            : found.D50.Measured
                ? string.Create(CultureInfo.InvariantCulture, $"It answers the secret codes, about {1000 * found.D50.Value:0} ms late")
            : "It answers the secret codes";
        var made = verdict.Nature is { Nature: not Nature.CannotTell } nature ? " " + nature.Sentence : "";
        var open = verdict.Gates.LastOrDefault(g => g.Passed != true && g.Id != "N1");
        return string.Create(CultureInfo.InvariantCulture,
            $"{answer}.{made} After {Looks[look - 1]:0} s this is open: {open?.Title ?? "the rest"}. Needs " +
            $"{Looks[look] - Looks[look - 1]:0} more seconds.");
    }

    /// <summary>What a glance did not test, in a sentence.</summary>
    internal static string NotTested(ProbeFindings found)
    {
        var slope = found.SlopeMsPerS;
        var growth = slope.Measured
            ? string.Create(CultureInfo.InvariantCulture,
                $"a delay that grows by less than {Math.Max(Math.Abs(slope.Low), Math.Abs(slope.High)):0.0} ms every second")
            : "a delay that grows";
        return string.Create(CultureInfo.InvariantCulture,
            $"A glance of {found.Seconds:0} s; not tested: prompts, clip boundaries under still input, loops longer than " +
                $"{Math.Max(0, found.Seconds - ProbeProfile.Glance.Warmup) * 2 / 3:0} s, {growth}, anything more than " +
                $"{found.Nature?.Remainder.Searched ?? 0:0.0} s older in the picture.");
    }

    internal static TierLabel Settle(Judgement judgement, TierLabel tier, Nature? nature, int look)
    {
        if (tier == TierLabel.Invalid)
            return tier;
        if (look < Looks.Count)
        {
            if (!Follows(tier) && tier != TierLabel.NotProven || tier == TierLabel.T3Unstable)
            {
                judgement.Unknown("G8", "whether it holds for longer",
                    $"{TierVerdict.Text(tier)} so far; an early look only finds what is live");
                tier = TierLabel.NotProven;
            }
            else if (tier != TierLabel.NotProven && nature is null or Nature.CannotTell)
            {
                judgement.Unknown("G8", "whether anything older shows through",
                    "what a filter leaves over is not yet shown to be made from the same input, and few seconds of older pictures could " +
                    "be searched");
                tier = TierLabel.NotProven;
            }
        }
        if (tier == TierLabel.NotProven)
        {
            judgement.Settle.Clear();
            judgement.Settle.Add(look < Looks.Count
                ? string.Create(CultureInfo.InvariantCulture, $"{Looks[look] - Looks[look - 1]:0} more seconds.")
                : string.Create(CultureInfo.InvariantCulture,
                    $"{ProbeProfile.Quick.Seconds:0} more seconds: a quick run, which sends prompts, a still picture and blackouts too."));
        }
        return tier;
    }
}
