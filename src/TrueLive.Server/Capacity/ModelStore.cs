using TrueLive.Core.Models;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Capacity;

/// <summary>The models that this server offers. The first one is the default.</summary>
public sealed class ModelStore(IReadOnlyList<IVideoModel> all) : IDisposable
{
    /// <summary>The default first, pass-through last.</summary>
    public IReadOnlyList<IVideoModel> All { get; } = all;

    /// <summary>Cores that one step of the hungriest model uses.</summary>
    public int StepThreads { get; } = all.Max(m => m is FolderModel loaded ? loaded.Threads : 1);

    /// <summary>What a session gets that names none.</summary>
    public IVideoModel Default => All[0];

    /// <summary>The model with this id, the default for null or empty, or null when there is none.</summary>
    public IVideoModel? Find(string? id) => string.IsNullOrEmpty(id) ? Default : All.FirstOrDefault(m => m.Info.Id == id);

    /// <summary>
    /// Loads the built-in models and those of <see cref="ServerOptions.ModelPlaces"/>. A folder that cannot be used is named on
    /// <paramref name="complaints"/> and left out.
    /// </summary>
    /// <exception cref="ConfigurationException">The model that <see cref="ServerOptions.Model"/> names is not there.</exception>
    public static ModelStore Load(ServerOptions options, TimeProvider time, TextWriter complaints)
    {
        var loaded = new List<IVideoModel>();
        foreach (var folder in ModelFolders.In(options.ModelPlaces))
        {
            try
            {
                var model = ModelLoader.Load(folder, options.ModelThreads, time, options.Reload);
                if (loaded.Exists(m => m.Info.Id == model.Info.Id) || model.Info.Id == "passthrough")
                {
                    model.Dispose();
                    throw new ModelException($"{Path.Combine(folder, "manifest.json")}: id is '{model.Info.Id}', which another model has.");
                }
                loaded.Add(model);
            }
            catch (ModelException wrong)
            {
                complaints.WriteLine($"The model in {folder} is left out: {wrong.Message}");
            }
        }
        loaded.Add(new PassthroughModel());
        var wanted = loaded.Find(m => m.Info.Id == options.Model);
        if (wanted is null && options.Model.Length > 0)
            throw new ConfigurationException([$"model is '{options.Model}'; this installation has: {string.Join(", ", loaded.Select(m => m.Info.Id))}."]);
        return new ModelStore([.. loaded.OrderBy(m => m == wanted ? 0 : 1)]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var model in All)
            model.Dispose();
    }
}
