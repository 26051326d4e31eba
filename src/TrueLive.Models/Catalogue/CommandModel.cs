using TrueLive.Core.Models;
using TrueLive.Models.Manifest;
using TrueLive.Workers;
using TrueLive.Workers.Jail;

namespace TrueLive.Models.Catalogue;

/// <summary>A model whose manifest has a command: it runs as a child process.</summary>
public sealed class CommandModel : FolderModel
{
    private readonly WorkerModel _worker;

    private CommandModel(ModelManifest manifest, WorkerModel worker) => (Manifest, _worker) = (manifest, worker);

    /// <inheritdoc/>
    public override ModelInfo Info => _worker.Info;

    /// <inheritdoc/>
    public override ModelManifest Manifest { get; }

    /// <summary>Always 1: the threads of the child process are not known here.</summary>
    public override int Threads => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tensors => [];

    /// <inheritdoc/>
    public override int FramesOut => _worker.FramesOut;

    /// <inheritdoc/>
    public override TimeSpan ProcessorTimeElsewhere => _worker.ProcessorTimeElsewhere;

    /// <summary>Starts the worker and opens one stream.</summary>
    /// <param name="manifest">Its manifest, with a command.</param>
    /// <param name="reload">For model authors: restarts the worker when a file changes, and accepts one that does not start.</param>
    /// <param name="time">Clock.</param>
    /// <param name="ended">Called, on any thread, each time the worker has ended and will be restarted.</param>
    /// <exception cref="ModelException">
    /// The folder cannot be used; the message says why, with the last lines of the worker's output.
    /// </exception>
    internal static CommandModel Load(ModelManifest manifest, bool reload, TimeProvider time, Action<WorkerEnd>? ended)
    {
        try
        {
            var command = new WorkerCommand(manifest.Folder, manifest.Command, manifest.MemoryMb);
            return new CommandModel(manifest, WorkerModel.Load(new WorkerSpec(manifest.Describe(), command, reload) { Ended = ended },
                time));
        }
        catch (WorkerException e)
        {
            throw new ModelException($"{manifest.Folder} does not run as a worker. {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public override PromptReading Read(string text) => _worker.Read(text);

    /// <inheritdoc/>
    public override IModelSession CreateSession(int width, int height) => _worker.CreateSession(width, height);

    /// <inheritdoc/>
    public override void Dispose() => _worker.Dispose();

    internal override IModelSession Open(int width, int height) => CreateSession(width, height);
}
