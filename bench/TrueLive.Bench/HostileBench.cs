using System.Diagnostics;
using System.Text;
using System.Text.Json;
using TrueLive.Core.Frames;

namespace TrueLive.Bench;

/// <summary>
/// Measures what a hostile client adds to the delay of another key's live session: the same session with and without it, in turn.
/// </summary>
internal static class HostileBench
{
    private const string Key = "the-key-of-the-live-session";
    private const string HostileKey = "the-key-of-the-hostile-client";
    private const double Goal = 10;
    private static readonly TimeProvider Time = TimeProvider.System;

    private sealed record Phase(List<double> Delays, double Seconds);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (rounds, seconds) = ((int)arguments.Number("--rounds", 4), arguments.Number("--seconds", 10));
        var (load, busy) = (Machine.Load, await Machine.BusyCoresAsync(TimeSpan.FromSeconds(3)));
        var data = Directory.CreateTempSubdirectory("truelive-hostile-").FullName;
        try
        {
            await using var server = await ServerProcess.StartAsync("--data-folder", data, "--api-keys", $"{Key},{HostileKey}",
                "--model-threads", "1");
            using (var http = new HttpClient { BaseAddress = new Uri(server.Address) })
                await ServerProcess.ReadyAsync(http);
            var scene = await NativeCaller.SceneAsync(512, 288);
            await using var caller = await NativeCaller.StartAsync(
                new Uri($"{server.Address}/whip?model=live-tiny&size=512x288&codec=h264&prompt=oil"), VideoCodec.H264, scene, Time,
                CancellationToken.None, Key);
            await PhaseAsync(caller, seconds);
            var (alone, beside) = (new List<Phase>(), new List<Phase>());
            var met = new SortedDictionary<string, long>(StringComparer.Ordinal);
            for (var round = 0; round < rounds; round++)
            {
                alone.Add(await PhaseAsync(caller, seconds));
                beside.Add(await AttackedAsync(caller, server.Address, seconds, met));
                // What the server does right after an attack belongs to neither phase.
                await Task.Delay(TimeSpan.FromSeconds(2), Time);
                Console.WriteLine(
                    $"Round {round + 1} of {rounds}: p99 {Quantile([alone[^1]], 0.99):0.0} ms alone, {Quantile([beside[^1]], 0.99):0.0} " +
                        "ms beside the hostile client.");
            }
            var report = Report(alone, beside, met, seconds, load, busy);
            Console.WriteLine();
            Console.WriteLine(report);
            if (arguments.Has("--write"))
                await File.WriteAllTextAsync(Path.Combine(Machine.Repository, "bench", "results", "hostile.md"), report);
            return caller.Peer.State == WebRtc.Peers.PeerState.Connected && Quantile(beside, 0.99) - Quantile(alone, 0.99) <= Goal ? 0 : 1;
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    private static async Task<Phase> PhaseAsync(NativeCaller caller, double seconds)
    {
        caller.Pictures.Clear();
        var began = Time.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(seconds), Time);
        return new Phase([.. caller.Pictures.Select(p => Time.GetElapsedTime(p.SentAt, p.SeenAt).TotalMilliseconds)],
            Time.GetElapsedTime(began).TotalSeconds);
    }

    // The client is a separate process at the lowest priority, so that its own work does not delay the server.
    private static async Task<Phase> AttackedAsync(NativeCaller caller, string server, double seconds, SortedDictionary<string, long> met)
    {
        string[] command = ["-n", "19", "dotnet", Path.Combine(AppContext.BaseDirectory, "TrueLive.Bench.dll"), "hostile-client",
            "--server", server, "--key", HostileKey, "--seconds", $"{seconds + 1:0}"];
        using var client = Process.Start(new ProcessStartInfo("nice", command) { RedirectStandardOutput = true })!;
        if (await client.StandardOutput.ReadLineAsync() != "begun")
            throw new ArgumentException("The hostile client did not begin.");
        var phase = await PhaseAsync(caller, seconds);
        foreach (var (what, count) in JsonSerializer.Deserialize<Dictionary<string, long>>(await client.StandardOutput.ReadToEndAsync())!)
            met[what] = met.GetValueOrDefault(what) + count;
        await client.WaitForExitAsync();
        return phase;
    }

    private static double Quantile(IEnumerable<Phase> phases, double q) => Statistics.Quantile(phases.SelectMany(p => p.Delays), q);

    private static string Report(
        List<Phase> alone, List<Phase> beside, SortedDictionary<string, long> met, double seconds, string load, double busy)
    {
        var text = new StringBuilder();
        text.AppendLine($"""
            # A live session beside a hostile client

            Written by `bench/hostile/run --write` (about 2 minutes). Do not edit.

            - When: {Time.GetUtcNow():yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}.
            - Load average (1, 5, 15 min): {load} before the start. Before the start others kept {busy:0.0} of {Environment.ProcessorCount} cores busy.
            - One session of live-tiny at 512x288, H.264, native client at 30 pictures per second, one thread a step; {alone.Count} times in turn {seconds:0.#} s alone and
              {seconds:0.#} s beside a client with another key, on loopback, in a process of its own at the lowest priority. Delay: from a picture being taken to
              its made one being decoded.
            - What the client does all at once, each as fast as it is answered: offers that never open, connections that send nothing, uploads, wrong keys,
              pictures of 9.4 megapixels and of thousands of scans over the WebSocket, previews of them.
            - Goal: the 99th percentile moves by at most {Goal:0} ms. It moved by {Quantile(beside, 0.99) - Quantile(alone, 0.99):0.0} ms.

            | | delay p50 ms | p99 ms | pictures per second | n |
            |---|---|---|---|---|
            """);
        foreach (var (name, phases) in new[] { ("alone", alone), ("beside the hostile client", beside) })
        {
            var n = phases.Sum(p => p.Delays.Count);
            text.AppendLine(
                $"| {name} | {Quantile(phases, 0.5):0.0} | {Quantile(phases, 0.99):0.0} | {n / phases.Sum(p => p.Seconds):0.0} | {n} |");
        }
        text.AppendLine();
        text.AppendLine("What the client met, over all rounds (what it did, the answer):");
        text.AppendLine();
        foreach (var (what, count) in met)
            text.AppendLine($"- {what}: {count}");
        return text.ToString();
    }
}
