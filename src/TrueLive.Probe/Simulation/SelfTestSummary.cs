using System.Globalization;
using System.Text;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Simulation;

/// <summary>p-values of runs without any dependence.</summary>
public sealed record NullSample(string Kind, IReadOnlyList<double> Values, double Seconds, int Redraws);

/// <summary>The figures of a self-test, as they are published.</summary>
public static class SelfTestSummary
{
    /// <summary>Seconds per frame: the accuracy required of D50.</summary>
    public const double Frame = SimulatedInput.Step;

    /// <summary>Rows whose delay was measured and is known: constant-delay systems under looks whose memory is known.</summary>
    public static IEnumerable<SelfTestRow> WithDelay(IEnumerable<SelfTestRow> rows) =>
        rows.Where(r => r is
        {
            TrueD50: not null, D50: not null,
            System: "stream" or "stream+1.2s" or "stream+6s" or "chunk-burst" or "chunk-paced" or "filter" or "echo" or "latest12"
            or "stream-mute"
        });

    /// <summary>Verdicts that accuse a system of being a fake.</summary>
    public static IReadOnlyList<string> Accusations
    { get; } = ["hybrid", "replay", "partial-luma", "partial-motion", "prompt-only", "not live"];

    /// <summary>Whether an honest system was accused.</summary>
    public static bool Accused(SelfTestRow row) => !Fakes.Contains(row.System) && !row.Right && Accusations.Contains(row.Verdict);

    /// <summary>Whether the nature claims less than is true, such as a filter for a restyle.</summary>
    public static bool NatureAccused(SelfTestRow row) => row.NatureRight == false && row.Nature != NatureVerdict.Text(Nature.Restyles);

    /// <summary>Whether the nature claims more than is true.</summary>
    public static bool NaturePromoted(SelfTestRow row) => row.NatureRight == false && row.Nature == NatureVerdict.Text(Nature.Restyles);

    private static readonly HashSet<string> Fakes = [.. SimulatedSystem.All.Where(s => s.Fake).Select(s => s.Name)];

