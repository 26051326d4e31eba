using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Analysis;

/// <summary>Effort of the analysis.</summary>
/// <param name="Redraws">Number of re-draws (K) in the randomisation tests.</param>
/// <param name="Threads">Threads for re-draws.</param>
/// <param name="MayStopEarly">
/// Whether a test may also stop before K when only a model of the null's tail says that more re-draws could not change a verdict: for
/// simulations, never for a published report.
/// </param>
/// <param name="DuplicateBelow">A frame that differs from the last by less than this many grey levels (0..255) is a duplicate.</param>
public sealed record AnalysisEffort(int Redraws = 999, int Threads = 2, bool MayStopEarly = false, double DuplicateBelow = 0.05)
{
    /// <summary>
    /// Whether to search, when the output does not clearly follow, for one that falls behind and, in longer windows, for a weak one.
    /// </summary>
    public bool Thorough { get; init; } = true;

    /// <summary>Whether to measure the nature: what happens to the picture.</summary>
    public bool WithNature { get; init; } = true;
}

/// <summary>Runs all estimators on the observation of a run. The same observation and plan give the same findings.</summary>
public static class ProbeAnalysis
{
    /// <summary>Rates of the content clock that are searched when the output does not follow at rate 0.</summary>
    private static readonly double[] Rates = [.. Enumerable.Range(-6, 25).Where(k => k != 0).Select(k => k * 0.025)];

    /// <summary>Analyses a run.</summary>
    public static ProbeFindings Analyse(StimulusPlan plan, Observation seen, AnalysisEffort effort, CancellationToken cancel = default)
    {
        if (seen.Count < 30 || seen.Sent.Count < 30)
            return new ProbeFindings
            {
                Seconds = seen.Count > 0 ? seen.Times[^1] : 0,
                FirstFrame = seen.Count > 0 ? seen.Times[0] : double.NaN,
            };
        var even = Timeline.DeBurst(seen.Times);
        var fastIndex = IndexOf(plan, PhaseKind.Fast, seen);
        var fast = new FastFindings();
        FrameMap? map = null;
        var (from, to) = (seen.Times[0], seen.Times[^1]);
        if (fastIndex >= 0)
        {
            (from, to) = Span(plan, fastIndex, seen);
            fast = FastOf(plan, fastIndex, seen, even, effort, cancel);
            if (Dependent(fast))
                map = FrameMap.Build(plan, fastIndex, seen, even, fast);
        }
        cancel.ThrowIfCancellationRequested();
        var slow = Events(plan, PhaseKind.Slow, seen, even, effort, spatial: true);
        var control = seen.PromptSent.Count == 0 ? null : Events(plan, PhaseKind.Control, seen, even, effort, spatial: false);
        var blackout = Events(plan, PhaseKind.Blackout, seen, even, effort, spatial: false);
        var random = new Random(20260101);
        var delays = Delays(fast, map);
        return new ProbeFindings
        {
            Fast = fast,
            Map = map,
            Slow = slow,
            Control = control,
            Blackout = blackout,
            ControlQuantum = control is null ? Quantum.None(0) : ControlQuantum.Measure(control.Events, random),
            SlowQuantum = slow is null ? Quantum.None(0) : ControlQuantum.Measure(slow.Events, random),
            Boundary = BoundaryOf(plan, seen, delays.D95.Measured ? delays.D95.Value : double.NaN),
            Repeats = Repeats.Find(seen, even, from, to),
            Cadence = Cadence.Measure(seen, from, to, effort.DuplicateBelow),
            Nature = map is null || !effort.WithNature ? null : NatureFit.Measure(plan, fastIndex, seen, map, effort.Redraws, cancel),
            Grain = GrainBound.Of(plan, seen, fast, map, delays.D50),
            D50 = delays.D50,
            D90 = delays.D90,
            D95 = delays.D95,
            D99 = delays.D99,
            DelayMethod = delays.Method,
            SlopeMsPerS = SlopeOf(fast, random),
            FrameJitter = map is { Reliable: true } ? Jitter(map) : double.NaN,
            FamilyGap = FamilyGap.Of(fast, slow),
            Coverage = map is null ? Estimate.None : CoverageOf(seen, map),
            RunAheadMsPerS = control is null ? Estimate.None : RunAhead(control, random),
            Seconds = seen.Times[^1],
            FirstFrame = seen.Times[0],
        };
    }

