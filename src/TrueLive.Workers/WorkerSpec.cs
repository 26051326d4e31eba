using TrueLive.Core.Models;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers;

/// <summary>A model that runs as a child process.</summary>
/// <param name="Info">What is known of it before it runs; chunk, memory and whether it takes a prompt are the worker's to say.</param>
/// <param name="Command">How it is started.</param>
/// <param name="Reload">
/// For its author: a change of a file in its folder starts it anew, at once and as often as it changes, and it may be broken at first.
/// </param>
public sealed record WorkerSpec(ModelInfo Info, WorkerCommand Command, bool Reload = false);
