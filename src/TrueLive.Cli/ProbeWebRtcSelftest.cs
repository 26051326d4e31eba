using System.Globalization;
using System.Text;
using TrueLive.Probe;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Cli;

/// <summary><c>truelive probe selftest --webrtc</c>: misbehaving servers behind real WebRTC, each measured with the quick profile, one after the other.</summary>
internal static class ProbeWebRtcSelftest
{
    public static async Task<int> RunAsync(string[] only, string folder, string? report, CancellationToken stop)
    {
        var text = new StringBuilder("# Probe self-test over real WebRTC\n\nMisbehaving WHIP servers on this machine, native client, quick profile, one run each (n = 1 per row).\n\n")
            .Append("| server | right answer | verdict | D50, ms (95 %) | instrument's own D50, ms | run |\n|---|---|---|---|---|---|\n");
        var wrong = 0;
        foreach (var behaviour in LiveBehaviour.All.Where(b => only.Length == 0 || only.Contains(b.Name)))
        {
            using var server = new WhipSimulator(behaviour, TimeProvider.System);
            await using var target = new WhipTarget(server.Address, true, null, TimeProvider.System);
            var options = new ProbeSessionOptions { Profile = ProbeProfile.Quick, Folder = Path.Combine(folder, behaviour.Name), Run = new ProbeRunOptions { Width = 320, Height = 180 } };
            var made = await ProbeSession.RunAsync(target, options, TimeProvider.System, null, null, stop).ConfigureAwait(false);
            var d50 = made.Metrics["delay.D50"];
            wrong += behaviour.Accepts.Contains(made.Verdict.Tier) ? 0 : 1;
            var line = string.Create(CultureInfo.InvariantCulture,
                $"| {behaviour.Name} | {string.Join(" or ", behaviour.Accepts)} | {made.Verdict.Tier} | {(d50.Ci95 is { } ci ? $"{d50.Value:0} ({ci[0]:0} to {ci[1]:0})" : "not measured")} | {made.Run.EchoD50Ms:0} | {made.Run.Validity}{(made.Run.Incomplete ? ", incomplete" : "")} |\n");
            Console.Error.Write(line);
            text.Append(line);
            if (made.Run.Incomplete && stop.IsCancellationRequested)
                break;
        }
        Console.WriteLine(text);
        if (report is not null)
            await File.WriteAllTextAsync(report, text.ToString(), CancellationToken.None).ConfigureAwait(false);
        return wrong == 0 ? 0 : 1;
    }
}
