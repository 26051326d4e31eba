using TrueLive.Core.Models;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers;

/// <summary>A model that runs as a child process.</summary>
/// <param name="Info">What is known before it runs; the worker itself reports chunk, memory and whether it takes a prompt.</param>
/// <param name="Command">The command that starts it.</param>
/// <param name="Reload">
/// For model authors: each change of a file in its folder restarts it at once, and loading succeeds even if it does not start.
/// </param>
public sealed record WorkerSpec(ModelInfo Info, WorkerCommand Command, bool Reload = false)
{
    /// <summary>Called each time the worker has ended and will be restarted, on the thread that restarts it.</summary>
    public Action<WorkerEnd>? Ended { get; init; }
}

/// <summary>The end of a worker that had been ready.</summary>
/// <param name="ModelId">Id of its model.</param>
/// <param name="Why">The reason, followed by the last lines of its output.</param>
/// <param name="Pause">Time until it is restarted; null if only its author's next edit restarts it.</param>
public sealed record WorkerEnd(string ModelId, string Why, TimeSpan? Pause);
