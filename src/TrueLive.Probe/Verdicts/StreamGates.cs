using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;
using static TrueLive.Probe.Verdicts.Judgement;

namespace TrueLive.Probe.Verdicts;

/// <summary>Asks how steadily and how finely the output follows the input. A gate returns null when the next one decides.</summary>
internal sealed class StreamGates(Judgement judgement)
{
    private readonly ProbeFindings _found = judgement.Found;
    private readonly Thresholds _limits = judgement.Limits;

    public TierLabel? Streaming()
    {
        var fast = _found.Fast;
        var covered = _found.Coverage.Measured ? _found.Coverage.Value : 0;
        var evidence = $"lock {F(fast.Lock)} of {F(fast.LockWindows, 0)} windows of {F(fast.WindowSeconds, 0)} s (needs " +
            $"{F(_limits.Lock)}), input covered {F(covered)} (needs {F(_limits.Coverage)})";
        if (fast.Lock >= _limits.Lock && covered >= _limits.Coverage)
        {
            judgement.Pass("G3", "follows the stream", true, evidence);
            return null;
        }
        var q = judgement.PromptDependent && _found.ControlQuantum.N >= _limits.QuantumResponses ? _found.ControlQuantum : Quantum.None(0);
        if (double.IsNaN(q.Seconds) && judgement.SlowDependent && _found.SlowQuantum.N >= 12)
            q = _found.SlowQuantum;
        var period = _found.Boundary.Found && _found.Boundary.Period > _limits.QuantumSampled ? _found.Boundary.Period : q.Seconds;
        if (double.IsNaN(period))
        {
            judgement.Unknown("G3", "follows the stream", evidence + "; Q unresolved");
            judgement.Settle.Add(_found.Slow is null
                ? "A standard run (slow phase and at least 40 prompts)."
                : "A deep run: at least 80 control events.");
            return TierLabel.NotProven;
        }
        evidence += $"; Q {F(period)} s";
        var sampled = _found.ControlQuantum.Method == "lock" || _found.SlowQuantum.Method == "lock";
        // Batches that are played back evenly answer slow events as sampled stills do: only a short delay tells them apart.
        if (period <= _limits.QuantumSampled && !judgement.PromptGrain && !(SlowBound() <= _limits.QuantumLive))
        {
            judgement.Unknown("G3", "follows the stream", evidence + $"; by the delay of slow events batches of up to {F(SlowBound())} s");
            judgement.Settle.Add("A way to send prompts, or more minutes of fast codes (standard or deep profile).");
            return TierLabel.NotProven;
        }
        if (period <= _limits.QuantumSampled && !sampled && covered >= _limits.Coverage)
        {
            // This is neither clearly a stream nor clearly samples: a stream under a weak look gives the same findings.
            judgement.Unknown("G3", "follows the stream", evidence);
            judgement.Settle.Add("A deep run: the response is weak, more minutes of fast codes are needed.");
            return TierLabel.NotProven;
        }
        judgement.Pass("G3", "follows the stream", false, evidence);
        return ByPeriod(period);
    }

    private double SlowBound() => _found.Slow is { } slow && Intervals.QuantileInterval(slow.Delays, 0.5) is { Measured: true } median
        ? median.High / 0.5
        : double.NaN;

    private TierLabel ByPeriod(double period) =>
        period <= _limits.QuantumSampled ? TierLabel.T3S : period <= _limits.QuantumInteractive ? TierLabel.T2 : TierLabel.T1;

    /// <summary>Own boundaries, or prompts that wait for the next clip, prove clips, whatever happens to their pictures.</summary>
    public TierLabel? Clips()
    {
        var q = _found.ControlQuantum;
        var period = _found.Boundary.Found && _found.Boundary.Period > _limits.QuantumLive ? _found.Boundary.Period
            : judgement.PromptDependent && q.N >= _limits.QuantumResponses && q.Low > _limits.QuantumLive ? q.Seconds : double.NaN;
        if (double.IsNaN(period))
            return null;
        judgement.Pass("G4", "fine grain", false, GrainText());
        return ByPeriod(period);
    }

