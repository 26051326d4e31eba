namespace TrueLive.Core.Sessions;

/// <summary>The state of a session.</summary>
public enum SessionState : byte
{
    /// <summary>Created; no client has connected yet.</summary>
    Created,

    /// <summary>Frames flow.</summary>
    Live,

    /// <summary>A client is connected; frames are received and dropped, and none are made.</summary>
    Paused,

    /// <summary>The client is gone; prompt and memory are kept for it.</summary>
    Detached,

    /// <summary>Ended for good.</summary>
    Ended,
}

/// <summary>A transition in a session's life: the only source for logs, metrics and clients.</summary>
/// <param name="From">State before.</param>
/// <param name="To">State after.</param>
/// <param name="At">Wall clock of the server.</param>
/// <param name="End">Why a connection or the session ended; null for other transitions.</param>
public sealed record SessionTransition(SessionState From, SessionState To, DateTimeOffset At, SessionEnd? End);

/// <summary>The legal edges between session states.</summary>
internal static class SessionLifecycle
{
    /// <summary>True when a session may go from one state to the other. A state never follows itself.</summary>
    public static bool Allows(SessionState from, SessionState to) => (from, to) switch
    {
        (SessionState.Created, SessionState.Live or SessionState.Paused) => true,
        (SessionState.Live, SessionState.Paused or SessionState.Detached) => true,
        (SessionState.Paused, SessionState.Live or SessionState.Detached) => true,
        (SessionState.Detached, SessionState.Live or SessionState.Paused) => true,
        (SessionState.Ended, _) => false,
        (_, SessionState.Ended) => true,
        _ => false,
    };
}
