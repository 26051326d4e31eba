using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Spectre.Console;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Media.Files;
using TrueLive.Models.Manifest;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Sessions;

namespace TrueLive.Cli;

/// <summary><c>truelive clip</c>: a file in, a finished file out.</summary>
internal static class ClipCommand
{
    private static readonly Argument<string?> In = new("in") { Description = "Video to read: anything that ffmpeg reads; or a folder or ZIP of numbered PNG or JPEG pictures.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<string> Out = new("--output", "-o") { Description = "File to write: .mp4, .webm, .gif, or a folder for PNG pictures.", Required = true };
    private static readonly Option<string?> PromptText = new("--prompt", "-p") { Description = "One prompt for the whole clip, or a schedule such as '0s ink; 3.5s (ink:0.5)(neon:0.5)'." };
    private static readonly Option<FileInfo?> PromptFile = new("--prompts") { Description = "File with a schedule, one entry a line." };
    private static readonly Option<float> Strength = new("--strength") { Description = "0 keeps the picture, 1 is the full look.", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> Transition = new("--transition-ms") { Description = "Milliseconds over which one look turns into the next.", DefaultValueFactory = _ => 300 };
    private static readonly Option<string?> Model = new("--model") { Description = "Model id (see truelive models); default the built-in network." };
    private static readonly Option<string?> ModelsFolder = new("--models-folder") { Description = "Folder with more ONNX models." };
    private static readonly Option<string?> Size = new("--size") { Description = "Picture size such as 512x288; default the source's, as far as the model goes." };
    private static readonly Option<int> Threads = new("--threads") { Description = "Threads of one model step; 0 takes all cores (with --segments: scenes at once). Frames are the same with any number." };
    private static readonly Option<double> Rate = new("--fps") { Description = "Frames per second of a folder or ZIP of pictures.", DefaultValueFactory = _ => ImageSequence.DefaultRate };
    private static readonly Option<string?> Format = new("--format") { Description = "mp4 (H.264), webm (VP9), av1 (AV1 in MP4), gif or png; default by the output's name." };
    private static readonly Option<bool> Segments = new("--segments") { Description = "Divide at scene cuts and work on the scenes side by side, each with a memory warmed up on the half second before it: faster on many cores, but frames after a cut can differ slightly." };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on where an earlier run of the same input and settings stopped." };
    private static readonly Option<string> OnCancel = new("--on-cancel") { Description = "What Ctrl-C leaves: keep (a playable file up to there, and --resume goes on) or discard (nothing).", DefaultValueFactory = _ => "keep" };
    private static readonly Option<DirectoryInfo?> FromJournal = new("--from-journal") { Description = "Render a recorded live session again: its folder under DATA/clips/journals. Its own prompts apply, each from the frame at which it applied live." };
    private static readonly Option<long?> Seed = new("--seed") { Description = "Only for models with randomness. The built-in network has none: the same input, prompts and settings always give the same frames." };

    public static Command Make()
    {
        OnCancel.AcceptOnlyFromAmong("keep", "discard");
        var clip = new Command("clip", TierWords.Means(Tier.Clip)) { In, Out, PromptText, PromptFile, Strength, Transition, Model, ModelsFolder, Size, Threads, Rate, Format, Segments, Resume, OnCancel, FromJournal, Seed };
        clip.SetAction((parsed, cancel) => RunAsync(parsed, cancel));
        return clip;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        try
        {
            using var shelf = Models(parsed);
            var settings = Settings(parsed, shelf);
            return await RenderAsync(settings, parsed, cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is MediaFileException or ModelStepException or ModelException or ConfigurationException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(error.Message).ConfigureAwait(false);
            return 1;
        }
    }

    private static ModelShelf Models(ParseResult parsed)
    {
        var threads = parsed.GetValue(Threads);
        if (threads is < 0 or > 256)
            throw new ArgumentException("--threads must be within 0..256.");
        var perStep = threads > 0 && !parsed.GetValue(Segments) ? threads : parsed.GetValue(Segments) ? 1 : Environment.ProcessorCount;
        var model = parsed.GetValue(Model) ?? (parsed.GetValue(FromJournal) is { } folder ? Journal.Open(folder.FullName)?.Model : null) ?? "";
        return ModelShelf.Load(new ServerOptions { Model = model, ModelsFolder = parsed.GetValue(ModelsFolder) ?? "", ModelThreads = perStep }, TimeProvider.System, Console.Error);
    }

    private static ClipFileSettings Settings(ParseResult parsed, ModelShelf shelf)
    {
        var output = parsed.GetValue(Out)!;
        var journal = parsed.GetValue(FromJournal) is { } folder ? Journal.Open(folder.FullName) ?? throw new ArgumentException($"{folder} holds no journal.") : null;
        if (journal is not null && (parsed.GetValue(In) ?? parsed.GetValue(PromptText) ?? parsed.GetValue(PromptFile)?.FullName) is not null)
            throw new ArgumentException("A journal has its own video and prompts: leave out the input, --prompt and --prompts.");
        var input = journal?.VideoPath ?? parsed.GetValue(In) ?? throw new ArgumentException("Name the video to read.");
        if (parsed.GetValue(Seed) is not null)
            throw new ArgumentException($"{shelf.Default.Info.Title} has no randomness, so --seed would change nothing. Leave it out.");
        if (Path.TrimEndingDirectorySeparator(Path.GetFullPath(input)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)))
            throw new ArgumentException("Input and output are the same file. Choose another name with -o.");
        var text = parsed.GetValue(PromptFile) is { } file ? File.ReadAllText(file.FullName) : parsed.GetValue(PromptText) ?? "";
        if (!PromptSchedule.TryParse(text, out var schedule, out var wrong))
            throw new ArgumentException(wrong);
        if (parsed.GetValue(Strength) is not (>= 0 and <= 1))
            throw new ArgumentException("--strength must be within 0..1.");
        if (parsed.GetValue(Transition) is < 0 or > 10_000)
            throw new ArgumentException("--transition-ms must be within 0..10000.");
        (int Width, int Height) size = default;
        if (parsed.GetValue(Size) is { } asked && !PictureSize.TryParse(asked, out size))
            throw new ArgumentException($"--size is '{asked}'. Write it as 512x288, both sides within 16..4096.");
        var unknown = schedule.Cues.SelectMany(c => shelf.Default.Read(c.Text).UnknownWords).Distinct().ToArray();
        if (unknown.Length > 0)
            Console.Error.WriteLine($"These words mean nothing to {shelf.Default.Info.Title}: {string.Join(", ", unknown)}.");
        if (journal?.OtherModel(shelf.Default.Info) is { } other)
            Console.Error.WriteLine(other);
        var (recorded, resets) = journal?.Prompts(shelf.Default) ?? (default, []);
        return new ClipFileSettings
        {
            Recorded = recorded,
            Resets = resets,
            Input = input,
            Output = output,
            Prompts = schedule,
            Model = shelf.Default,
            Strength = parsed.GetValue(Strength),
            Transition = TimeSpan.FromMilliseconds(parsed.GetValue(Transition)),
            Size = size,
            Format = ClipFormats.Find(parsed.GetValue(Format), output) ?? throw new ArgumentException("--format must be mp4, webm, av1, gif or png."),
            Segments = parsed.GetValue(Segments),
            Workers = parsed.GetValue(Threads) is > 0 and var workers ? workers : Environment.ProcessorCount,
            Resume = parsed.GetValue(Resume),
            KeepCancelled = parsed.GetValue(OnCancel) == "keep",
        };
    }

    private static async Task<int> RenderAsync(ClipFileSettings settings, ParseResult parsed, CancellationToken ended)
    {
        FileJoin.CheckOutput(settings.Output, settings.Format);
        if (!ImageSequence.Is(settings.Input))
            return await RenderAsync(settings, ended).ConfigureAwait(false);
        var packed = Path.TrimEndingDirectorySeparator(Path.GetFullPath(settings.Output)) + ".truelive-pictures.mkv";
        try
        {
            await ImageSequence.PackAsync(settings.Input, parsed.GetValue(Rate), packed, long.MaxValue, ended).ConfigureAwait(false);
            return await RenderAsync(settings with { Input = packed }, ended).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(packed);
        }
    }

    private static async Task<int> RenderAsync(ClipFileSettings settings, CancellationToken ended)
    {
        var render = new ClipFileRender(settings, TimeProvider.System);
        using var stop = new CancellationTokenSource();
        using var cancel = new CancellationTokenSource();
        void End(PosixSignalContext signal)
        {
            // The first signal ends it cleanly; a second one at once.
            signal.Cancel = true;
            (settings.KeepCancelled && !stop.IsCancellationRequested ? stop : cancel).Cancel();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        // One that came while the model was loaded.
        if (ended.IsCancellationRequested)
            await cancel.CancelAsync().ConfigureAwait(false);
        try
        {
            var result = await ShowAsync(render, render.RunAsync(stop.Token, cancel.Token)).ConfigureAwait(false);
            foreach (var note in result.Notes)
                await Console.Out.WriteLineAsync(note).ConfigureAwait(false);
            var fps = (result.Frames - result.Resumed) / Math.Max(0.001, result.Elapsed.TotalSeconds);
            await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{settings.Output}: {result.Frames} frames, {result.Length.TotalSeconds:0.0} s, {result.Bytes / 1024} KB; {result.Elapsed.TotalSeconds:0.0} s of work at {fps:0.0} frames/s. Tier 1 (clip).")).ConfigureAwait(false);
            if (result.Resumed > 0)
                await Console.Out.WriteLineAsync($"{result.Resumed} of the frames were there from an earlier run.").ConfigureAwait(false);
            if (!result.Complete)
                await Console.Out.WriteLineAsync("It was stopped: the file ends early. The same command with --resume goes on from here.").ConfigureAwait(false);
            return result.Complete ? 0 : 130;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(Directory.Exists(settings.WorkPath) ? "It was stopped. " + GoesOn(settings) : "It was stopped; nothing is left.").ConfigureAwait(false);
            return 130;
        }
        catch (Exception error) when (Directory.Exists(settings.WorkPath) && error is MediaFileException or ModelStepException or IOException)
        {
            await Console.Error.WriteLineAsync($"{error.Message} {GoesOn(settings)}").ConfigureAwait(false);
            return 1;
        }
    }

    private static string GoesOn(ClipFileSettings settings) => $"What was finished lies in {settings.WorkPath}: the same command with --resume goes on from there.";

    private static async Task<ClipFileResult> ShowAsync(ClipFileRender render, Task<ClipFileResult> work)
    {
        if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
            return await work.ConfigureAwait(false);
        await AnsiConsole.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async shown =>
            {
                var bar = shown.AddTask("Reads the file.");
                while (!work.IsCompleted)
                {
                    var p = render.Progress;
                    bar.IsIndeterminate = p.FramesTotal == 0;
                    bar.MaxValue = Math.Max(1, p.FramesTotal);
                    bar.Value = p.FramesDone;
                    bar.Description = p.FramesDone == 0 ? p.Note : string.Create(CultureInfo.InvariantCulture,
                        $"{p.FramesDone} frames, {p.Fps:0.0}/s{(p.TimesRealTime > 0 ? $", {p.TimesRealTime:0.00} x real time" : "")}{(p.Left is { } left ? $", {left:hh\\:mm\\:ss} left" : "")}");
                    await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(250), TimeProvider.System)).ConfigureAwait(false);
                }
            }).ConfigureAwait(false);
        return await work.ConfigureAwait(false);
    }
}
