using TrueLive.Core.Frames;
using TrueLive.Media.Files;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Recordings;

/// <summary>
/// What recordings can show. Without our codes the input's own light and motion replace them, and the null is the same input shifted in
/// time. That is weaker evidence, so z of 10 is required, and a recording never earns a tier-3 verdict.
/// </summary>
public static class RecordingAnalysis
{
    /// <summary>Distance from the null, in its standard deviations, that a pair of recordings must reach.</summary>
    public const double LeastZ = 10;

    /// <summary>
    /// Reads a file into an observation whose times are those of the file's own timeline: a track that begins late keeps its start.
    /// </summary>
    /// <exception cref="MediaFileException">Not a video that can be read; the message says why.</exception>
    public static async Task<Observation> ReadAsync(string path, CancellationToken cancel)
    {
        var file = await MediaFile.OpenAsync(path, cancel).ConfigureAwait(false);
        var pool = new FramePool("probe recording", 4);
        var seen = new Observation();
        var picture = Picture.ForAnalysis();
        await using var source = FileSource.Open(file, Picture.AnalysisWidth, Picture.AnalysisHeight, pool);
        while (seen.Count < Observation.MaxFrames && await source.ReadAsync(cancel).ConfigureAwait(false) is { } frame)
        {
            using (frame)
            {
                PictureFrames.Read(frame, picture);
                seen.Add((source.Origin!.Value + frame.Ticket.Captured).TotalSeconds, picture);
            }
        }
        return seen;
    }

    /// <summary>Judges an output recording alone: it can be refuted (loop, own boundaries), never proven live.</summary>
    public static (ProbeFindings Found, TierVerdict Verdict) Output(Observation output)
    {
        var found = OutputOf(output);
        var (tier, sentence) = found.Repeats.Repeats
            ? (TierLabel.Replay,
                FormattableString.Invariant(
                $"REPLAY in this recording: the picture repeats every {found.Repeats.Period.Value:0.0} s (distance ratio {found.Repeats.Loop:0.00}). Evidence E1."))
            : found.Boundary.Found
                ? (TierLabel.NotProven,
                    FormattableString.Invariant(
                    $"NOT PROVEN: the output alone shows its own boundaries every {found.Boundary.Period:0.00} s, as clips do. Evidence E1."))
                : (TierLabel.NotProven,
                    "NOT PROVEN: an output recording alone cannot show that anything answers an input. Nothing in it repeats and no clip " +
                    "boundaries were found. Evidence E1.");
        return (found, new TierVerdict
        {
            Tier = tier,
            Sentence = sentence,
            WhatWouldSettleIt = ["Probe the live endpoint, or bring the input recording as well."],
        });
    }

    /// <summary>Judges input and output recordings that share one clock.</summary>
    public static (
        ProbeFindings Found, TierVerdict Verdict) Pair(Observation input, Observation output, int threads, CancellationToken cancel)
    {
        var alone = OutputOf(output);
        var (from, to) = RecordedCodes.Overlap(input, output);
        if (to - from < RecordedCodes.LeastSeconds)
        {
            return (alone, new TierVerdict
            {
                Tier = TierLabel.NotProven,
                Sentence = FormattableString.Invariant(
                    $"NOT PROVEN: the recordings share only {Math.Max(0, to - from):0.0} s of their clock ({Times(input)} and {Times(output)}); at least 30 s are needed. Evidence E2."),
                WhatWouldSettleIt = ["Record at least 60 s of input and output together, on one clock."],
            });
        }
        return Judge(alone, RecordedCodes.Test(input, output, threads, cancel), to - from);

        static string Times(Observation seen) =>
            seen.Count == 0 ? "no pictures" : FormattableString.Invariant($"{seen.Times[0]:0.0} to {seen.Times[^1]:0.0} s");
    }

    private static (ProbeFindings Found, TierVerdict Verdict) Judge(ProbeFindings alone, FastFindings fast, double seconds)
    {
        var locked = fast.Path.Where(w => w.Locked).Select(w => w.Lag).ToArray();
        var answered = fast.Joint.Z >= LeastZ && fast.Joint.P <= 0.05 && fast.Lock >= 0.5;
        var delay = answered
            ? Intervals.QuantileInterval(locked.Where((_, k) => k % 10 == 0), 0.5, Intervals.Quantile([.. locked.Order()], 0.5))
            : Estimate.None;
        var slope = answered
            ? Intervals.Slope([.. fast.Path.Where(w => w.Locked).Select(w => (w.Time, 1000 * w.Lag))], 10, new Random(3))
            : Estimate.None;
        var found = new ProbeFindings
        {
            Fast = fast,
            Boundary = alone.Boundary,
            Repeats = alone.Repeats,
            Cadence = alone.Cadence,
            D50 = delay,
            DelayMethod = answered ? "window" : "none",
            SlopeMsPerS = slope,
            FamilyGap = FamilyGap.Of(fast, null),
            Seconds = seconds,
            FirstFrame = alone.FirstFrame,
        };
        var families = string.Join(", ", Enum.GetValues<Family>()
            .Select(f => FormattableString.Invariant($"{f.ToString().ToLowerInvariant()} {fast.Families[(int)f].Z:0.0}")));
        var appearance = new[] { Family.Luma, Family.Region, Family.Scene }.Any(f => fast.Families[(int)f].Z >= 5);
        var sentence = alone.Repeats.Repeats ? "REPLAY in this recording: the output repeats. Evidence E2."
            : !answered ? FormattableString.Invariant(
                $"NOT PROVEN: the output does not follow the input clearly (z {fast.Joint.Z:0.0}, needs {LeastZ:0}; lock {fast.Lock:0.00}). Evidence E2.")
            : !appearance
                ? FormattableString.Invariant(
                $"NOT PROVEN: only motion follows the input (delay {1000 * delay.Value:0} ms); appearance does not clearly (z by family: {families}; needs 5). Evidence E2.")
            : FormattableString.Invariant(
                $"TIER 3 BEHAVIOUR IN THIS RECORDING (delay {1000 * delay.Value:0} ms, slope {slope.Value:0.0} ms/s, z {fast.Joint.Z:0.0}). Evidence E2: a recording can be chosen, rehearsed or edited, so no tier is proven.");
        return (found, new TierVerdict
        {
            Tier = alone.Repeats.Repeats ? TierLabel.Replay : TierLabel.NotProven,
            Sentence = sentence,
            WhatWouldSettleIt = ["Probe the live endpoint with secret codes (evidence E4)."],
        });
    }

    private static ProbeFindings OutputOf(Observation output)
    {
        if (output.Count < 60)
            return new ProbeFindings { Seconds = output.Count > 0 ? output.Times[^1] : 0 };
        var even = Timeline.DeBurst(output.Times);
        var (from, to) = (output.Times[0], output.Times[^1]);
        return new ProbeFindings
        {
            Repeats = Repeats.Find(output, even, from, to),
            // An encoded file never repeats a frame exactly, so a difference of up to 0.15 grey levels counts as a duplicate.
            Cadence = Cadence.Measure(output, from, to, 0.15),
            Boundary = OwnBoundary.Run(output, from + 0.5, to, new Random(7)),
            Seconds = to - from,
            FirstFrame = from,
        };
    }
}
