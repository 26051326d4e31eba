using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Reports;

/// <summary>Names every number of the findings.</summary>
internal static class ReportBuilder
{
    public static ProbeReport Build(RunSection run, StimulusPlan plan, ProbeFindings found, TierVerdict verdict) => new()
    {
        Run = run,
        Verdict = new VerdictSection(TierVerdict.Text(verdict.Tier), verdict.Nature is { } nature
            ? NatureVerdict.Text(nature.Nature)
            : null, verdict.LatencyClass, verdict.CadenceClass, verdict.Flags, verdict.Sentence,
            [.. verdict.Gates.Select(g => new GateRow(g.Id, g.Title, g.Passed, g.Evidence))], verdict.WhatWouldSettleIt),
        Metrics = Metrics(run, found),
        Channels = found.Fast.Channels.Length == 0 ? [] :
        [
            .. CodeLaw.Channels.Where(c => found.Fast.Channels[(int)c].K > 0).Select(c => new ChannelRow(
                c.ToString(), CodeLaw.FamilyOf(c).ToString(), found.Fast.Channels[(int)c].P, Round(found.Fast.Channels[(int)c].Z)!.Value,
                Round(1000 * found.Fast.ChannelDelay[(int)c]), found.Map is { } map ? Round(map.Correlation[(int)c]) : null)),
        ],
        Plan = [.. plan.Phases.Select(p => new PhaseRow(p.Kind.ToString(), p.FrameCount / (double)CodeLaw.Rate, p.DwellShortest / 2.2))],
    };

    /// <summary>A number with its interval, or why there is none.</summary>
    public static Metric Of(Estimate e, double scale, string unit, string method) => new()
    {
        Value = Round(scale * e.Value),
        Unit = unit,
        Ci95 = e.Measured ? [Round(scale * e.Low)!.Value, Round(scale * e.High)!.Value] : null,
        N = e.N,
        Method = e.Measured ? method : e.N > 0 ? $"not measured: n = {e.N} is too small" : "not measured",
    };