    /// <summary>The own-boundary test of the hold phase alone: a run uses it to choose the dwell of later phases.</summary>
    public static BoundaryFindings BoundaryOf(StimulusPlan plan, Observation seen, double delay)
    {
        var index = IndexOf(plan, PhaseKind.Hold, seen);
        if (index < 0)
            return new BoundaryFindings();
        var (from, to) = Span(plan, index, seen);
        // The still picture must have arrived before the output is judged; if the delay is unknown, about a third of the phase is left out.
        var wait = double.IsNaN(delay) ? Math.Min(7, 0.35 * (to - from)) : Math.Min(delay + 0.5, 0.5 * (to - from));
        return OwnBoundary.Run(seen, from + wait, to, new Random(7));
    }

    /// <summary>Whether the output repeats itself: in the fast phase or, if there is none, in all of the output.</summary>
    public static RepeatFindings RepeatsOf(StimulusPlan plan, Observation seen)
    {
        if (seen.Count == 0)
            return RepeatFindings.None;
        var index = IndexOf(plan, PhaseKind.Fast, seen);
        var (from, to) = index < 0 ? (seen.Times[0], seen.Times[^1]) : Span(plan, index, seen);
        return Repeats.Find(seen, Timeline.DeBurst(seen.Times), from, to);
    }

    /// <summary>A quick test of the fast phase with eight re-draws: an estimate to use during the run, not evidence.</summary>
    internal static (NullTest Test, double Lag) FirstLook(StimulusPlan plan, Observation seen)
    {
        var index = IndexOf(plan, PhaseKind.Fast, seen);
        if (index < 0 || seen.Count < 60)
            return (NullTest.None, double.NaN);
        var found = FastTest.Of(plan, index, seen, Timeline.DeBurst(seen.Times), 0, limit: 40).Run(8, 1, Stopping.Never, default);
        var lags = found.Path.Select(w => w.Lag).Order().ToArray();
        return (found.Joint, Intervals.Quantile(lags, 0.5));
    }

    /// <summary>The findings with the nature added.</summary>
    internal static ProbeFindings WithNature(
        ProbeFindings found, StimulusPlan plan, Observation seen, AnalysisEffort effort, CancellationToken cancel) =>
        found.Map is null
            ? found
            : found with { Nature = NatureFit.Measure(plan, IndexOf(plan, PhaseKind.Fast, seen), seen, found.Map, effort.Redraws, cancel) };

    /// <summary>The findings with the joint and region p-values of the fast phase from up to this many re-draws.</summary>
    internal static ProbeFindings Certain(
        ProbeFindings found, StimulusPlan plan, Observation seen, int redraws, int threads, CancellationToken cancel)
    {
        var (index, fast) = (IndexOf(plan, PhaseKind.Fast, seen), found.Fast);
        var (joint, region) = FastTest.Of(plan, index, seen, Timeline.DeBurst(seen.Times), fast.Kappa, fast.WindowSeconds)
            .Certain(redraws, threads, cancel);
        NullTest[] families = [.. fast.Families];
        families[(int)Family.Region] = region;
        return found with { Fast = fast with { Joint = joint, Families = families } };
    }

    /// <summary>Whether the output depends on the codes of the fast phase.</summary>
    internal static bool Dependent(FastFindings fast) => fast.Joint.ForRules <= 0.001;

    private static FastFindings FastOf(
        StimulusPlan plan, int index, Observation seen, double[] even, AnalysisEffort effort, CancellationToken cancel)
    {
        var fast = FastTest.Of(plan, index, seen, even)
            .Run(effort.Redraws, effort.Threads, effort.MayStopEarly ? Stopping.WhenClear : Stopping.WhenHopeless, cancel);
        if (fast.Lock >= 0.9 || !effort.Thorough)
            return fast;
        // An output that falls behind blurs each window: search for the rate in the first two minutes, and confirm it against a null at
        // that rate.
        var (kappa, best) = (0.0, Math.Max(6, 1.5 * FastTest.Of(plan, index, seen, even, 0, limit: 120).Quick(8).Test.Z));
        foreach (var rate in Rates)
        {
            cancel.ThrowIfCancellationRequested();
            var z = FastTest.Of(plan, index, seen, even, rate, limit: 120).Quick(6).Test.Z;
            if (z > best)
                (kappa, best) = (rate, z);
        }
        if (kappa != 0)
        {
            var scaled = FastTest.Of(plan, index, seen, even, kappa)
                .Run(effort.Redraws, effort.Threads, effort.MayStopEarly ? Stopping.WhenClear : Stopping.WhenHopeless, cancel);
            if (scaled.Joint.ForRules * Rates.Length <= 0.05 && scaled.Lock > fast.Lock)
                return scaled;
        }
        if (!Dependent(fast))
            return fast;
        // A weak look needs longer windows to be distinguished from chance in each one.
        var longer = FastTest.Of(plan, index, seen, even, 0, 10)
            .Run(effort.Redraws, effort.Threads, effort.MayStopEarly ? Stopping.WhenClear : Stopping.WhenHopeless, cancel);
        return longer.Lock >= 0.9 && longer.Joint.Z >= fast.Joint.Z ? longer : fast;
    }

