using System.Text;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models;

namespace TrueLive.Bench;

/// <summary>
/// Measures the cost of a step of the small test pipeline: with one denoising step and with four, one after the other and as a stream
/// batch, on moving pictures and on a still one.
/// </summary>
internal static class DiffusionBench
{
    private const int Side = 256;
    private static readonly TimeProvider Time = TimeProvider.System;
    private static readonly FramePool Pool = new("diffusion bench");

    private static readonly (string Name, string Spec, bool Still)[] Cases =
    [
        ("1 step", """{ "steps": [45] }""", false),
        ("4 steps, one after the other", """{ "steps": [42, 44, 46, 48] }""", false),
        ("4 steps, stream batch", """{ "steps": [42, 44, 46, 48], "throughput": true }""", false),
        ("4 steps, guidance full", """{ "steps": [42, 44, 46, 48], "guidance": "full", "guidance_scale": 1.5 }""", false),
        ("4 steps, still camera, similarity 0.98", """{ "steps": [42, 44, 46, 48], "similarity": 0.98 }""", true),
    ];

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var steps = (int)arguments.Number("--steps", 200);
        var (load, busy) = (Machine.Load, await Machine.BusyCoresAsync(TimeSpan.FromSeconds(3)));
        var text = new StringBuilder();
        Line("# A diffusion pipeline's step");
        Line("");
        Line("Written by `bench/diffusion/run --write`. Do not edit.");
        Line("");
        Line($"- When: {Time.GetUtcNow():yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}.");
        Line($"- Load average (1, 5, 15 min): {load} before the start. Before the start others kept {busy:0.0} of " +
            $"{Environment.ProcessorCount} cores busy{(busy > 0.3 ? ": **the machine was shared**" : "")}.");
        Line("- Model: `samples/models/tiny-diffusion`, 109 thousand parameters, made for tests. **Its times say how the pipeline's own " +
            "work and the two ways of running it compare, not what a real model takes.**");
        Line($"- {Side}x{Side}, one stream, all cores, {steps} frames of a moving scene after 10 that do not count, the autoencoder " +
            "included, no transport.");
        Line("- Age by design: frames that a picture lies behind, at 30 a second, and the median step. With a stream batch the one adds " +
            "to the other.");
        Line("");
        Line("| case | step p50 ms | p95 | pictures a second | frames behind | age by design ms | made, repeated | n |");
        Line("|---|---|---|---|---|---|---|---|");
        foreach (var (name, spec, still) in Cases)
        {
            var folder = Directory.CreateTempSubdirectory("truelive-bench").FullName;
            try
            {
                Copy(Path.Combine(Machine.Repository, "samples", "models", "tiny-diffusion"), folder, spec);
                Row(name, Run(folder, steps, still));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        Console.Write(text);
        if (arguments.Has("--write"))
            await File.WriteAllTextAsync(Path.Combine(Machine.Repository, "bench", "results", "diffusion.md"), text.ToString())
                .ConfigureAwait(false);
        return 0;

        void Line(string line) => text.Append(line).Append('\n');

        void Row(string name, Result r)
        {
            var (median, total) = (Statistics.Quantile(r.Times, 0.5), r.Times.Sum() / 1000);
            Line(FormattableString.Invariant(
                $"| {name} | {median:0.00} | {Statistics.Quantile(r.Times, 0.95):0.00} | {r.Times.Count / total:0.0} | {r.Lag} | {r.Lag * 1000 / 30.0 + median:0.0} | {r.Made}, {r.Repeated} | {r.Times.Count} |"));
        }
    }

    private static Result Run(string folder, int steps, bool still)
    {
        using var model = ModelLoader.Load(folder, 0, Time);
        using var session = model.CreateSession(Side, Side);
        using var scene = new Scene(still);
        var prompt = new Prompt(1, "ink", 1, TimeSpan.Zero, model.Read("ink"));
        var made = new MadeFrame[1];
        var (times, all, repeated) = (new List<double>(), 0, 0);
        for (var i = -10; i < steps; i++)
        {
            using var frame = scene.Next(i + 10);
            var began = Time.GetTimestamp();
            var count = session.Step(frame, prompt, made);
            var step = Time.GetElapsedTime(began).TotalMilliseconds;
            foreach (var one in made.AsSpan(0, count))
            {
                one.Frame.Dispose();
                if (i < 0)
                    continue;
                all++;
                repeated += one.Ticket.Origin == FrameOrigin.Repeated ? 1 : 0;
            }
            if (i >= 0)
                times.Add(step);
        }
        return new Result(times, model.Info.Chunk.Lag, all - repeated, repeated);
    }

    /// <summary>Copies a model's folder, with another way to denoise.</summary>
    public static void Copy(string from, string to, string spec)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        var path = Path.Combine(to, "manifest.json");
        var manifest = JsonNode.Parse(File.ReadAllText(path))!;
        manifest["diffusion"] = JsonNode.Parse(spec);
        File.WriteAllText(path, manifest.ToJsonString());
    }

    private sealed record Result(List<double> Times, int Lag, int Made, int Repeated);

    // Gives the same picture under new numbers, or the next one of the scene.
    private sealed class Scene(bool still) : IDisposable
    {
        private readonly MovingScene _scene = new(Side, Side, 30, Pool);
        private VideoFrame? _still;

        public VideoFrame Next(int number)
        {
            var frame = still && _still is not null
                ? _still.Retain()
                : _scene.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()!;
            if (still)
                _still ??= frame.Retain();
            frame.Ticket = new FrameTicket(number, TimeSpan.FromSeconds(number / 30.0), 0, 0);
            return frame;
        }

        public void Dispose() => _still?.Dispose();
    }
}
