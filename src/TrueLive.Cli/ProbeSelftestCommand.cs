using System.CommandLine;
using System.Globalization;
using TrueLive.Probe;
using TrueLive.Probe.Features;
using TrueLive.Probe.Recordings;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Cli;

/// <summary><c>truelive probe selftest</c>: the probe against systems whose nature is known.</summary>
internal static class ProbeSelftestCommand
{
    public static Command Make()
    {
        var full = new Option<bool>("--full") { Description = "20 seeds x all simulators x 6 looks and 300 null runs (hours; goes on where it stopped)." };
        var seeds = new Option<int?>("--seeds") { Description = "Seeds per simulator and look [1, with --full 20]." };
        var first = new Option<int>("--first-seed") { Description = "Number of the first seed.", DefaultValueFactory = _ => 3001 };
        var systems = new Option<string[]>("--system") { Description = "Simulators [all].", AllowMultipleArgumentsPerToken = true };
        var looks = new Option<string[]>("--look") { Description = $"Looks [poster; with --full the six that nothing was tuned on]: {string.Join(", ", Look.ByName.Keys)}.", AllowMultipleArgumentsPerToken = true };
        var nulls = new Option<int?>("--nulls") { Description = "Null runs per kind of footage [20, with --full 300]." };
        var footage = new Option<FileInfo[]>("--footage") { Description = "Recordings with natural motion for null runs.", AllowMultipleArgumentsPerToken = true };
        var threads = new Option<int>("--threads") { Description = "Runs at the same time.", DefaultValueFactory = _ => 1 };
        var file = new Option<string?>("--results") { Description = "Results file, one JSON line per run; the test goes on from it." };
        var reports = new Option<string?>("--reports") { Description = "Folder for a whole report of each run." };
        var webrtc = new Option<bool>("--webrtc") { Description = "Ten misbehaving servers behind real WebRTC instead, quick profile (about 30 minutes of a quiet machine)." };
        var report = new Option<string?>("--write") { Description = "Markdown file for the measured figures." };
        var selftest = new Command("selftest", "Measure simulators of known nature and say how often the probe is right.") { full, seeds, first, systems, looks, nulls, footage, threads, file, reports, webrtc, report };
        selftest.SetAction(async (parsed, cancel) =>
        {
            if (parsed.GetValue(webrtc))
                return await ProbeWebRtcSelftest.RunAsync(parsed.GetValue(systems) ?? [], parsed.GetValue(reports) ?? "probe-webrtc", parsed.GetValue(report), cancel).ConfigureAwait(false);
            var all = parsed.GetValue(full);
            var names = parsed.GetValue(looks) is { Length: > 0 } given ? given : all ? [.. Look.HeldOut] : ["poster"];
            if (names.FirstOrDefault(n => !Look.ByName.ContainsKey(n)) is { } unknown)
            {
                await Console.Error.WriteLineAsync($"--look {unknown} is not known; allowed: {string.Join(", ", Look.ByName.Keys)}").ConfigureAwait(false);
                return 2;
            }
            var count = parsed.GetValue(seeds) ?? (all ? 20 : 1);
            var texts = Enumerable.Range(parsed.GetValue(first), count).Select(n => $"selftest {n}").ToArray();
            var only = parsed.GetValue(systems) ?? [];
            var cases = SelfTestSuite.Cases(texts, names).Where(c => only.Length == 0 || only.Contains(c.System)).ToArray();
            var done = 0;
            IReadOnlyList<SelfTestRow> rows = [];
            var results = parsed.GetValue(file) ?? (all ? "probe-selftest.jsonl" : null);
            try
            {
                rows = SelfTestSuite.Run(cases, ProbeProfile.Selftest, new AnalysisEffort(ProbeProfile.Selftest.Redraws, 1, true), parsed.GetValue(threads), results, TimeProvider.System, Show, cancel, parsed.GetValue(reports));
            }
            catch (OperationCanceledException) when (results is not null && File.Exists(results))
            {
                // What was measured so far is summed up all the same.
                rows = SelfTestSuite.Read(results);
            }
            var samples = new List<NullSample>();
            if (count > 0 || !cancel.IsCancellationRequested)
                samples = await NullsAsync(parsed.GetValue(nulls) ?? (all ? 300 : 20), parsed.GetValue(footage) ?? [], names, results is null ? null : results + ".nulls", cancel).ConfigureAwait(false);
            var text = SelfTestSummary.Markdown(rows, cases.Length, samples);
            Console.WriteLine(text);
            if (parsed.GetValue(report) is { } path)
                await File.WriteAllTextAsync(path, text, CancellationToken.None).ConfigureAwait(false);
            return rows.Any(r => r.FalseProof) || rows.Count(r => r.Right) < 0.95 * rows.Count(r => !r.NotProven) ? 1 : 0;

            void Show(SelfTestRow row) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{++done,5}  {(row.Right ? "right" : row.NotProven ? "open " : row.FalseProof ? "FALSE PROOF" : "WRONG")}  {row.System,-14} {row.Look,-9} {row.Seed}: {row.Verdict}  ({row.RunSeconds:0.0} s){(row.Right ? "" : "  " + string.Join(" | ", row.Gates))}"));
        });
        return selftest;
    }

    private static async Task<List<NullSample>> NullsAsync(int count, FileInfo[] recordings, string[] looks, string? file, CancellationToken cancel)
    {
        const double Seconds = 20;
        const int Redraws = 199;
        // Kind, tab, number, tab, p: a second call goes on from it.
        var have = (file is not null && File.Exists(file) ? File.ReadLines(file) : []).Select(l => l.Split('\t')).Where(l => l.Length == 3 && double.TryParse(l[2], CultureInfo.InvariantCulture, out _))
            .ToLookup(l => l[0], l => double.Parse(l[2], CultureInfo.InvariantCulture));
        var samples = new List<NullSample>();
        foreach (var coded in new[] { false, true })
            Sample(coded ? "footage with codes of another seed" : "footage of another seed", k => NullRuns.Simulated($"null {coded} {k}", looks[k % looks.Length], coded, Seconds, Redraws));
        foreach (var recording in recordings)
        {
            var seen = await RecordingAnalysis.ReadAsync(recording.FullName, cancel).ConfigureAwait(false);
            Sample("recording " + recording.Name, k => NullRuns.Recorded($"null {recording.Name} {k}", seen, Seconds, Redraws));
        }
        return samples;

        void Sample(string kind, Func<int, double> run)
        {
            var values = have[kind].Take(count).ToList();
            while (values.Count < count && !cancel.IsCancellationRequested)
            {
                values.Add(run(values.Count));
                if (file is not null)
                    File.AppendAllText(file, string.Create(CultureInfo.InvariantCulture, $"{kind}\t{values.Count - 1}\t{values[^1]:R}\n"));
            }
            samples.Add(new(kind, values, Seconds, Redraws));
            Console.Error.WriteLine($"null runs, {kind}: {values.Count}");
        }
    }
}
