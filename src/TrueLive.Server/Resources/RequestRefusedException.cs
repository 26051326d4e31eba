namespace TrueLive.Server.Resources;

/// <summary>Why a session was not admitted, in words and figures.</summary>
internal sealed record Refusal(string Words, int Capacity, int Running, TimeSpan RetryAfter);

/// <summary>A request that cannot be met: <see cref="Status"/> is the HTTP status that says so.</summary>
internal sealed class RequestRefusedException(int status, string words, Refusal? refusal = null) : Exception(words)
{
    public int Status { get; } = status;

    public Refusal? Refusal { get; } = refusal;
}