    private static EventFindings? Events(
        StimulusPlan plan, PhaseKind kind, Observation seen, double[] even, AnalysisEffort effort, bool spatial)
    {
        var index = IndexOf(plan, kind, seen);
        return index < 0 ? null : EventTest.Run(plan, index, seen, even, spatial, effort.Redraws);
    }

    private static int IndexOf(StimulusPlan plan, PhaseKind kind, Observation seen)
    {
        for (var k = 0; k < plan.Phases.Count; k++)
        {
            if (plan.Phases[k].Kind == kind && plan.Phases[k].FirstFrame + 5 * CodeLaw.Rate < seen.Sent.Count)
                return k;
        }
        return -1;
    }

    private static (double From, double To) Span(StimulusPlan plan, int index, Observation seen) =>
        (seen.Sent[plan.Phases[index].FirstFrame], Math.Min(seen.Sent[Math.Min(plan.Phases[index].EndFrame, seen.Sent.Count) - 1],
            seen.Times[^1]));

    private static (Estimate D50, Estimate D90, Estimate D95, Estimate D99, string Method) Delays(FastFindings fast, FrameMap? map)
    {
        var locked = fast.Path.Where(w => w.Locked).ToArray();
        if (map is { Reliable: true })
        {
            var all = map.Delay.Order().ToArray();
            var every = Math.Max(1, (int)Math.Round(map.Delay.Count / Math.Max(1, SecondsOf(map))));
            var events = map.Delay.Where((_, i) => i % every == every / 2).ToArray();
            Estimate At(double q) => Widened(Intervals.QuantileInterval(events, q, Intervals.Quantile(all, q)), 1.0 / CodeLaw.Rate);
            return (At(0.5), At(0.9), At(0.95), At(0.99), "frame");
        }
        if (locked.Length == 0 || fast.Lock < 0.3)
            return (Estimate.None, Estimate.None, Estimate.None, Estimate.None, "none");
        // Windows overlap: only one in five (or ten) is an independent event.
        var apart = Math.Max(1, (int)Math.Round(locked.Length / Math.Max(1, fast.LockWindows * fast.Lock)));
        var lags = locked.Where((_, k) => k % apart == 0).Select(w => w.Lag).ToArray();
        Estimate Window(double q) => Widened(Intervals.QuantileInterval(lags, q), 1.0 / CodeLaw.Rate);
        return (Window(0.5), Estimate.None, Estimate.None, Estimate.None, "window");
    }

    private static double SecondsOf(FrameMap map) => (map.Input[^1] - map.Input[0]) / (double)CodeLaw.Rate;

    /// <summary>A flip of a code can only be seen at a frame, so the resolution of the instrument widens every interval.</summary>
    private static Estimate Widened(Estimate e, double by) => e.Measured ? e with { Low = e.Low - by, High = e.High + by } : e;

    private static Estimate SlopeOf(FastFindings fast, Random random)
    {
        var points = fast.Path.Where(w => w.Locked).Select(w => (w.Time, 1000 * w.Lag)).ToArray();
        return fast.Lock < 0.3 ? Estimate.None with { N = points.Length } : Intervals.Slope(points, 10, random);
    }

    private static double Jitter(FrameMap map)
    {
        double sum = 0;
        for (var i = 1; i < map.Delay.Count; i++)
            sum += Math.Abs(map.Delay[i] - map.Delay[i - 1]);
        return sum / Math.Max(1, map.Delay.Count - 1);
    }

    private static Estimate CoverageOf(Observation seen, FrameMap map)
    {
        var (first, last) = (map.Input.Min(), map.Input.Max());
        var from = seen.Sent[first];
        var bins = new bool[(int)((seen.Sent[last] - from) * 10) + 1];
        foreach (var j in map.Input)
            bins[(int)((seen.Sent[j] - from) * 10)] = true;
        return Intervals.Share(bins.Count(b => b) / (double)bins.Length, bins.Length);
    }

    private static Estimate RunAhead(EventFindings control, Random random) =>
        Intervals.Slope([.. control.Events.Where(e => !double.IsNaN(e.Delay)).Select(e => (e.Sent, 1000 * e.Delay))], 1, random);
}
