using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Devices;
using TrueLive.Models.Manifest;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive models check</c>: runs a model on real frames.</summary>
internal static class ModelsCheckCommand
{
    private const int MaxSide = 960;

    private static readonly Argument<string> Which = new("folder-or-id")
    { Description = "Model folder, or the id of a model of this installation." };
    private static readonly Option<FileInfo?> Input = new("--input") { Description = "Video whose frames are used; default a made scene." };
    private static readonly Option<string?> Prompt = new("--prompt")
    { Description = "Prompt during the check; default the model's first look that changes the picture." };
    private static readonly Option<string[]> Sizes = new("--sizes")
    {
        Description = "Sizes to time.",
        DefaultValueFactory = _ => ["384x216", "512x288", "640x360", "1280x720"],
        AllowMultipleArgumentsPerToken = true,
    };
    private static readonly Option<int> Frames = new("--frames") { Description = "Frames, 2 to 300.", DefaultValueFactory = _ => 30 };
    private static readonly Option<int> Threads = new("--threads")
    { Description = "Threads of a step; 0 chooses by measurement, as the server does." };
    private static readonly Option<string> Device = DeviceOption.Make();
    private static readonly Option<string?> Picture = new("--picture")
    { Description = "PNG with the last frame before and after [ID-check.png]; 'none' writes none." };

    public static Command Make()
    {
        Frames.Validators.Add(given =>
        {
            if (given.GetValueOrDefault<int>() is < 2 or > 300)
                given.AddError("--frames must be 2 to 300.");
        });
        Sizes.Validators.Add(given =>
        {
            if (given.GetValueOrDefault<string[]>()!.FirstOrDefault(s => !PictureSize.TryParse(s, out _)) is { } wrong)
                given.AddError($"--sizes has '{wrong}'; a size is written like 512x288, with sides of 16 to 4096.");
        });
        var check = new Command("check",
            "Run a model on real frames: shapes, time of a step at several sizes, live frame rate here, range of the numbers, memory, " +
            "and a picture of before and after. Exit code 1 when it cannot be used or gives numbers that are not finite.")
        {
            Which, Input, Prompt, Sizes, Frames, Threads, Device, Picture, ModelsCommand.Json,
        };
        check.SetAction((parsed, cancel) => ModelsCommand.GuardAsync(() => RunAsync(parsed, cancel)));
        return check;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var options = ModelsCommand.Options(parsed);
        if (GraphDevice.Choose(parsed.GetValue(Device)!, options.DataPath, options.CudaGraphs) is { } note)
            await Console.Error.WriteLineAsync(note).ConfigureAwait(false);
        using var model = ModelLoader.Load(ModelsCommand.Find(parsed, parsed.GetValue(Which)!), parsed.GetValue(Threads),
            TimeProvider.System);
        var pool = new FramePool("model check", 300);
        var frames = await FramesAsync(parsed, pool, cancel).ConfigureAwait(false);
        var text = parsed.GetValue(Prompt) ?? model.Info.Looks.Select(l => l.Id).FirstOrDefault(l => l != "identity") ?? "";
        var sizes = parsed.GetValue(Sizes)!.Select(s => PictureSize.TryParse(s, out var size) ? size : default);
        try
        {
            using var report = ModelCheck.Run(model, frames, sizes, text, TimeProvider.System);
            var picture = parsed.GetValue(Picture) ?? model.Info.Id + "-check.png";
            if (picture != "none")
                await WriteAsync(picture, report, pool, cancel).ConfigureAwait(false);
            if (parsed.GetValue(ModelsCommand.Json))
                ModelsCommand.Print(new
                {
                    model.Info.Id,
                    model.Info.Version,
                    report.Threads,
                    model.Tensors,
                    Prompt = text,
                    report.Timings,
                    report.Output,
                    report.Memory,
                    report.Findings,
                    Picture = picture == "none" ? null : picture
                });
            else
                Show(model, report, text, picture);
            return report.Output is { NotFinite: > 0 } ? 1 : 0;
        }
        finally
        {
            foreach (var frame in frames)
                frame.Dispose();
        }
    }

