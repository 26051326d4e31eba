namespace TrueLive.Server.Interactive;

/// <summary>Carries the messages of the interactive protocol, text and pictures alike, in order and without loss.</summary>
internal interface IInteractiveCarrier
{
    /// <summary>Messages can still be sent.</summary>
    bool IsOpen { get; }

    /// <summary>Sends one whole message; waits while the far side takes none.</summary>
    /// <exception cref="IOException">It cannot be sent; the message says why.</exception>
    ValueTask SendAsync(ReadOnlyMemory<byte> message, bool isText, CancellationToken cancel);

    /// <summary>Hands each message on until the far side ends (null) or breaks a rule (why it is cut off).</summary>
    Task<string?> ReceiveAllAsync(int maxMessage, Func<ReadOnlyMemory<byte>, CancellationToken, Task> take, CancellationToken cancel);

    /// <summary>Tells the far side why it ends.</summary>
    Task CloseAsync(string why);
}
