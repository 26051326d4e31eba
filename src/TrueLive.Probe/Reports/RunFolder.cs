using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
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
            $"truelive-probe/1 {profile.Name} w{profile.Warmup} f{profile.Fast} l{profile.Slow} c{profile.Control} h{profile.Hold} b{profile.Blackout} a{profile.Amplitude}");

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

    /// <summary>Makes the report of findings.</summary>
    public static ProbeReport Report(RunSection run, StimulusPlan plan, ProbeFindings found, TierVerdict verdict) =>
        ReportBuilder.Build(run, plan, found, verdict);
}
