using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Tests.Verdicts;

/// <summary>What a run may find of systems of several kinds; tests change one finding each.</summary>
internal static class SystemFindings
{
    public const double Frame = 1.0 / CodeLaw.Rate;
    public static readonly Estimate Lag = new(0.1, 0.07, 0.13, 20);
    public static readonly Estimate Every = new(3, 2.95, 3.05, 300);
    public static readonly RunQuality Good = new() { TimerP99 = 0.001 };

    // Live, frame by frame, in a run without prompts; the cases change one finding each.
    public static readonly ProbeFindings Live = new()
    {
        Fast = Fast(),
        Repeats = RepeatFindings.None,
        Cadence = new CadenceFindings { Generated = 30 },
        D50 = Lag,
        D95 = Lag,
        Coverage = new Estimate(1, 0.9, 1, 500),
        SlopeMsPerS = new Estimate(0, -0.1, 0.1, 100),
        Grain = new GrainBound(0.1, 0.95, 59, "frame"),
        Boundary = new BoundaryFindings { Seconds = 20 },
        Seconds = 600,
    };

    // Nothing that is sent in the picture is answered.
    public static readonly ProbeFindings Unanswered = Live with
    { Fast = Fast(joint: 0.4, luma: 0.4, region: 0.4, motion: 0.4, scene: 0.4), Blackout = Events(0.4) };

    public static readonly ProbeFindings Prompted = Unanswered with
    {
        Control = Events(0.001, 0.2),
        ControlQuantum = new Quantum(1.5, 1.4, 1.5, "lock", 0.01, 20),
        RunAheadMsPerS = new Estimate(0, -0.19, 0.19, 40),
    };

    public static readonly ProbeFindings Steered = Live with
    { Control = Events(0.01), ControlQuantum = new Quantum(0.1, 0.09, 0.11, "lock", 0.01, 20) };

    public static TierVerdict Judge(ProbeFindings found, RunQuality? quality = null) => DecisionRules.Judge(found, quality ?? Good);

    public static FastFindings Fast(double joint = 0.0001, double luma = 0.0001, double region = 0.0001, double motion = 0.0001,
        double scene = 0.0001, double acausal = 0.5, double locked = 1, Estimate? lag = null) => new()
        {
            Joint = Test(joint),
            Families = [Test(luma), Test(region), Test(motion), Test(scene)],
            FamilyLag = [.. Enumerable.Repeat(lag ?? Lag, 4)],
            Acausal = Test(acausal),
            Path = [new(0, 0.1, 9, true), new(60, 0.1, 9, true)],
            Lock = locked,
            LockWindows = 12,
            WindowSeconds = 5,
            Redraws = [1, 2, 3],
        };

    public static NullTest Test(double p) => new(p, 0, 9999);

    public static EventFindings Events(double p, double delay = 0.2) => new()
    { Test = Test(p), Events = [.. Enumerable.Range(0, 40).Select(k => new EventResponse(5 * k, 1, delay, 150 * k))] };

    public static FamilyGap Gap(double low) => new(new Estimate(low + 0.05, low, low + 0.1, 20), Family.Motion, Family.Region, 0.001);

    public static Estimate Delay(double seconds) => new(seconds, seconds - 0.05, seconds + 0.05, 59);

    public static BoundaryFindings Boundaries(double period) => new() { Period = period, P = 0.01, Jump = 5 };

    // Something else than what was aligned, by the p of each of its two tests.
    public static NatureFindings Rest(double p, double searched = 0, double z = 20) => new()
    {
        Pairs = 300,
        Same = new Estimate(0.5, 0.4, 0.6, 300),
        Colour = new Estimate(0.5, 0.4, 0.6, 300),
        Structure = new Estimate(0.6, 0.5, 0.7, 300),
        Remainder = new RemainderFindings
        {
            Aligned = Test(0.0001),
            Luma = new NullTest(p, z, 9999),
            Region = new NullTest(p, z, 9999),
            Behind = new Estimate(2, 1.9, 2.1, 300),
            Predicted = 0.5,
            Searched = searched,
        },
    };

    public static ProbeFindings Unlocked(double q, int n, string method = "lock") => Live with
    {
        Fast = Fast(locked: 0.5),
        Control = Events(0.01),
        ControlQuantum = new Quantum(q, 0.98 * q, 1.02 * q, method, 0.01, n),
    };

    public static ProbeFindings Slowed(double q, int n, double delay = 0.2) => Live with
    {
        Fast = Fast(locked: 0.5),
        Slow = Events(0.001, delay),
        SlowQuantum = new Quantum(q, 0.98 * q, 1.02 * q, "lock", 0.01, n),
    };
}
