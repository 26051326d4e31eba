using TrueLive.Core.Models;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Devices;
using TrueLive.Models.Manifest;
using TrueLive.Models.Masks;
using TrueLive.Models.Palettes;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Capacity;

/// <summary>The models that this server offers. The first one is the default.</summary>
public sealed class ModelStore(IReadOnlyList<IVideoModel> all) : IDisposable
{
    /// <summary>The default first, pass-through last.</summary>
    public IReadOnlyList<IVideoModel> All { get; } = all;

    /// <summary>Cores that one step of the hungriest loaded model uses.</summary>
    public int StepThreads => All.Select(MaskedModel.Bare)
        .Max(m => m switch { FolderModel loaded => loaded.Threads, OnDemandModel other => other.Threads, _ => 1 });

    /// <summary>Room for those that are loaded on demand.</summary>
    internal ModelMemory? Memory { get; init; }

    /// <summary>What its workers are up to.</summary>
    internal WorkerLog Workers { get; private init; } = new();

    /// <summary>Bytes of the device's memory that were free before any model was loaded; null where nobody knows.</summary>
    internal long? DeviceBytes { get; init; }

    /// <summary>What a session gets that names none.</summary>
    public IVideoModel Default => All[0];

    /// <summary>The model with this id, the default for null or empty, or null when there is none.</summary>
    public IVideoModel? Find(string? id) => string.IsNullOrEmpty(id) ? Default : All.FirstOrDefault(m => m.Info.Id == id);

    /// <summary>Loads a model that is not loaded, so that its first session begins without a wait.</summary>
    /// <exception cref="RequestRefusedException">It cannot be loaded (422), or those in use leave no room for it (503).</exception>
    internal static Task WarmAsync(IVideoModel model, CancellationToken cancel) =>
        MaskedModel.Bare(model) is OnDemandModel { IsWarm: false } cold
            ? Task.Run(cold.Warm, CancellationToken.None).WaitAsync(cancel)
            : Task.CompletedTask;

    /// <summary>The device that a model runs on; null for the processor, and for one that is not loaded.</summary>
    internal static string? DeviceOf(IVideoModel model)
    {
        var device = MaskedModel.Bare(model) switch
        {
            FolderModel loaded => loaded.Device,
            OnDemandModel other => other.Device,
            _ => ComputeDevice.Processor,
        };
        return device.Gpu is null ? null : device.ToString();
    }

    /// <summary>Bytes of a GPU's memory that the models which are loaded leave to sessions; null where nobody knows.</summary>
    internal long? RoomOn(string device) => DeviceBytes is not { } all ? null
        : Math.Max(0, (long)(all * Admission.Budget) - All.Where(m => DeviceOf(m) == device).Sum(m => MaskedModel.Bare(m) switch
        {
            FolderModel loaded => loaded.Manifest.FileBytes(),
            OnDemandModel { IsWarm: true } other => other.FileBytes,
            _ => 0,
        }));

    /// <summary>
    /// Chooses the device of this process, loads the default model, and finds the others of <see cref="ServerOptions.ModelPlaces"/>, which
    /// are loaded when they are first used.
    /// A folder that cannot be used is named on <paramref name="complaints"/> and left out; where only loading shows it, it is named then.
    /// </summary>
    /// <exception cref="ConfigurationException">The model that <see cref="ServerOptions.Model"/> names is not there, or the device cannot
    /// be used.</exception>
    public static ModelStore Load(ServerOptions options, TimeProvider time, TextWriter complaints)
    {
        ChooseDevice(options, complaints);
        var deviceBytes = CudaMemory.Free;
        var workers = new WorkerLog();
        var found = new Dictionary<string, ModelManifest>();
        foreach (var folder in ModelFolders.In(options.ModelPlaces))
        {
            Attempt(folder, () =>
            {
                var manifest = options.ManifestOf(folder);
                manifest.FileBytes();
                if (manifest.Id == "passthrough" || !found.TryAdd(manifest.Id, manifest))
                    throw new ModelException($"{Path.Combine(folder, "manifest.json")}: id is '{manifest.Id}', which another model has.");
            });
        }
        IVideoModel? standard = options.Model == "passthrough" ? new PassthroughModel() : null;
        // Where the one that was asked for, or the first, cannot be loaded, the next one is the default.
        foreach (var manifest in found.Values.OrderBy(m => m.Id == options.Model ? 0 : 1).ToArray())
        {
            if (standard is not null || (options.Model.Length > 0 && manifest.Id != options.Model))
                break;
            found.Remove(manifest.Id);
            Attempt(manifest.Folder, () =>
            {
                var model = ModelLoader.Load(manifest, options.ModelThreads, time, options.Reload, workers.Ended);
                standard = model;
                Tell(model, complaints);
            });
        }
        if (standard is null && options.Model.Length > 0)
            throw new ConfigurationException([$"model is '{options.Model}'; this installation has: " +
                $"{string.Join(", ", found.Keys.Append("passthrough"))}."]);
        var memory = new ModelMemory(options.ModelMemoryMb > 0
            ? (long)options.ModelMemoryMb << 20
            : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2);
        IEnumerable<IVideoModel> others = found.Values.Select(m => new OnDemandModel(m, options, memory, time, complaints, workers));
        IVideoModel[] all = standard is null ? [.. others] : [standard, .. others];
        if (standard is not PassthroughModel)
            all = [.. all, new PassthroughModel()];
        return new ModelStore([.. all.Select(m => MaskedModel.Of(PaletteModel.Of(m, time), time))])
        {
            Memory = memory,
            Workers = workers,
            DeviceBytes = deviceBytes,
        };

        void Attempt(string folder, Action use)
        {
            try
            {
                use();
            }
            catch (ModelException wrong)
            {
                complaints.WriteLine($"The model in {folder} is left out: {wrong.Message}");
            }
        }
    }

    /// <summary>Says how a model that was loaded runs here, where that was asked for and may have turned out otherwise.</summary>
    internal static void Tell(FolderModel model, TextWriter complaints)
    {
        if (model.Note is { } note)
            complaints.WriteLine($"{model.Info.Title}: {note}");
    }

    private static void ChooseDevice(ServerOptions options, TextWriter complaints)
    {
        try
        {
            if (GraphDevice.Choose(options.Device, options.DataPath, options.CudaGraphs) is { } note)
                complaints.WriteLine(note);
        }
        catch (ModelException wrong)
        {
            throw new ConfigurationException([wrong.Message]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var model in All)
            model.Dispose();
    }
}
