using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;
using static TrueLive.Probe.Verdicts.Judgement;

namespace TrueLive.Probe.Verdicts;

/// <summary>
/// Asks whether the output answers what was sent, all of it at the same lag, and nothing before it was sent. A gate returns null when the
/// next one decides.
/// </summary>
internal sealed class AnswerGates(Judgement judgement)
{
    private readonly ProbeFindings _found = judgement.Found;
    private readonly Thresholds _limits = judgement.Limits;

    /// <summary>
    /// Prompts alone support a verdict only at the level required of the picture: at 0.01 one canned clip in a hundred would pass.
    /// </summary>
    private bool PromptProven => _found.Control is { } control && control.Test.ForRules <= _limits.DependenceP;

    public TierLabel? Replay()
    {
        var acausal = _found.Fast.Acausal;
        var leads = acausal.ForRules <= _limits.AcausalP || _found.D50.High < -1.0 / CodeLaw.Rate;
        var repeats = _found.Repeats;
        var evidence = $"loop ratio {F(repeats.Loop)}{Loop()} (repeat below {F(RepeatFindings.Limit)}); acausal p {P(acausal)}, z {F(acausal.Z, 1)}";
        if (acausal.P <= 0.01 && !leads)
            judgement.Flags.Add("acausal p below 0.01: repeat with another seed");
        if (repeats.Loop < RepeatFindings.Limit && !repeats.Repeats)
            judgement.Flags.Add("looks like a repeat, but so do its pictures in another order: few states, not a loop");
        return judgement.Pass("G1", "no replay, nothing before its cause", !leads && !repeats.Repeats, evidence)
            ? null
            : TierLabel.Replay;
    }

    public TierLabel? Causal()
    {
        var families = DecisionRules.Answered(_found.Fast, _limits.FamilyP);
        var picture = (families.Contains(Family.Region) || families.Contains(Family.Scene))
            && _found.Fast.Families[(int)Family.Region].ForRules <= _limits.PictureP;
        var evidence = $"fast p {P(_found.Fast.Joint)}, z {F(_found.Fast.Joint.Z, 1)}; families " +
            $"{(families.Count == 0 ? "none" : string.Join(", ", families))}"
            + (_found.Slow is { } s ? $"; slow p {P(s.Test)}" : "") + (_found.Control is { } c ? $"; prompt p {P(c.Test)}" : "")
            + (_found.Blackout is { } b ? $"; blackout p {P(b.Test)}" : "");
        if ((judgement.FastDependent && families.Count >= 2 && picture) || judgement.SlowDependent)
        {
            judgement.Pass("G2", "output depends on input", true, evidence);
            return null;
        }
        judgement.Pass("G2", "output depends on input", false, evidence);
        if (judgement.FastDependent && Partial(families) is { } partial)
            return partial;
        var silent = _found.Blackout is { } blackout && blackout.Test.P > _limits.BlackoutP;
        if (!judgement.FastDependent && PromptProven && silent)
            return PromptKind();
        if (!judgement.FastDependent && silent && !judgement.PromptDependent && _found.Fast.Joint.P > 0.01)
            return Unmoved();
        judgement.Settle.Add(_found.Slow is null
            ? "A standard run: its slow phase reaches systems that sample their input rarely."
            : "A deep run: weak looks need more minutes of fast codes.");
        return TierLabel.NotProven;
    }

    // Encoding and delivery blur an exact loop; if nothing that was sent changes the output, a blurred repeat is enough.
    private TierLabel Unmoved()
    {
        if (!_found.Repeats.Loops(_limits.LoopUnmoved))
            return TierLabel.NotLive;
        judgement.Gates.RemoveAll(g => g.Id == "G1");
        judgement.Pass("G1", "no replay, nothing before its cause", false,
            $"loop ratio {F(_found.Repeats.Loop)}{Loop()} (repeat below {F(_limits.LoopUnmoved)} where nothing that was sent changed it)");
        return TierLabel.Replay;
    }

