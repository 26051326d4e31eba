namespace TrueLive.Server.Live.Sessions;

/// <summary>The current problem with the input of a session's client, for display. Thread-safe.</summary>
internal sealed class InputState
{
    // Whoever is told a state is told no older one after it.
    private readonly Lock _telling = new();
    private string? _problem;

    /// <summary>What is wrong and what to send instead; null while nothing is wrong.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>The problem has changed or is over. Handlers must be quick.</summary>
    public event Action<string?>? Changed;

    /// <summary>Tells a handler what is wrong now, if anything is, and then each change.</summary>
    public void Follow(Action<string?> handler)
    {
        lock (_telling)
        {
            Changed += handler;
            if (_problem is { } problem)
                handler(problem);
        }
    }

    /// <summary>Sets the current problem, or null. False when it has not changed.</summary>
    public bool Tell(string? problem)
    {
        lock (_telling)
        {
            if (_problem == problem)
                return false;
            Volatile.Write(ref _problem, problem);
            Changed?.Invoke(problem);
            return true;
        }
    }
}
