using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Workers;
using TrueLive.Workers.Jail;

namespace TrueLive.Bench;

/// <summary>Measures the cost of a model in a child process: the time of a worker's step without the time that its model took.</summary>
internal static class WorkersBench
{
    private const int Side = 512;
    private static readonly TimeProvider Time = TimeProvider.System;
    private static readonly FramePool Pool = new("workers bench");

    // The same model in this process: what it does in Python, with numpy for rgb8.
    private static readonly (string Name, string Script)[] Models =
    [
        ("i420, gives the frame back",
            "from truelive_worker import *\nclass M(Model):\n    format = 'i420'\n    def step(self, frame, prompt):\n        return " +
                "frame.data\nserve(M)\n"),
        ("rgb8, inverts it with numpy",
            "import numpy\nfrom truelive_worker import *\nclass M(Model):\n    def step(self, frame, prompt):\n        return 255 - " +
                "frame.rgb\nserve(M)\n"),
    ];

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (steps, rate) = ((int)arguments.Number("--steps", 1000), arguments.Number("--rate", 30));
        var (load, busy) = (Machine.Load, await Machine.BusyCoresAsync(TimeSpan.FromSeconds(3)));
        var text = new StringBuilder();
        Line("# What a worker costs a step");
        Line("");
        Line("Written by `bench/workers/run --write`. Do not edit.");
        Line("");
        Line($"- When: {Time.GetUtcNow():yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}.");
        Line($"- Load average (1, 5, 15 min): {load} before the start. Before the start others kept {busy:0.0} of " +
            $"{Environment.ProcessorCount} cores busy{(busy > 0.3 ? ": **the machine was shared**" : "")}.");
        Line($"- {Side}x{Side}, one stream, a worker in its sandbox; {steps} steps one after the other, then {steps} at {rate:0} a " +
            "second, after 100 that do not count.");
        Line("- Cost: a step as the session sees it, less the time that the model itself took by the worker's clock: conversion, both " +
            "ways through shared memory, messages, waking up. Goal: at most 1 ms p50. The p05 is what a quiet moment of a busy machine " +
            "leaves of it.");
        Line($"- Of it the conversion of a picture to rgb8 and back: {Conversion():0.00} ms p50.");
        Line("");
        Line("| model | paced | step p50 ms | of it the model | cost p05 ms | cost p50 | cost p95 | cost p99 | n |");
        Line("|---|---|---|---|---|---|---|---|---|");
        foreach (var (name, script) in Models)
        {
            var folder = Directory.CreateTempSubdirectory("truelive-bench").FullName;
            try
            {
                await File.WriteAllTextAsync(Path.Combine(folder, "model.py"), script).ConfigureAwait(false);
                var info = new ModelInfo("bench", "1", "Bench", "", true, false, new ModelSizes(64, 1024, 2), []);
                using var model = WorkerModel.Load(new WorkerSpec(info, new WorkerCommand(folder, ["python3", "model.py"], 1024)), Time);
                using var session = (WorkerStream)model.CreateSession(Side, Side);
                await StepsAsync(session, 100, 0).ConfigureAwait(false);
                Row(name, "no", await StepsAsync(session, steps, 0).ConfigureAwait(false));
                Row(name, $"{rate:0}/s", await StepsAsync(session, steps, rate).ConfigureAwait(false));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        Console.Write(text);
        if (arguments.Has("--write"))
            await File.WriteAllTextAsync(Path.Combine(Machine.Repository, "bench", "results", "workers.md"), text.ToString())
                .ConfigureAwait(false);
        return 0;

        void Line(string line) => text.Append(line).Append('\n');

        void Row(string name, string paced, List<(double Step, double Model)> all)
        {
            var cost = all.Select(s => s.Step - s.Model).ToList();
            Line(FormattableString.Invariant(
                $"| {name} | {paced} | {P(all.Select(s => s.Step), 0.5):0.00} | {P(all.Select(s => s.Model), 0.5):0.00} | {P(cost, 0.05):0.00} ")
                + FormattableString.Invariant(
                $"| {P(cost, 0.5):0.00} | {P(cost, 0.95):0.00} | {P(cost, 0.99):0.00} | {all.Count} |"));
        }

        static double P(IEnumerable<double> values, double quantile) => Statistics.Quantile(values, quantile);
    }

    private static double Conversion()
    {
        using var frame = Pool.Rent(Side, Side);
        frame.Y.Fill(120);
        frame.U.Fill(110);
        frame.V.Fill(140);
        var pixels = new byte[3 * Side * Side];
        var all = new List<double>();
        for (var i = 0; i < 1000; i++)
        {
            var began = Time.GetTimestamp();
            ColourConversion.ToRgb24(frame, pixels);
            ColourConversion.FromRgb24(pixels, frame);
            all.Add(Time.GetElapsedTime(began).TotalMilliseconds);
        }
        return Statistics.Quantile(all, 0.5);
    }

    private static async Task<List<(double Step, double Model)>> StepsAsync(WorkerStream session, int count, double rate)
    {
        var scene = new MovingScene(Side, Side, 30, Pool);
        var all = new List<(double, double)>();
        var made = new MadeFrame[1];
        using var pace = rate > 0 ? new PeriodicTimer(TimeSpan.FromSeconds(1 / rate), Time) : null;
        while (all.Count < count)
        {
            if (pace is not null)
                await pace.WaitForNextTickAsync().ConfigureAwait(false);
            using var frame = (await scene.ReadAsync(CancellationToken.None).ConfigureAwait(false))!;
            var began = Time.GetTimestamp();
            session.Step(frame, Prompt.None, made);
            all.Add((Time.GetElapsedTime(began).TotalMilliseconds, session.ComputeTime.TotalMilliseconds));
            made[0].Frame.Dispose();
        }
        return all;
    }
}