    private string GrainText() =>
        $"{BoundaryText()}; Q {(double.IsNaN(_found.ControlQuantum.Seconds) ? "unresolved" : F(_found.ControlQuantum.Seconds) + " s")} " +
            $"by {_found.ControlQuantum.Method} of {_found.ControlQuantum.N} prompt responses (needs {_limits.QuantumResponses})";

    private string BoundaryText() => _found.Boundary is { Found: true } b
        ? $"own boundaries every {F(b.Period)} s (p {F(b.P, 3)}, jump {F(b.Jump, 1)}x)"
        : $"no own boundaries in {F(_found.Boundary.Seconds, 0)} s of still input";

    public TierLabel? Granular()
    {
        var bound = _found.Grain;
        var how = double.IsNaN(bound.Seconds)
            ? bound.Method
            : $"D{F(100 * bound.Quantile, 0)} over {F(bound.Quantile)}, {bound.Events} moments, {bound.Method}";
        var text = GrainText() + $"; by the delay at most {F(bound.Seconds)} s ({how})";
        if (!judgement.PromptGrain && !(bound.Seconds <= _limits.QuantumLive))
        {
            judgement.Unknown("G4", "fine grain", text);
            judgement.Settle.Add(!judgement.Quality.TakesPrompts
                ? "A way to send prompts to the target: at this delay, batches that are played back evenly cannot be told from a stream."
                : "More prompt toggles (standard or deep profile), with two prompts that look very different.");
            return TierLabel.NotProven;
        }
        if (!judgement.PromptGrain)
            judgement.Flags.Add(_found.Control is null ? "prompts were not tried" : "prompts were not resolved");
        judgement.Pass("G4", "fine grain", true, text);
        return null;
    }

    // Seconds in which the delay was followed.
    private double Watched => _found.Fast.Path.Length > 1 ? _found.Fast.Path[^1].Time - _found.Fast.Path[0].Time : 0;

    public TierLabel? Bounded()
    {
        var slope = _found.SlopeMsPerS;
        if (!slope.Measured)
        {
            judgement.Unknown("G5", "bounded delay", "not measured");
            return null;
        }
        // The delay of a system that samples varies within Q: only a larger change in the time watched means a queue.
        var wander = judgement.PromptGrain ? Math.Max(70, 1000 * _found.ControlQuantum.Seconds) : _limits.Wander;
        var grows = (slope.Low > _limits.Slope || slope.High < -_limits.Slope) && Math.Abs(slope.Value) * Watched > wander;
        if (!grows && (slope.High > _limits.Slope || slope.Low < -_limits.Slope))
            judgement.Flags.Add("slope not resolved to 0.2 ms/s: run longer");
        return judgement.Pass("G5", "bounded delay", !grows,
            $"slope {F(slope.Value)} ms/s, 95 % {F(slope.Low)} to {F(slope.High)}, content clock {F(1 - _found.Fast.Kappa, 3)}")
            ? null : TierLabel.T3Unstable;
    }

    public TierLabel SubGrade()
    {
        judgement.Gates.Add(new Gate("G7", "continuity", _found.Seconds >= 600 && judgement.Quality.Sessions == 1 ? true : null,
            $"{F(_found.Seconds, 0)} s without a break (600 s asked)"));
        if (_found.Cadence.Burst > 1)
            return TierLabel.T3C;
        if (!judgement.PromptGrain)
            return _found.Grain.Seconds <= _limits.QuantumFrame ? TierLabel.T3F : TierLabel.T3;
        var q = _found.ControlQuantum;
        var limit = Math.Max(_limits.QuantumFrame, 2 / Math.Max(1, _found.Cadence.Generated));
        return (q.Method == "lock" ? q.Seconds <= limit : q.Low <= limit) ? TierLabel.T3F : TierLabel.T3C;
    }
}
