using TrueLive.Core.Models;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers;

/// <summary>A model that runs as a child process.</summary>
/// <param name="Info">What is known of it before it runs; chunk, memory and whether it takes a prompt are the worker's to say.</param>
/// <param name="Command">How it is started.</param>
/// <param name="Reload">
/// For its author: a change of a file in its folder starts it anew, at once and as often as it changes, and it may be broken at first.
/// </param>
public sealed record WorkerSpec(ModelInfo Info, WorkerCommand Command, bool Reload = false)
{
    /// <summary>Told each time that it ended and is to be started again, on the thread that does so.</summary>
    public Action<WorkerEnd>? Ended { get; init; }
}

/// <summary>A worker that had been ready ended.</summary>
/// <param name="ModelId">Whose it is.</param>
/// <param name="Why">The reason, with its last words on further lines.</param>
/// <param name="Pause">Time until it is started again; null when its author's next edit does so.</param>
public sealed record WorkerEnd(string ModelId, string Why, TimeSpan? Pause);
