namespace TrueLive.Workers.Jail;

/// <summary>The command that starts a worker, and its limits.</summary>
/// <param name="Folder">The model's folder, which the worker may read.</param>
/// <param name="Words">
/// Program and arguments. A program name without a slash is looked up in the system; with a slash it is relative to the folder.
/// </param>
/// <param name="MemoryMb">Memory limit in MB; a worker that exceeds it is ended.</param>
public sealed record WorkerCommand(string Folder, IReadOnlyList<string> Words, int MemoryMb);

/// <summary>A worker cannot be started or violates the protocol; the message is meant for the user.</summary>
public sealed class WorkerException(string message, Exception? inner = null) : Exception(message, inner);
