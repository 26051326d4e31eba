namespace TrueLive.Workers.Jail;

/// <summary>What starts a worker, and what it may take.</summary>
/// <param name="Folder">The model's folder, which it may read.</param>
/// <param name="Words">
/// Program and arguments. A program without a slash is one of the system; with one it is relative to the folder.
/// </param>
/// <param name="MemoryMb">Memory in MB, beyond which it ends.</param>
public sealed record WorkerCommand(string Folder, IReadOnlyList<string> Words, int MemoryMb);

/// <summary>A worker cannot be started, or does not do what the protocol says; the message is for people.</summary>
public sealed class WorkerException(string message, Exception? inner = null) : Exception(message, inner);
