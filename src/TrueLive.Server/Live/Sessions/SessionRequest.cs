using TrueLive.Server.Capacity;

namespace TrueLive.Server.Live.Sessions;

/// <summary>The session that a client asks for; null takes the server's default.</summary>
internal sealed record SessionRequest(string? Model, string? Size, string? Prompt, float? Strength)
{
    /// <summary>Owner of the session: the name made from the API key.</summary>
    public string Owner { get; init; } = "local";

    /// <summary>Whether it is for a stream, and waits for its source without limit.</summary>
    public bool Stays { get; init; }

    /// <summary>Id chosen by a fleet; null lets the server choose.</summary>
    public string? Id { get; init; }

    /// <summary>Its client, who may wait for a place; null does not.</summary>
    public LineClaim? Line { get; init; }

    /// <summary>Parameters of the model and their values; null sets none.</summary>
    public IReadOnlyCollection<KeyValuePair<string, string>>? Values { get; init; }
}
