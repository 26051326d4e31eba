using System.CommandLine;
using TrueLive.Probe.Simulation;

namespace TrueLive.Cli;

/// <summary><c>truelive probe simulate</c>: runs a WHIP server that misbehaves, to try the probe on.</summary>
internal static class ProbeSimulateCommand
{
    public static Command Make()
    {
        LiveBehaviour[] all = [.. LiveBehaviour.All, .. LiveBehaviour.ForTrials];
        var kind = new Argument<string>("kind")
        { Description = string.Join(", ", all.Select(b => $"{b.Name} (right: {string.Join(" or ", b.Accepts)})")) + "." };
        kind.AcceptOnlyFromAmong([.. all.Select(b => b.Name)]);
        var port = new Option<int>("--port") { Description = "Port [a free one]." };
        var simulate = new Command("simulate",
            "Serve WebRTC sessions that misbehave as told; measure them with: truelive probe truelive ADDRESS.") { kind, port };
        simulate.SetAction(async (parsed, stop) =>
        {
            using var server = new WhipSimulator(all.First(b => b.Name == parsed.GetValue(kind)), TimeProvider.System,
                parsed.GetValue(port));
            Console.WriteLine($"{parsed.GetValue(kind)} at {server.Address}   (Ctrl-C ends it)");
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop).ContinueWith(_ => { }, TaskScheduler.Default)
                .ConfigureAwait(false);
            return 0;
        });
        return simulate;
    }
}
