using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Spectre.Console;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Media.Files;
using TrueLive.Models.Manifest;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;

namespace TrueLive.Cli;

/// <summary><c>truelive clip</c>: renders a video file into another.</summary>
internal static class ClipCommand
{
    private static readonly Argument<string?> In = new("in")
    {
        Description = "Video to read: anything that ffmpeg reads; or a folder or ZIP of numbered PNG or JPEG pictures.",
        Arity = ArgumentArity.ZeroOrOne
    };
    private static readonly Option<string> Out = new("--output", "-o")
    { Description = "File to write: .mp4, .mov, .mkv, .webm, .gif, or a folder for PNG pictures.", Required = true };
    private static readonly Option<string?> PromptText = new("--prompt", "-p")
    { Description = "One prompt for the whole clip, whatever characters it holds." };
    private static readonly Option<string?> Schedule = new("--prompts")
    { Description = "Prompts over time: a schedule such as '0s ink; 3.5s (ink:0.5)(neon:0.5)', or a file with one, an entry a line." };
    private static readonly Option<float> Strength = new("--strength")
    { Description = "0 keeps the picture, 1 is the full look.", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> Transition = new("--transition-ms")
    { Description = "Milliseconds over which one look turns into the next.", DefaultValueFactory = _ => 300 };
    private static readonly Option<string?> Set = new("--set")
    {
        Description = "Values of the model's parameters, over time as for --prompts: 'seed=7', or '0s seed=7; 2s seed=9 " +
        "guidance=full'; a reference picture by its file."
    };
    private static readonly Option<string?> Model = new("--model")
    { Description = "Model id (see truelive models); default the built-in network." };
    private static readonly Option<string?> ModelsFolder = new("--models-folder") { Description = "Folder with more ONNX models." };
    private static readonly Option<string?> Size = new("--size")
    {
        Description = "Size into which the picture fits, such as 512x288, or with an exclamation mark (512x288!) a size that it is " +
        "stretched to; default the source's, as far as the model goes."
    };
    private static readonly Option<string> Background = new("--background")
    { Description = "Colour where the source is transparent: #00b140, white, ...", DefaultValueFactory = _ => "black" };
    private static readonly Option<string> Device = DeviceOption.Make();
    private static readonly Option<int> Threads = new("--threads")
    {
        Description = "Threads of one model step; 0 takes all cores (with --segments: scenes at once). Frames are the same with " +
        "any number."
    };
    private static readonly Option<double> Rate = new("--fps")
    { Description = "Frames per second of a folder or ZIP of pictures.", DefaultValueFactory = _ => ImageSequence.DefaultRate };
    private static readonly Option<string?> Format = new("--format")
    {
        Description = "mp4, mov or mkv (H.264), webm (VP9), av1 (AV1 in MP4), gif or png; default by the output's name, with which it " +
        "must agree."
    };
    private static readonly Option<bool> Segments = new("--segments")
    {
        Description = "Divide at scene cuts and work on the scenes side by side, each with a memory warmed up on the half second " +
        "before it: faster on many cores, but frames after a cut can differ slightly."
    };
    private static readonly Option<bool> Resume = new("--resume")
    { Description = "Go on where an earlier run of the same input and settings stopped." };
    private static readonly Option<string> OnCancel = new("--on-cancel")
    {
        Description = "What Ctrl-C leaves: keep (a playable file up to there, and --resume goes on) or discard (nothing).",
        DefaultValueFactory = _ => "keep"
    };
    private static readonly Option<DirectoryInfo?> FromJournal = new("--from-journal")
    {
        Description = "Render a recorded live session again: its folder under DATA/clips/journals. Its own prompts apply, each from " +
        "the frame at which it applied live."
    };
    private static readonly Option<long?> Seed = new("--seed")
    {
        Description = "Only for models with randomness. The built-in model has none: the same input, prompts and settings always give " +
        "the same frames."
    };

    public static Command Make()
    {
        OnCancel.AcceptOnlyFromAmong("keep", "discard");
        var clip = new Command("clip", TierWords.Means(Tier.Clip)) { In, Out, PromptText, Schedule, Strength, Transition, Set, Model,
            ModelsFolder, Size, Background, Device, Threads, Rate, Format, Segments, Resume, OnCancel, FromJournal, Seed };
        clip.SetAction((parsed, cancel) => RunAsync(parsed, cancel));
        return clip;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        try
        {
            using var models = Models(parsed);
            var (set, pictures) = await NamedPictures.ReadAsync(parsed.GetValue(Set), models.Default.Info.Parameters, cancel)
                .ConfigureAwait(false);
            var settings = Settings(parsed, models, set, pictures);
            return await RenderAsync(settings, parsed, cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is MediaException or ModelStepException or ModelException or ConfigurationException
            or ArgumentException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(error.Message).ConfigureAwait(false);
            return 1;
        }
    }

    private static ModelStore Models(ParseResult parsed)
    {
        var threads = parsed.GetValue(Threads);
        if (threads is < 0 or > 256)
            throw new ArgumentException("--threads must be within 0..256.");
        var perStep = threads > 0 && !parsed.GetValue(Segments) ? threads : parsed.GetValue(Segments) ? 1 : Environment.ProcessorCount;
        var model = parsed.GetValue(Model) ?? (parsed.GetValue(FromJournal) is { } folder ? Journal.Open(folder.FullName)?.Model : null)
            ?? "";
        return ModelStore.Load(new ServerOptions
        {
            Model = model,
            ModelsFolder = parsed.GetValue(ModelsFolder) ?? "",
            ModelThreads = perStep,
            Device = parsed.GetValue(Device)!
        }, TimeProvider.System, Console.Error);
    }

    private static ClipFileSettings Settings(ParseResult parsed, ModelStore models, string? given, IReadOnlyList<ReferencePicture> pictures)
    {
        var output = parsed.GetValue(Out)!;
        var format = ClipFormats.ForOutput(parsed.GetValue(Format), output);
        var journal = parsed.GetValue(FromJournal) is { } folder
            ? Journal.Open(folder.FullName) ?? throw new ArgumentException($"{folder} holds no journal.")
            : null;
        if (journal is not null && (parsed.GetValue(In) ?? parsed.GetValue(PromptText) ?? parsed.GetValue(Schedule)) is not null)
            throw new ArgumentException("A journal has its own video and prompts: leave out the input, --prompt and --prompts.");
        var input = journal?.VideoPath ?? parsed.GetValue(In) ?? throw new ArgumentException("Name the video to read.");
        if (ClipValues.Refuse(models.Default, given, parsed.GetValue(Seed), pictures, out var set) is { } wrongValues)
            throw new ArgumentException(wrongValues);
        if (journal is not null && set is not null)
            throw new ArgumentException("A journal has its own values: leave out --set and --seed.");
        ValueSchedule.TryParse(set, models.Default.Info.Parameters, out var values, out _, pictures);
        if (Path.TrimEndingDirectorySeparator(Path.GetFullPath(input)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)))
            throw new ArgumentException("Input and output are the same file. Choose another name with -o.");
        var schedule = Prompts(parsed.GetValue(PromptText), parsed.GetValue(Schedule));
        if (parsed.GetValue(Strength) is not (>= 0 and <= 1))
            throw new ArgumentException("--strength must be within 0..1.");
        if (parsed.GetValue(Transition) is < 0 or > 10_000)
            throw new ArgumentException("--transition-ms must be within 0..10000.");
        var (size, stretch) = ((Width: 0, Height: 0), false);
        if (parsed.GetValue(Size) is { } asked && !ClipSize.TryParse(asked, out size, out stretch))
            throw new ArgumentException($"--size is '{asked}'. {ClipSize.Rule}");
        if (!Backdrop.TryParse(parsed.GetValue(Background)!, out var backdrop))
            throw new ArgumentException($"--background is '{parsed.GetValue(Background)}'. {Backdrop.Rule}");
        var readings = schedule.Cues.Select(c => (c.Text, Reading: models.Default.Read(c.Text))).DistinctBy(c => c.Text).ToArray();
        var unknown = readings.Where(r => r.Reading.Note is null).SelectMany(r => r.Reading.UnknownWords).Distinct().ToArray();
        if (unknown.Length > 0)
            Console.Error.WriteLine($"These words mean nothing to {models.Default.Info.Title}: {string.Join(", ", unknown)}.");
        foreach (var (text, reading) in readings.Where(r => r.Reading.Note is not null))
            Console.Error.WriteLine($"'{text}': {reading.Note}");
        if (journal?.OtherModel(models.Default.Info) is { } other)
            Console.Error.WriteLine(other);
        var (recorded, resets) = journal?.Prompts(models.Default) ?? (default, []);
        return new ClipFileSettings
        {
            Recorded = recorded,
            Resets = resets,
            Input = input,
            Output = output,
            Prompts = schedule,
            Model = models.Default,
            Strength = parsed.GetValue(Strength),
            Values = values,
            Transition = TimeSpan.FromMilliseconds(parsed.GetValue(Transition)),
            Size = size,
            Stretch = stretch,
            Backdrop = backdrop,
            Format = format,
            Segments = parsed.GetValue(Segments),
            Workers = parsed.GetValue(Threads) is > 0 and var workers ? workers : Environment.ProcessorCount,
            Resume = parsed.GetValue(Resume),
            KeepCancelled = parsed.GetValue(OnCancel) == "keep",
        };
    }

    private static PromptSchedule Prompts(string? one, string? several)
    {
        if (one is not null && several is not null)
            throw new ArgumentException("Give either --prompt (one prompt) or --prompts (a schedule).");
        if (several is null)
            return PromptSchedule.TryOne(one ?? "", out var single, out var tooLong) ? single : throw new ArgumentException(tooLong);
        var isFile = File.Exists(several);
        if (!isFile && !char.IsAsciiDigit(several.TrimStart().FirstOrDefault()))
            throw new ArgumentException($"There is no file '{several}', and a schedule begins with a time: '0s ink; 3.5s neon'. One " +
                "prompt for the whole clip is --prompt.");
        return PromptSchedule.TryParse(isFile ? File.ReadAllText(several) : several, out var schedule, out var wrong)
            ? schedule
            : throw new ArgumentException(wrong);
    }

    private static async Task<int> RenderAsync(ClipFileSettings settings, ParseResult parsed, CancellationToken ended)
    {
        FileJoin.CheckOutput(settings.Output, settings.Format);
        if (!PackedInput.Is(settings.Input))
            return await RenderAsync(settings, ended).ConfigureAwait(false);
        var packed = OutputName.Beside(settings.Output, ".truelive-pictures.mkv");
        try
        {
            await PackedInput.PackAsync(settings.Input, parsed.GetValue(Rate), packed, long.MaxValue, ended).ConfigureAwait(false);
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
            // The first signal stops cleanly, a second one immediately.
            signal.Cancel = true;
            (settings.KeepCancelled && !stop.IsCancellationRequested ? stop : cancel).Cancel();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        // The signal may have arrived while the model was being loaded.
        if (ended.IsCancellationRequested)
            await cancel.CancelAsync().ConfigureAwait(false);
        try
        {
            var result = await ShowAsync(render, render.RunAsync(stop.Token, cancel.Token)).ConfigureAwait(false);
            foreach (var note in result.Notes)
                await Console.Out.WriteLineAsync(note).ConfigureAwait(false);
            var fps = (result.Frames - result.Resumed) / Math.Max(0.001, result.Elapsed.TotalSeconds);
            await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{settings.Output}: {result.Frames} frames, {result.Length.TotalSeconds:0.0} s, {result.Bytes / 1024} KB; " +
                    $"{result.Elapsed.TotalSeconds:0.0} s of work at {fps:0.0} frames/s. Tier 1 (clip).")).ConfigureAwait(false);
            if (result.Resumed > 0)
                await Console.Out.WriteLineAsync($"{result.Resumed} of the frames were there from an earlier run.").ConfigureAwait(false);
            if (!result.Complete)
                await Console.Out.WriteLineAsync("It was stopped: the file ends early. The same command with --resume goes on from here.")
                    .ConfigureAwait(false);
            return result.Complete ? 0 : 130;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(Directory.Exists(settings.WorkPath)
                ? "It was stopped. " + GoesOn(settings)
                : "It was stopped; nothing is left.").ConfigureAwait(false);
            return 130;
        }
        catch (Exception error) when (Directory.Exists(settings.WorkPath) && error is MediaException or ModelStepException or IOException)
        {
            // The same command would fail in the same way: retrying helps only after something has changed.
            var advice = error is MediaInterruptedException ? GoesOn(settings)
                : settings.Resume && render.FramesMade == 0
                    ? $"What was finished before stays in {settings.WorkPath}, but --resume came no further: mend the cause first, or " +
                    "delete that folder."
                : $"What was finished lies in {settings.WorkPath}. Once the cause is mended, the same command with --resume goes on " +
                    "from there.";
            await Console.Error.WriteLineAsync($"{error.Message} {advice}").ConfigureAwait(false);
            return 1;
        }
    }

    private static string GoesOn(ClipFileSettings settings) =>
        $"What was finished lies in {settings.WorkPath}: the same command with --resume goes on from there.";

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
