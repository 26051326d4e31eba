using System.Globalization;
using System.Text;
using System.Text.Json;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;

namespace TrueLive.Probe.Simulation;

/// <summary>
/// Many glances at every simulator, looks in turn, with a results file (one JSON line each) from which a second call continues.
/// </summary>
/// <param name="label">Part of every seed.</param>
/// <param name="looks">Looks taken in turn.</param>
/// <param name="file">Results file; null keeps nothing.</param>
public sealed class GlanceSuite(string label, IReadOnlyList<string> looks, string? file)
{
    private static readonly JsonSerializerOptions Line = new(JsonSerializerDefaults.Web)
    { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, IgnoreReadOnlyProperties = true };
    private readonly List<GlanceRow> _rows = file is not null && File.Exists(file)
        ? [.. Read(file).Where(r => r.Seed.StartsWith(label + " ", StringComparison.Ordinal))]
        : [];

    /// <summary>What has been run.</summary>
    public IReadOnlyList<GlanceRow> Rows => _rows;

    /// <summary>
    /// Runs this many glances at every system, one round of all systems after the other, so that the results are balanced wherever it
    /// stops.
    /// </summary>
    public void Run(IReadOnlyCollection<string> systems, int count, Action<GlanceRow>? progress, CancellationToken cancel)
    {
        var have = _rows.Select(r => (r.System, r.Seed)).ToHashSet();
        for (var k = 0; k < count; k++)
        {
            foreach (var system in systems.Where(s => !have.Contains((s, $"{label} {k}"))))
            {
                cancel.ThrowIfCancellationRequested();
                var row = GlanceSelfTest.Run(system, looks[k % looks.Count], label, k, new AnalysisEffort(999, 1, true), cancel);
                _rows.Add(row);
                if (file is not null)
                    File.AppendAllText(file, JsonSerializer.Serialize(row, Line) + "\n");
                progress?.Invoke(row);
            }
        }
    }

    /// <summary>The figures, misses included.</summary>
    public string Markdown()
    {
        var text = new StringBuilder("\n## Glances\n\n");
        var (fakes, honest) = (_rows.Where(r => SimulatedSystem.Named(r.System).Fake).ToArray(),
            _rows.Where(r => !SimulatedSystem.Named(r.System).Fake).ToArray());
        text.Append(SelfTestSummary.Wrapped(
            $"{_rows.Count} glances in virtual time (`truelive probe selftest --glances N`, seeds \"{label} N\", looks " +
            $"{string.Join(", ", looks)} in turn), each judged at 8, 12, 17, 23 and 30 s, K 9999.")).Append("\n\n");
        text.Append(CultureInfo.InvariantCulture,
            $"- fakes called tier 3: {SelfTestSummary.Share(fakes.Count(r => r.FalseProof), fakes.Length)}\n- honest systems accused: " +
            $"{SelfTestSummary.Share(honest.Count(r => r.Accused), honest.Length)}\n\n");
        text.Append("| system | fake | glances | tier 3 | 95 % limit | accused | verdict by 12, 17, 30 s | median time to a verdict, s " +
            "|\n|---|---|---|---|---|---|---|---|\n");
        foreach (var group in _rows.GroupBy(r => r.System))
        {
            var said = group.Where(r => r.Tier != "not proven").Select(r => r.Seconds).Order().ToArray();
            var tier3 = group.Count(r => SelfTest.Tier3.Contains(r.Tier));
            int By(double seconds) => said.Count(s => s <= seconds);
            text.Append(CultureInfo.InvariantCulture,
                $"| {group.Key} | {(SimulatedSystem.Named(group.Key).Fake ? "yes" : "")} | {group.Count()} | {tier3} | " +
                $"{100 * Intervals.Share((double)tier3 / group.Count(), group.Count()).High:0.0} % | {group.Count(r => r.Accused)} | " +
                $"{By(12)}, {By(17)}, {By(30)} | " +
                $"{(said.Length == 0 ? "" : Intervals.Quantile(said, 0.5).ToString("0", CultureInfo.InvariantCulture))} |\n");
        }
        return text.ToString();
    }

    private static IEnumerable<GlanceRow> Read(string file)
    {
        foreach (var line in File.ReadLines(file))
        {
            GlanceRow? row = null;
            try
            {
                row = JsonSerializer.Deserialize<GlanceRow>(line, Line);
            }
            catch (JsonException)
            {
            }
            if (row is not null)
                yield return row;
        }
    }
}
