using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Verdicts;
using static TrueLive.Probe.Tests.Verdicts.SystemFindings;

namespace TrueLive.Probe.Tests.Verdicts;

/// <summary>Each limit of the rules from both sides: a value on it, and one just beyond it.</summary>
public sealed class RuleLimitTests
{
    private static readonly Dictionary<string, (ProbeFindings Found, TierLabel Tier)> Cases = new()
    {
        ["live"] = (Live, TierLabel.T3F),

        ["acausal p on its limit"] = (Live with { Fast = Fast(acausal: 0.001) }, TierLabel.Replay),
        ["acausal p beyond its limit"] = (Live with { Fast = Fast(acausal: 0.0011) }, TierLabel.T3F),
        ["delay a frame before its cause"] = (Live with { D50 = new Estimate(-0.1, -0.2, -Frame, 20) }, TierLabel.T3F),
        ["delay more than a frame before"] = (Live with { D50 = new Estimate(-0.1, -0.2, -1.1 * Frame, 20) }, TierLabel.Replay),
        ["loop ratio on its limit"] = (Live with { Repeats = new RepeatFindings(0.2, Every, 0.004, 1) }, TierLabel.T3F),
        ["loop ratio below its limit"] = (Live with { Repeats = new RepeatFindings(0.19, Every, 0.004, 1) }, TierLabel.Replay),
        ["loop whose order is chance"] = (Live with { Repeats = new RepeatFindings(0.19, Every, 0.005, 1) }, TierLabel.T3F),
        ["loop whose length wanders"] =
            (Live with { Repeats = new RepeatFindings(0.19, new Estimate(3, 2.85, 3.16, 300), 0.004, 1) }, TierLabel.T3F),
        ["turns alone"] = (Live with { Repeats = RepeatFindings.None with { PingPong = 0.01 } }, TierLabel.T3F),

        ["joint p on its limit"] = (Live with { Fast = Fast(joint: 0.001) }, TierLabel.T3F),
        ["joint p beyond its limit"] = (Live with { Fast = Fast(joint: 0.0011) }, TierLabel.NotProven),
        ["Holm's last family on its limit"] = (Live with { Fast = Fast(luma: 0.01, motion: 0.4, scene: 0.4, region: 0.0033) },
            TierLabel.NotProven),
        ["Holm's second family on its limit"] = (Live with { Fast = Fast(luma: 0.4, motion: 0.4, scene: 0.01 / 3, region: 0.0025) },
            TierLabel.T3F),
        ["Holm's second family beyond its limit"] = (Live with { Fast = Fast(luma: 0.4, motion: 0.4, scene: 0.0034, region: 0.0025) },
            TierLabel.NotProven),
        ["light and scene"] = (Live with { Fast = Fast(region: 0.4, motion: 0.4) }, TierLabel.T3F),
        ["light and motion are no picture"] = (Live with { Fast = Fast(region: 0.4, scene: 0.4) }, TierLabel.PartialMotion),
        ["slow events on their limit"] = (Unanswered with { Slow = Events(0.001) }, TierLabel.T3F),
        ["slow events beyond their limit"] = (Unanswered with { Slow = Events(0.0011), Blackout = null }, TierLabel.NotProven),

        ["light alone on its limit"] = (Live with { Fast = Fast(luma: 0.001, region: 0.4, motion: 0.4, scene: 0.4) },
            TierLabel.PartialLuma),
        ["light alone beyond its limit"] = (Live with { Fast = Fast(luma: 0.0011, region: 0.4, motion: 0.4, scene: 0.4) },
            TierLabel.NotProven),
        ["light alone, another nearly answers"] = (Live with { Fast = Fast(region: 0.05 / 3, motion: 0.4, scene: 0.4) },
            TierLabel.NotProven),
        ["light alone, another does not answer"] = (Live with { Fast = Fast(region: 0.017, motion: 0.4, scene: 0.4) },
            TierLabel.PartialLuma),
        ["light alone, its lag wanders"] = (Live with
        { Fast = Fast(region: 0.4, motion: 0.4, scene: 0.4, lag: new Estimate(0.1, 0, 0.26, 20)) }, TierLabel.NotProven),
        ["light alone, its lag hardly wanders"] = (Live with
        { Fast = Fast(region: 0.4, motion: 0.4, scene: 0.4, lag: new Estimate(0.1, 0, 0.25, 20)) }, TierLabel.PartialLuma),
        ["motion alone"] = (Live with { Fast = Fast(luma: 0.4, region: 0.4, scene: 0.4) }, TierLabel.PartialMotion),
        ["scene alone"] = (Live with { Fast = Fast(luma: 0.4, region: 0.4, motion: 0.4) }, TierLabel.NotProven),

        ["nothing answers, no loop"] = (Unanswered, TierLabel.NotLive),
        ["nothing answers, a half loop"] = (Unanswered with { Repeats = new RepeatFindings(0.5, Every, 0.004, 1) }, TierLabel.NotLive),
        ["nothing answers, a blurred loop"] =
            (Unanswered with { Repeats = new RepeatFindings(0.49, Every, 0.004, 1) }, TierLabel.Replay),
        ["nothing answers, a blurred loop in any order"] =
            (Unanswered with { Repeats = new RepeatFindings(0.49, Every, 0.005, 1) }, TierLabel.NotLive),
        ["nothing answers, joint p in doubt"] = (Unanswered with
        { Fast = Fast(joint: 0.01, luma: 0.4, region: 0.4, motion: 0.4, scene: 0.4) }, TierLabel.NotProven),
        ["nothing answers, prompts in doubt"] = (Unanswered with { Control = Events(0.01) }, TierLabel.NotProven),
        ["nothing answers, prompts do not"] = (Unanswered with { Control = Events(0.011) }, TierLabel.NotLive),
        ["nothing answers, no blackout"] = (Unanswered with { Blackout = null }, TierLabel.NotProven),
        ["nothing answers, blackout in doubt"] = (Unanswered with { Blackout = Events(0.01) }, TierLabel.NotProven),
        ["nothing answers, blackout does not"] = (Unanswered with { Blackout = Events(0.011) }, TierLabel.NotLive),

        ["prompts alone, on all limits"] = (Prompted, TierLabel.PromptStream),
        ["prompts alone, p beyond"] = (Prompted with { Control = Events(0.0011, 0.2) }, TierLabel.NotProven),
        ["prompts alone, blackout answered"] = (Prompted with { Blackout = Events(0.01) }, TierLabel.NotProven),
        ["prompts alone, Q beyond"] = (Prompted with { ControlQuantum = new Quantum(1.51, 1.4, 1.6, "lock", 0.01, 20) },
            TierLabel.PromptOnly),
        ["prompts alone, too few"] = (Prompted with { ControlQuantum = new Quantum(1.5, 1.4, 1.5, "lock", 0.01, 19) },
            TierLabel.PromptOnly),
        ["prompts alone, two seconds late"] = (Prompted with { Control = Events(0.001, 2) }, TierLabel.PromptStream),
        ["prompts alone, later"] = (Prompted with { Control = Events(0.001, 2.01) }, TierLabel.PromptOnly),
        ["prompts alone, growth on its limit"] = (Prompted with { RunAheadMsPerS = new Estimate(0, -0.1, 0.2, 40) },
            TierLabel.PromptOnly),
        ["prompts alone, shrinking on its limit"] = (Prompted with { RunAheadMsPerS = new Estimate(0, -0.2, 0.1, 40) },
            TierLabel.PromptOnly),
        ["prompts alone, growth not measured"] = (Prompted with { RunAheadMsPerS = Estimate.None }, TierLabel.PromptOnly),

        ["families apart by the limit"] = (Live with { FamilyGap = Gap(0.11 + 2 * Frame) with { P = 0.001 }, D50 = Delay(1.1) },
            TierLabel.T3F),
        ["families further apart"] = (Live with { FamilyGap = Gap(0.12 + 2 * Frame), D50 = Delay(1.1) }, TierLabel.Hybrid),
        ["families further apart by chance"] = (Live with { FamilyGap = Gap(0.12 + 2 * Frame) with { P = 0.0011 }, D50 = Delay(1.1) },
            TierLabel.T3F),
        ["families of a fast system apart"] = (Live with { FamilyGap = Gap(0.101 + 2 * Frame) }, TierLabel.Hybrid),
        ["families of a fast system on the limit"] = (Live with { FamilyGap = Gap(0.1 + 2 * Frame) }, TierLabel.T3F),
        ["something older on its limit"] = (Live with { Nature = Rest(0.0005) }, TierLabel.Hybrid),
        ["something older in doubt"] = (Live with { Nature = Rest(0.0006) }, TierLabel.NotProven),
        ["something older, still in doubt"] = (Live with { Nature = Rest(0.002) }, TierLabel.NotProven),
        ["something older, no doubt"] = (Live with { Nature = Rest(0.0021) }, TierLabel.T3F),
        ["something older in doubt beside a measured gap"] = (Live with { Nature = Rest(0.0021), FamilyGap = Gap(0.01) }, TierLabel.T3F),

        ["lock on its limit"] = (Live with { Fast = Fast(locked: 0.9) }, TierLabel.T3F),
        ["lock below its limit"] = (Live with { Fast = Fast(locked: 0.89) }, TierLabel.NotProven),
        ["coverage on its limit"] = (Live with { Coverage = new Estimate(0.9, 0.8, 1, 500) }, TierLabel.T3F),
        ["coverage below its limit"] = (Live with { Coverage = new Estimate(0.89, 0.8, 1, 500) }, TierLabel.NotProven),
        ["coverage not measured"] = (Live with { Coverage = Estimate.None }, TierLabel.NotProven),
        ["unlocked stills by prompts"] = (Unlocked(0.5, 20), TierLabel.T3S),
        ["unlocked stills by too few prompts"] = (Unlocked(0.5, 19), TierLabel.NotProven),
        ["unlocked batches by prompts"] = (Unlocked(0.51, 20), TierLabel.T2),
        ["unlocked batches of ten seconds"] = (Unlocked(10, 20), TierLabel.T2),
        ["unlocked batches of more"] = (Unlocked(10.1, 20), TierLabel.T1),
        ["unlocked batches by slow events"] = (Slowed(2, 12), TierLabel.T2),
        ["unlocked batches by too few slow events"] = (Slowed(2, 11), TierLabel.NotProven),
        ["unlocked batches by boundaries"] = (Live with { Fast = Fast(locked: 0.5), Boundary = Boundaries(0.51) }, TierLabel.T2),
        ["unlocked, boundaries as of stills"] = (Live with { Fast = Fast(locked: 0.5), Boundary = Boundaries(0.5) },
            TierLabel.NotProven),
        ["unlocked but covered, by the spread of prompts"] = (Unlocked(0.5, 20, "spread"), TierLabel.NotProven),
        ["unlocked and not covered, by the spread of prompts"] = (Unlocked(0.5, 20, "spread") with
        { Coverage = new Estimate(0.5, 0.4, 0.6, 500) }, TierLabel.T3S),
        ["stills by slow events that are answered at once"] = (Slowed(0.4, 12, 0.2), TierLabel.T3S),
        ["stills by slow events that are answered late"] = (Slowed(0.4, 12, 0.8), TierLabel.NotProven),

        ["boundaries of a live chunk"] = (Live with { Boundary = Boundaries(1.5) }, TierLabel.T3F),
        ["boundaries of a clip"] = (Live with { Boundary = Boundaries(1.51) }, TierLabel.T2),
        ["boundaries by chance"] = (Live with { Boundary = new BoundaryFindings { Period = 2, P = 0.011, Jump = 5 } }, TierLabel.T3F),
        ["boundaries that hardly jump"] = (Live with { Boundary = new BoundaryFindings { Period = 2, P = 0.01, Jump = 4.9 } },
            TierLabel.T3F),
        ["prompts that wait for the next clip"] = (Steered with { ControlQuantum = new Quantum(2, 1.51, 3, "lock", 0.01, 20) },
            TierLabel.T2),
        ["prompts that hardly wait"] = (Steered with { ControlQuantum = new Quantum(2, 1.5, 3, "lock", 0.01, 20) }, TierLabel.T3F),
        ["too few prompts that wait"] = (Steered with { ControlQuantum = new Quantum(2, 1.51, 3, "lock", 0.01, 19) }, TierLabel.T3F),

        ["slope on its limit"] = (Live with { SlopeMsPerS = new Estimate(6, 0.2, 7, 100) }, TierLabel.T3F),
        ["slope beyond its limit"] = (Live with { SlopeMsPerS = new Estimate(6, 0.21, 7, 100) }, TierLabel.T3Unstable),
        ["slope down on its limit"] = (Live with { SlopeMsPerS = new Estimate(-6, -7, -0.2, 100) }, TierLabel.T3F),
        ["slope down beyond its limit"] = (Live with { SlopeMsPerS = new Estimate(-6, -7, -0.21, 100) }, TierLabel.T3Unstable),
        ["slope within what the delay wanders"] = (Live with { SlopeMsPerS = new Estimate(5, 4, 6, 100) }, TierLabel.T3F),
        ["slope beyond what it wanders"] = (Live with { SlopeMsPerS = new Estimate(5.01, 4, 6, 100) }, TierLabel.T3Unstable),
        ["slope of fine grain"] = (Steered with { SlopeMsPerS = new Estimate(1.66, 1, 2, 100) }, TierLabel.T3F),
        ["slope beyond fine grain"] = (Steered with { SlopeMsPerS = new Estimate(1.68, 1, 2, 100) }, TierLabel.T3Unstable),
        ["slope not measured"] = (Live with { SlopeMsPerS = Estimate.None }, TierLabel.T3F),

        ["grain of a frame"] = (Live with { Grain = new GrainBound(0.15, 0.95, 59, "frame") }, TierLabel.T3F),
        ["grain of more"] = (Live with { Grain = new GrainBound(0.16, 0.95, 59, "frame") }, TierLabel.T3),
        ["grain of a live chunk"] = (Live with { Grain = new GrainBound(1.5, 0.95, 59, "frame") }, TierLabel.T3),
        ["grain of a clip"] = (Live with { Grain = new GrainBound(1.51, 0.95, 59, "frame") }, TierLabel.NotProven),
        ["grain not measured"] = (Live with { Grain = GrainBound.None("too few") }, TierLabel.NotProven),
        ["grain by prompts alone"] = (Steered with { Grain = GrainBound.None("too few") }, TierLabel.T3F),
        ["grain by too few prompts"] = (Steered with
        { Grain = GrainBound.None("too few"), ControlQuantum = new Quantum(0.1, 0.09, 0.11, "lock", 0.01, 19) }, TierLabel.NotProven),
        ["grain by prompts in doubt"] = (Steered with { Grain = GrainBound.None("too few"), Control = Events(0.011) },
            TierLabel.NotProven),
        ["Q wider than a live chunk"] = (Steered with
        { Grain = GrainBound.None("too few"), ControlQuantum = new Quantum(0.1, 0.09, 1.51, "lock", 0.01, 20) }, TierLabel.NotProven),
        ["bursts"] = (Live with { Cadence = new CadenceFindings { Generated = 30, Burst = 2 } }, TierLabel.T3C),
        ["Q of a frame"] = (Steered with { ControlQuantum = new Quantum(0.15, 0.14, 0.16, "lock", 0.01, 20) }, TierLabel.T3F),
        ["Q of more than a frame"] = (Steered with { ControlQuantum = new Quantum(0.16, 0.14, 0.17, "lock", 0.01, 20) },
            TierLabel.T3C),
        ["Q of two frames of a slow system"] = (Steered with
        {
            Cadence = new CadenceFindings { Generated = 8 },
            ControlQuantum = new Quantum(0.25, 0.2, 0.3, "lock", 0.01, 20),
        }, TierLabel.T3F),
        ["Q of less than a frame a second"] = (Steered with
        {
            Cadence = new CadenceFindings { Generated = 0.5 },
            ControlQuantum = new Quantum(1.5, 1.4, 1.5, "spread", 0.01, 20),
        }, TierLabel.T3F),
        ["Q by its spread, from a frame"] = (Steered with { ControlQuantum = new Quantum(0.4, 0.15, 0.5, "spread", 0.01, 20) },
            TierLabel.T3F),
        ["Q by its spread, from more"] = (Steered with { ControlQuantum = new Quantum(0.4, 0.16, 0.5, "spread", 0.01, 20) },
            TierLabel.T3C),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_value_on_a_limit_and_one_beyond_it_give_the_tier_that_the_rule_says(string name) =>
        Assert.Equal(Cases[name].Tier, Judge(Cases[name].Found).Tier);

    [Theory]
    [InlineData(0.1, "A")]
    [InlineData(0.11, "B")]
    [InlineData(0.2, "B")]
    [InlineData(0.21, "C")]
    [InlineData(0.4, "C")]
    [InlineData(0.41, "D")]
    [InlineData(1, "D")]
    [InlineData(1.01, "E")]
    [InlineData(10, "E")]
    [InlineData(10.1, "X")]
    public void The_class_of_the_delay_is_that_of_the_upper_end_of_its_interval(double high, string letter)
    {
        var late = new Estimate(0.05, 0.04, high, 59);
        Assert.Equal(letter, Judge(Live with { D50 = Lag, D95 = late }).LatencyClass);
        Assert.Equal(letter, Judge(Live with { D50 = late, D95 = Estimate.None }).LatencyClass);
        Assert.Null(Judge(Live with { D50 = Estimate.None, D95 = Estimate.None }).LatencyClass);
    }

    [Theory]
    [InlineData(20, "good")]
    [InlineData(19.9, "usable")]
    [InlineData(12, "usable")]
    [InlineData(11.9, "monitoring only")]
    [InlineData(4, "monitoring only")]
    [InlineData(3.9, "slideshow")]
    [InlineData(double.NaN, null)]
    public void The_class_of_the_rate_is_that_of_generated_frames(double rate, string? name) =>
        Assert.Equal(name, Judge(Live with { Cadence = new CadenceFindings { Generated = rate } }).CadenceClass);

    [Fact]
    public void Flags_tell_what_does_not_change_the_tier()
    {
        Assert.Equal(["prompts were not tried"], Judge(Live).Flags);
        Assert.Contains("watched for 599 s only", Judge(Live with { Seconds = 599 }).Flags);
        Assert.Equal(["prompts were not tried"], Judge(Live with { Seconds = 600 }).Flags);
        Assert.DoesNotContain(Judge(Unanswered with { Seconds = 100 }).Flags, f => f.StartsWith("watched", StringComparison.Ordinal));
        Assert.Contains("prompts were not resolved", Judge(Live with { Control = Events(0.4) }).Flags);
        Assert.Empty(Judge(Steered).Flags);
        Assert.Contains("interpolated x2", Judge(Steered with
        { Cadence = new CadenceFindings { Generated = 30, InterpolatedBy = 2 } }).Flags);
        Assert.Contains("acausal p below 0.01: repeat with another seed", Judge(Live with { Fast = Fast(acausal: 0.01) }).Flags);
        Assert.DoesNotContain("acausal p below 0.01: repeat with another seed", Judge(Live with { Fast = Fast(acausal: 0.011) }).Flags);
        Assert.DoesNotContain("acausal p below 0.01: repeat with another seed", Judge(Live with { Fast = Fast(acausal: 0.001) }).Flags);
        const string Slope = "slope not resolved to 0.2 ms/s: run longer";
        Assert.DoesNotContain(Slope, Judge(Live with { SlopeMsPerS = new Estimate(0, -0.2, 0.2, 9) }).Flags);
        Assert.Contains(Slope, Judge(Live with { SlopeMsPerS = new Estimate(0, -0.1, 0.21, 9) }).Flags);
        Assert.Contains(Slope, Judge(Live with { SlopeMsPerS = new Estimate(0, -0.21, 0.1, 9) }).Flags);
        Assert.DoesNotContain(Slope, Judge(Live with { SlopeMsPerS = new Estimate(9, 8, 10, 9) }).Flags);
        Assert.Contains("run-ahead: prompts take 6.0 ms longer per second of session",
            Judge(Prompted with { RunAheadMsPerS = new Estimate(6, 5.1, 7, 40) }).Flags);
        Assert.DoesNotContain(Judge(Prompted with { RunAheadMsPerS = new Estimate(6, 5, 7, 40) }).Flags,
            f => f.StartsWith("run-ahead", StringComparison.Ordinal));
    }

    [Fact]
    public void Flags_tell_how_the_run_ended()
    {
        Assert.Contains("incomplete run", Judge(Steered, Good with { Incomplete = true }).Flags);
        Assert.Contains("incomplete run: Ctrl-C", Judge(Steered, Good with { Incomplete = true, EndedBecause = "Ctrl-C" }).Flags);
        Assert.Contains("ended early: it is clear", Judge(Steered, Good with { EndedBecause = "it is clear" }).Flags);
        Assert.Contains("resumed: 2 sessions in one report", Judge(Steered, Good with { Sessions = 2 }).Flags);
    }

    [Fact]
    public void Continuity_is_passed_after_ten_minutes_of_one_session_and_otherwise_open()
    {
        static bool? Continuous(TierVerdict verdict) => verdict.Gates.Single(g => g.Id == "G7").Passed;
        Assert.True(Continuous(Judge(Live)));
        Assert.Null(Continuous(Judge(Live with { Seconds = 599 })));
        Assert.Null(Continuous(Judge(Live, Good with { Sessions = 2 })));
    }

    [Fact]
    public void A_run_counts_up_to_the_limits_of_its_own_errors()
    {
        Assert.Equal(TierLabel.T3F, Judge(Live, Good with { SendDrops = RunQuality.MostUnsent, TimerP99 = RunQuality.LatestP99 }).Tier);
        Assert.Equal(TierLabel.Invalid, Judge(Live, Good with { SendDrops = 0.0051 }).Tier);
        Assert.Equal(TierLabel.Invalid, Judge(Live, Good with { TimerP99 = 0.017 }).Tier);
        Assert.Equal(2, (Good with { SendDrops = 0.01, TimerP99 = 0.1 }).InvalidReasons().Count);
        Assert.Contains("send 1.0 % of its frames", (Good with { SendDrops = 0.01 }).InvalidReasons()[0], StringComparison.Ordinal);
        Assert.Contains("off by 100 ms", (Good with { TimerP99 = 0.1 }).InvalidReasons()[0], StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_proven_names_the_run_that_would_settle_it()
    {
        Assert.Equal(["A target that returns video for the whole fast phase."], Settled(new ProbeFindings()));
        Assert.Equal(["A standard run: its slow phase reaches systems that sample their input rarely."],
            Settled(Live with { Fast = Fast(joint: 0.0011) }));
        Assert.Equal(["A deep run: weak looks need more minutes of fast codes."],
            Settled(Live with { Fast = Fast(joint: 0.0011), Slow = Events(0.4) }));
        Assert.Equal(["A standard run: its slow phase tells a hybrid (late appearance) from motion alone."],
            Settled(Live with { Fast = Fast(luma: 0.4, region: 0.4, scene: 0.4) }));
        Assert.Empty(Settled(Live with { Fast = Fast(luma: 0.4, region: 0.4, scene: 0.4), Slow = Events(0.4) }));
        Assert.Equal(["A run with another seed: something may show through at another lag, too faintly to say."],
            Settled(Live with { Nature = Rest(0.001) }));
        Assert.Equal(["A standard run (slow phase and at least 40 prompts)."], Settled(Live with { Fast = Fast(locked: 0.5) }));
        Assert.Equal(["A deep run: at least 80 control events."],
            Settled(Live with { Fast = Fast(locked: 0.5), Slow = Events(0.4) }));
        Assert.Equal(["A way to send prompts, or more minutes of fast codes (standard or deep profile)."],
            Settled(Slowed(0.4, 12, 0.8)));
        Assert.Equal(["A deep run: the response is weak, more minutes of fast codes are needed."], Settled(Unlocked(0.5, 20, "spread")));
        var coarse = Live with { Grain = GrainBound.None("too few") };
        Assert.Equal(["More prompt toggles (standard or deep profile), with two prompts that look very different."], Settled(coarse));
        Assert.StartsWith("A way to send prompts to the target", Assert.Single(Judge(coarse, Good with { TakesPrompts = false })
            .WhatWouldSettleIt), StringComparison.Ordinal);
        static IReadOnlyList<string> Settled(ProbeFindings found) => Judge(found).WhatWouldSettleIt;
    }
}