    private static SortedDictionary<string, Metric> Metrics(RunSection run, ProbeFindings f)
    {
        var all = new SortedDictionary<string, Metric>(StringComparer.Ordinal);
        void Number(string name, double value, string unit, string method, int? n = null) =>
            all[name] = new Metric { Value = Round(value), Unit = unit, Method = method, N = n };
        void Interval(string name, Estimate e, double scale, string unit, string method) => all[name] = Of(e, scale, unit, method);
        void Test(string name, NullTest test, string method) =>
            all[name] = test.K == 0
                ? new Metric { Unit = "1", Method = "not tested" }
                : new Metric { Value = Round(test.P), Unit = "1", K = test.K, Z = Round(test.Z), Method = method };

        Test("dep.p", f.Fast.Joint, "randomisation, fast phase, all channels");
        Test("dep.slow_p", f.Slow?.Test ?? NullTest.None, "randomisation, slow phase, spatial contrasts");
        Test("dep.blackout_p", f.Blackout?.Test ?? NullTest.None, "randomisation, blackout phase");
        Test("dep.acausal_p", f.Fast.Acausal, "same statistic on lags -2.9 to -0.3 s");
        Number("dep.families", DecisionRules.Answered(f.Fast, 0.01).Count, "1", "families with Holm p <= 0.01", 4);
        Interval("lock", Intervals.Share(f.Fast.Lock, f.Fast.LockWindows), 1, "1",
            $"share of {f.Fast.WindowSeconds:0}-s windows above the null's 95 % quantile; n counts windows that do not overlap");
        Interval("delay.D50", f.D50, 1000, "ms", f.DelayMethod);
        Interval("delay.D90", f.D90, 1000, "ms", f.DelayMethod);
        Interval("delay.D95", f.D95, 1000, "ms", f.DelayMethod);
        Interval("delay.D99", f.D99, 1000, "ms", f.DelayMethod);
        Number("delay.jitter", f.D95.Measured ? 1000 * (f.D95.Value - f.D50.Value) : double.NaN, "ms", "D95 - D50");
        Number("delay.frame_jitter", 1000 * f.FrameJitter, "ms", "mean absolute change of delay from frame to frame");
        Interval("delay.slope", f.SlopeMsPerS, 1, "ms/s", "Theil-Sen of the windowed lag, block bootstrap");
        Number("delay.kappa", f.Fast.Kappa, "1", "content-clock rate search");
        Interval("delay.family_gap", f.FamilyGap.Seconds, 1000, "ms",
            $"{f.FamilyGap.Early} before {f.FamilyGap.Late}, windows that do not overlap");
        Number("delay.minus_floor", run.EchoD50Ms is { } floor && f.D50.Measured ? 1000 * f.D50.Value - floor : double.NaN, "ms",
            "D50 less the probe's own echo");
        all["Q"] = new Metric
        {
            Value = Round(f.ControlQuantum.Seconds),
            Unit = "s",
            Ci95 = double.IsNaN(f.ControlQuantum.Seconds)
                ? null
                : [Round(f.ControlQuantum.Low)!.Value, Round(f.ControlQuantum.High)!.Value],
            N = f.ControlQuantum.N,
            Method = "prompt-" + f.ControlQuantum.Method,
        };
        Number("Q.lock_p", f.ControlQuantum.LockP, "1", "permutation of delays among events");
        Number("burst.N", f.Cadence.Burst, "frames", "median frames between long gaps", f.Cadence.Frames);
        Interval("input.coverage", f.Coverage, 1, "1", "share of 100-ms input stretches depicted");
        Number("fps.presented", f.Cadence.Presented, "Hz", "arrivals", f.Cadence.Frames);
        Number("fps.unique", f.Cadence.Unique, "Hz", "less duplicates", f.Cadence.Frames);
        Number("fps.generated", f.Cadence.Generated, "Hz", "less blended frames", f.Cadence.Frames);
        Interval("freeze.count", f.Cadence.FreezesPerMinute, 1, "1/min", "gap of max(3 x mean, mean + 150 ms); Garwood");
        Number("freeze.ratio", f.Cadence.FreezePercent, "%", "time in freezes", f.Cadence.Frames);
        Number("freeze.longest", f.Cadence.LongestGap, "s", "longest gap", f.Cadence.Frames);
        Number("ttff.first", f.FirstFrame, "s", "first frame sent to first frame decoded", 1);
        Test("prompt.p", f.Control?.Test ?? NullTest.None, "randomisation, control phase");
        var delays = f.Control?.Delays.ToArray() ?? [];
        Interval("prompt.t50.D50", Intervals.QuantileInterval(delays, 0.5), 1000, "ms", "change point per event, order statistics");
        Interval("prompt.t50.D90", Intervals.QuantileInterval(delays, 0.9), 1000, "ms", "change point per event, order statistics");
        Interval("prompt.miss", f.Control is { Events.Length: > 0 } c && c.Test.P <= 0.01
            ? Intervals.Share(1 - delays.Length / (double)c.Events.Length, c.Events.Length)
            : Estimate.None, 100, "%", "events without an answer before the next");
        Interval("prompt.run_ahead", f.RunAheadMsPerS, 1, "ms/s", "Theil-Sen of prompt delay against session time");
        Number("boundary.T", f.Boundary.Found ? f.Boundary.Period : double.NaN, "s",
            f.Boundary.Found ? "hold phase" : "none found in the hold phase", f.Boundary.Times.Length);
        Number("boundary.p", f.Boundary.P, "1", "evenness of jumps against uniform times");
        Number("boundary.jump", f.Boundary.Jump, "x", "largest change over the median");
        Number("loop", f.Repeats.Loop, "1", "least distance ratio over loop lengths; a repeat below 0.2");
        Number("loop.p", f.Repeats.P, "1", "the same pictures in another order that repeat as closely");
        Interval("loop.period", f.Repeats.Period, 1, "s", "least distance, without each fifth of the time");
        Number("pingpong", f.Repeats.PingPong, "1", "distance ratio at turning points; a description, no accusation");
        Number("grain.bound", f.Grain.Seconds, "s", double.IsNaN(f.Grain.Seconds)
            ? "not measured: " + f.Grain.Method
            : string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"95 % limit of D{100 * f.Grain.Quantile:0}, weighted by the time shown, over {f.Grain.Quantile:0.00}"), f.Grain.Events);
        Interval("nature.same", f.Nature?.Same ?? Estimate.None, 1, "1",
            "share of the changes that gain and offset explain, pictures not fitted");
        Interval("nature.colour", f.Nature?.Colour ?? Estimate.None, 1, "1", "share that a filter of colours explains");
        Interval("nature.structure", f.Nature?.Structure ?? Estimate.None, 1, "1", "share that a filter of structure explains");
        Test("nature.rest_p", f.Nature?.Remainder.Aligned ?? NullTest.None,
            "randomisation, what the filter of structure leaves over, at the aligned lag");
        Number("nature.rest_predicted", f.Nature?.Remainder.Predicted ?? double.NaN, "1",
            "median share of the rest's changes that the input's features predict");
        Number("nature.other_lag_p", f.Nature is { Remainder.Luma.K: > 0 } n ? n.Remainder.OtherP : double.NaN, "1",
            "the rest at other lags, Holm over luma and region", f.Nature?.Pairs);
        Number("continuity.max_session", f.Seconds, "s", "time watched without a break");
        return all;
    }

    /// <summary>
    /// Six significant digits: enough for every use, and the same on every machine within the declared tolerance. NaN becomes null.
    /// </summary>
    public static double? Round(double value)
    {
        if (double.IsNaN(value) || double.IsInfinity(value))
            return null;
        if (value == 0)
            return 0;
        var digits = Math.Clamp(5 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 15);
        return Math.Round(value, digits);
    }
}