    private static async Task<List<VideoFrame>> FramesAsync(ParseResult parsed, FramePool pool, CancellationToken cancel)
    {
        var frames = new List<VideoFrame>();
        var count = parsed.GetValue(Frames);
        if (parsed.GetValue(Input) is not { } input)
        {
            var scene = new MovingScene(640, 360, 30, pool);
            while (frames.Count < count)
                frames.Add((await scene.ReadAsync(cancel).ConfigureAwait(false))!);
            return frames;
        }
        var file = await MediaFile.OpenAsync(input.FullName, cancel).ConfigureAwait(false);
        var scale = Math.Min(1, (double)MaxSide / Math.Max(file.Width, file.Height));
        await using var source = FileSource.Open(file, Math.Max(2, (int)(file.Width * scale) & ~1),
            Math.Max(2, (int)(file.Height * scale) & ~1), pool);
        while (frames.Count < count && await source.ReadAsync(cancel).ConfigureAwait(false) is { } frame)
            frames.Add(frame);
        return frames.Count >= 2
            ? frames
            : throw new MediaFileException($"{input.Name} has only {frames.Count} frame(s); a check needs at least two.");
    }

    private static async Task WriteAsync(string path, ModelCheckReport report, FramePool pool, CancellationToken cancel)
    {
        // Side by side at the model's own size, so that the picture shows its output without scaling.
        int width = report.After.Width & ~1, height = report.After.Height & ~1;
        using var both = pool.Rent(2 * width, height);
        using var before = pool.Rent(report.After.Width, report.After.Height);
        new FrameScaler(report.Before.Width, report.Before.Height, before.Width, before.Height).Scale(report.Before, before);
        Place(before, both, 0, width);
        Place(report.After, both, width, width);
        await PictureFile.WritePngAsync(path, both, cancel).ConfigureAwait(false);
    }

    private static void Place(VideoFrame from, VideoFrame to, int left, int width)
    {
        for (var y = 0; y < to.Height; y++)
            from.Y.Slice(y * from.StrideY, width).CopyTo(to.Y[(y * to.StrideY + left)..]);
        for (var y = 0; y < to.ChromaHeight; y++)
        {
            from.U.Slice(y * from.StrideC, width / 2).CopyTo(to.U[(y * to.StrideC + left / 2)..]);
            from.V.Slice(y * from.StrideC, width / 2).CopyTo(to.V[(y * to.StrideC + left / 2)..]);
        }
    }

    private static void Show(FolderModel model, ModelCheckReport report, string text, string picture)
    {
        Console.WriteLine(
            $"{model.Info.Id} {model.Info.Version}: {model.Info.Title}, {report.Threads} thread(s) a step on {model.Device}{(text.Length > 0 ? $", prompt '{text}'" : "")}");
        foreach (var tensor in model.Tensors)
            Console.WriteLine($"    {tensor}");
        var table = Output.Table("size", "ms per frame (median)", "n", "live fps here, at most");
        foreach (var t in report.Timings)
            table.AddRow(Output.Cells($"{t.Width}x{t.Height}", t.MedianMs.ToString("0.0", CultureInfo.InvariantCulture), $"{t.Frames}",
                t.LiveFps.ToString("0", CultureInfo.InvariantCulture)));
        AnsiConsole.Write(table);
        if (report.Output is { } o)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"Output: {o.Min:0.###} to {o.Max:0.###} (n={o.Count} numbers), {o.NotFinite} not finite{(model.Manifest.Output!.Role == OutputRole.Data ? "" : $", {o.Outside * 100:0.0} % outside the range of the manifest")}"));
        Console.WriteLine(report.Memory is { } memory
            ? string.Create(CultureInfo.InvariantCulture,
                $"Memory: {memory.States} state(s), {memory.Bytes / 1024} KB; it changes a frame by {memory.Difference:0.00} of 255 in the mean; goes on exactly from a copy: {(memory.GoesOn ? "yes" : "NO")}")
            : "Memory: none, every frame is made for itself");
        foreach (var finding in report.Findings)
            Console.WriteLine($"Look at this: {finding}");
        if (picture != "none")
            Console.WriteLine($"Before and after: {Path.GetFullPath(picture)}");
    }
}
