using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;
using static TrueLive.Probe.Tests.Verdicts.SystemFindings;

namespace TrueLive.Probe.Tests.Verdicts;

/// <summary>The sentence that a report opens with, word by word, for each verdict, and what a glance says on its way.</summary>
public sealed class VerdictSentenceTests
{
    private const string Seen = ", class B (D95 <= 130 ms, n = 20), 30.0 generated frames per second";
    private const string Untold = ". What it makes of its input cannot be told. Valid run, evidence E4.";
    private const string Valid = ". Valid run, evidence E4.";
    private static readonly ProbeFindings Luma = Live with { Fast = Fast(region: 0.4, motion: 0.4, scene: 0.4) };
    private static readonly ProbeFindings Growing = Live with { SlopeMsPerS = new Estimate(6, 5, 7, 100) };

    [Fact]
    public void A_live_system_is_told_with_its_grain_its_delay_and_its_rate()
    {
        Says($"TIER 3 (T3-F, frame by frame, grain at most 100 ms){Seen}{Untold}", Live);
        Says($"TIER 3 (T3-F, frame by frame, Q 0.10 s){Seen}{Untold}", Steered);
        Says($"TIER 3 (T3-F, frame by frame, grain at most 100 ms), delay not measured{Untold}",
            Live with { D95 = Estimate.None, D50 = Estimate.None, Cadence = new CadenceFindings() });
        Says($"TIER 3 (T3-C, in chunks of 4 frames, grain at most 100 ms){Seen}{Untold}",
            Live with { Cadence = new CadenceFindings { Generated = 30, Burst = 4 } });
        Says($"TIER 3 (T3-C, in chunks, Q 0.16 s){Seen}{Untold}",
            Steered with { ControlQuantum = new Quantum(0.16, 0.14, 0.17, "lock", 0.01, 20) });
        Says($"TIER 3 (grain at most 300 ms){Seen}{Untold}", Live with { Grain = new GrainBound(0.3, 0.95, 59, "frame") });
        Says($"TIER 3 (T3-S, sampled stills, Q 0.40 s){Seen}{Untold}", Unlocked(0.4, 20));
        Says($"TIER 3 BUT UNSTABLE: the delay grows by 6.0 ms every second, 30.0 generated frames per second{Untold}", Growing);
        Says("TIER 3 (T3-F, frame by frame, grain at most 100 ms)" + Seen + ". It restyles or generates (60 % explained by local filters, "
            + "the rest made from the same input; a drawing by rules reads alike). Incomplete run, evidence E2.",
            Live with { Nature = Rest(0.4) }, Good with { Incomplete = true, Evidence = "E2" });
    }

    [Fact]
    public void Clips_are_told_with_how_rarely_anything_takes_effect()
    {
        const string Interactive = "TIER 2: interactive clips, not a stream";
        const string Every = "; anything new takes effect only every ";
        Says($"{Interactive}{Every}0.5 s{Untold}", Live with { Fast = Fast(locked: 0.5), Boundary = Boundaries(0.51) });
        Says($"{Interactive}{Every}2.0 s{Untold}", Unlocked(2, 20));
        Says($"{Interactive}{Every}2.0 s{Untold}", Slowed(2, 12));
        Says($"{Interactive}{Every}4.0 s{Untold}", Live with { Boundary = Boundaries(4) });
        Says($"TIER 1: clips{Every}12.0 s{Untold}", Unlocked(12, 20));
    }

    [Fact]
    public void What_is_no_stream_of_the_input_is_told_with_what_gave_it_away()
    {
        Says($"HYBRID: motion follows the input 550 ms before region (500 to 600): old pictures are shown with something live{Valid}",
            Live with { FamilyGap = Gap(0.5) });
        Says("HYBRID: part of the picture follows the input first, the rest 2.0 s later: something live is laid over old pictures" + Valid,
            Live with { Nature = Rest(0.0005) });
        Says($"PARTIAL: only brightness or colour follows the input; the picture itself does not{Valid}", Luma);
        Says($"PARTIAL: only motion follows the input; appearance does not{Valid}",
            Live with { Fast = Fast(luma: 0.4, region: 0.4, scene: 0.4) });
        Says($"LIVE-STEERED GENERATION, NO LIVE INPUT (T3-prompt, Q 1.50 s){Valid}", Prompted);
        Says($"PROMPT-ONLY: answers prompts (Q 1.50 s), not the video that is sent{Valid}",
            Prompted with { RunAheadMsPerS = Estimate.None });
        Says($"PROMPT-ONLY: answers prompts, not the video that is sent{Valid}", Prompted with { ControlQuantum = Quantum.None(5) });
        Says($"REPLAY: loop ratio 0.10 at 3.0 s (2.95 to 3.05, p 0.0010) (repeat below 0.20); acausal p 0.5000 (K 9999), z 0.0{Valid}",
            Live with { Repeats = new RepeatFindings(0.1, Every, 0.001, 1) });
        Says($"REPLAY: loop ratio 0.40 at 3.0 s (2.95 to 3.05, p 0.0010) (repeat below 0.50 where nothing that was sent changed it){Valid}",
            Unanswered with { Repeats = new RepeatFindings(0.4, Every, 0.001, 1) });
        Says($"NOT LIVE: nothing that was sent, not even a blackout, changed the output{Valid}", Unanswered);
    }