    /// <summary>Writes the figures, misses included.</summary>
    public static string Markdown(IReadOnlyList<SelfTestRow> rows, int asked, IReadOnlyList<NullSample> nulls)
    {
        var text = new StringBuilder("# Probe self-test\n\n");
        var seeds = rows.Select(r => r.Seed).Distinct().Order(StringComparer.Ordinal).ToArray();
        Line(text, $"Simulators in virtual time, no codec and no network (`truelive probe selftest`): {rows.Count} of {asked} runs done; {rows.Select(r => r.System).Distinct().Count()} systems x {rows.Select(r => r.Look).Distinct().Count()} looks ({string.Join(", ", rows.Select(r => r.Look).Distinct())}) x {seeds.Length} seeds ({(seeds.Length == 0 ? "none" : seeds[0] + " to " + seeds[^1])}).\n");
        Line(text, $"- verdict right: {Share(rows.Count(r => r.Right), rows.Count)}; not proven: {Share(rows.Count(r => r.NotProven && !r.Right), rows.Count)}; wrong: {Share(rows.Count(r => !r.Right && !r.NotProven), rows.Count)}");
        Line(text, $"- right among the verdicts that were given: {Share(rows.Count(r => r.Right), rows.Count(r => r.Right || !r.NotProven))}");
        var fakes = rows.Count(r => Fakes.Contains(r.System));
        Line(text, $"- tier: fakes called tier 3: {Share(rows.Count(r => r.FalseProof), fakes)}; honest systems accused ({string.Join(", ", Accusations)}): {Share(rows.Count(Accused), rows.Count - fakes)}");
        var judged = rows.Where(r => r.NatureRight is not null).ToArray();
        Line(text, $"- nature, where it was asked: right {Share(judged.Count(r => r.NatureRight == true), judged.Length)}; more than is true ({NatureVerdict.Text(Nature.Restyles)}): {Share(judged.Count(NaturePromoted), judged.Length)}; less than is true: {Share(judged.Count(NatureAccused), judged.Length)}");
        var delays = WithDelay(rows).ToArray();
        var errors = delays.Select(r => Math.Abs(r.D50!.Value - r.TrueD50!.Value)).Order().ToArray();
        Line(text, $"- D50 within one frame (33.4 ms) of the truth: {Share(errors.Count(e => e <= Frame), errors.Length)}; |error| median {Ms(errors, 0.5)}, 95 % {Ms(errors, 0.95)}, worst {Ms(errors, 1)}");
        Line(text, $"- 95 % interval of D50 covers the truth: {Share(delays.Count(r => r.D50Low <= r.TrueD50 && r.TrueD50 <= r.D50High), delays.Length)}");
        Line(text, $"- time per run of {Profile()} s: median {Intervals.Quantile([.. rows.Select(r => r.RunSeconds).Order()], 0.5).ToString("0.0", CultureInfo.InvariantCulture)} s on one thread\n");
        text.Append("| system | right answer | right | not proven | wrong | what was said instead |\n|---|---|---|---|---|---|\n");
        foreach (var system in SimulatedSystem.All)
        {
            var own = rows.Where(r => r.System == system.Name).ToArray();
            if (own.Length == 0)
                continue;
            var others = own.Where(r => !r.Right).GroupBy(r => $"{r.Verdict} ({r.Look})").OrderByDescending(g => g.Count())
                .Select(g => $"{g.Count()} x {g.Key}");
            text.Append(CultureInfo.InvariantCulture,
                $"| {system.Name} | {string.Join(" or ", system.Accepts)} | {own.Count(r => r.Right)}/{own.Length} | " +
                $"{own.Count(r => r.NotProven && !r.Right)} | {own.Count(r => !r.Right && !r.NotProven)} | " +
                $"{string.Join(", ", others)} |\n");
        }
        text.Append("\n| what was said of the picture | " + string.Join(" | ", Enum.GetValues<Nature>().Select(NatureVerdict.Text))
            + " |\n|---|---|---|---|---|---|\n");
        foreach (var group in judged.GroupBy(r => SimulatedSystem.All.First(s => s.Name == r.System).Natures is null
            ? "look " + r.Look
            : "system " + r.System).OrderBy(g => g.Key, StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture,
                $"| {group.Key} | {string.Join(" | ", Enum.GetValues<Nature>().Select(n => group.Count(r => r.Nature == NatureVerdict.Text(n))))} |\n");
        text.Append("\n| look | right | not proven | wrong | D50 within a frame |\n|---|---|---|---|---|\n");
        foreach (var own in rows.GroupBy(r => r.Look))
        {
            var exact = WithDelay(own).ToArray();
            text.Append(CultureInfo.InvariantCulture,
                $"| {own.Key} | {own.Count(r => r.Right)}/{own.Count()} | {own.Count(r => r.NotProven && !r.Right)} | " +
                $"{own.Count(r => !r.Right && !r.NotProven)} | " +
                $"{exact.Count(r => Math.Abs(r.D50!.Value - r.TrueD50!.Value) <= Frame)}/{exact.Length} |\n");
        }
        if (nulls.Any(n => n.Values.Count > 0))
        {
            text.Append("\nUnder the null (output independent of the input), joint p of the fast phase:\n\n| output | runs | seconds | K " +
                "| Kolmogorov-Smirnov p | p <= 0.01 | p <= 0.05 | least p |\n|---|---|---|---|---|---|---|---|\n");
            foreach (var sample in nulls.Where(s => s.Values.Count > 0))
                text.Append(CultureInfo.InvariantCulture,
                    $"| {sample.Kind} | {sample.Values.Count} | {sample.Seconds:0} | {sample.Redraws} | " +
                    $"{NullRuns.Uniformity(sample.Values).P:0.000} | {sample.Values.Count(p => p <= 0.01)} | " +
                    $"{sample.Values.Count(p => p <= 0.05)} | {sample.Values.Min():0.0000} |\n");
        }
        return text.ToString();
    }

    private static string Profile()
    {
        var p = Stimuli.ProbeProfile.Selftest;
        return (p.Warmup + p.Fast + p.Slow + p.Control + p.Hold + p.Blackout).ToString("0", CultureInfo.InvariantCulture);
    }

    private static void Line(StringBuilder text, FormattableString line) =>
        text.Append(Wrapped(line.ToString(CultureInfo.InvariantCulture))).Append('\n');

    /// <summary>A paragraph in lines of at most 140 characters; the lines of a list item are indented.</summary>
    internal static string Wrapped(string paragraph)
    {
        var (text, column) = (new StringBuilder(), 0);
        foreach (var word in paragraph.Split(' '))
        {
            if (column > 0 && column + 1 + word.Length > 140)
            {
                text.Append(paragraph.StartsWith("- ", StringComparison.Ordinal) ? "\n  " : "\n");
                column = 2;
            }
            else if (column > 0)
            {
                text.Append(' ');
            }
            text.Append(word);
            column += 1 + word.Length;
        }
        return text.ToString();
    }

    internal static string Share(int k, int n)
    {
        if (n == 0)
            return "none run";
        var share = Intervals.Share((double)k / n, n);
        return string.Create(CultureInfo.InvariantCulture,
            $"{k}/{n} ({100.0 * k / n:0.0} %, 95 %: {100 * share.Low:0.0} to {100 * share.High:0.0})");
    }

    private static string Ms(double[] sorted, double q) =>
        sorted.Length == 0 ? "not measured" : (1000 * Intervals.Quantile(sorted, q)).ToString("0.0", CultureInfo.InvariantCulture) + " ms";
}
