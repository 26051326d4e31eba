using TrueLive.Models.Catalogue;
using TrueLive.Models.Diffusion;
using TrueLive.Models.Manifest;
using TrueLive.Models.Onnx;
using TrueLive.Workers;

namespace TrueLive.Models;

/// <summary>Loads models of any kind.</summary>
public static class ModelLoader
{
    /// <summary>Loads a model folder.</summary>
    /// <param name="manifest">Its manifest.</param>
    /// <param name="threads">Threads that a step uses; 0 chooses.</param>
    /// <param name="time">Clock.</param>
    /// <param name="reload">A model with a command starts anew when its files are changed, and may be broken at first.</param>
    /// <param name="ended">Told, on any thread, each time that the process of a model with a command ended and is to be started again.</param>
    /// <exception cref="ModelException">The folder cannot be used; the message names the file and the field.</exception>
    public static FolderModel Load(ModelManifest manifest, int threads, TimeProvider time, bool reload = false, Action<WorkerEnd>? ended = null) =>
        manifest.Command.Length > 0 ? CommandModel.Load(manifest, reload, time, ended)
        : manifest.Diffusion is null ? OnnxVideoModel.Load(manifest, threads, time) : DiffusionModel.Load(manifest, threads, time);

    /// <summary>Loads a model folder that somebody gave.</summary>
    /// <param name="folder">Folder with a manifest.json.</param>
    /// <param name="threads">Threads that a step uses; 0 chooses.</param>
    /// <param name="time">Clock.</param>
    /// <exception cref="ModelException">The folder cannot be used; the message names the file and the field.</exception>
    public static FolderModel Load(string folder, int threads, TimeProvider time) => Load(ModelManifest.Load(folder), threads, time);
}
