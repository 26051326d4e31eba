using System.Globalization;
using TrueLive.Probe.Features;

namespace TrueLive.Probe.Simulation;

/// <summary>
/// Many runs against output that has nothing to do with the input, with a results file (kind, tab, number, tab, p) from which a second call
/// continues.
/// </summary>
/// <param name="label">Part of every seed.</param>
/// <param name="looks">Looks of restyled footage, taken in turn.</param>
/// <param name="file">Results file; null keeps nothing.</param>
public sealed class NullSuite(string label, IReadOnlyList<string> looks, string? file)
{
    private const double Seconds = 20;
    private const int Redraws = 199;
    private readonly List<(string Kind, Func<int, double> Run, List<double> Values)> _kinds =
    [
        Kind("footage of another seed", file, k => NullRuns.Simulated($"{label} False {k}", looks[k % looks.Count], false,
            Seconds, Redraws)),
        Kind("footage with codes of another seed", file,
            k => NullRuns.Simulated($"{label} True {k}", looks[k % looks.Count], true, Seconds, Redraws)),
    ];

    /// <summary>What was measured so far, by kind.</summary>
    public IReadOnlyList<NullSample> Samples => [.. _kinds.Select(k => new NullSample(k.Kind, k.Values, Seconds, Redraws))];

    /// <summary>Adds a recording as a kind of output.</summary>
    public void Add(string name, Observation recording) =>
        _kinds.Add(Kind("recording " + name, file, k => NullRuns.Recorded($"{label} {name} {k}", recording, Seconds, Redraws)));

    /// <summary>Runs until every kind has <paramref name="count"/> values.</summary>
    public void Run(int count, CancellationToken cancel)
    {
        for (var k = 0; k < count; k++)
        {
            foreach (var (kind, run, values) in _kinds.Where(s => s.Values.Count <= k))
            {
                cancel.ThrowIfCancellationRequested();
                values.Add(run(k));
                if (file is not null)
                    File.AppendAllText(file, string.Create(CultureInfo.InvariantCulture, $"{kind}\t{k}\t{values[^1]:R}\n"));
            }
        }
    }

    private static (string, Func<int, double>, List<double>) Kind(string kind, string? file, Func<int, double> run) =>
        (kind, run, [.. (file is not null && File.Exists(file) ? File.ReadLines(file) : []).Select(l => l.Split('\t'))
            .Where(l => l.Length == 3 && l[0] == kind && double.TryParse(l[2], CultureInfo.InvariantCulture, out _))
            .Select(l => double.Parse(l[2], CultureInfo.InvariantCulture))]);
}
