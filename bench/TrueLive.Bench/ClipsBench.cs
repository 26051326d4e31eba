using System.CommandLine;
using System.Globalization;
using System.Text;
using TrueLive.Cli;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Files;
using TrueLive.Models.Masks;
using TrueLive.Models.Onnx;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;

namespace TrueLive.Bench;

/// <summary>
/// Compares our rendering from file to file with the pipeline that a user would write in an afternoon (ffmpeg pipe, the same ONNX file in a
/// loop, ffmpeg pipe), in turn on the same film, and with the bare model.
/// </summary>
internal static class ClipsBench
{
    private const int BareFrames = 150;
    private static readonly Option<FileInfo?> Input = new("--input")
    { Description = "Film to render; default one that ffmpeg makes (1280x720, 30 fps)." };
    private static readonly Option<int> Seconds = new("--seconds")
    { Description = "Length of the made film.", DefaultValueFactory = _ => 20 };
    private static readonly Option<string[]> Sizes = new("--size")
    {
        Description = "Size that the model runs at; may be given more than once. Default the film's own, as truelive clip takes it, " +
        "and 512x288."
    };
    private static readonly Option<int> Rounds = new("--rounds")
    { Description = "Times that each is measured, in turns.", DefaultValueFactory = _ => 5 };
    private static readonly Option<string?> Write = new("--write")
    { Description = "Write clips.md into this folder (default bench/results).", Arity = ArgumentArity.ZeroOrOne };

