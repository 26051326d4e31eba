using System.CommandLine;
using System.Text.RegularExpressions;
using Spectre.Console;
using TrueLive.Hub;
using TrueLive.Hub.Repositories;
using TrueLive.Hub.Transfer;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Devices;
using TrueLive.Models.Manifest;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive models pull</c>: takes a model from a hub or from an exported folder.</summary>
internal static partial class ModelsPullCommand
{
    private const string Runtime = "gpu-runtime";

    private static readonly Argument<string> Source = new("source")
    {
        Description = "A short name of 'truelive models list', "
        + "org/name[@revision] on the hub, a folder that an exporter wrote, or gpu-runtime (docs/gpu.md)."
    };
    private static readonly Option<bool> Accept = new("--accept-licence")
    {
        Description = "Accept the licence that the hub states, "
        + "without being asked."
    };
    private static readonly Option<string?> Network = new("--file")
    {
        Description = "The ONNX file, where there are several; of "
        + "gpu-runtime, the package that was downloaded elsewhere."
    };
    private static readonly Option<string?> Id = new("--id") { Description = "Short name for the model: a-z, 0-9 and -." };

    public static Command Make()
    {
        var pull = new Command("pull", """
            Bring a model from a hub (Hugging Face, or what HF_ENDPOINT names), check it, and put it among the models. Size and licence
            are shown first. Only ONNX and what belongs to it is downloaded; an interrupted download goes on where it was. HF_HUB_CACHE,
            HF_HOME, HF_TOKEN and HF_HUB_OFFLINE are heeded (docs/hub.md).
            """)
        {
            Source, Accept, Network, Id,
        };
        Id.Validators.Add(given =>
        {
            if (given.GetValueOrDefault<string?>() is { } id && !IdPattern().IsMatch(id))
                given.AddError($"--id is '{id}'; it must be 1 to 64 of a-z, 0-9 and -.");
        });
        pull.SetAction((parsed, cancel) => ModelsCommand.GuardAsync(() => RunAsync(parsed, cancel)));
        return pull;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var options = ModelsCommand.Options(parsed);
        var (source, network, id) = (parsed.GetValue(Source)!, parsed.GetValue(Network), parsed.GetValue(Id));
        if (source == Runtime)
            return await RuntimeAsync(parsed, options, cancel).ConfigureAwait(false);
        if (KnownModel.Find(source) is null && Directory.Exists(source))
        {
            Done(ModelFolder.Import(source, network, id, options.ModelsPath, TimeProvider.System));
            return 0;
        }
        var settings = HubSettings.Read(Environment.GetEnvironmentVariable);
        using var pull = new ModelPull(settings, TimeProvider.System);
        var plan = await pull.PlanAsync(source, network, id, cancel).ConfigureAwait(false);
        RequireFree(plan, options);
        Show(plan, settings);
        if (pull.FreeBytes() is { } free && free < plan.Bytes)
            throw new HubException($"{settings.CacheFolder} has {Size(free)} free. Make room, or name another folder with HF_HUB_CACHE.");
        if (!Accepted(parsed, plan.Repository.ToString()))
            return 1;
        var places = await DownloadAsync(pull, plan, cancel).ConfigureAwait(false);
        Console.WriteLine("Trying it here...");
        Done(ModelFolder.Install(plan, places, options.PulledPath, TimeProvider.System));
        return 0;
    }

    private static async Task<int> RuntimeAsync(ParseResult parsed, ServerOptions options, CancellationToken cancel)
    {
        var package = PinnedPackage.OfGpuRuntime;
        var pull = new GpuRuntimePull(package, GpuRuntime.FolderIn(options.DataPath), TimeProvider.System);
        Console.WriteLine($"{GpuRuntime.Package} {GpuRuntime.Version} from {package.Address.Host}: {Size(package.Size)}, of which "
            + $"{Size(package.Files.Values.Sum())} are kept\nLicence: MIT (Microsoft; ThirdPartyNotices.txt beside it). CUDA 13 and "
            + "cuDNN 9 are NVIDIA's, and are installed apart.");
        if (parsed.GetValue(Network) is { } file)
        {
            await pull.UnpackAsync(file, cancel).ConfigureAwait(false);
        }
        else
        {
            if (!Accepted(parsed, GpuRuntime.Package))
                return 1;
            await RuntimeBarAsync(pull, package, cancel).ConfigureAwait(false);
        }
        var (use, why) = ("'--device auto' takes the GPU from now on.", "");
        try
        {
            why = GraphDevice.Choose("cuda:0", options.DataPath) ?? "";
        }
        catch (ModelException wrong)
        {
            (use, why) = ("It is here, and will be used once this is mended:", wrong.Message);
        }
        Console.WriteLine($"Added {GpuRuntime.FolderIn(options.DataPath)}. {use} {why}".TrimEnd());
        return 0;
    }

