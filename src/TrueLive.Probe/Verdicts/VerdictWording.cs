using System.Globalization;

namespace TrueLive.Probe.Verdicts;

/// <summary>The one sentence that a report opens with.</summary>
internal static class VerdictWording
{
    public static string Sentence(
        TierLabel tier, ProbeFindings found, (string Class, string Text)? latency, RunQuality quality, IReadOnlyList<string> settle, IReadOnlyList<Gate> gates)
    {
        var culture = CultureInfo.InvariantCulture;
        var delay = latency is { } l ? $"class {l.Class} ({l.Text})" : "delay not measured";
        var rate = double.IsNaN(found.Cadence.Generated) ? "" : string.Create(culture, $", {found.Cadence.Generated:0.0} generated frames per second");
        var q = found.ControlQuantum;
        var grain = double.IsNaN(q.Seconds) ? "" : string.Create(culture, $"Q {q.Seconds:0.00} s");
        var tail = $" {(quality.Incomplete ? "Incomplete run" : "Valid run")}, evidence {quality.Evidence}.";
        var last = gates.LastOrDefault(g => g.Passed != true);
        return tier switch
        {
            TierLabel.T3F => $"TIER 3 (T3-F, frame by frame, {grain}), {delay}{rate}.{tail}",
            TierLabel.T3C => $"TIER 3 (T3-C, in chunks{(found.Cadence.Burst > 1 ? $" of {found.Cadence.Burst} frames" : "")}, {grain}), {delay}{rate}.{tail}",
            TierLabel.T3S => $"TIER 3 (T3-S, sampled stills, {grain}), {delay}{rate}.{tail}",
            TierLabel.T3Unstable => string.Create(culture, $"TIER 3 BUT UNSTABLE: the delay grows by {found.SlopeMsPerS.Value:0.0} ms every second{rate}.{tail}"),
            TierLabel.T2 => $"TIER 2: interactive clips, not a stream{Every(found)}.{tail}",
            TierLabel.T1 => $"TIER 1: clips{Every(found)}.{tail}",
            TierLabel.Hybrid => string.Create(culture, $"HYBRID: motion follows the input, appearance is {1000 * found.FamilyGap:0} ms apart from it (old pictures are re-projected).{tail}"),
            TierLabel.LiveFilter => string.Create(culture, $"LIVE FILTER: follows the input, {delay}, but a colour filter explains {100 * found.FilterR2:0} % of the picture; not generated.{tail}"),
            TierLabel.PartialLuma => $"PARTIAL: only brightness or colour follows the input; the picture itself does not.{tail}",
            TierLabel.PartialMotion => $"PARTIAL: only motion follows the input; appearance does not.{tail}",
            TierLabel.PromptOnly => $"PROMPT-ONLY: answers prompts{(grain.Length > 0 ? $" ({grain})" : "")}, not the video that is sent.{tail}",
            TierLabel.PromptStream => $"LIVE-STEERED GENERATION, NO LIVE INPUT (T3-prompt, {grain}).{tail}",
            TierLabel.Replay => $"REPLAY: {last?.Evidence}.{tail}",
            TierLabel.NotLive => $"NOT LIVE: nothing that was sent, not even a blackout, changed the output.{tail}",
            TierLabel.Invalid => $"INVALID RUN: {last?.Evidence}.",
            _ => $"NOT PROVEN: {last?.Title ?? "evidence"} ({last?.Evidence}). What would settle it: {string.Join(" ", settle)}{tail}",
        };
    }

    private static string Every(ProbeFindings found)
    {
        var (boundary, prompt, slow) = (found.Boundary, found.ControlQuantum.Seconds, found.SlowQuantum.Seconds);
        var period = boundary is { Found: true, Period: > 0.5 } ? boundary.Period : double.IsNaN(prompt) ? slow : prompt;
        return double.IsNaN(period) ? "" : string.Create(CultureInfo.InvariantCulture, $"; anything new takes effect only every {period:0.0} s");
    }
}
