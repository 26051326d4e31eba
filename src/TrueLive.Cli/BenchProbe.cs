using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using TrueLive.Probe;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Cli;

/// <summary><c>truelive bench probe</c>: time and memory of the probe's analysis, by the length of the run that it analyses.</summary>
internal static class BenchProbe
{
    private static readonly Option<string[]> Profiles = new("--profile")
    { Description = "Profiles.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["quick", "standard"] };
    private static readonly Option<string[]> Systems = new("--system")
    {
        Description = "Simulators whose output is analysed: one that answers, one that does not.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => ["stream", "canned"]
    };
    private static readonly Option<int> Threads = new("--threads")
    { Description = "Threads of the analysis.", DefaultValueFactory = _ => 2 };
    private static readonly Option<string?> Write = new("--write")
    { Description = "Write probe.md into this folder (default bench/results).", Arity = ArgumentArity.ZeroOrOne };

    public static Command Make()
    {
        Profiles.AcceptOnlyFromAmong([.. ProbeProfile.ByName.Keys]);
        Systems.AcceptOnlyFromAmong([.. SimulatedSystem.All.Select(s => s.Name)]);
        var probe = new Command("probe", "Time and memory of the probe's analysis per minute of run, with all 999 re-draws.")
            { Profiles, Systems, Threads, Write };
        probe.SetAction((parsed, cancel) => Task.Run(() => Run(parsed, cancel), cancel));
        return probe;
    }

    private static int Run(ParseResult parsed, CancellationToken cancel)
    {
        var time = TimeProvider.System;
        var threads = Math.Clamp(parsed.GetValue(Threads), 1, 64);
        var text = new StringBuilder("# Analysis of the probe\n\n").Append(BenchReport.Machine(time)).Append("\n\n")
            .Append(CultureInfo.InvariantCulture,
                $"`truelive bench probe`, {threads} threads, look textema, one analysis each (n = 1). The output is made beforehand; " +
                $"memory is that of the whole process while it is held and analysed.\n\n")
            .Append("| profile | output | length of run, s | re-draws | wall time, s | processor time, s | wall time per minute of run, " +
                "s | highest memory, MB | within the run's length |\n|---|---|---|---|---|---|---|---|---|\n");
        using var process = Process.GetCurrentProcess();
        foreach (var name in parsed.GetValue(Profiles)!)
        {
            var profile = ProbeProfile.ByName[name];
            foreach (var system in parsed.GetValue(Systems)!)
            {
                using var run = new SimulatedRun(SimulatedSystem.All.First(s => s.Name == system), "textema",
                    ProbeSeed.From($"bench {name} {system}"));
                foreach (var (kind, seconds) in new[] { (PhaseKind.Warmup, profile.Warmup), (PhaseKind.Fast, profile.Fast),
                    (PhaseKind.Hold, profile.Hold), (PhaseKind.Slow, profile.Slow), (PhaseKind.Control, profile.Control),
                    (PhaseKind.Blackout, profile.Blackout) })
                {
                    if (seconds > 0)
                        run.Plan.Append(kind, seconds);
                }
                run.Advance(cancel);
                process.Refresh();
                var (began, processor) = (time.GetTimestamp(), process.TotalProcessorTime);
                ProbeAnalysis.Analyse(run.Plan, run.Seen, new AnalysisEffort(profile.Redraws, threads), cancel);
                var wall = time.GetElapsedTime(began).TotalSeconds;
                process.Refresh();
                var length = run.Plan.Frames.Count / (double)CodeLaw.Rate;
                text.Append(CultureInfo.InvariantCulture,
                    $"| {name} | {system} | {length:0} | {profile.Redraws} | {wall:0.0} | " +
                    $"{(process.TotalProcessorTime - processor).TotalSeconds:0.0} | {wall / length * 60:0.0} | " +
                    $"{process.PeakWorkingSet64 / 1e6:0} | {(wall <= length ? "yes" : "no")} |\n");
            }
        }
        BenchReport.Give(text.ToString(), parsed.GetResult(Write) is null ? null : parsed.GetValue(Write) ?? "bench/results", "probe.md");
        return 0;
    }
}