    private string Loop() => _found.Repeats is { P: < 1, Period: var every } repeats
        ? $" at {F(every.Value, 1)} s ({F(every.Low, 2)} to {F(every.High, 2)}, p {F(repeats.P, 4)})"
        : "";

    /// <summary>Luma or motion alone: it answers at its own level and lag, and all other families clearly do not.</summary>
    private TierLabel? Partial(IReadOnlyList<Family> families)
    {
        if (families.Count == 0 || families.Any(f => f is not (Family.Luma or Family.Motion)))
            return null;
        var fast = _found.Fast;
        var others = Enumerable.Range(0, 4).Where(f => !families.Contains((Family)f)).Select(f => fast.Families[f].ForRules).ToArray();
        var proven = families.All(f => fast.Families[(int)f].ForRules <= _limits.AccusationP
            && FastFindings.Resolved(fast.FamilyLag[(int)f]));
        if (!proven || others.Min() * others.Length <= _limits.UnansweredP)
            return null;
        if (!families.Contains(Family.Motion))
            return TierLabel.PartialLuma;
        if (_found.Slow is null)
            judgement.Settle.Add("A standard run: its slow phase tells a hybrid (late appearance) from motion alone.");
        return TierLabel.PartialMotion;
    }

    private TierLabel PromptKind()
    {
        var growing = _found.RunAheadMsPerS is { Measured: true } run && run.Low > 5;
        if (growing)
            judgement.Flags.Add($"run-ahead: prompts take {F(_found.RunAheadMsPerS.Value, 1)} ms longer per second of session");
        var onset = Intervals.Quantile([.. _found.Control!.Delays.Order()], 0.95);
        return !growing && _found.ControlQuantum is { Seconds: <= 1.5 } q && q.N >= _limits.QuantumResponses && onset <= 2
            && _found.RunAheadMsPerS is { Measured: true } bounded && bounded.Low > -_limits.Slope && bounded.High < _limits.Slope
            ? TierLabel.PromptStream
            : TierLabel.PromptOnly;
    }

    public TierLabel? Hybrid()
    {
        var (gap, early, late, p) = _found.FamilyGap;
        var limit = Math.Max(_limits.FamilyGap, 0.1 * (_found.D50.Measured ? _found.D50.Value : 0)) + 2.0 / CodeLaw.Rate;
        var rest = _found.Nature?.Remainder;
        var apart = gap.Measured && p <= _limits.AccusationP && gap.Low > limit;
        var under = rest is not null && rest.AnswersElsewhere(_limits.RemainderP, _limits.RemainderZ);
        var evidence = (gap.Measured
                ? $"{early} before {late} by {F(1000 * gap.Value, 0)} ms (95 %: {F(1000 * gap.Low, 0)} to {F(1000 * gap.High, 0)}, limit " +
                    $"{F(1000 * limit, 0)} with the instrument's two frames; p {F(p, 4)})"
                : "fewer than two families have a resolved lag")
            + (rest is { Luma.K: > 0 }
                ? $"; what a filter of the input leaves over, at other lags: p {F(rest.OtherP, 4)}, z {F(rest.OtherZ, 1)}{(under ? Away(rest.Behind) : "")}"
                : "");
        if (!apart && !under && rest is not null && rest.AnswersElsewhere(_limits.RemainderDoubt))
        {
            judgement.Unknown("G6", "all of the picture answers together", evidence);
            judgement.Settle.Add("A run with another seed: something may show through at another lag, too faintly to say.");
            return TierLabel.NotProven;
        }
        if (!apart && !under && !gap.Measured)
        {
            judgement.Unknown("G6", "all of the picture answers together", evidence);
            return null;
        }
        return judgement.Pass("G6", "all of the picture answers together", !apart && !under, evidence) ? null : TierLabel.Hybrid;
    }

    private static string Away(Estimate behind) =>
        $", {F(Math.Abs(behind.Value), 1)} s {(behind.Value > 0 ? "behind" : "ahead of")} the aligned input"
        + $" ({F(behind.Low, 1)} to {F(behind.High, 1)})";
}
