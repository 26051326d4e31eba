using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Diffusion;
using TrueLive.Models.Graphs;
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
    /// <param name="reload">For a model with a command: restart it when its files change, and accept one that does not start.</param>
    /// <param name="ended">Called, on any thread, each time the process of a model with a command has ended and will be restarted.</param>
    /// <exception cref="ModelException">The folder cannot be used; the message names the file and the field.</exception>
    public static FolderModel Load(
        ModelManifest manifest, int threads, TimeProvider time, bool reload = false, Action<WorkerEnd>? ended = null) =>
        manifest.Command.Length > 0 ? CommandModel.Load(manifest, reload, time, ended)
        : manifest.Diffusion is null ? OnnxVideoModel.Load(manifest, threads, time) : DiffusionModel.Load(manifest, threads, time);

    /// <summary>
    /// Whether a folder was refused because the memory of the device is used up, so that it may load when others have gone.
    /// </summary>
    public static bool LacksMemory(ModelException refusal)
    {
        for (Exception? why = refusal; why is not null; why = why.InnerException)
        {
            if (why is ModelMemoryException || (why is OnnxRuntimeException && MemoryShortage.IsIn(why.Message)))
                return true;
        }
        return false;
    }

    /// <summary>Loads a model folder that was not pulled from a hub.</summary>
    /// <param name="folder">Folder with a manifest.json.</param>
    /// <param name="threads">Threads that a step uses; 0 chooses.</param>
    /// <param name="time">Clock.</param>
    /// <exception cref="ModelException">The folder cannot be used; the message names the file and the field.</exception>
    public static FolderModel Load(string folder, int threads, TimeProvider time) => Load(ModelManifest.Load(folder), threads, time);
}
