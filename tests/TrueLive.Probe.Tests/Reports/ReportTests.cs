using System.Text.Json;
using System.Text.Json.Nodes;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Features;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Tests.Reports;

/// <summary>One simulated run, written once.</summary>
public sealed class WrittenRun : IDisposable
{
    public WrittenRun()
    {
        var profile = new ProbeProfile
        {
            Name = "test",
            Warmup = 2,
            Fast = 30,
            Slow = 0,
            Control = 60,
            Hold = 10,
            Blackout = 12,
            Redraws = 99,
        };
        var seed = ProbeSeed.From("written");
        using var run = new SimulatedRun(SimulatedSystem.StreamOf(0.25), "relief", seed);
        foreach (var (kind, seconds) in new[] { (PhaseKind.Warmup, profile.Warmup), (PhaseKind.Fast, profile.Fast),
            (PhaseKind.Hold, profile.Hold), (PhaseKind.Control, profile.Control), (PhaseKind.Blackout, profile.Blackout) })
            run.Plan.Append(kind, seconds);
        run.Advance(TestContext.Current.CancellationToken);
        var found = ProbeAnalysis.Analyse(run.Plan, run.Seen, new AnalysisEffort(99, 2));
        var verdict = DecisionRules.Judge(found, new RunQuality());
        var configuration = RunFolder.Configuration(profile);
        Report = RunFolder.Write(Folder, RunFolder.Report(new RunSection
        {
            Id = "test",
            Utc = DateTimeOffset.UnixEpoch,
            Profile = "test",
            Validity = "VALID",
            Evidence = "E4",
            Target = "a <simulated> stream",
            Version = "0",
            Commitment = seed.Commit(configuration),
            Configuration = configuration,
            Seed = seed.Hex,
            TakesPrompts = true,
            Redraws = 99,
        }, run.Plan, found, verdict), run.Plan, run.Seen, found);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("probe-report-").FullName;

    public ProbeReport Report { get; }

    public void Dispose() => Directory.Delete(Folder, true);
}

public sealed class ReportTests(WrittenRun run) : IClassFixture<WrittenRun>
{
    [Fact]
    public void A_written_report_verifies_and_a_changed_one_does_not()
    {
        var lines = Verification.Run(Path.Combine(run.Folder, "report.json"), new AnalysisEffort(99, 2),
            TestContext.Current.CancellationToken);
        Assert.All(lines, l => Assert.True(l.Matches, $"{l.What}: {l.Detail}"));

        var forged = Copy(run.Report with
        {
            Metrics = run.Report.Metrics.ToDictionary(m => m.Key,
                m => m.Key == "delay.D50" ? m.Value with { Value = m.Value.Value / 2 } : m.Value),
        });
        Assert.Contains(Verification.Run(forged, new AnalysisEffort(99, 2), TestContext.Current.CancellationToken),
            l => l is { What: "delay.D50", Matches: false });
    }

    [Fact]
    public void The_layout_of_the_report_keeps_its_promises_and_a_written_one_has_it()
    {
        var today = JsonSchemas.Document(ProbeReport.SchemaId, ProbeReport.Json, [], [("report", typeof(ProbeReport))]);
        JsonSchemas.Hold("probe-report.json", today);
        var written = JsonNode.Parse(File.ReadAllText(Path.Combine(run.Folder, "report.json")));
        Assert.Empty(JsonSchemas.Faults(today, today["$defs"]!["sent"]!["report"]!, written));
    }

    [Fact]
    public void Another_seed_or_configuration_than_was_committed_to_is_found()
    {
        var forged = Copy(run.Report with { Run = run.Report.Run with { Configuration = run.Report.Run.Configuration + " and more" } });
        Assert.Contains(Verification.Run(forged, new AnalysisEffort(19, 2), TestContext.Current.CancellationToken),
            l => l is { What: "commitment", Matches: false });
    }

    [Fact]
    public void Every_measured_number_has_a_unit_and_a_method()
    {
        Assert.All(run.Report.Metrics, m => Assert.False(string.IsNullOrEmpty(m.Value.Unit) || string.IsNullOrEmpty(m.Value.Method),
            m.Key));
        Assert.NotNull(run.Report.Metrics["delay.D50"].Ci95);
        Assert.True(run.Report.Metrics["delay.D50"].N > 10);
    }

