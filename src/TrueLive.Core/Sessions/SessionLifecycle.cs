namespace TrueLive.Core.Sessions;

/// <summary>Where a session stands.</summary>
public enum SessionState : byte
{
    /// <summary>Made, no client connected yet.</summary>
    Created,

    /// <summary>Frames flow.</summary>
    Live,

    /// <summary>A client is connected; frames are received and dropped, none are made.</summary>
    Paused,

    /// <summary>The client is gone; prompt and memory are kept for it.</summary>
    Detached,

    /// <summary>Over for good.</summary>
    Ended,
}

/// <summary>One step of a session's life. Logs, metrics and clients read these and nothing else.</summary>
/// <param name="From">State before.</param>
/// <param name="To">State after.</param>
/// <param name="At">Wall clock of the server.</param>
/// <param name="End">Why a connection or the session ended; null for other steps.</param>
public sealed record SessionTransition(SessionState From, SessionState To, DateTimeOffset At, SessionEnd? End);

/// <summary>The legal edges between session states.</summary>
public static class SessionLifecycle
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