    private static Task RuntimeBarAsync(GpuRuntimePull pull, PinnedPackage package, CancellationToken cancel) => Console.IsOutputRedirected
        ? pull.DownloadAsync(new Progress<long>(), cancel)
        : AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(),
        new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                var bar = context.AddTask(GpuRuntime.Package, maxValue: package.Size);
                return pull.DownloadAsync(new Bar(bar), cancel);
            });

    // Checked before gigabytes are downloaded.
    private static void RequireFree(PullPlan plan, ServerOptions options)
    {
        ModelFolder.RequireFree(plan, options.PulledPath);
        foreach (var folder in ModelFolders.In(options.ModelPlaces.Where(p => p != options.PulledPath)))
        {
            if (plan.Id == "passthrough" || Named(folder) == plan.Id)
                throw new HubException($"The model in {folder} is called '{plan.Id}' already. Choose another short name with --id.");
        }
    }

    private static string? Named(string folder)
    {
        try
        {
            return ModelManifest.Load(folder).Id;
        }
        catch (ModelException)
        {
            return null;
        }
    }

    private static void Show(PullPlan plan, HubSettings settings)
    {
        Console.WriteLine($"{plan.Repository} at {plan.Commit[..12]} on {settings.Endpoint.Host}, as '{plan.Id}': {plan.Files.Count} "
            + $"files, {Size(plan.Bytes)}; about {Size(2 * plan.Bytes)} of memory while it runs");
        foreach (var other in plan.Files.Select(f => f.Repository).Distinct().Where(r => r != plan.Repository))
            Console.WriteLine($"with the autoencoder of {other}");
        var unknown = settings.Offline ? "as the hub stated it (offline)" : "not stated; ask its makers before you use it";
        Console.WriteLine($"Licence: {(plan.Licence.Length > 0 ? plan.Licence : unknown)}");
        if (plan.Known is not null)
            Console.WriteLine("Not tried: nobody has pulled this from the real hub with TrueLive yet.");
    }

    private static bool Accepted(ParseResult parsed, string what)
    {
        if (parsed.GetValue(Accept))
            return true;
        if (Console.IsInputRedirected || Console.IsOutputRedirected)
        {
            Console.Error.WriteLine($"Nothing was downloaded. Read the licence of {what}; if you accept it, add --accept-licence.");
            return false;
        }
        Console.Write("Do you accept the licence? [y/N] ");
        return Console.ReadLine()?.Trim().ToUpperInvariant() is "Y" or "YES";
    }

    private static async Task<IReadOnlyDictionary<PlannedFile, string>> DownloadAsync(ModelPull pull, PullPlan plan,
        CancellationToken cancel)
    {
        if (Console.IsOutputRedirected)
        {
            var whole = new Lines(told => Console.WriteLine($"{told.File.File.Path}: {Size(told.File.File.Size)}"));
            return await pull.RunAsync(plan, whole, cancel).ConfigureAwait(false);
        }
        return await AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(),
            new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                var bars = plan.Files.ToDictionary(f => f, f => context.AddTask(Markup.Escape(f.File.Path),
                    maxValue: Math.Max(1, f.File.Size)));
                return pull.RunAsync(plan, new Bars(bars), cancel);
            }).ConfigureAwait(false);
    }

    private static void Done(string folder)
    {
        var id = Path.GetFileName(folder);
        Console.WriteLine($"Added {id} in {folder}. The server offers it from its next start on; 'truelive models check {id}' tells how "
            + "fast it is here.");
    }

    private static string Size(long bytes) => bytes < 1_000_000 ? $"{bytes} bytes" : bytes < 1_000_000_000
        ? FormattableString.Invariant($"{bytes / 1e6:0.#} MB") : FormattableString.Invariant($"{bytes / 1e9:0.##} GB");

    [GeneratedRegex("^[a-z0-9-]{1,64}$")]
    private static partial Regex IdPattern();

    private sealed class Bar(ProgressTask bar) : IProgress<long>
    {
        public void Report(long value) => bar.Value = value;
    }

    private sealed class Bars(Dictionary<PlannedFile, ProgressTask> bars) : IProgress<(PlannedFile File, long Bytes)>
    {
        public void Report((PlannedFile File, long Bytes) value) => bars[value.File].Value = value.Bytes >= value.File.File.Size
            ? bars[value.File].MaxValue : value.Bytes;
    }

    /// <summary>Prints a line for each completed file, where progress bars would be of no use, as in a log.</summary>
    private sealed class Lines(Action<(PlannedFile File, long Bytes)> whole) : IProgress<(PlannedFile File, long Bytes)>
    {
        public void Report((PlannedFile File, long Bytes) value)
        {
            if (value.Bytes == value.File.File.Size)
                whole(value);
        }
    }
}
