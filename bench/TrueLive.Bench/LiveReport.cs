using System.Text;

namespace TrueLive.Bench;

/// <summary>Turns the rounds of <see cref="LiveBench"/> into a page of tables, ratios first.</summary>
internal static class LiveReport
{
    private const string Loaded =
        ": **the machine was loaded, so read the ratios, not the milliseconds, and no target counts as met or missed here**";

    public static string Write(
        Dictionary<LiveCase, List<LiveRound>> results, List<(LiveCase Case, InsideFigures Figures)> alone, List<string> failures,
        double seconds, int rounds, string browser, (DateTimeOffset Time, string Load, double Busy) began)
    {
        var text = new StringBuilder();
        Line("# Live: ours, aiortc and GStreamer side by side");
        Line("");
        Line("Written by `bench/live/run --write`. Do not edit.");
        Line("");
        Line($"- When: {began.Time:yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}. Browser: Chromium {browser}, headless, on the " +
            "same machine.");
        Line($"- Load average (1, 5, 15 min): {began.Load} before the first server was started, {Machine.Load} at the end. Before the " +
            $"start others kept {began.Busy:0.0} of {Environment.ProcessorCount} cores busy{(began.Busy > 0.3 ? Loaded : "")}.");
        Line("- Method: one page for all servers paints the time into a canvas at 30 pictures per second, sends it by " +
            "`captureStream(0)` and `requestFrame` over WHIP, and reads the time back from the returned video in " +
            $"`requestVideoFrameCallback`. Glass to glass = time of that callback less the time painted. {rounds} rounds, servers in " +
            $"turn within each; in each {seconds:0.#} s are measured after 30 pictures and 2 s. Percentiles are over the pictures of all " +
            "rounds (n); rates and processor time are the median of the rounds. Server and browser are in two network namespaces joined " +
            "by a cable. All servers return every picture decoded and encoded again; the sender may use 3 Mbit/s.");
        Line("- *Whole cores* is the share of looks, 20 a second while a round is measured, that found a whole core: a thread compares " +
            "its own processor time for a fixed piece of arithmetic with what the quickest twentieth of all looks took. On a virtual " +
            "machine two cores can be two halves of one, or shared with a stranger; neither load average nor steal time shows it. Caches " +
            "and memory that a stranger uses do not show here.");
        Line("- Processor time is all threads of the server's process for each picture seen. The browser shares the machine's cores and " +
            "is not counted.");
        Line("");
        Line("## Ratios");
        Line("");
        Line("| pass-through | glass to glass p50, ours / aiortc | ours / GStreamer | processor time, ours / aiortc | ours / GStreamer |");
        Line("|---|---|---|---|---|");
        foreach (var ours in results.Keys.Where(c => c is { Server: "TrueLive", Model: "passthrough" }))
        {
            double Ratio(string other, Func<List<LiveRound>, double> figure) =>
                results.FirstOrDefault(r => r.Key == ours with { Server = other }) is { Value.Count: > 0 } theirs
                    ? figure(results[ours]) / figure(theirs.Value)
                    : double.NaN;
            Line($"| {ours.Size} {ours.Codec} | {Ratio("aiortc", P50):0.00} | {Ratio("GStreamer", P50):0.00} | " +
                $"{Ratio("aiortc", Cpu):0.00} | {Ratio("GStreamer", Cpu):0.00} |");
        }
        Line("");
        Line("## Figures");
        Line("");
        Line("| server | model | size | codec | generated fps | painted fps | p50 ms | p90 ms | p99 ms | n | server ms/frame | returned " +
            "| first picture ms | unread | whole cores |");
        Line("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (var (one, r) in results)
        {
            var delays = r.SelectMany(x => x.Delays).ToArray();
            Line(r.Count == 0
                ? $"| {one.Server} | {one.Model} | {one.Size} | {one.Codec} | failed | | | | | | | | | | |"
                : $"| {one.Server} | {one.Model} | {one.Size} | {one.Codec} | {Median(r, x => x.Generated):0.0} | " +
                    $"{Median(r, x => x.Painted):0.0} | {Q(delays, 0.5):0.0} | {Q(delays, 0.9):0.0} | {Q(delays, 0.99):0.0} | " +
                    $"{delays.Length} | {Cpu(r):0.0} | {string.Join(", ", r.Select(x => x.Returned).Distinct())} | " +
                    $"{Median(r, x => x.FirstMs):0} | {r.Sum(x => x.Unread)} | {string.Join(", ", r.Select(x => $"{x.Whole:0%}"))} |");
        }
        Line("");
        Line("## Inside our server");
        Line("");
        Line("By the server's own clock (`stats` of the session, its last frames at the end of each round; median of the rounds): from " +
            "the last packet of a frame being here to its picture being handed to the pacer, and to the last packet of that picture " +
            "having left.");
        Line("");
        Line("| model | size | codec | model step p50 ms | packet in to picture handed on p50 ms | p95 ms | last packet in to last " +
            "packet out p50 ms | the same less the step, p99 ms | frames per round |");
        Line("|---|---|---|---|---|---|---|---|---|");
        foreach (var (one, r) in results.Where(r => r.Value.Any(x => x.Inside is not null)))
        {
            var inside = r.Where(x => x.Inside is not null).Select(x => x.Inside!).ToList();
            double Mid(Func<InsideFigures, double> figure) => Q([.. inside.Select(figure)], 0.5);
            Line($"| {one.Model} | {one.Size} | {one.Codec} | {Mid(i => i.StepP50):0.0} | {Mid(i => i.AgeP50):0.0} | " +
                $"{Mid(i => i.AgeP95):0.0} | {Mid(i => i.OutP50):0.0} | {Mid(i => i.OutBesideStepP99):0.0} | {Mid(i => i.Frames):0} |");
        }
        if (alone.Count > 0)
        {
            Line("");
            Line("## Our server alone");
            Line("");
            Line("The same figures without a browser: a client in a process of its own sends pictures that were coded beforehand at an " +
                "even 30 per second over loopback and decodes nothing, so that the server has the cores to itself. Over the last frames " +
                "of each session.");
            Line("");
            Line("| model | size | codec | model step p50 ms | packet in to picture handed on p50 ms | p95 ms | last packet in to last " +
                "packet out p50 ms | the same less the step, p99 ms | frames | whole cores |");
            Line("|---|---|---|---|---|---|---|---|---|---|");
            foreach (var (one, i) in alone)
                Line($"| {one.Model} | {one.Size} | {one.Codec} | {i.StepP50:0.0} | {i.AgeP50:0.0} | {i.AgeP95:0.0} | {i.OutP50:0.0} | " +
                    $"{i.OutBesideStepP99:0.0} | {i.Frames} | {i.Whole:0%} |");
        }
        if (failures.Count > 0)
        {
            Line("");
            Line("## Rounds that failed");
            Line("");
            foreach (var failure in failures)
                Line($"- {failure}");
        }
        return text.ToString();

        void Line(string line) => text.Append(line.Replace("NaN", "-", StringComparison.Ordinal)).Append('\n');
    }

    private static double P50(List<LiveRound> rounds) => Q([.. rounds.SelectMany(r => r.Delays)], 0.5);

    private static double Cpu(List<LiveRound> rounds) => Median(rounds, r => r.CpuMs);

    private static double Median(List<LiveRound> rounds, Func<LiveRound, double> figure) => Q([.. rounds.Select(figure)], 0.5);

    private static double Q(double[] values, double quantile) => Statistics.Quantile(values, quantile);
}
