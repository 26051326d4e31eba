using System.Globalization;
using System.Security.Cryptography;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Reports;

/// <summary>One check of a verification.</summary>
public sealed record VerificationLine(string What, bool Matches, string Detail);

/// <summary>Recomputes a report from its revealed seed and its raw data.</summary>
public static class Verification
{
    /// <summary>Relative difference up to which a recomputed number counts as the same: other processors add in another order.</summary>
    public const double Tolerance = 0.01;

    /// <summary>Checks a report with the files beside it.</summary>
    /// <exception cref="FormatException">A file is missing or damaged; the message names it.</exception>
    public static IReadOnlyList<VerificationLine> Run(string reportPath, AnalysisEffort effort, CancellationToken cancel = default)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(reportPath))!;
        var report = ProbeReport.Read(File.ReadAllBytes(reportPath));
        var lines = new List<VerificationLine>();
        if (report.Run.Seed is not { } hex)
            throw new FormatException("The report does not reveal its seed, so nothing can be recomputed.");
        var seed = ProbeSeed.From(hex);
        var commitment = seed.Commit(report.Run.Configuration);
        lines.Add(new("commitment", commitment == report.Run.Commitment, commitment));
        foreach (var (name, hash) in report.Files)
        {
            var path = Path.Combine(folder, Path.GetFileName(name));
            if (!File.Exists(path))
            {
                lines.Add(new(name, false, "the file is missing"));
                continue;
            }
            using var stream = File.OpenRead(path);
            var actual = Convert.ToHexStringLower(SHA256.HashData(stream));
            lines.Add(new(name, actual == hash, "sha256 " + actual[..16]));
        }
        var raw = Path.Combine(folder, "observation.bin");
        if (!File.Exists(raw) || new FileInfo(raw).Length > RunFolder.MaxObservationBytes)
            throw new FormatException("observation.bin is missing or larger than 2 GiB; the numbers cannot be recomputed.");
        Observation seen;
        using (var stream = File.OpenRead(raw))
            seen = ObservationFile.Read(stream);
        var plan = Replan(report, seed);
        var quality = new RunQuality
        {
            SendDrops = report.Run.SendDrops,
            TimerP99 = (report.Run.TimerP99Ms ?? 0) / 1000,
            Incomplete = report.Run.Incomplete,
            EndedBecause = report.Run.EndedBecause,
            Evidence = report.Run.Evidence,
            TakesPrompts = report.Run.TakesPrompts,
            Sessions = report.Run.Sessions,
            Notes = report.Run.Notes ?? [],
            Look = report.Run.Look is { } look ? Math.Clamp(look, 1, ProbeProfile.Glance.Looks.Count) : null,
        };
        // The numbers say what they say; what the probe failed at beside them is taken from the report.
        quality = quality with { Faults = [.. report.Run.InvalidReasons.Except(quality.InvalidReasons())] };
        effort = effort with { Redraws = report.Run.Redraws };
        var (found, verdict) = quality.Look is null
            ? Judged(plan, seen, quality, effort, cancel)
            : GlanceRules.Take(plan, seen, quality, effort, cancel);
        lines.Add(new("verdict", TierVerdict.Text(verdict.Tier) == report.Verdict.Tier, TierVerdict.Text(verdict.Tier)));
        foreach (var (name, again) in ReportBuilder.Build(report.Run, plan, found, verdict).Metrics)
        {
            var before = report.Metrics.GetValueOrDefault(name)?.Value;
            var same = before is null
                ? again.Value is null
                : again.Value is { } now && Math.Abs(now - before.Value) <= Tolerance * Math.Max(Math.Abs(before.Value), 0.01);
            lines.Add(new(name, same, string.Create(CultureInfo.InvariantCulture,
                $"report {before?.ToString(CultureInfo.InvariantCulture) ?? "none"}, recomputed " +
                $"{again.Value?.ToString(CultureInfo.InvariantCulture) ?? "none"}")));
        }
        return lines;
    }

    private static (ProbeFindings, TierVerdict) Judged(StimulusPlan plan, Observation seen, RunQuality quality, AnalysisEffort effort,
        CancellationToken cancel)
    {
        var found = ProbeAnalysis.Analyse(plan, seen, effort, cancel);
        return (found, DecisionRules.Judge(found, quality));
    }

    private static StimulusPlan Replan(ProbeReport report, ProbeSeed seed)
    {
        var plan = new StimulusPlan(seed, report.Run.Amplitude);
        foreach (var (kind, seconds, dwell) in report.Plan.Select(Read))
            plan.Append(kind, seconds, dwell);
        return plan;
    }

    /// <summary>A planned phase, checked.</summary>
    internal static (PhaseKind Kind, double Seconds, double DwellScale) Read(PhaseRow row) =>
        Enum.TryParse<PhaseKind>(row.Kind, out var kind) && row.Seconds is >= 0 and <= 86400 && row.DwellScale is > 0 and <= 100
            ? (kind, row.Seconds, row.DwellScale)
            : throw new FormatException($"The plan has an impossible phase '{row.Kind}' of {row.Seconds} s.");
}
