using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using TrueLive.Core.Frames;

namespace TrueLive.Bench;

/// <summary>
/// Measures what a clip in the queue adds to the delay of a live session: the same session with and without one, in turn.
/// </summary>
internal static class BesideBench
{
    private static readonly TimeProvider Time = TimeProvider.System;

    private sealed record Phase(List<double> Delays, double Seconds, long ClipFrames);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (rounds, seconds) = ((int)arguments.Number("--rounds", 4), arguments.Number("--seconds", 15));
        var (load, busy) = (Machine.Load, await Machine.BusyCoresAsync(TimeSpan.FromSeconds(3)));
        await using var server = await ServerProcess.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
        var upload = await UploadAsync(http);
        var scene = await NativeCaller.SceneAsync(512, 288);
        var idle = await ClipAsync(http, upload, seconds);
        await using var caller = await NativeCaller.StartAsync(
            new Uri($"{server.Address}/whip?model=live-tiny&size=512x288&codec=h264&prompt=oil"), VideoCodec.H264, scene, Time,
            CancellationToken.None);
        await PhaseAsync(caller, () => Alone(10));
        var (alone, beside) = (new List<Phase>(), new List<Phase>());
        for (var round = 0; round < rounds; round++)
        {
            alone.Add(await PhaseAsync(caller, () => Alone(seconds)));
            beside.Add(await PhaseAsync(caller, () => ClipAsync(http, upload, seconds)));
            Console.WriteLine(
                $"Round {round + 1} of {rounds}: p50 {Quantile([alone[^1]], 0.5)} alone, {Quantile([beside[^1]], 0.5)} ms with a clip in " +
                    $"the queue ({beside[^1].ClipFrames} of its frames made).");
        }
        var report = Report(alone, beside, idle, seconds, load, busy);
        Console.WriteLine();
        Console.WriteLine(report);
        if (arguments.Has("--write"))
            await File.WriteAllTextAsync(Path.Combine(Machine.Repository, "bench", "results", "beside.md"), report);
        return caller.Peer.State == WebRtc.Peers.PeerState.Connected ? 0 : 1;
    }

    private static async Task<string> UploadAsync(HttpClient http)
    {
        var film = Path.Combine(Path.GetTempPath(), $"truelive-beside-{Environment.ProcessId}.mp4");
        try
        {
            using (var ffmpeg = Process.Start("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30:d=30",
                "-pix_fmt", "yuv420p", film]))
                await ffmpeg.WaitForExitAsync();
            using var body = new StreamContent(File.OpenRead(film));
            var answer = await (await http.PostAsync("/v1/uploads", body))
                .EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
            return answer.GetProperty("id").GetString()!;
        }
        finally
        {
            File.Delete(film);
        }
    }

    private static async Task<Phase> PhaseAsync(NativeCaller caller, Func<Task<long>> meanwhile)
    {
        caller.Pictures.Clear();
        var began = Time.GetTimestamp();
        var made = await meanwhile();
        var took = Time.GetElapsedTime(began).TotalSeconds;
        return new Phase([.. caller.Pictures.Select(p => Time.GetElapsedTime(p.SentAt, p.SeenAt).TotalMilliseconds)], took, made);
    }

    private static async Task<long> Alone(double seconds)
    {
        await Task.Delay(TimeSpan.FromSeconds(seconds), Time);
        return 0;
    }

    // Queues a clip, cancels it after a while, and returns the number of its frames that were made.
    private static async Task<long> ClipAsync(HttpClient http, string upload, double seconds)
    {
        var body = new { upload, prompt = "ink", size = "512x288" };
        var job = await (await http.PostAsJsonAsync("/v1/clips", body)).EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
        var address = $"/v1/clips/{job.GetProperty("id").GetString()}";
        await Task.Delay(TimeSpan.FromSeconds(seconds), Time);
        var now = await http.GetFromJsonAsync<JsonElement>(address);
        (await http.DeleteAsync(address)).EnsureSuccessStatusCode();
        return now.GetProperty("frames_done").GetInt64();
    }

    private static string Quantile(IEnumerable<Phase> phases, double q) =>
        $"{Statistics.Quantile(phases.SelectMany(p => p.Delays), q):0.0}";

    private static string Report(List<Phase> alone, List<Phase> beside, long idle, double seconds, string load, double busy)
    {
        var text = new StringBuilder();
        text.AppendLine($"""
            # A live session beside a clip

            Written by `bench/beside/run --write`. Do not edit.

            - When: {Time.GetUtcNow():yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}.
            - Load average (1, 5, 15 min): {load} before the start. Before the start others kept {busy:0.0} of {Environment.ProcessorCount} cores busy.
            - One session of live-tiny at 512x288, H.264, native client in a process of its own at 30 pictures per second; {alone.Count} times in turn {seconds:0.#} s alone
              and {seconds:0.#} s with a clip (1280x720, 900 frames) in the queue. Delay: from a picture being taken to its made one being decoded.
            - With nobody live the same server made {idle} frames of that clip in {seconds:0.#} s.

            | | delay p50 ms | p99 ms | pictures per second | n | frames made of the clip |
            |---|---|---|---|---|---|
            """);
        foreach (var (name, phases) in new[] { ("alone", alone), ("a clip in the queue", beside) })
        {
            var n = phases.Sum(p => p.Delays.Count);
            text.AppendLine(
                $"| {name} | {Quantile(phases, 0.5)} | {Quantile(phases, 0.99)} | {n / phases.Sum(p => p.Seconds):0.0} | {n} | " +
                    $"{phases.Sum(p => p.ClipFrames)} |");
        }
        return text.ToString();
    }
}
