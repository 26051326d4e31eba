using System.CommandLine;
using System.Globalization;
using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Masks;
using TrueLive.Models.Onnx;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary>
/// <c>truelive bench models</c>: the time of a step of the shipped model and, if requested, of another one. The models take turns, frame by
/// frame, so that other load on the machine affects all of them alike; that is why ratios come first.
/// </summary>
internal static class BenchModelsCommand
{
    private const string ResultFile = "bench/results/models.md";
    private const string WholeName = "the whole graph in the runtime";
    private const string MaskName = "the mask alone, background blurred";
    private const int WarmUp = 3;

    private static readonly Option<FileInfo?> Candy = new("--candy")
    {
        Description = "candy.onnx of fast-neural-style, 720x720; it is rewritten in memory to run at 384x216. Its licence keeps it out " +
        "of this repository."
    };
    private static readonly Option<int> Rounds = new("-n", "--rounds")
    { Description = "Timed frames of each, at least 3.", DefaultValueFactory = _ => 60 };
    private static readonly Option<string?> Write = new("--write")
    { Description = $"Also write the tables to a file [{ResultFile}].", Arity = ArgumentArity.ZeroOrOne };

    private sealed record Contestant(string Name, int Threads, IModelSession Session, IReadOnlyList<VideoFrame> Frames, Prompt Prompt)
    {
        public List<double> Times { get; } = [];

        public double Quantile(double share) => Times.Order().ElementAt((int)(share * (Times.Count - 1)));

        public double Median => Quantile(0.5);
    }

    /// <param name="loadCandy">Loads the candy model at a size; null leaves out the option.</param>
    public static Command Make(Func<string, int, int, TimeProvider, IVideoModel>? loadCandy = null)
    {
        var models = new Command("models", "Time a step of the shipped model at three sizes on one and two threads, taking turns.")
            { Rounds, Write };
        if (loadCandy is not null)
            models.Options.Add(Candy);
        Rounds.Validators.Add(given =>
        {
            if (given.GetValueOrDefault<int>() < 3)
                given.AddError("--rounds must be at least 3.");
        });
        models.SetAction((parsed, cancel) => ModelsCommand.GuardAsync(async () =>
        {
            var time = TimeProvider.System;
            using var candy = loadCandy is not null && parsed.GetValue(Candy) is { } file ? loadCandy(file.FullName, 384, 216, time) : null;
            var text = Run(candy, parsed.GetValue(Rounds), time, cancel);
            Console.WriteLine(text);
            if (parsed.GetResult(Write) is { Implicit: false })
            {
                var report = parsed.GetValue(Write) ?? ResultFile;
                if (Path.GetDirectoryName(report) is { Length: > 0 } folder)
                    Directory.CreateDirectory(folder);
                await File.WriteAllTextAsync(report, text, cancel).ConfigureAwait(false);
            }
            return 0;
        }));
        return models;
    }

    private static string Run(IVideoModel? candy, int rounds, TimeProvider time, CancellationToken cancel)
    {
        var shipped = ModelFolders.In([new ServerOptions().ModelPlaces[0]]).First();
        using var one = OnnxVideoModel.Load(shipped, 1, time);
        using var two = OnnxVideoModel.Load(shipped, 2, time);
        using var whole = WholeGraph.Load(shipped, 1, time);
        using var masked = MaskedModel.Of(new PassthroughModel(), time);
        var blurred = new Prompt(1, "blur the background", 1, TimeSpan.Zero, masked.Read("blur the background"));
        var pool = new FramePool("bench", 200);
        var look = one.Info.Looks.First(l => l.Id != "identity").Id;
        var prompt = new Prompt(1, look, 1, TimeSpan.Zero, one.Read(look));
        var contestants = new List<Contestant>();
        foreach (var (width, height) in new[] { (384, 216), (512, 288), (640, 360) })
        {
            var frames = Frames(width, height, pool);
            contestants.Add(new(one.Info.Id, 1, one.CreateSession(width, height), frames, prompt));
            contestants.Add(new(one.Info.Id, 2, two.CreateSession(width, height), frames, prompt));
            contestants.Add(new(WholeName, 1, whole.CreateSession(width, height), frames, prompt));
            contestants.Add(new(MaskName, 1, masked.CreateSession(width, height), frames, blurred));
            if (candy is not null && width == 384)
                contestants.Add(new("candy", 1, candy.CreateSession(width, height), frames, Prompt.None));
        }
        var before = Load();
        for (var round = -WarmUp; round < rounds; round++)
        {
            foreach (var contestant in contestants)
            {
                cancel.ThrowIfCancellationRequested();
                var input = contestant.Frames[(round + WarmUp) % contestant.Frames.Count];
                var began = time.GetTimestamp();
                contestant.Session.Step(input, contestant.Prompt).Dispose();
                if (round >= 0)
                    contestant.Times.Add(time.GetElapsedTime(began).TotalMilliseconds);
            }
        }
        var text = Report(one, contestants, rounds, before, Load());
        foreach (var contestant in contestants)
            contestant.Session.Dispose();
        return text;
    }

