namespace TrueLive.Server.Interactive;

/// <summary>Carries the messages of the interactive protocol, text and pictures alike, in order and without loss.</summary>
internal interface IInteractiveCarrier
{
    /// <summary>Messages can still be sent.</summary>
    bool IsOpen { get; }

    /// <summary>Sends one whole message; waits while the client cannot take it.</summary>
    /// <exception cref="IOException">It cannot be sent; the message says why.</exception>
    ValueTask SendAsync(ReadOnlyMemory<byte> message, bool isText, CancellationToken cancel);

    /// <summary>
    /// Passes on each message until the client ends the connection (returns null) or breaks a rule (returns why it is cut off).
    /// </summary>
    Task<string?> ReceiveAllAsync(int maxMessage, Func<ReadOnlyMemory<byte>, CancellationToken, Task> take, CancellationToken cancel);

    /// <summary>Closes the connection and tells the client why.</summary>
    Task CloseAsync(string why);
}
