using System.Globalization;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Tests.Verdicts;

/// <summary>The tables of docs/probe-verdicts.md, row by row.</summary>
public sealed class VerdictTableTests
{
    private static readonly string[][] Rows = [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "probe-verdicts.md"))
        .Where(l => l.StartsWith("| ", StringComparison.Ordinal)).Select(l => l.Split('|', StringSplitOptions.TrimEntries)[1..^1])];

    public static TheoryData<string, string, string> Tiers => [.. Rows.Where(r => r.Length == 3).Skip(1).Select(r => (r[0], r[1], r[2]))];

    public static TheoryData<string, string> Natures => [.. Rows.Where(r => r.Length == 2).Skip(1).Select(r => (r[0], r[1]))];

    [Theory]
    [MemberData(nameof(Tiers))]
    public void The_findings_give_the_tier_and_the_gate_of_the_table(string findings, string tier, string gate)
    {
        var read = new Terms(findings);
        var verdict = DecisionRules.Judge(Findings(read),
            new RunQuality { TimerP99 = read.Has("timer off") ? 0.1 : 0.001, TakesPrompts = read.Has("prompts") });
        Assert.Equal(tier, TierVerdict.Text(verdict.Tier));
        // "Not proven" rests on the gate that lacked evidence; any other verdict, on the gate that failed.
        var named = verdict.Tier == TierLabel.NotProven
            ? verdict.Gates.LastOrDefault(g => g.Passed != true && g.Id != "N1")
            : verdict.Gates.LastOrDefault(g => g.Passed == false && g.Id != "N1");
        Assert.Equal(gate, named?.Id ?? "none");
        Assert.NotEmpty(verdict.Sentence);
        Assert.True(verdict.Tier != TierLabel.NotProven || verdict.WhatWouldSettleIt.Count > 0,
            "what is not proven says what would settle it");
    }

    [Theory]
    [MemberData(nameof(Natures))]
    public void The_shares_give_the_nature_of_the_table(string shares, string nature)
    {
        var read = new Terms(shares);
        var found = read.Has("not aligned") ? null : new NatureFindings
        {
            Pairs = 300,
            Same = Around(read.Number("same", 0.2)),
            Gain = read.Number("gain", 1),
            Offset = read.Number("offset", 0),
            Colour = Around(read.Number("colour", 0.3)),
            Structure = Around(Math.Max(read.Number("structure", 0.4), read.Number("colour", 0.3))),
            Remainder = new RemainderFindings
            {
                Aligned = Test(read.Has("rest unanswered") ? 0.4 : 0.001),
                Predicted = read.Number("rest predicted", 0.5),
            },
        };
        Assert.Equal(nature, NatureVerdict.Text(NatureVerdict.Judge(found, Thresholds.Product).Nature));
    }

    private static ProbeFindings Findings(Terms read)
    {
        if (read.Has("nothing came back"))
            return new ProbeFindings();
        string[] names = ["luma", "region", "motion", "scene"];
        var answered = names.Select(n => read.Text("answers").Contains(n, StringComparison.Ordinal)).ToArray();
        var some = answered.Any(a => a);
        var lag = new Estimate(0.1, 0.07, 0.13, 20);
        var (slope, ahead) = (read.Number("slope", 0), read.Number("run-ahead", 0));
        var (q, gap) = (read.Number("prompts Q", double.NaN), read.Number("apart", double.NaN));
        var control = double.IsNaN(q) ? read.Has("prompts unanswered") ? new EventFindings { Test = Test(0.5) } : null
            : new EventFindings
            { Test = Test(0.001), Events = [.. Enumerable.Range(0, 40).Select(k => new EventResponse(5 * k, 1, 0.2, 150 * k))] };
        return new ProbeFindings
        {
            Fast = new FastFindings
            {
                Joint = Test(some ? 0.001 : 0.4),
                Families = [.. answered.Select(a => Test(a ? 0.001 : read.Number("others", 0.4)))],
                FamilyLag = [lag, lag, lag, lag],
                Acausal = Test(read.Has("ahead") ? 0.001 : 0.5),
                Path = [new(0, 0.1, 9, true), new(60, 0.1, 9, true)],
                Lock = read.Number("lock", some ? 1 : 0),
                Redraws = [1, 2, 3],
            },
            Slow = read.Has("slow answered") ? new EventFindings { Test = Test(0.001) } : null,
            Control = control,
            Blackout = read.Has("blackout") ? new EventFindings { Test = Test(read.Has("blackout answered") ? 0.001 : 0.4) } : null,
            ControlQuantum = double.IsNaN(q) ? Quantum.None(0) : new Quantum(q, 0.98 * q, 1.02 * q, q < 0.3 ? "spread" : "lock", 0.01, 40),
            Boundary = read.Number("boundaries", double.NaN) is var every and > 0
                ? new BoundaryFindings { Period = every, P = 0.001, Jump = 20 }
                : new BoundaryFindings { Seconds = 20 },
            Repeats = new RepeatFindings(read.Has("loop") ? 0.05 : read.Has("blurred loop") ? 0.4 : 1, new Estimate(3, 2.95, 3.05, 300),
                read.Number("order p", 0.001), 1),
            Cadence = new CadenceFindings
            {
                Presented = 30,
                Unique = 30,
                Generated = 30,
                Burst = (int)read.Number("bursts of", 1),
                Frames = 1800,
            },
            D50 = some ? lag : Estimate.None,
            D95 = some ? lag : Estimate.None,
            Coverage = new Estimate(read.Number("covered", 1), 0.9, 1, 500),
            SlopeMsPerS = some ? new Estimate(slope, slope - 0.1, slope + 0.1, 100) : Estimate.None,
            RunAheadMsPerS = control is null ? Estimate.None : new Estimate(ahead, ahead - 0.1, ahead + 0.1, 40),
            FamilyGap = double.IsNaN(gap)
                ? FamilyGap.None
                : new FamilyGap(new Estimate(gap, gap - 0.05, gap + 0.05, 20), Family.Motion, Family.Region, read.Number("gap p", 0.001)),
            Grain = read.Text("grain") == "none"
                ? GrainBound.None("not measured")
                : new GrainBound(read.Number("grain", 0.25), 0.95, 59, "frame"),
            Nature = read.Number("rest", double.NaN) is var behind and > 0 ? new NatureFindings
            {
                Pairs = 300,
                Same = Around(0.5),
                Colour = Around(0.5),
                Structure = Around(0.6),
                Remainder = new RemainderFindings
                {
                    Aligned = Test(0.001),
                    Luma = new NullTest(read.Number("rest p", 0.0002), read.Number("rest z", 20), 9999),
                    Region = new NullTest(read.Number("rest p", 0.0002), read.Number("rest z", 20), 9999),
                    Behind = new Estimate(behind, read.Has("rest lag wanders") ? 1 : behind - 0.05, behind + 0.05, 300),
                },
            } : null,
            Seconds = 180,
        };
    }

    private static NullTest Test(double p) => new(p, p <= 0.001 ? 20 : 0, 999);

    private static Estimate Around(double share) => new(share, share - 0.01, share + 0.01, 300);

    /// <summary>Terms between semicolons: words, the last of which may be a number.</summary>
    private sealed class Terms(string text)
    {
        private readonly string[] _terms = text.Split(';', StringSplitOptions.TrimEntries);

        public bool Has(string words) => _terms.Any(t => t == words || t.StartsWith(words + " ", StringComparison.Ordinal));

        public string Text(string words) =>
            _terms.FirstOrDefault(t => t.StartsWith(words + " ", StringComparison.Ordinal))?[(words.Length + 1)..] ?? "";

        public double Number(string words, double without) =>
            double.TryParse(Text(words), CultureInfo.InvariantCulture, out var value) ? value : without;
    }
}