    private static List<VideoFrame> Frames(int width, int height, FramePool pool)
    {
        var scene = new MovingScene(width, height, 30, pool);
        // The scene completes synchronously.
        return [.. Enumerable.Range(0, 30).Select(_ => scene.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()!)];
    }

    private static string Report(OnnxVideoModel model, List<Contestant> contestants, int rounds, string before, string after)
    {
        var text = new StringBuilder();
        var (id, sum) = (model.Info.Id, model.Manifest.Sha256?[..12] ?? "unknown");
        text.Append(CultureInfo.InvariantCulture, $"""
            # A step of the network

            Made by `truelive bench models`. {id} {model.Info.Version} (sha256 {sum}...), float32. A step is I420 in to I420 out, conversion of
            colours included; scaling and codecs are not. All rows took turns frame by frame in one run, n = {rounds} frames each after {WarmUp} that were thrown away.
            *As shipped* the convolutions are computed here where the processor has AVX2 (docs/decisions/0011); the whole graph in the runtime is the same file in ONNX
            Runtime alone, spinning off.

            Machine: {Cpu()}, {Environment.ProcessorCount} cores. Load average {before} before the run, {after} at its end{(double.Parse(before, CultureInfo.InvariantCulture) > 0.5 ? ": **the machine was not quiet, the milliseconds are too high**" : "")}.

            ## Ratios of medians


            """);
        text.Append("| what | ratio |\n|---|---|\n");
        var candy = contestants.Find(c => c.Name == "candy");
        foreach (var size in contestants.GroupBy(c => c.Session.Width))
        {
            var (one, two) = (size.First(c => c.Threads == 1 && c.Name == id), size.First(c => c.Threads == 2));
            text.Append(CultureInfo.InvariantCulture, $"| {id} {Size(one)}: two threads / one | {two.Median / one.Median:0.00} |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Size(one)}, one thread: as shipped / {WholeName} | " +
                $"{one.Median / size.First(c => c.Name == WholeName).Median:0.00} |\n");
            if (candy is not null && size.Contains(candy))
                text.Append(CultureInfo.InvariantCulture,
                    $"| {Size(one)}, one thread: {id} / candy | {one.Median / candy.Median:0.000} |\n");
        }
        text.Append("\n## Milliseconds\n\n| model | size | threads | median | 90 % | n |\n|---|---|---|---|---|---|\n");
        foreach (var c in contestants)
            text.Append(CultureInfo.InvariantCulture,
                $"| {c.Name} | {Size(c)} | {c.Threads} | {c.Median:0.0} | {c.Quantile(0.9):0.0} | {c.Times.Count} |\n");
        if (candy is not null)
            text.Append("\ncandy: fast-neural-style, 425k parameters, 720x720; sizes of input, output and transposed convolutions " +
                "rewritten in memory, weights and operators as they are.\n");
        return text.ToString();
    }

    private static string Size(Contestant c) => $"{c.Session.Width}x{c.Session.Height}";

    private static string Cpu() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
        ?? "unknown processor";

    private static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];
}
