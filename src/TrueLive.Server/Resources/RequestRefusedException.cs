namespace TrueLive.Server.Resources;

/// <summary>Why a session was not admitted, in words and figures.</summary>
/// <param name="Words">Why.</param>
/// <param name="Capacity">Sessions of this kind that there is room for.</param>
/// <param name="Running">Sessions that run.</param>
/// <param name="RetryAfter">When it is worth asking again.</param>
/// <param name="Line">The client's position in the waiting line; null where it does not wait.</param>
internal sealed record Refusal(string Words, int Capacity, int Running, TimeSpan RetryAfter, LineStand? Line = null);

/// <summary>A client's position in the line of those who wait for a place.</summary>
/// <param name="Ticket">To be shown when it asks again.</param>
/// <param name="Position">1 is next.</param>
/// <param name="Waiting">Clients that wait for the same places, this one included.</param>
/// <param name="Estimate">Expected wait; null while it is not known.</param>
/// <param name="Ended">Ended sessions that the estimate is made from.</param>
/// <param name="RetryAfter">When to ask again; a client that does not is gone a minute later.</param>
internal sealed record LineStand(string Ticket, int Position, int Waiting, TimeSpan? Estimate, int Ended, TimeSpan RetryAfter);

/// <summary>A request that cannot be met: <see cref="Status"/> is the HTTP status that says so.</summary>
internal sealed class RequestRefusedException(int status, string words, Refusal? refusal = null) : Exception(words)
{
    public int Status { get; } = status;

    public Refusal? Refusal { get; } = refusal;

    /// <summary>When the quota that forbids it has room again; null where it is no quota.</summary>
    public TimeSpan? RenewsAfter { get; init; }
}