    [Fact]
    public void What_is_not_proven_is_told_with_what_would_settle_it()
    {
        Says("INVALID RUN: the probe's own timer was off by 100 ms (p99; limit half a frame, 17 ms); free the machine and run again.",
            Live, Good with { TimerP99 = 0.1 });
        Says("NOT PROVEN: output depends on input (fast p 0.0011 (K 9999), z 0.0; families Luma, Region, Motion, Scene). What would settle "
            + "it: A standard run: its slow phase reaches systems that sample their input rarely" + Valid,
            Live with { Fast = Fast(joint: 0.0011) });
        Says("NOT PROVEN: no replay (too little output to analyse). What would settle it: A target that returns video for the whole fast "
            + "phase" + Valid, new ProbeFindings());
    }

    [Fact]
    public void A_glance_promotes_only_what_is_live_in_all_of_its_picture_and_says_what_it_did_not_test()
    {
        const string Glance = " A glance of 12 s; not tested: prompts, clip boundaries under still input, loops longer than 7 s, ";
        const string Older = ", anything more than 0.0 s older in the picture.";
        var brief = Live with { Seconds = 12, Nature = Rest(0.4) };
        Assert.EndsWith(Glance + "a delay that grows by less than 0.1 ms every second" + Older, At(2, brief).Sentence,
            StringComparison.Ordinal);
        Assert.EndsWith(Glance + "a delay that grows" + Older, At(2, brief with { SlopeMsPerS = Estimate.None }).Sentence,
            StringComparison.Ordinal);
        Assert.EndsWith("less than 7.0 ms every second" + Older, At(5, brief with { SlopeMsPerS = new Estimate(-6, -7, -5, 9) }).Sentence,
            StringComparison.Ordinal);
        Assert.Contains("loops longer than 0 s", At(2, brief with { Seconds = 0.5 }).Sentence, StringComparison.Ordinal);
        Assert.Contains("more than 1.5 s older", At(2, brief with { Nature = Rest(0.4, searched: 1.5) }).Sentence,
            StringComparison.Ordinal);

        Assert.Equal((TierLabel.T3F, TierLabel.T3F), (At(1, brief).Tier, At(5, brief).Tier));
        // Without a nature an early look does not promote; the last one does.
        Assert.Equal((TierLabel.NotProven, "G8", TierLabel.T3F), (At(4, Live).Tier, Open(At(4, Live)), At(5, Live).Tier));
        Assert.Equal(["7 more seconds."], At(4, Live).WhatWouldSettleIt);
        // What is not live waits for the last look, which accuses.
        Assert.Equal((TierLabel.NotProven, "G8", TierLabel.PartialLuma), (At(4, Luma).Tier, Open(At(4, Luma)), At(5, Luma).Tier));
        Assert.Equal((TierLabel.NotProven, TierLabel.T3Unstable), (At(4, Growing).Tier, At(5, Growing).Tier));
        Assert.Equal((TierLabel.NotProven, TierLabel.NotLive), (At(1, Unanswered).Tier, At(5, Unanswered).Tier));
        Assert.Contains("not live so far", At(1, Unanswered).Sentence, StringComparison.Ordinal);
        // The level of a look is stricter than that of a run.
        Assert.Equal(TierLabel.NotProven, At(5, Live with { Fast = Fast(joint: 0.0002) }).Tier);
        Assert.Equal(TierLabel.NotProven, At(5, Live with { Fast = Fast(region: 0.0002) }).Tier);
        Assert.Equal(["180 more seconds: a quick run, which sends prompts, a still picture and blackouts too."],
            At(5, Live with { Fast = Fast(joint: 0.0002) }).WhatWouldSettleIt.Select(w => w.Replace($"{ProbeProfile.Quick.Seconds:0}",
                "180", StringComparison.Ordinal)));
        Assert.Equal(TierLabel.Invalid, DecisionRules.Judge(Live, Good with { Look = 3, TimerP99 = 0.1 }).Tier);
        Assert.All([TierLabel.T3F, TierLabel.T3C, TierLabel.T3, TierLabel.T3S, TierLabel.T3Unstable],
            tier => Assert.True(GlanceRules.Follows(tier)));
        Assert.All([TierLabel.T2, TierLabel.T1, TierLabel.Hybrid, TierLabel.NotProven, TierLabel.PromptStream],
            tier => Assert.False(GlanceRules.Follows(tier)));
    }

    [Theory]
    [InlineData(1, "8 s", 4)]
    [InlineData(2, "12 s", 5)]
    [InlineData(3, "17 s", 6)]
    [InlineData(4, "23 s", 7)]
    public void A_glance_that_is_not_over_says_what_is_open_and_how_long_it_takes(int look, string after, int more)
    {
        var open = $"After {after} this is open: whether anything older shows through. Needs {more} more seconds.";
        Assert.Equal($"It answers the secret codes, about 100 ms late. {open}", GlanceRules.Growing(Live, At(look, Live), look));
        Assert.Equal($"It answers the secret codes. {open}",
            GlanceRules.Growing(Live with { D50 = Estimate.None }, At(look, Live), look));
        Assert.Equal($"Nothing that was sent is found in the picture yet. After {after} this is open: whether it holds for longer. "
            + $"Needs {more} more seconds.", GlanceRules.Growing(Unanswered, At(look, Unanswered), look));
        var made = Growing with { Nature = Rest(0.4) };
        Assert.Contains("late. It restyles or generates", GlanceRules.Growing(made, At(look, made), look), StringComparison.Ordinal);
    }

    private static void Says(string sentence, ProbeFindings found, RunQuality? quality = null) =>
        Assert.Equal(sentence, Judge(found, quality).Sentence);

    private static TierVerdict At(int look, ProbeFindings found) => DecisionRules.Judge(found, Good with { Look = look });

    private static string? Open(TierVerdict verdict) => verdict.Gates.LastOrDefault(g => g.Passed != true && g.Id != "N1")?.Id;
}