    [Fact]
    public void The_page_is_self_contained_runs_no_script_and_escapes_names()
    {
        var page = File.ReadAllText(Path.Combine(run.Folder, "report.html"));
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("src=\"http", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<simulated>", page, StringComparison.Ordinal);
        Assert.True(page.IndexOf(SvgPlot.Html(run.Report.Verdict.Sentence), StringComparison.Ordinal)
            < page.IndexOf("Delay over time", StringComparison.Ordinal));
    }

    [Fact]
    public void The_report_reads_back_and_the_schema_names_its_parts()
    {
        var again = ProbeReport.Read(File.ReadAllBytes(Path.Combine(run.Folder, "report.json")));
        Assert.Equal(run.Report.Verdict.Sentence, again.Verdict.Sentence);
        var schema = ProbeReport.JsonSchema().ToJsonString();
        Assert.All(new[] { "run", "verdict", "metrics", "ci95", "commitment" },
            name => Assert.Contains($"\"{name}\"", schema, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"schema\":\"live-ai-video-report/9\"}")]
    public void What_is_no_report_is_refused(string json) =>
        Assert.Throws<FormatException>(() => ProbeReport.Read(System.Text.Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Runs_of_different_profiles_or_cut_short_are_not_ranked()
    {
        var other = run.Report with { Run = run.Report.Run with { Profile = "deep", Incomplete = true } };
        var comparison = Comparison.Of([("a", run.Report), ("b", other)]);
        Assert.Contains(comparison.Obstacles, o => o.Contains("profile", StringComparison.Ordinal));
        Assert.Contains(comparison.Obstacles, o => o.Contains("incomplete", StringComparison.Ordinal));
        Assert.Contains("cannot be ranked", comparison.Page(), StringComparison.Ordinal);
        Assert.Empty(Comparison.Of([("a", run.Report), ("b", run.Report)]).Obstacles);
    }

    [Fact]
    public void Runs_of_another_size_method_or_version_are_not_ranked_and_the_page_says_which_run_has_which()
    {
        var other = run.Report with
        { Run = run.Report.Run with { Size = "1280x720", Configuration = "truelive-probe/9 x", Version = "9.0" } };
        var page = Comparison.Of([("<vendor a>", run.Report), ("b", run.Report), ("c", other)]).Page();
        Assert.Contains("The size of the picture differs: an unknown size (&lt;vendor a&gt;, b); 1280x720 (c).", page,
            StringComparison.Ordinal);
        Assert.Contains("The method differs: ", page, StringComparison.Ordinal);
        Assert.Contains("The program&#39;s version differs: ", page, StringComparison.Ordinal);
        // A new build of the same version measures in the same way.
        var built = run.Report with { Run = run.Report.Run with { Version = run.Report.Run.Version.Split('+')[0] + "+another" } };
        Assert.Empty(Comparison.Of([("a", run.Report), ("b", built)]).Obstacles);
    }

    [Fact]
    public void Claims_stand_beside_what_was_measured_with_tier_and_nature_on_a_page_that_can_be_printed()
    {
        var claims = run.Report with { Claims = [new ClaimRow("delay.D50", "=under 40 ms <b>", "a.test", 1, "ms")] };
        var page = Comparison.Of([("a", run.Report), ("b", claims)]).Page();
        Assert.Contains("<td>b</td><td>delay.D50</td><td>=under 40 ms &lt;b&gt;</td><td>a.test</td><td>", page, StringComparison.Ordinal);
        Assert.Contains($"<td>{run.Report.Verdict.Tier}</td><td>{run.Report.Verdict.Nature ?? "not judged"}</td>", page,
            StringComparison.Ordinal);
        // The numbers at the axis are those of the list: the first run lies below the second.
        var heights = System.Text.RegularExpressions.Regex.Matches(page, "<circle[^>]* cy=\"([0-9.]+)\"").Take(2)
            .Select(m => double.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.True(heights[0] > heights[1]);
        Assert.Contains("@page{size:A4", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_damaged_observation_is_refused_and_costs_no_memory()
    {
        var bytes = File.ReadAllBytes(Path.Combine(run.Folder, "observation.bin"));
        Assert.Equal(run.Report.Metrics["fps.presented"].N > 0, ObservationFile.Read(new MemoryStream(bytes)).Count > 0);
        Assert.Throws<FormatException>(() => ObservationFile.Read(new MemoryStream(bytes[..(bytes.Length / 2)])));
        Assert.Throws<FormatException>(() => ObservationFile.Read(new MemoryStream([1, 2, 3, 4])));
        Assert.Throws<FormatException>(() => ObservationFile.Read(new MemoryStream()));
    }

    private string Copy(ProbeReport report)
    {
        var folder = Directory.CreateDirectory(Path.Combine(run.Folder, Guid.NewGuid().ToString("n"))).FullName;
        foreach (var name in report.Files.Keys)
            File.Copy(Path.Combine(run.Folder, name), Path.Combine(folder, name));
        var path = Path.Combine(folder, "report.json");
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(report, ProbeReport.Json));
        return path;
    }
}
