namespace TrueLive.Server.Live.Sessions;

/// <summary>What is wrong with the picture that a session's client sends now, for whoever shows the session. Thread-safe.</summary>
internal sealed class InputState
{
    private string? _problem;

    /// <summary>In words that say what to send instead; null while nothing is wrong.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>The problem is another one, or over. Handlers must be quick.</summary>
    public event Action<string?>? Changed;

    /// <summary>Takes over what is wrong now. False when that was known.</summary>
    public bool Tell(string? problem)
    {
        if (Interlocked.Exchange(ref _problem, problem) == problem)
            return false;
        Changed?.Invoke(problem);
        return true;
    }
}
