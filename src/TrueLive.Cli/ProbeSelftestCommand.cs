using System.CommandLine;
using System.Globalization;
using TrueLive.Probe;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Features;
using TrueLive.Probe.Recordings;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Cli;

/// <summary><c>truelive probe selftest</c>: runs the probe against systems whose nature is known.</summary>
internal static class ProbeSelftestCommand
{
    public static Command Make()
    {
        var full = new Option<bool>("--full")
        { Description = "20 seeds x all simulators x 6 looks and 300 null runs (hours; goes on where it stopped)." };
        var seeds = new Option<int?>("--seeds") { Description = "Seeds per simulator and look [1, with --full 20]." };
        var first = new Option<int>("--first-seed") { Description = "Number of the first seed.", DefaultValueFactory = _ => 6001 };
        var systems = new Option<string[]>("--system") { Description = "Simulators [all].", AllowMultipleArgumentsPerToken = true };
        var looks = new Option<string[]>("--look")
        {
            Description = $"Looks [poster; with --full the six that nothing was tuned on]: {string.Join(", ", Look.ByName.Keys)}.",
            AllowMultipleArgumentsPerToken = true
        };
        var nulls = new Option<int?>("--nulls")
        { Description = "Null runs per kind of output [20, with --full 300]; fewer of those of more than two minutes." };
        var footage = new Option<FileInfo[]>("--footage")
        { Description = "Recordings with natural motion for null runs.", AllowMultipleArgumentsPerToken = true };
        var threads = new Option<int?>("--threads") { Description = "Runs at the same time [1, with --webrtc 3]." };
        var file = new Option<string?>("--results") { Description = "Results file, one JSON line per run; the test goes on from it." };
        var sum = new Option<bool>("--sum") { Description = "Run nothing; sum up what the results file holds." };
        var reports = new Option<string?>("--reports") { Description = "Folder for a whole report of each run." };
        var webrtc = new Option<bool>("--webrtc")
        { Description = "Ten misbehaving servers behind real WebRTC instead, quick profile (about 12 minutes of a quiet machine)." };
        var glances = new Option<int?>("--glances") { Description = "So many glances at each simulator instead, looks in turn." };
        var report = new Option<string?>("--write") { Description = "Markdown file for the measured figures." };
        var selftest = new Command("selftest", "Measure simulators of known nature and say how often the probe is right.")
            { full, seeds, first, systems, looks, nulls, footage, threads, file, sum, reports, webrtc, glances, report };
        selftest.SetAction(async (parsed, cancel) =>
        {
            if (parsed.GetValue(webrtc))
                return await ProbeWebRtcSelftest.RunAsync(parsed.GetValue(systems) ?? [], Math.Clamp(parsed.GetValue(threads) ?? 3, 1, 8),
                    parsed.GetValue(reports) ?? "probe-webrtc", parsed.GetValue(report), cancel).ConfigureAwait(false);
            var all = parsed.GetValue(full);
            var names = parsed.GetValue(looks) is { Length: > 0 } given ? given : all ? [.. Look.HeldOut] : ["poster"];
            if (names.FirstOrDefault(n => !Look.ByName.ContainsKey(n)) is { } unknown)
            {
                await Console.Error.WriteLineAsync($"--look {unknown} is not known; allowed: {string.Join(", ", Look.ByName.Keys)}")
                    .ConfigureAwait(false);
                return 2;
            }
            if (parsed.GetValue(glances) is { } each)
                return await GlanceAsync(parsed.GetValue(systems) ?? [], names, $"glance {parsed.GetValue(first)}", each,
                    parsed.GetValue(file), parsed.GetValue(report), cancel).ConfigureAwait(false);
            var count = parsed.GetValue(seeds) ?? (all ? 20 : 1);
            var from = parsed.GetValue(first);
            var only = parsed.GetValue(systems) ?? [];
            var cases = SelfTestSuite.Cases(Enumerable.Range(from, count).Select(n => $"selftest {n}"), names)
                .Where(c => only.Length == 0 || only.Contains(c.System)).ToArray();
            var done = 0;
            var rows = new List<SelfTestRow>();
            var results = parsed.GetValue(file) ?? (all ? "probe-selftest.jsonl" : null);
            var wanted = parsed.GetValue(nulls) ?? (all ? 300 : 20);
            var independent = new NullSuite($"null {from}", names, results is null ? null : results + ".nulls");
            foreach (var recording in parsed.GetValue(footage) ?? [])
                independent.Add(recording.Name, await RecordingAnalysis.ReadAsync(recording.FullName, cancel).ConfigureAwait(false));
            var text = "";
            if (parsed.GetValue(sum))
            {
                rows = results is not null && File.Exists(results)
                    ? [.. SelfTestSuite.Read(results).Where(r => cases.Contains(new SelfTestCase(r.System, r.Look, r.Seed)))]
                    : [];
            }
            else
            {
                // Seed by seed, each with its share of the null runs, so that the results are balanced whenever the run is stopped.
                var round = 0;
                foreach (var seed in cases.GroupBy(c => c.Seed))
                {
                    round++;
                    try
                    {
                        rows.AddRange(SelfTestSuite.Run([.. seed], ProbeProfile.Selftest,
                            new AnalysisEffort(ProbeProfile.Selftest.Redraws, 1, true), parsed.GetValue(threads) ?? 1, results,
                            TimeProvider.System, Show, cancel, parsed.GetValue(reports)));
                        independent.Run(wanted * round / count, cancel);
                    }
                    catch (OperationCanceledException)
                    {
                        // After an interruption the results so far are still summarised.
                        if (results is not null && File.Exists(results))
                            rows = [.. SelfTestSuite.Read(results).Where(r => cases.Contains(new SelfTestCase(r.System, r.Look, r.Seed)))];
                        break;
                    }
                    await WriteAsync().ConfigureAwait(false);
                }
            }
            await WriteAsync().ConfigureAwait(false);
            Console.WriteLine(text);
            return rows.Any(r => r.FalseProof) || rows.Count(r => r.Right) < 0.95 * rows.Count(r => !r.NotProven) ? 1 : 0;

            async Task WriteAsync()
            {
                text = SelfTestSummary.Markdown(rows, cases.Length, independent.Samples);
                if (parsed.GetValue(report) is { } path)
                    await File.WriteAllTextAsync(path, text, CancellationToken.None).ConfigureAwait(false);
            }

            void Show(SelfTestRow row) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{++done,5}  {(row.Right ? "right" : row.NotProven ? "open " : row.FalseProof ? "FALSE PROOF" : "WRONG")}  {row.System,-14} {row.Look,-9} {row.Seed}: {row.Verdict}  ({row.RunSeconds:0.0} s){(row.Right ? "" : "  " + string.Join(" | ", row.Gates))}"));
        });
        return selftest;
    }
    private static async Task<int> GlanceAsync(
        string[] systems, IReadOnlyList<string> looks, string label, int each, string? file, string? report, CancellationToken cancel)
    {
        var suite = new GlanceSuite(label, looks, file);
        try
        {
            suite.Run([.. SimulatedSystem.All.Select(s => s.Name).Where(n => systems.Length == 0 || systems.Contains(n))], each,
                Show, cancel);
        }
        catch (OperationCanceledException)
        {
            // After an interruption the results so far are still summarised.
        }
        var text = suite.Markdown();
        if (report is not null)
            await File.WriteAllTextAsync(report, text, CancellationToken.None).ConfigureAwait(false);
        Console.WriteLine(text);
        return suite.Rows.Any(r => r.FalseProof) ? 1 : 0;

        static void Show(GlanceRow row) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(row.FalseProof ? "FALSE PROOF" : row.Accused ? "ACCUSED" : "ok")}  {row.System,-16} {row.Look,-9} {row.Seed}: {row.Tier} ({row.Nature}) at {row.Seconds:0} s  {row.Sentence}"));
    }
}
