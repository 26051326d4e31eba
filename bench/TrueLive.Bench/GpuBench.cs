using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models;
using TrueLive.Models.Devices;
using TrueLive.Models.Manifest;
using TrueLive.Server.Configuration;
using TrueLive.Workers;
using TrueLive.Workers.Jail;

namespace TrueLive.Bench;

/// <summary>
/// Measures a diffusion pipeline of SD-Turbo's shapes with random weights (<c>bench/gpu/shapes.py</c>) on a device: whether its networks
/// compute what PyTorch computes, what they and a whole step cost beside PyTorch, and what happens when the device's memory is used up.
/// </summary>
internal static class GpuBench
{
    private const double Goal = 30;
    private static readonly TimeProvider Time = TimeProvider.System;
    private static readonly FramePool Pool = new("gpu bench");

    // The steps at which a worker denoises are those of ours with one and with two.
    private static readonly (string Name, string Spec, int[] Worker)[] Cases =
    [
        ("1 step", """{ "steps": [35] }""", [299]),
        ("2 steps, one after the other", """{ "steps": [35, 45] }""", [299, 99]),
        ("2 steps, stream batch", """{ "steps": [35, 45], "throughput": true }""", []),
        ("4 steps, stream batch", """{ "steps": [20, 30, 35, 45], "throughput": true }""", []),
    ];

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var shapes = arguments.Text("--shapes") ?? throw new ArgumentException("--shapes names the folder that bench/gpu/shapes.py made.");
        var (device, python) = (arguments.Text("--device") ?? "cuda:0", arguments.Text("--python") ?? "python3");
        var (frames, runs) = ((int)arguments.Number("--frames", 200), (int)arguments.Number("--runs", 50));
        var data = arguments.Text("--data-folder") ?? new ServerOptions().DataPath;
        try
        {
            GraphDevice.Choose(device, data, arguments.Has("--cuda-graphs"));
        }
        catch (ModelException wrong)
        {
            throw new ArgumentException(wrong.Message, wrong);
        }
        var torch = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(shapes, "torch.json")).ConfigureAwait(false))!;
        var fixture = GpuFixture.Load(shapes);
        if (arguments.Has("--cuda-graphs"))
            return await GpuGraphs.RunAsync(shapes, fixture, frames, runs, arguments.Has("--write")).ConfigureAwait(false);
        var text = new StringBuilder();
        Line("# A diffusion pipeline of SD-Turbo's shapes on a GPU");
        Line("");
        Line("Written by `eng/gpu-check --write`. Do not edit.");
        Line("");
        Line($"- When: {Time.GetUtcNow():yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}.");
        Line($"- Device: {GraphDevice.Current}{await CardAsync().ConfigureAwait(false)}. PyTorch {torch["torch"]}, the same networks, " +
            $"{(fixture.Half ? "half" : "single")} precision both.");
        var what = fixture.Side == 512 ? "an SD 2.x UNet (866 million parameters) and TAESD" : "tiny ones, to try this check";
        Line($"- Networks: {what}, random weights. {fixture.Side}x{fixture.Side}. The pictures are noise; speed and " +
            "parity do not depend on that.");
        Line("");
        Line($"Each network alone, as a session calls it, tensors copied to the device and back, {runs} calls after 5 that do not count. PyTorch's time is " +
            "without copies. Difference: the largest one to PyTorch's output, as a share of its largest number (at most " +
            $"{GpuFixture.Limit}).");
        Line("");
        Line("| network | batch | ours p50 ms | p95 | PyTorch p50 ms | difference |");
        Line("|---|---|---|---|---|---|");
        var wrongs = 0;
        foreach (var result in fixture.Run(runs))
        {
            wrongs += result.Difference <= GpuFixture.Limit ? 0 : 1;
            var theirs = (double)torch["ms"]![$"{result.Network} {result.Batch}"]!;
            Line(FormattableString.Invariant(
                $"| {result.Network} | {result.Batch} | {P(result.Times, 0.5):0.00} | {P(result.Times, 0.95):0.00} | {theirs:0.00} |") +
                FormattableString.Invariant($" {result.Difference:0.00000} |"));
        }
        Line("");
        Line($"A whole step through the pipeline, {frames} frames of a moving scene after 10 that do not count: conversion, encoder, " +
            $"UNet, decoder, no transport. Goal: over {Goal:0} pictures a second with one and two steps. The worker runs the " +
            "same networks in PyTorch.");
        Line("");
        Line("| case | step p50 ms | p95 | pictures a second | frames behind |");
        Line("|---|---|---|---|---|");
        foreach (var (name, spec, worker) in Cases)
        {
            var folder = Folder(Path.Combine(shapes, "pipeline"), spec);
            using (var model = ModelLoader.Load(folder, 0, Time))
                Row(name, Steps(model, fixture.Side, frames), model.Info.Chunk.Lag);
            Directory.Delete(folder, recursive: true);
            if (worker.Length > 0)
                await WorkerRowAsync(name, worker).ConfigureAwait(false);
        }
        Line("");
        Line(await MemoryAsync(shapes, fixture.Side, python).ConfigureAwait(false));
        Line("");
        Line(await GpuServer.DelayAsync(shapes, fixture.Side, device, data).ConfigureAwait(false));
        if (arguments.Has("--write"))
            await File.WriteAllTextAsync(Results, text.ToString()).ConfigureAwait(false);
        if (wrongs == 0)
            return 0;
        Console.Error.WriteLine($"{wrongs} network(s) differ from PyTorch by more than {GpuFixture.Limit}.");
        return 1;

        // At once: what was measured until then is worth having when the next case ends the process.
        void Line(string line)
        {
            Console.WriteLine(line);
            text.Append(line).Append('\n');
        }

        void Row(string name, List<double> times, int lag) => Line(FormattableString.Invariant(
            $"| {name} | {P(times, 0.5):0.00} | {P(times, 0.95):0.00} | {1000 * times.Count / times.Sum():0.0} | {lag} |"));

        async Task WorkerRowAsync(string name, int[] steps)
        {
            var folder = Directory.CreateTempSubdirectory("truelive-bench").FullName;
            var sources = Path.Combine(Machine.Repository, "bench", "gpu");
            foreach (var file in new[] { "shapes.py", "worker.py" })
                File.Copy(Path.Combine(sources, file), Path.Combine(folder, file));
            await File.WriteAllTextAsync(Path.Combine(folder, "shapes.json"), new JsonObject
            {
                ["tiny"] = fixture.Side != 512,
                ["device"] = device,
                ["steps"] = new JsonArray([.. steps.Select(s => JsonValue.Create(s))]),
            }.ToJsonString()).ConfigureAwait(false);
            var info = new ModelInfo("bench", "1", "Bench", "", true, false, new ModelSizes(fixture.Side, fixture.Side, 2), []);
            try
            {
                using var model = WorkerModel.Load(new WorkerSpec(info, new WorkerCommand(folder, [python, "worker.py"], 65536)), Time);
                Row($"{name}, a worker in PyTorch", Steps(model, fixture.Side, frames), 0);
            }
            catch (WorkerException wrong)
            {
                Line($"| {name}, a worker in PyTorch | not measured: {wrong.Message.ReplaceLineEndings(" ")} | | | |");
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>Where the figures are kept.</summary>
    public static string Results => Path.Combine(Machine.Repository, "bench", "results", "gpu.md");

    public static double P(IEnumerable<double> values, double quantile) => Statistics.Quantile(values, quantile);

    /// <summary>A copy of a pipeline with other steps.</summary>
    public static string Folder(string from, string spec)
    {
        var to = Directory.CreateTempSubdirectory("truelive-bench").FullName;
        DiffusionBench.Copy(from, to, spec);
        return to;
    }

    /// <summary>Milliseconds of each step on a moving scene.</summary>
    public static List<double> Steps(IVideoModel model, int side, int count)
    {
        using var session = model.CreateSession(side, side);
        var scene = new MovingScene(side, side, 30, Pool);
        var prompt = new Prompt(1, "ink", 1, TimeSpan.Zero, model.Read("ink"));
        var (made, times) = (new MadeFrame[Chunk.MaxFrames], new List<double>());
        for (var i = -10; i < count; i++)
        {
            using var frame = scene.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()!;
            var began = Time.GetTimestamp();
            var given = session.Step(frame, prompt, made);
            if (i >= 0)
                times.Add(Time.GetElapsedTime(began).TotalMilliseconds);
            foreach (var one in made.AsSpan(0, given))
                one.Frame.Dispose();
        }
        return times;
    }

    // Another process takes all memory but a little. A session that is opened then must fail in words, and the next one work again.
    private static async Task<string> MemoryAsync(string shapes, int side, string python)
    {
        if (GraphDevice.Current.Gpu is null)
            return "Memory used up: not measured, there is no GPU.";
        var folder = Folder(Path.Combine(shapes, "pipeline"), Cases[0].Spec);
        try
        {
            using var model = ModelLoader.Load(folder, 0, Time);
            Steps(model, side, 1);
            var hogs = Path.Combine(Machine.Repository, "bench", "gpu", "hog.py");
            var start = new ProcessStartInfo(python, [hogs, $"{GraphDevice.Current}", "64"])
            { RedirectStandardInput = true, RedirectStandardOutput = true };
            string failure;
            using (var hog = Process.Start(start)!)
            {
                if (await hog.StandardOutput.ReadLineAsync().ConfigureAwait(false) != "taken")
                    return "Memory used up: not measured, the memory could not be taken.";
                try
                {
                    using var second = ModelLoader.Load(folder, 0, Time);
                    Steps(second, side, 1);
                    failure = "a second model still fitted";
                }
                catch (Exception wrong) when (wrong is ModelException or InvalidOperationException)
                {
                    failure = $"a second model was refused: \"{wrong.Message}\"";
                }
                hog.StandardInput.Close();
                await hog.WaitForExitAsync().ConfigureAwait(false);
            }
            var times = Steps(model, side, 30);
            return $"Memory used up by another process but for 64 MB: {failure}; the first model went on afterwards, " +
                FormattableString.Invariant($"{P(times, 0.5):0.00} ms p50 of {times.Count} steps.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string> CardAsync()
    {
        if (GraphDevice.Current.Gpu is not { } number)
            return "";
        try
        {
            using var smi = Process.Start(new ProcessStartInfo("nvidia-smi",
                ["-i", $"{number}", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
            { RedirectStandardOutput = true })!;
            var said = await smi.StandardOutput.ReadToEndAsync().ConfigureAwait(false);
            await smi.WaitForExitAsync().ConfigureAwait(false);
            return $" ({said.Trim()})";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return " (nvidia-smi is not here)";
        }
    }
}
