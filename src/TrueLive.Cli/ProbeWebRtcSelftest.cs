using System.Globalization;
using System.Text;
using TrueLive.Probe;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Cli;

/// <summary>
/// <c>truelive probe selftest --webrtc</c>: measures misbehaving servers over real WebRTC with the quick profile, some in parallel.
/// </summary>
internal static class ProbeWebRtcSelftest
{
    public static async Task<int> RunAsync(string[] only, int sideBySide, string folder, string? report, CancellationToken stop)
    {
        var behaviours = LiveBehaviour.All.Where(b => only.Length == 0 || only.Contains(b.Name)).ToArray();
        var made = new ProbeReport?[behaviours.Length];
        using var free = new SemaphoreSlim(sideBySide);
        await Task.WhenAll(behaviours.Select(async (behaviour, k) =>
        {
            await free.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            try
            {
                if (!stop.IsCancellationRequested)
                    made[k] = await MeasureAsync(behaviour).ConfigureAwait(false);
            }
            finally
            {
                free.Release();
            }
        })).ConfigureAwait(false);
        // Runs that disturbed each other are repeated alone, once. Validity does not depend on the verdict.
        for (var k = 0; k < made.Length && sideBySide > 1; k++)
        {
            if (made[k] is { Run: { Validity: not "VALID", Incomplete: false } } && !stop.IsCancellationRequested)
                made[k] = await MeasureAsync(behaviours[k]).ConfigureAwait(false);
        }
        var text = new StringBuilder("# Probe self-test over real WebRTC\n\n")
            .Append(CultureInfo.InvariantCulture,
                $"`truelive probe selftest --webrtc`: misbehaving WHIP servers on this machine, native client, quick profile, " +
                $"{sideBySide} side by side, one run each (n = 1 per row); an invalid run is repeated once by itself.\n\n")
            .Append("| server | right answer | verdict | D50, ms (95 %) | instrument's own D50, ms | run |\n|---|---|---|---|---|---|\n");
        for (var k = 0; k < made.Length; k++)
            text.Append(made[k] is { } one
                ? Row(behaviours[k], one)
                : $"| {behaviours[k].Name} | {string.Join(" or ", behaviours[k].Accepts)} | not run | | | |\n");
        Console.WriteLine(text);
        if (report is not null)
            await File.WriteAllTextAsync(report, text.ToString(), CancellationToken.None).ConfigureAwait(false);
        return Enumerable.Range(0, made.Length).All(k => made[k] is { } one && behaviours[k].Accepts.Contains(one.Verdict.Tier)) ? 0 : 1;

        async Task<ProbeReport?> MeasureAsync(LiveBehaviour behaviour)
        {
            using var server = new WhipSimulator(behaviour, TimeProvider.System);
            await using var target = new WhipTarget(server.Address, true, null, TimeProvider.System);
            var options = new ProbeSessionOptions
            {
                Profile = ProbeProfile.Quick,
                Folder = Path.Combine(folder, behaviour.Name),
                // The analysis of one run must leave processor time for the clocks of the others.
                Run = new ProbeRunOptions { Width = 320, Height = 180, Effort = new AnalysisEffort(Threads: sideBySide > 1 ? 1 : 2) },
            };
            try
            {
                var one = await ProbeSession.RunAsync(target, options, TimeProvider.System, null, null, stop).ConfigureAwait(false);
                Console.Error.Write(Row(behaviour, one));
                return one;
            }
            catch (Exception e) when (e is TargetException or OperationCanceledException)
            {
                Console.Error.WriteLine($"{behaviour.Name}: {e.Message}");
                return null;
            }
        }
    }

    private static string Row(LiveBehaviour behaviour, ProbeReport made)
    {
        var d50 = made.Metrics["delay.D50"];
        return string.Create(CultureInfo.InvariantCulture,
            $"| {behaviour.Name} | {string.Join(" or ", behaviour.Accepts)} | {made.Verdict.Tier} | " +
                $"{(d50.Ci95 is { } ci ? $"{d50.Value:0} ({ci[0]:0} to {ci[1]:0})" : "not measured")} | {made.Run.EchoD50Ms:0} | " +
                $"{made.Run.Validity}{(made.Run.Incomplete ? ", incomplete" : "")} |\n");
    }
}
