using System.Text.Json;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Simulation;

/// <summary>One run of a self-test.</summary>
/// <param name="System">Name of the simulator.</param>
/// <param name="Look">Name of the look.</param>
/// <param name="Seed">Text of the seed.</param>
public readonly record struct SelfTestCase(string System, string Look, string Seed);

/// <summary>The result of one run of a self-test, as kept in the results file. Times in seconds; null when not measured.</summary>
public sealed record SelfTestRow(
    string System, string Look, string Seed, string Verdict, bool Right, bool NotProven, bool FalseProof,
    string? Nature, bool? NatureRight, double? TrueD50, double? D50, double? D50Low, double? D50High, string DelayMethod, double P,
    double Z, double AcausalP, double RunSeconds, string Sentence, IReadOnlyList<string> Gates)
{
    /// <summary>Short form of a run.</summary>
    public static SelfTestRow Of(SelfTestRun run, double seconds)
    {
        var d50 = run.Findings.D50;
        return new(run.System, run.Look, run.Seed, run.Verdict, run.Right, run.Verdict == "not proven", run.FalseProof,
            run.Nature is { } nature ? NatureVerdict.Text(nature) : null, run.NatureRight,
            Finite(run.TrueD50), Finite(d50.Value), Finite(d50.Low), Finite(d50.High), run.Findings.DelayMethod,
            run.Findings.Fast.Joint.P, run.Findings.Fast.Joint.Z, run.Findings.Fast.Acausal.P, Math.Round(seconds, 2), run.Judged.Sentence,
            [.. run.Judged.Gates.Select(g =>
                $"{g.Id} {(g.Passed switch { true => "pass", false => "fail", _ => "open" })}: {g.Evidence}")]);

        static double? Finite(double v) => double.IsFinite(v) ? Math.Round(v, 5) : null;
    }
}

/// <summary>
/// Many self-test runs with a results file (one JSON line per run): a second call with the same file continues where the first one stopped.
/// </summary>
public static class SelfTestSuite
{
    private static readonly JsonSerializerOptions Line = new(JsonSerializerDefaults.Web)
    { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>
    /// All simulators x looks x seeds; seeds in the outer loop, so that a run cut short has whole seeds of every system and look.
    /// </summary>
    public static IEnumerable<SelfTestCase> Cases(IEnumerable<string> seeds, IReadOnlyList<string> looks) =>
        from seed in seeds from look in looks from system in SimulatedSystem.All select new SelfTestCase(system.Name, look, seed);

    /// <summary>Runs what the file does not hold yet and returns all rows, old and new.</summary>
    /// <param name="cases">What to run.</param>
    /// <param name="profile">Lengths of the phases.</param>
    /// <param name="effort">Effort of the analysis.</param>
    /// <param name="threads">Runs at the same time.</param>
    /// <param name="file">Results file; null keeps nothing.</param>
    /// <param name="time">Clock for the time per run.</param>
    /// <param name="progress">Called with each new row.</param>
    /// <param name="cancel">Ends the suite; finished rows are in the file.</param>
    /// <param name="reports">Folder for a whole report of each run; null writes none.</param>
    public static IReadOnlyList<SelfTestRow> Run(
        IReadOnlyCollection<SelfTestCase> cases, ProbeProfile profile, AnalysisEffort effort, int threads, string? file, TimeProvider time,
        Action<SelfTestRow>? progress, CancellationToken cancel, string? reports = null)
    {
        var rows = file is not null && File.Exists(file) ? Read(file) : [];
        var have = rows.Select(r => new SelfTestCase(r.System, r.Look, r.Seed)).ToHashSet();
        var byName = SimulatedSystem.All.ToDictionary(s => s.Name);
        var gate = new Lock();
        Parallel.ForEach(cases.Where(c => !have.Contains(c)),
            new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancel }, next =>
        {
            var began = time.GetTimestamp();
            var row = SelfTestRow.Of(SelfTest.Run(byName[next.System], next.Look, next.Seed, profile, effort, reports, cancel),
                time.GetElapsedTime(began).TotalSeconds);
            lock (gate)
            {
                rows.Add(row);
                if (file is not null)
                    File.AppendAllText(file, JsonSerializer.Serialize(row, Line) + "\n");
                progress?.Invoke(row);
            }
        });
        var asked = cases.ToHashSet();
        return [.. rows.Where(r => asked.Contains(new SelfTestCase(r.System, r.Look, r.Seed)))];
    }

    /// <summary>Reads a results file; a last line cut short by a crash is left out.</summary>
    public static List<SelfTestRow> Read(string file)
    {
        var rows = new List<SelfTestRow>();
        foreach (var line in File.ReadLines(file))
        {
            try
            {
                if (JsonSerializer.Deserialize<SelfTestRow>(line, Line) is { } row)
                    rows.Add(row);
            }
            catch (JsonException)
            {
            }
        }
        return rows;
    }
}
