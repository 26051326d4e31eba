using System.Globalization;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

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

    /// <summary>Re-draws in tests as long as a profile's fast phase; p is exact with any number.</summary>
    private const int ProfileRedraws = 99;

    /// <summary>Seconds of a run beyond which fewer runs are made, in proportion.</summary>
    private const double Long = 120;

    private readonly List<Kind> _kinds =
    [
        new("footage of another seed", Seconds, Redraws, file,
            k => NullRuns.Simulated($"{label} False {k}", looks[k % looks.Count], false, Seconds, Redraws)),
        new("footage with codes of another seed", Seconds, Redraws, file,
            k => NullRuns.Simulated($"{label} True {k}", looks[k % looks.Count], true, Seconds, Redraws)),
        .. ProbeProfile.ByName.Values.Select(p => OfProfile(p, label, looks, file)),
        new("two recordings", NullRuns.RecordingSeconds, NullRuns.RecordingRedraws, file,
            k => NullRuns.Pair($"{label} pair {k}", looks[k % looks.Count])),
    ];

    /// <summary>What was measured so far, by kind.</summary>
    public IReadOnlyList<NullSample> Samples => [.. _kinds.Select(k => new NullSample(k.Name, k.Values, k.Seconds, k.Redraws))];

    /// <summary>Adds a recording as a kind of output.</summary>
    public void Add(string name, Observation recording) => _kinds.Add(new("recording " + name, Seconds, Redraws, file,
        k => NullRuns.Recorded($"{label} {name} {k}", recording, Seconds, Redraws)));

    /// <summary>Runs until every kind has <paramref name="count"/> values; of runs longer than two minutes fewer, in proportion.</summary>
    public void Run(int count, CancellationToken cancel)
    {
        for (var k = 0; k < count; k++)
        {
            foreach (var kind in _kinds.Where(s => s.Values.Count <= k && k < Math.Ceiling(count * Math.Min(1, Long / s.Seconds))))
            {
                cancel.ThrowIfCancellationRequested();
                kind.Values.Add(kind.Run(k));
                if (file is not null)
                    File.AppendAllText(file, string.Create(CultureInfo.InvariantCulture, $"{kind.Name}\t{k}\t{kind.Values[^1]:R}\n"));
            }
        }
    }

    private static Kind OfProfile(ProbeProfile profile, string label, IReadOnlyList<string> looks, string? file)
    {
        // Codes that are drawn anew are independent of the footage, so that one rendering serves many of them.
        const int PerFootage = 25;
        var (number, footage) = (-1, new Observation());
        return new($"profile {profile.Name}", profile.Fast, ProfileRedraws, file, k =>
        {
            if (number != k / PerFootage)
            {
                number = k / PerFootage;
                footage = NullRuns.Footage($"{label} {profile.Name} {number}", looks[number % looks.Count], profile.Fast + 30);
            }
            return NullRuns.Recorded($"{label} {profile.Name} {k}", footage, profile.Fast, ProfileRedraws);
        });
    }

    private sealed record Kind(string Name, double Seconds, int Redraws, string? File, Func<int, double> Run)
    {
        public List<double> Values { get; } =
            [.. (File is not null && System.IO.File.Exists(File) ? System.IO.File.ReadLines(File) : []).Select(l => l.Split('\t'))
                .Where(l => l.Length == 3 && l[0] == Name && double.TryParse(l[2], CultureInfo.InvariantCulture, out _))
                .Select(l => double.Parse(l[2], CultureInfo.InvariantCulture))];
    }
}