    public static Command Make()
    {
        var clips = new Command("clips", "File to file: ours against a plain pipeline on the same network, and against the bare network.")
            { Input, Seconds, Sizes, Rounds, Write };
        clips.SetAction((parsed, cancel) => RunAsync(parsed, cancel));
        return clips;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var asked = new List<(int Width, int Height)>();
        if (!(parsed.GetValue(Sizes) ?? []).All(Asked) || parsed.GetValue(Rounds) is < 1 or > 100
            || parsed.GetValue(Seconds) is < 1 or > 600)
        {
            await Console.Error.WriteLineAsync("--size must look like 512x288, --rounds be within 1..100, --seconds within 1..600.")
                .ConfigureAwait(false);
            return 1;
        }
        bool Asked(string text)
        {
            var understood = PictureSize.TryParse(text, out var size);
            asked.Add(size);
            return understood;
        }

        var time = TimeProvider.System;
        var machine = BenchReport.Machine(time);
        var folder = Directory.CreateTempSubdirectory("truelive-bench-").FullName;
        try
        {
            using var models = ModelStore.Load(new ServerOptions { ModelThreads = Environment.ProcessorCount }, time, Console.Error);
            using var narrow = ModelStore.Load(new ServerOptions { ModelThreads = 1 }, time, Console.Error);
            if (MaskedModel.Bare(models.Default) is not OnnxVideoModel model
                || MaskedModel.Bare(narrow.Default) is not OnnxVideoModel single)
                throw new InvalidOperationException("The built-in network is missing.");
            using var runtime = WholeGraph.Load(model.Manifest.Folder, Environment.ProcessorCount, time);
            var path = parsed.GetValue(Input)?.FullName ?? await BenchReport.MakeFilmAsync(folder, parsed.GetValue(Seconds), cancel)
                .ConfigureAwait(false);
            var film = await MediaFile.OpenAsync(path, cancel).ConfigureAwait(false);
            if (asked.Count == 0)
                asked = [(film.Width, film.Height), (512, 288)];
            var results = new List<SizeResult>();
            foreach (var size in asked.Select(a => model.Info.Sizes.Nearest(a.Width, a.Height)).Distinct())
                results.Add(await MeasureAsync(film, model, single, runtime, size, parsed.GetValue(Rounds), folder, time, cancel)
                    .ConfigureAwait(false));
            BenchReport.Give(Report(results, film, model, machine),
                parsed.GetResult(Write) is null ? null : parsed.GetValue(Write) ?? "bench/results", "clips.md");
            return 0;
        }
        catch (MediaException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message).ConfigureAwait(false);
            return 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>
    /// Frames per second of each pipeline at one size, and milliseconds of processor time that ours spent on codecs per frame; one figure
    /// per round.
    /// </summary>
    private sealed record SizeResult((int Width, int Height) Size, List<double> Ours, List<double> Plain, List<double> Bare,
        List<double> Wide, List<double> Runtime, List<double> Codecs, string Cores)
    {
        // The frame rate if all cores did nothing but codecs and the bare step, without waiting.
        public List<double> Full => [.. Bare.Zip(Codecs, (bare, codecs) => 1 / (1 / bare + codecs / 1000 / Environment.ProcessorCount))];
    }

    private static async Task<SizeResult> MeasureAsync(MediaFile film, OnnxVideoModel model, OnnxVideoModel single, OnnxVideoModel runtime,
        (int Width, int Height) size, int rounds, string folder, TimeProvider time, CancellationToken cancel)
    {
        var frames = await FramesAsync(film, size, cancel).ConfigureAwait(false);
        using var cores = new WholeCores();
        var result = new SizeResult(size, [], [], [], [], [], [], "");
        for (var round = 1; round <= rounds; round++)
        {
            Console.WriteLine($"{size.Width}x{size.Height}, round {round} of {rounds}.");
            // The bare model is measured before and after, since the speed of a virtual core changes within a quarter of a minute.
            var before = Bare([model], frames, time);
            var codecs = ChildTime.Spent;
            result.Ours.Add(await OursAsync(film, model, size, folder, time, cancel).ConfigureAwait(false));
            result.Codecs.Add((ChildTime.Spent - codecs).TotalMilliseconds / film.Frames);
            result.Bare.Add((before + Bare([model], frames, time)) / 2);
            result.Plain.Add(await PlainAsync(film, model, size, folder, time, cancel).ConfigureAwait(false));
            result.Runtime.Add(Bare([runtime], frames, time));
            result.Wide.Add(Bare([.. Enumerable.Repeat(single, Environment.ProcessorCount)], frames, time));
        }
        foreach (var frame in frames)
            frame.Dispose();
        return result with { Cores = cores.ToString() };
    }

    private static string Report(List<SizeResult> results, MediaFile film, OnnxVideoModel model, string machine)
    {
        var text = new StringBuilder();
        text.Append("# Clips: ours against a plain pipeline\n\n| size | ratio, per round | median (range, n) | goal " +
            "|\n|---|---|---|---|\n");
        foreach (var r in results)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Of(r)} | ours / plain pipeline | {Ratio(r.Ours, r.Plain)} | >= 1.6 |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | ours / the bare model in ONNX Runtime on all cores | {Ratio(r.Ours, r.Runtime)} | >= 0.85 |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | ours / our own bare step on all cores | {Ratio(r.Ours, r.Bare)} | >= 0.85 |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | ours / our own bare step and the codecs on all cores, none of which ever waits | {Ratio(r.Ours, r.Full)} | " +
                $"none set |\n");
        }
        text.Append("\n| size | frames per second | median (range, n) |\n|---|---|---|\n");
        foreach (var r in results)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | ours: `truelive clip`, {model.Threads} threads a step | {BenchReport.Spread(r.Ours, "0.0")} |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | plain: ffmpeg pipe, ONNX Runtime with its defaults, ffmpeg pipe, one after the other | " +
                $"{BenchReport.Spread(r.Plain, "0.0")} |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | the bare model in ONNX Runtime, one stream on {model.Threads} threads | " +
                $"{BenchReport.Spread(r.Runtime, "0.0")} |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | our own bare step, one stream on {model.Threads} threads | {BenchReport.Spread(r.Bare, "0.0")} |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | our own bare step and the codecs on all cores, computed | {BenchReport.Spread(r.Full, "0.0")} |\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {Of(r)} | our own bare step, {Environment.ProcessorCount} streams of one thread | " +
                $"{BenchReport.Spread(r.Wide, "0.0")} |\n");
        }
        return text.Append(CultureInfo.InvariantCulture, $"""

            Method: the film ({film.Width}x{film.Height}, {film.Frames} frames, {film.Codec}, {new FileInfo(film.Path).Length * 8 / film.Duration.TotalSeconds / 1e6:0.0} Mbit/s) is rendered from file to file (H.264, x264, crf 18) with {model.Info.Id} {model.Info.Version} by
            each in turn, start of the processes included, loading of the network not. The plain pipeline has x264's preset veryfast; ours leaves out the smallest
            blocks of it, which takes a fifth off the encoder's time for 2 % of the bytes. `truelive clip` takes the film's own size where none is asked for,
            as far as the model goes. The plain pipeline decodes to RGB, fills a tensor for each call, and writes RGB to the encoder. The bare step
            is given the first {BareFrames} of the film's own frames, decoded beforehand, once before and once after ours, and includes the conversion from and to YUV and the search for
            motion. One clip is one stream: its memory runs from frame to frame, so that it can keep all cores busy only as far as one step uses
            them; as many streams as cores leave no core waiting. Decoding, scaling and encoding take cores from both, and weigh the less the
            larger the picture is that the network works on: {string.Join(", ", results.Select(r => $"at {Of(r)} {BenchReport.Spread(r.Codecs, "0.0")} ms of processor time a frame"))}, by
            getrusage(2). Cores that never waited would take the sum of that and the bare step's for a frame: what is missing to 1 is lost by waiting, by sharing caches, and
            by starting.
            {string.Join("\n", results.Select(r => $"At {Of(r)}: {r.Cores.ToLowerInvariant()}."))}
            Machine: {machine}.

            """).ToString();

        static string Of(SizeResult r) => $"{r.Size.Width}x{r.Size.Height}";

        static string Ratio(List<double> a, List<double> b) => BenchReport.Spread([.. a.Zip(b, (x, y) => x / y)], "0.00");
    }

    private static async Task<double> OursAsync(
        MediaFile film, OnnxVideoModel model, (int Width, int Height) size, string folder, TimeProvider time, CancellationToken cancel)
    {
        if (!PromptSchedule.TryParse("ink", out var prompts, out var error))
            throw new InvalidOperationException(error);
        var result = await new ClipFileRender(new ClipFileSettings
        { Input = film.Path, Output = Path.Combine(folder, "ours.mp4"), Prompts = prompts, Model = model, Size = size }, time)
            .RunAsync(CancellationToken.None, cancel).ConfigureAwait(false);
        return result.Frames / result.Elapsed.TotalSeconds;
    }

    private static async Task<double> PlainAsync(
        MediaFile film, OnnxVideoModel model, (int Width, int Height) size, string folder, TimeProvider time, CancellationToken cancel)
    {
        using var network = new PlainOnnxLoop(model, size.Width, size.Height, "ink");
        var began = time.GetTimestamp();
        var shape = $"{size.Width}x{size.Height}";
        await using var decoder = FfmpegChild.Start("ffmpeg",
            ["-loglevel", "error", .. FfmpegChild.SafeInput(film.Path), "-vf", $"scale={size.Width}:{size.Height}", "-f", "rawvideo",
            "-pix_fmt", "rgb24", "pipe:1"], TimeSpan.FromHours(1));
        await using var encoder = FfmpegChild.Start(
            "ffmpeg", ["-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", shape, "-r",
                film.FrameRate.ToString(CultureInfo.InvariantCulture), "-i", "pipe:0", "-c:v", "libx264", "-preset", "veryfast", "-crf",
                "18", "-pix_fmt", "yuv420p", Path.Combine(folder, "plain.mp4")],
            TimeSpan.FromHours(1));
        var rgb = new byte[3 * size.Width * size.Height];
        var frames = 0;
        while (await decoder.Output.ReadAtLeastAsync(rgb, rgb.Length, throwOnEndOfStream: false, cancel)
            .ConfigureAwait(false) == rgb.Length)
        {
            network.Step(rgb);
            await encoder.Input.WriteAsync(rgb, cancel).ConfigureAwait(false);
            frames++;
        }
        encoder.Input.Close();
        await encoder.WaitAsync(cancel).ConfigureAwait(false);
        return frames / time.GetElapsedTime(began).TotalSeconds;
    }

    // The first frames of the film, decoded beforehand.
    private static async Task<List<VideoFrame>> FramesAsync(MediaFile film, (int Width, int Height) size, CancellationToken cancel)
    {
        var frames = new List<VideoFrame>();
        await using var source = FileSource.Open(film, size.Width, size.Height, new FramePool("bench film", BareFrames));
        while (frames.Count < BareFrames && await source.ReadAsync(cancel).ConfigureAwait(false) is { } frame)
            frames.Add(frame);
        return frames;
    }

    // Frames per second of the step alone, with all given streams at once.
    private static double Bare(IReadOnlyList<OnnxVideoModel> streams, List<VideoFrame> film, TimeProvider time)
    {
        var sessions = streams.Select(m => m.CreateSession(film[0].Width, film[0].Height)).ToArray();
        var began = time.GetTimestamp();
        var threads = sessions.Select(session => new Thread(() =>
        {
            for (var i = 0; i < BareFrames; i++)
                session.Step(film[i % film.Count], Prompt.None).Dispose();
        })).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        var fps = streams.Count * BareFrames / time.GetElapsedTime(began).TotalSeconds;
        foreach (var session in sessions)
            session.Dispose();
        return fps;
    }
}
