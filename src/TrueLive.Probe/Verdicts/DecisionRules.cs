using System.Globalization;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Verdicts;

/// <summary>Turns findings into a verdict. Gates are taken in order; the first that fails names the verdict.</summary>
public sealed class DecisionRules
{
    private readonly ProbeFindings _found;
    private readonly RunQuality _quality;
    private readonly Thresholds _limits;
    private readonly List<Gate> _gates = [];
    private readonly List<string> _flags = [];
    private readonly List<string> _settle = [];

    private DecisionRules(ProbeFindings found, RunQuality quality, Thresholds limits) =>
        (_found, _quality, _limits) = (found, quality, limits);

    /// <summary>Judges a live run (codes sent by us).</summary>
    public static TierVerdict Judge(ProbeFindings found, RunQuality quality, Thresholds? limits = null)
    {
        var rules = new DecisionRules(found, quality, limits ?? Thresholds.Product);
        return rules.Verdict(rules.Decide());
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

    private bool FastDependent => _found.Fast.Joint.ForRules <= _limits.DependenceP;

    private bool SlowDependent => _found.Slow is { } slow && slow.Test.ForRules <= _limits.DependenceP;

    private bool PromptDependent => _found.Control is { } control && control.Test.ForRules <= _limits.FamilyP;

    /// <summary>Prompts alone carry a verdict only at the level asked of the picture: one canned clip in a hundred passes 0.01.</summary>
    private bool PromptProven => _found.Control is { } control && control.Test.ForRules <= _limits.DependenceP;

    private TierLabel Decide()
    {
        var invalid = _quality.InvalidReasons();
        if (!Pass("G0", "valid run", invalid.Count == 0, invalid.Count == 0 ? "the probe kept its own time" : string.Join("; ", invalid)))
            return TierLabel.Invalid;
        if (_found.Fast.Redraws.Length == 0)
        {
            Unknown("G1", "no replay", "too little output to analyse");
            _settle.Add("A target that returns video for the whole fast phase.");
            return TierLabel.NotProven;
        }
        return Replay() ?? Causal() ?? Hybrid() ?? Streaming() ?? Clips() ?? Bounded() ?? Granular() ?? SubGrade();
    }

    private TierLabel? Replay()
    {
        var acausal = _found.Fast.Acausal;
        var leads = acausal.ForRules <= _limits.AcausalP || _found.D50.High < -1.0 / CodeLaw.Rate;
        var evidence = $"loop ratio {F(_found.Repeats.Loop)}, ping-pong {F(_found.Repeats.PingPong)} (repeat below {F(RepeatFindings.Limit)}); acausal p {P(acausal)}, z {F(acausal.Z, 1)}";
        if (acausal.P <= 0.01 && !leads)
            _flags.Add("acausal p below 0.01: repeat with another seed");
        return Pass("G1", "no replay, nothing before its cause", !leads && !_found.Repeats.Repeats, evidence) ? null : TierLabel.Replay;
    }

    private TierLabel? Causal()
    {
        var families = Answered(_found.Fast, _limits.FamilyP);
        var picture = families.Contains(Family.Region) || families.Contains(Family.Scene);
        var evidence = $"fast p {P(_found.Fast.Joint)}, z {F(_found.Fast.Joint.Z, 1)}; families {(families.Count == 0 ? "none" : string.Join(", ", families))}"
            + (_found.Slow is { } s ? $"; slow p {P(s.Test)}" : "") + (_found.Control is { } c ? $"; prompt p {P(c.Test)}" : "") + (_found.Blackout is { } b ? $"; blackout p {P(b.Test)}" : "");
        if ((FastDependent && families.Count >= 2 && picture) || SlowDependent)
        {
            Pass("G2", "output depends on input", true, evidence);
            return null;
        }
        Pass("G2", "output depends on input", false, evidence);
        if (FastDependent && Partial(families) is { } partial)
            return partial;
        var silent = _found.Blackout is { } blackout && blackout.Test.P > _limits.BlackoutP;
        if (!FastDependent && PromptProven && silent)
            return PromptKind();
        if (!FastDependent && silent && !PromptDependent && _found.Fast.Joint.P > 0.01)
            return Unmoved();
        _settle.Add(_found.Slow is null
            ? "A standard run: its slow phase reaches systems that sample their input rarely."
            : "A deep run: weak looks need more minutes of fast codes.");
        return TierLabel.NotProven;
    }

    // Coding and delivery blur an exact loop; where nothing moves the output, a blurred return is enough.
    private TierLabel Unmoved()
    {
        if (_found.Repeats.Loop >= _limits.LoopUnmoved)
            return TierLabel.NotLive;
        _gates.RemoveAll(g => g.Id == "G1");
        Pass("G1", "no replay, nothing before its cause", false, $"loop ratio {F(_found.Repeats.Loop)} at {F(_found.Repeats.LoopSeconds, 1)} s (repeat below {F(_limits.LoopUnmoved)} where nothing that was sent changed it)");
        return TierLabel.Replay;
    }

    /// <summary>Luma or motion alone: shown at its own level and lag while the others are far from any answer.</summary>
    private TierLabel? Partial(IReadOnlyList<Family> families)
    {
        if (families.Count == 0 || families.Any(f => f is not (Family.Luma or Family.Motion)))
            return null;
        var fast = _found.Fast;
        var others = Enumerable.Range(0, 4).Where(f => !families.Contains((Family)f)).Select(f => fast.Families[f].ForRules).ToArray();
        var proven = families.All(f => fast.Families[(int)f].ForRules <= _limits.AccusationP && FastFindings.Resolved(fast.FamilyLag[(int)f]));
        if (!proven || others.Min() * others.Length <= _limits.UnansweredP)
            return null;
        if (!families.Contains(Family.Motion))
            return TierLabel.PartialLuma;
        if (_found.Slow is null)
            _settle.Add("A standard run: its slow phase tells a hybrid (late appearance) from motion alone.");
        return TierLabel.PartialMotion;
    }

    private TierLabel PromptKind()
    {
        var growing = _found.RunAheadMsPerS is { Measured: true } run && run.Low > 5;
        if (growing)
            _flags.Add($"run-ahead: prompts take {F(_found.RunAheadMsPerS.Value, 1)} ms longer per second of session");
        var onset = Intervals.Quantile([.. _found.Control!.Delays.Order()], 0.95);
        return !growing && _found.ControlQuantum is { Seconds: <= 1.5 } q && q.N >= _limits.QuantumResponses && onset <= 2
            && _found.RunAheadMsPerS is { Measured: true } bounded && bounded.Low > -_limits.Slope && bounded.High < _limits.Slope
            ? TierLabel.PromptStream
            : TierLabel.PromptOnly;
    }

    private TierLabel? Hybrid()
    {
        var (gap, early, late, p) = _found.FamilyGap;
        var limit = Math.Max(_limits.FamilyGap, 0.1 * (_found.D50.Measured ? _found.D50.Value : 0)) + 2.0 / CodeLaw.Rate;
        var rest = _found.Nature?.Remainder;
        var apart = gap.Measured && p <= _limits.AccusationP && gap.Low > limit;
        var under = rest is not null && rest.AnswersElsewhere(_limits.RemainderP);
        var evidence = (gap.Measured
                ? $"{early} before {late} by {F(1000 * gap.Value, 0)} ms (95 %: {F(1000 * gap.Low, 0)} to {F(1000 * gap.High, 0)}, limit {F(1000 * limit, 0)} with the instrument's two frames; p {F(p, 4)})"
                : "fewer than two families have a resolved lag")
            + (rest is { Luma.K: > 0 } ? $"; what a filter of the input leaves over, at other lags: p {F(rest.OtherP, 4)}{(under ? $", {F(Math.Abs(rest.Behind.Value), 1)} s {(rest.Behind.Value > 0 ? "behind" : "ahead of")} the aligned input ({F(rest.Behind.Low, 1)} to {F(rest.Behind.High, 1)})" : "")}" : "");
        if (!apart && !under && !gap.Measured)
        {
            Unknown("G6", "all of the picture answers together", evidence);
            return null;
        }
        return Pass("G6", "all of the picture answers together", !apart && !under, evidence) ? null : TierLabel.Hybrid;
    }

    private TierLabel? Streaming()
    {
        var fast = _found.Fast;
        var covered = _found.Coverage.Measured ? _found.Coverage.Value : 0;
        var evidence = $"lock {F(fast.Lock)} of {F(fast.LockWindows, 0)} windows of {F(fast.WindowSeconds, 0)} s (needs {F(_limits.Lock)}), input covered {F(covered)} (needs {F(_limits.Coverage)})";
        if (fast.Lock >= _limits.Lock && covered >= _limits.Coverage)
        {
            Pass("G3", "follows the stream", true, evidence);
            return null;
        }
        var q = PromptDependent && _found.ControlQuantum.N >= _limits.QuantumResponses ? _found.ControlQuantum : Quantum.None(0);
        if (double.IsNaN(q.Seconds) && SlowDependent && _found.SlowQuantum.N >= 12)
            q = _found.SlowQuantum;
        var period = _found.Boundary.Found && _found.Boundary.Period > _limits.QuantumSampled ? _found.Boundary.Period : q.Seconds;
        if (double.IsNaN(period))
        {
            Unknown("G3", "follows the stream", evidence + "; Q unresolved");
            _settle.Add(_found.Slow is null ? "A standard run (slow phase and at least 40 prompts)." : "A deep run: at least 80 control events.");
            return TierLabel.NotProven;
        }
        evidence += $"; Q {F(period)} s";
        var sampled = _found.ControlQuantum.Method == "lock" || _found.SlowQuantum.Method == "lock";
        // Slow events are answered evenly by batches that are played back evenly, too: only a short delay shows that stills are sampled.
        if (period <= _limits.QuantumSampled && !PromptGrain && !(SlowBound() <= _limits.QuantumLive))
        {
            Unknown("G3", "follows the stream", evidence + $"; by the delay of slow events batches of up to {F(SlowBound())} s");
            _settle.Add("A way to send prompts, or more minutes of fast codes (standard or deep profile).");
            return TierLabel.NotProven;
        }
        if (period <= _limits.QuantumSampled && !sampled && covered >= _limits.Coverage)
        {
            // Neither clearly a stream nor clearly samples: a stream in a weak look reads alike.
            Unknown("G3", "follows the stream", evidence);
            _settle.Add("A deep run: the response is weak, more minutes of fast codes are needed.");
            return TierLabel.NotProven;
        }
        Pass("G3", "follows the stream", false, evidence);
        return ByPeriod(period);
    }

    private double SlowBound() => _found.Slow is { } slow && Intervals.QuantileInterval(slow.Delays, 0.5) is { Measured: true } median ? median.High / 0.5 : double.NaN;

    private TierLabel ByPeriod(double period) =>
        period <= _limits.QuantumSampled ? TierLabel.T3S : period <= _limits.QuantumInteractive ? TierLabel.T2 : TierLabel.T1;

    /// <summary>Own boundaries, or prompts that wait for the next clip, make clips of whatever is played, filter or not; so this comes before the filter.</summary>
    private TierLabel? Clips()
    {
        var q = _found.ControlQuantum;
        var period = _found.Boundary.Found && _found.Boundary.Period > _limits.QuantumLive ? _found.Boundary.Period
            : PromptDependent && q.N >= _limits.QuantumResponses && q.Low > _limits.QuantumLive ? q.Seconds : double.NaN;
        if (double.IsNaN(period))
            return null;
        Pass("G4", "fine grain", false, GrainText());
        return ByPeriod(period);
    }

    private string GrainText() =>
        $"{BoundaryText()}; Q {(double.IsNaN(_found.ControlQuantum.Seconds) ? "unresolved" : F(_found.ControlQuantum.Seconds) + " s")} by {_found.ControlQuantum.Method} of {_found.ControlQuantum.N} prompt responses (needs {_limits.QuantumResponses})";

    private string BoundaryText() => _found.Boundary is { Found: true } b
        ? $"own boundaries every {F(b.Period)} s (p {F(b.P, 3)}, jump {F(b.Jump, 1)}x)"
        : $"no own boundaries in {F(_found.Boundary.Seconds, 0)} s of still input";

    private bool PromptGrain => PromptDependent && _found.ControlQuantum is { N: var n, High: var high } && n >= _limits.QuantumResponses && high <= _limits.QuantumLive;

    private TierLabel? Granular()
    {
        var bound = _found.Grain;
        var text = GrainText() + $"; by the delay at most {F(bound.Seconds)} s ({(double.IsNaN(bound.Seconds) ? bound.Method : $"D{F(100 * bound.Quantile, 0)} over {F(bound.Quantile)}, {bound.Events} moments, {bound.Method}")})";
        if (!PromptGrain && !(bound.Seconds <= _limits.QuantumLive))
        {
            Unknown("G4", "fine grain", text);
            _settle.Add(!_quality.TakesPrompts
                ? "A way to send prompts to the target: at this delay, batches that are played back evenly cannot be told from a stream."
                : "More prompt toggles (standard or deep profile), with two prompts that look very different.");
            return TierLabel.NotProven;
        }
        if (!PromptGrain)
            _flags.Add(_found.Control is null ? "prompts were not tried" : "prompts were not resolved");
        Pass("G4", "fine grain", true, text);
        return null;
    }

    // Seconds in which the delay was followed.
    private double Watched => _found.Fast.Path.Length > 1 ? _found.Fast.Path[^1].Time - _found.Fast.Path[0].Time : 0;

    private TierLabel? Bounded()
    {
        var slope = _found.SlopeMsPerS;
        if (!slope.Measured)
        {
            Unknown("G5", "bounded delay", "not measured");
            return null;
        }
        // A snapshot system answers anywhere within Q: only what moves further than that in the time watched is a queue.
        var wander = PromptGrain ? Math.Max(70, 1000 * _found.ControlQuantum.Seconds) : _limits.Wander;
        var grows = (slope.Low > _limits.Slope || slope.High < -_limits.Slope) && Math.Abs(slope.Value) * Watched > wander;
        if (!grows && (slope.High > _limits.Slope || slope.Low < -_limits.Slope))
            _flags.Add("slope not resolved to 0.2 ms/s: run longer");
        return Pass("G5", "bounded delay", !grows, $"slope {F(slope.Value)} ms/s, 95 % {F(slope.Low)} to {F(slope.High)}, content clock {F(1 - _found.Fast.Kappa, 3)}")
            ? null : TierLabel.T3Unstable;
    }

    private TierLabel SubGrade()
    {
        _gates.Add(new Gate("G7", "continuity", _found.Seconds >= 600 && _quality.Sessions == 1 ? true : null, $"{F(_found.Seconds, 0)} s without a break (600 s asked)"));
        if (_found.Cadence.Burst > 1)
            return TierLabel.T3C;
        if (!PromptGrain)
            return _found.Grain.Seconds <= _limits.QuantumFrame ? TierLabel.T3F : TierLabel.T3;
        var q = _found.ControlQuantum;
        var limit = Math.Max(_limits.QuantumFrame, 2 / Math.Max(1, _found.Cadence.Generated));
        return (q.Method == "lock" ? q.Seconds <= limit : q.Low <= limit) ? TierLabel.T3F : TierLabel.T3C;
    }

    private TierVerdict Verdict(TierLabel tier)
    {
        var cadence = _found.Cadence;
        if (cadence.InterpolatedBy > 1)
            _flags.Add($"interpolated x{cadence.InterpolatedBy}");
        if (_quality.Incomplete)
            _flags.Add("incomplete run" + (_quality.EndedBecause is { } why ? ": " + why : ""));
        if (_quality.Sessions > 1)
            _flags.Add($"resumed: {_quality.Sessions} sessions in one report");
        if (_found.Seconds < 600 && tier is TierLabel.T3F or TierLabel.T3C or TierLabel.T3S or TierLabel.T3)
            _flags.Add($"watched for {F(_found.Seconds, 0)} s only");
        var latency = LatencyOf();
        // Where the picture does not answer, or two inputs show at once, there is no one input to compare the output with.
        var nature = tier != TierLabel.Hybrid && _gates.Any(g => g is { Id: "G2", Passed: true }) ? NatureVerdict.Judge(_found.Nature, _limits) : null;
        if (nature is not null)
            _gates.Add(nature.Gate);
        return new TierVerdict
        {
            Tier = tier,
            Nature = nature,
            LatencyClass = latency?.Class,
            CadenceClass = CadenceOf(cadence.Generated),
            Flags = _flags,
            Gates = _gates,
            WhatWouldSettleIt = _settle,
            Sentence = VerdictWording.Sentence(tier, nature, _found, latency, _quality, _settle, _gates),
        };
    }

    private (string Class, string Text)? LatencyOf()
    {
        var (value, name) = _found.D95.Measured ? (_found.D95, "D95") : (_found.D50, "D50");
        if (!value.Measured)
            return null;
        var high = value.High;
        var letter = high <= 0.1 ? "A" : high <= 0.2 ? "B" : high <= 0.4 ? "C" : high <= 1 ? "D" : high <= 10 ? "E" : "X";
        return (letter, $"{name} <= {F(high * 1000, 0)} ms, n = {value.N}");
    }

    private static string? CadenceOf(double fps) =>
        double.IsNaN(fps) ? null : fps >= 20 ? "good" : fps >= 12 ? "usable" : fps >= 4 ? "monitoring only" : "slideshow";

    private bool Pass(string id, string title, bool passed, string evidence)
    {
        _gates.Add(new Gate(id, title, passed, evidence));
        return passed;
    }

    private void Unknown(string id, string title, string evidence) => _gates.Add(new Gate(id, title, null, evidence));

    private static string F(double value, int digits = 2) =>
        double.IsNaN(value) ? "not measured" : value.ToString("F" + digits, CultureInfo.InvariantCulture);

    private static string P(NullTest test) => test.K == 0 ? "not tested" : F(test.P, 4) + $" (K {test.K})";
}
