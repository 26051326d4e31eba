using TrueLive.Probe;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Samples.ProbeFromCode;

/// <summary>
/// How do I measure a system from a program, as in a nightly test? Sends at most half a minute of coded video, analyses what comes back,
/// and writes a report.
/// </summary>
public static class Program
{
    /// <summary>
    /// Arguments: the folder for the report, and a WHIP endpoint; without one, <see cref="NegativeTarget"/> is measured. The exit code is 0
    /// if the system is found to be live.
    /// </summary>
    public static async Task<int> Main(string[] args)
    {
        if (args is not [var folder, .. var rest])
        {
            await Console.Error.WriteLineAsync("Usage: ProbeFromCode REPORT_FOLDER [WHIP_ENDPOINT]");
            return 2;
        }
        var time = TimeProvider.System;
        await using IProbeTarget target = rest is [var url, ..]
            ? new WhipTarget(new Uri(url), isTrueLive: false, key: Environment.GetEnvironmentVariable("TRUELIVE_KEY"), time)
            : new NegativeTarget(time);
        try
        {
            var report = await MeasureAsync(target, ProbeProfile.Glance, folder, time, Console.WriteLine);
            return report.Verdict.Tier.StartsWith("T3", StringComparison.Ordinal) ? 0 : 1;
        }
        catch (TargetException unreachable)
        {
            await Console.Error.WriteLineAsync(unreachable.Message);
            return 2;
        }
    }

    /// <summary>Measures a system once.</summary>
    /// <exception cref="TargetException">The system cannot be measured; the message says why.</exception>
    public static async Task<ProbeReport> MeasureAsync(
        IProbeTarget target, ProbeProfile profile, string folder, TimeProvider time, Action<string> say)
    {
        var options = new ProbeSessionOptions
        {
            Profile = profile,
            Folder = folder,
            Run = new ProbeRunOptions { Width = 320, Height = 180 },
        };
        var report = await ProbeSession.RunAsync(target, options, time, say, progress: null, CancellationToken.None);
        say(report.Verdict.Sentence);
        foreach (var (name, metric) in report.Metrics)
            say($"{name}: {metric.Value} {metric.Unit}");
        return report;
    }
}
