using System.Globalization;
using TrueLive.Probe.Analysis;

namespace TrueLive.Probe.Verdicts;

/// <summary>The one sentence that a report opens with.</summary>
internal static class VerdictWording
{
    public static string Sentence(Judgement judgement, TierLabel tier, NatureVerdict? nature, (string Class, string Text)? latency)
    {
        var (culture, found, quality) = (CultureInfo.InvariantCulture, judgement.Found, judgement.Quality);
        var delay = latency is { } l ? $"class {l.Class} ({l.Text})" : "delay not measured";
        var rate = double.IsNaN(found.Cadence.Generated)
            ? ""
            : string.Create(culture, $", {found.Cadence.Generated:0.0} generated frames per second");
        var q = found.ControlQuantum;
        var grain = double.IsNaN(q.Seconds) ? "" : string.Create(culture, $"Q {q.Seconds:0.00} s");
        var made = nature is null || tier == TierLabel.NotProven && nature.Nature == Nature.CannotTell ? "" : " " + nature.Sentence;
        var tail = $"{made} {(quality.Incomplete ? "Incomplete run" : "Valid run")}, evidence " +
            $"{quality.Evidence}.{(quality.Look is null ? "" : " " + GlanceRules.NotTested(found))}";
        var last = judgement.Gates.LastOrDefault(g => g.Passed != true && g.Id != "N1");
        var bound = double.IsNaN(found.Grain.Seconds)
            ? "grain not measured"
            : string.Create(culture, $"grain at most {1000 * found.Grain.Seconds:0} ms");
        var steps = grain.Length > 0 ? grain : bound;
        return tier switch
        {
            TierLabel.T3F => $"TIER 3 (T3-F, frame by frame, {steps}), {delay}{rate}.{tail}",
            TierLabel.T3C =>
                $"TIER 3 (T3-C, in chunks{(found.Cadence.Burst > 1 ? $" of {found.Cadence.Burst} frames" : "")}, {steps}), " +
                $"{delay}{rate}.{tail}",
            TierLabel.T3 => $"TIER 3 ({bound}), {delay}{rate}.{tail}",
            TierLabel.T3S => $"TIER 3 (T3-S, sampled stills, {steps}), {delay}{rate}.{tail}",
            TierLabel.T3Unstable =>
                string.Create(culture,
                $"TIER 3 BUT UNSTABLE: the delay grows by {found.SlopeMsPerS.Value:0.0} ms every second{rate}.{tail}"),
            TierLabel.T2 => $"TIER 2: interactive clips, not a stream{Every(found)}.{tail}",
            TierLabel.T1 => $"TIER 1: clips{Every(found)}.{tail}",
            TierLabel.Hybrid => $"HYBRID: {Apart(found)}.{tail}",
            TierLabel.PartialLuma => $"PARTIAL: only brightness or colour follows the input; the picture itself does not.{tail}",
            TierLabel.PartialMotion => $"PARTIAL: only motion follows the input; appearance does not.{tail}",
            TierLabel.PromptOnly =>
                $"PROMPT-ONLY: answers prompts{(grain.Length > 0 ? $" ({grain})" : "")}, not the video that is sent.{tail}",
            TierLabel.PromptStream => $"LIVE-STEERED GENERATION, NO LIVE INPUT (T3-prompt, {grain}).{tail}",
            TierLabel.Replay => $"REPLAY: {last?.Evidence}.{tail}",
            TierLabel.NotLive => $"NOT LIVE: nothing that was sent, not even a blackout, changed the output.{tail}",
            TierLabel.Invalid => $"INVALID RUN: {last?.Evidence}.",
            _ => $"NOT PROVEN: {last?.Title ?? "evidence"} ({last?.Evidence}). What would settle it: " +
                $"{string.Join(" ", judgement.Settle)}{tail}",
        };
    }

    private static string Apart(ProbeFindings found)
    {
        var gap = found.FamilyGap;
        return found.Nature?.Remainder is { } rest && rest.AnswersElsewhere(Thresholds.Product.RemainderP, Thresholds.Product.RemainderZ)
            ? string.Create(CultureInfo.InvariantCulture,
                $"part of the picture follows the input first, the rest {Math.Abs(rest.Behind.Value):0.0} s later: something live is " +
                $"laid over old pictures")
            : string.Create(CultureInfo.InvariantCulture,
                $"{gap.Early.ToString().ToLowerInvariant()} follows the input {1000 * gap.Seconds.Value:0} ms before {gap.Late.ToString().ToLowerInvariant()} ({1000 * gap.Seconds.Low:0} to {1000 * gap.Seconds.High:0}): old pictures are shown with something live");
    }

    private static string Every(ProbeFindings found)
    {
        var (boundary, prompt, slow) = (found.Boundary, found.ControlQuantum.Seconds, found.SlowQuantum.Seconds);
        var period = boundary is { Found: true, Period: > 0.5 } ? boundary.Period : double.IsNaN(prompt) ? slow : prompt;
        return double.IsNaN(period)
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $"; anything new takes effect only every {period:0.0} s");
    }
}
