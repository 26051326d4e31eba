using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using TrueLive.Core.Frames;

namespace TrueLive.Bench;

/// <summary>
/// Runs live sessions for a long time, to see whether delay or memory grows and whether frames cause garbage collections.
/// </summary>
internal static partial class SoakBench
{
    private static readonly TimeProvider Time = TimeProvider.System;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // One point every ten seconds.
    private sealed record Sample(double Seconds, double Resident, double Allocated, double Gen2, double Collections, double Frames,
        double P50, double P99, string Load,
        double CpuSeconds, Dictionary<string, double> Cpu, Dictionary<string, double> Stages);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (minutes, sessions) = (arguments.Number("--minutes", 30), (int)arguments.Number("--sessions", 2));
        var model = arguments.Text("--model") ?? "live-tiny";
        var size = arguments.Text("--size") ?? "512x288";
        int[] sides = [.. size.Split('x').Select(s => int.Parse(s, CultureInfo.InvariantCulture))];
        var (load, busy) = (Machine.Load, await Machine.BusyCoresAsync(TimeSpan.FromSeconds(3)));
        await using var server = await ServerProcess.StartAsync("--max-sessions", $"{sessions}");
        using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
        // What the server measures at its start allocates memory, too.
        await ServerProcess.ReadyAsync(http);
        var reading = await ReadingAsync(http);
        var scene = await NativeCaller.SceneAsync(sides[0], sides[1]);
        var callers = new List<NativeCaller>();
        for (var i = 0; i < sessions; i++)
        {
            var codec = i % 2 == 0 ? VideoCodec.H264 : VideoCodec.Vp8;
            callers.Add(await NativeCaller.StartAsync(
                new Uri($"{server.Address}/whip?model={model}&size={size}&codec={codec.ToString().ToLowerInvariant()}&prompt=oil"), codec,
                scene, Time, CancellationToken.None));
        }
        var (began, points, samples) = (Time.GetTimestamp(), callers.Select(_ => new List<(double X, double Y)>()).ToArray(),
            new List<Sample>());
        using var pace = new PeriodicTimer(Interval, Time);
        while (Time.GetElapsedTime(began).TotalMinutes < minutes && callers.All(c => c.Peer.State == WebRtc.Peers.PeerState.Connected))
        {
            await pace.WaitForNextTickAsync();
            var delays = new List<double>();
            for (var i = 0; i < sessions; i++)
            {
                while (callers[i].Pictures.TryDequeue(out var picture))
                {
                    delays.Add(Time.GetElapsedTime(picture.SentAt, picture.SeenAt).TotalMilliseconds);
                    points[i].Add((Time.GetElapsedTime(began, picture.SeenAt).TotalSeconds, delays[^1]));
                }
            }
            samples.Add(Look(await http.GetStringAsync("/metrics"), server.ProcessId, Time.GetElapsedTime(began).TotalSeconds, delays));
            Console.WriteLine(
                $"{samples[^1].Seconds:0} s: {delays.Count / Interval.TotalSeconds:0.0} pictures/s, p50 {samples[^1].P50:0.0} p99 " +
                    $"{samples[^1].P99:0.0} ms, RSS {samples[^1].Resident:0.0} MB, gen2 {samples[^1].Gen2:0}");
        }
        var lost = callers.Count(c => c.Peer.State != WebRtc.Peers.PeerState.Connected);
        foreach (var caller in callers)
            await caller.DisposeAsync();
        var report = Report(samples, points, minutes, model, size, lost, load, busy, reading);
        Console.WriteLine();
        Console.WriteLine(report);
        if (arguments.Has("--write"))
            await File.WriteAllTextAsync(Path.Combine(Machine.Repository, "bench", "results", "soak.md"), report);
        return lost;
    }

    private const string Allocated = "dotnet_gc_heap_total_allocated";

    private static readonly string[] Stages = ["decode", "wait", "step", "send"];

    // Bytes that one reading of the metrics allocates, measured without sessions: each reading is made after the cached page has expired.
    private static async Task<double> ReadingAsync(HttpClient http)
    {
        var (least, before) = (double.MaxValue, 0.0);
        for (var i = 0; i < 5; i++)
        {
            var now = Sum(await http.GetStringAsync("/metrics"), Allocated);
            least = i > 1 ? Math.Min(least, now - before) : least;
            before = now;
            await Task.Delay(TimeSpan.FromSeconds(1), Time);
        }
        return least;
    }

    private static Sample Look(string metrics, int process, double seconds, List<double> delays) => new(
        seconds, Machine.ResidentMegabytes(process), Sum(metrics, Allocated), Sum(metrics, "dotnet_gc_collections", "gen2"),
        Sum(metrics, "dotnet_gc_collections"), Sum(metrics, "truelive_frames_sent"), Statistics.Quantile(delays, 0.5),
        Statistics.Quantile(delays, 0.99), Machine.Load,
        Machine.CpuSeconds(process), Machine.CpuSecondsByThread(process),
        Stages.ToDictionary(s => s, s => Sum(metrics, "truelive_frame_stage_duration_seconds_sum", $"\"{s}\"")));

    // Sums the series of one name, with or without a unit and _total at its end, whose labels contain the word.
    private static double Sum(string metrics, string name, string word = "") => SeriesLine().Matches(metrics)
        .Where(m => m.Groups[1].Value.StartsWith(name, StringComparison.Ordinal)
            && m.Groups[2].Value.Contains(word, StringComparison.Ordinal))
        .Sum(m => double.Parse(m.Groups[3].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^(\w+)(\{[^}]*\})? ([\d.eE+-]+)", RegexOptions.Multiline)]
    private static partial Regex SeriesLine();

    private static string Report(List<Sample> samples, List<(double X, double Y)>[] points, double minutes, string model, string size,
        int lost, string load, double busy, double reading)
    {
        // Pools fill and code is compiled in the first minutes; a short run leaves out a sixth.
        var settled = Math.Min(300, minutes * 10);
        var steady = samples.Where(s => s.Seconds >= settled).ToList();
        if (steady.Count < 2)
            steady = samples;
        var (first, last) = (steady[0], steady[^1]);
        var frames = last.Frames - first.Frames;
        var text = new StringBuilder();
        Line("# Soak: live sessions for a long time");
        Line("");
        Line("Written by `bench/soak/run --write`. Do not edit.");
        Line("");
        Line($"- When: {Time.GetUtcNow():yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}.");
        Line($"- Ran {samples[^1].Seconds / 60:0.0} minutes (asked for: {minutes:0.#}), {points.Length} sessions of {model} at {size}, " +
            "H.264 and VP8 in turn, native clients (`WhipClient`, one process, the same machine) at 30 pictures per second. Connections " +
            $"lost: {lost}.");
        Line($"- Load average (1, 5, 15 min): {load} before the start, {Machine.Load} at the end. Before the start others kept " +
            $"{busy:0.0} of {Environment.ProcessorCount} cores " +
            $"busy{(busy > 0.3 ? ": **the machine was loaded, so no target counts as met or missed here**" : "")}.");
        Line($"- The first {settled:0} s are left out of the figures below ({steady.Count} samples of {samples.Count} remain).");
        Line("");
        Line("| figure | value |");
        Line("|---|---|");
        for (var i = 0; i < points.Length; i++)
        {
            var kept = points[i].Where(p => p.X >= first.Seconds).ToList();
            var (slope, half) = Statistics.Slope(kept, Interval.TotalSeconds);
            Line($"| session {i + 1}: slope of the delay | {slope:0.0000} ms/s, 95 % CI {slope - half:0.0000} to {slope + half:0.0000} |");
            Line($"| session {i + 1}: delay p50, p99 (n={kept.Count}) | {Statistics.Quantile(kept.Select(p => p.Y), 0.5):0.0} ms, " +
                $"{Statistics.Quantile(kept.Select(p => p.Y), 0.99):0.0} ms |");
            Line($"| session {i + 1}: pictures per second | {kept.Count / (last.Seconds - first.Seconds):0.0} |");
        }
        Line($"| resident memory, first, last, highest less lowest | {first.Resident:0.0} MB, {last.Resident:0.0} MB, " +
            $"{steady.Max(s => s.Resident) - steady.Min(s => s.Resident):0.0} MB |");
        Line($"| managed allocation per frame sent (n={frames:0}), without the metrics page | " +
            $"{(last.Allocated - first.Allocated - (steady.Count - 1) * reading) / frames:0} bytes |");
        Line($"| the same with it; one reading of it | {(last.Allocated - first.Allocated) / frames:0} bytes; {reading / 1000:0} KB |");
        Line("| mean time of a frame in each stage | " +
            $"{string.Join(", ", Stages.Select(s => $"{s} {(last.Stages[s] - first.Stages[s]) / frames * 1000:0.0} ms"))} |");
        Line("| processor time of the server per frame sent, all threads | " +
            $"{(last.CpuSeconds - first.CpuSeconds) / frames * 1000:0.00} ms |");
        foreach (var (thread, used) in last.Cpu.Select(c => (c.Key, (c.Value - first.Cpu.GetValueOrDefault(c.Key)) / frames * 1000))
            .Where(c => c.Item2 >= 0.05).OrderByDescending(c => c.Item2))
            Line($"| · of that threads named \"{thread}\" | {used:0.00} ms |");
        Line($"| collections, of all generations; of generation 2 | {last.Collections - first.Collections:0}; " +
            $"{last.Gen2 - first.Gen2:0} |");
        Line("");
        Line("Delay: from a picture being taken to its made one being decoded at the client; the error of the slope is estimated from " +
            "means of 10 s. Allocation counts everything in the server's process; this run reads the metrics page every 10 s; what one " +
            "reading allocates was measured before the first session.");
        Line("");
        Line("| s | resident MB | delay p50 ms | p99 ms | frames sent | allocated MB | collections | gen 2 | load average |");
        Line("|---|---|---|---|---|---|---|---|---|");
        foreach (var s in samples.Where((_, i) => i % Math.Max(1, samples.Count / 30) == 0))
            Line($"| {s.Seconds:0} | {s.Resident:0.0} | {s.P50:0.0} | {s.P99:0.0} | {s.Frames:0} | {s.Allocated / 1e6:0.0} | " +
                $"{s.Collections:0} | {s.Gen2:0} | {s.Load} |");
        return text.ToString();

        void Line(string line) => text.Append(line.Replace("NaN", "-", StringComparison.Ordinal)).Append('\n');
    }
}
