using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Reports;

/// <summary>The files of one run: report.json, report.html, frames.csv, events.csv, observation.bin.</summary>
public static class RunFolder
{
    /// <summary>The largest observation that is read back, bytes.</summary>
    public const long MaxObservationBytes = 2L << 30;

    /// <summary>The configuration a seed is committed with: all that decides the codes besides the seed.</summary>
    public static string Configuration(ProbeProfile profile) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"truelive-probe/1 {profile.Name} w{profile.Warmup} f{profile.Fast} l{profile.Slow} c{profile.Control} h{profile.Hold} " +
                $"b{profile.Blackout} a{profile.Amplitude}");

    /// <summary>Writes all files and returns the report as written.</summary>
    public static ProbeReport Write(string folder, ProbeReport report, StimulusPlan plan, Observation seen, ProbeFindings found)
    {
        Directory.CreateDirectory(folder);
        var files = new Dictionary<string, string>();
        using (var observation = new MemoryStream())
        {
            ObservationFile.Write(seen, observation);
            Save("observation.bin", observation.ToArray());
        }
        Save("frames.csv", Encoding.UTF8.GetBytes(CsvFiles.Frames(seen, found.Map)));
        Save("events.csv", Encoding.UTF8.GetBytes(CsvFiles.Events(found)));
        report = report with { Files = files };
        File.WriteAllBytes(Path.Combine(folder, "report.json"), JsonSerializer.SerializeToUtf8Bytes(report, ProbeReport.Json));
        File.WriteAllText(Path.Combine(folder, "report.html"), HtmlReport.Page(report, plan, seen, found));
        return report;

        void Save(string name, byte[] bytes)
        {
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
            files[name] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        }
    }

    /// <summary>Writes the report of recordings: no seed, no codes, nothing to recompute from secrets.</summary>
    public static ProbeReport WriteRecording(
        string folder, string target, string evidence, DateTimeOffset utc, Observation output, ProbeFindings found, TierVerdict verdict)
    {
        var run = new RunSection
        {
            Id = $"{utc:yyyyMMdd-HHmmss}-recording",
            Utc = utc,
            Profile = "recording",
            Validity = "VALID",
            Evidence = evidence,
            Target = target,
            Version = ProbeReport.ProgramVersion,
            Commitment = "none: a recording carries no codes of ours",
            Configuration = "none",
            Redraws = found.Fast.Joint.K,
        };
        var plan = new StimulusPlan(ProbeSeed.From("recording"));
        return Write(folder, Report(run, plan, found, verdict), plan, output, found);
    }

    /// <summary>Saves the phases that a run has completed, so that it can be resumed if this session ends.</summary>
    internal static void Keep(string folder, ProbeProfile profile, ProbeSeed seed, string target, EarlierSession kept)
    {
        var state = new KeptRun(Configuration(profile), seed.Hex, target,
            [.. kept.Phases.Select(p => new PhaseRow(p.Kind.ToString(), p.Seconds, p.DwellScale))]);
        using (var observation = File.Create(Path.Combine(folder, "unfinished.bin")))
            ObservationFile.Write(kept.Seen, observation);
        File.WriteAllBytes(Path.Combine(folder, "unfinished.json"), JsonSerializer.SerializeToUtf8Bytes(state, ProbeReport.Json));
    }

    /// <summary>Removes what <see cref="Keep"/> wrote.</summary>
    internal static void Forget(string folder)
    {
        File.Delete(Path.Combine(folder, "unfinished.bin"));
        File.Delete(Path.Combine(folder, "unfinished.json"));
    }

    /// <summary>Reads what <see cref="Keep"/> wrote.</summary>
    internal static (ProbeSeed Seed, EarlierSession? Earlier) Resume(string folder, ProbeProfile profile, string target)
    {
        var path = Path.Combine(folder, "unfinished.json");
        if (!File.Exists(path))
            throw new FormatException($"{folder} holds no unfinished run: no whole phase was over when it ended, or it ran to its end. " +
                "Start without --resume.");
        try
        {
            var state = JsonSerializer.Deserialize<KeptRun>(File.ReadAllBytes(path), ProbeReport.Json);
            if (state is not { Configuration: not null, Seed: not null, Target: not null, Phases: not null }
                || state.Phases.Contains(null!))
                throw new FormatException($"{path} is damaged: something is missing in it. Start without --resume.");
            if (state.Configuration != Configuration(profile))
                throw new FormatException($"The unfinished run in {folder} was made with another profile ({state.Configuration}); resume " +
                    "with the same.");
            if (state.Target != target)
                throw new FormatException($"The unfinished run in {folder} measured another target ({state.Target}).");
            using var observation = File.OpenRead(Path.Combine(folder, "unfinished.bin"));
            var seen = ObservationFile.Read(observation);
            var phases = state.Phases.Select(Verification.Read).ToArray();
            var frames = phases.Sum(p => (int)Math.Round(p.Seconds * CodeLaw.Rate));
            return (ProbeSeed.From(state.Seed), new EarlierSession(phases, seen.Until(frames / (double)CodeLaw.Rate, frames)));
        }
        catch (JsonException e)
        {
            throw new FormatException($"{path} is damaged: {e.Message}", e);
        }
    }

    private sealed record KeptRun(string Configuration, string Seed, string Target, IReadOnlyList<PhaseRow> Phases);

    /// <summary>Makes the report of findings.</summary>
    public static ProbeReport Report(RunSection run, StimulusPlan plan, ProbeFindings found, TierVerdict verdict) =>
        ReportBuilder.Build(run, plan, found, verdict);
}
