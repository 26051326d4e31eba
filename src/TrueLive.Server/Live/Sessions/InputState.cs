namespace TrueLive.Server.Live.Sessions;

/// <summary>The current problem with the input of a session's client, for display. Thread-safe.</summary>
internal sealed class InputState
{
    private string? _problem;

    /// <summary>What is wrong and what to send instead; null while nothing is wrong.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>The problem has changed or is over. Handlers must be quick.</summary>
    public event Action<string?>? Changed;

    /// <summary>Sets the current problem, or null. False when it has not changed.</summary>
    public bool Tell(string? problem)
    {
        if (Interlocked.Exchange(ref _problem, problem) == problem)
            return false;
        Changed?.Invoke(problem);
        return true;
    }
}
