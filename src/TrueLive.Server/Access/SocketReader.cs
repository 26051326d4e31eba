using System.Net.WebSockets;
using System.Text;

namespace TrueLive.Server.Access;

/// <summary>
/// Reads a client's WebSocket, and closes it so that the client still gets what was sent last: a connection that is closed while bytes of
/// the client are unread is reset, and a reset may overtake them (RFC 9293 section 3.6.1). One reader at a time.
/// </summary>
internal sealed class SocketReader(WebSocket socket, TimeProvider time)
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);

    private Task<ValueWebSocketReceiveResult>? _pending;

    /// <summary>Reads the next part of a message; when cancelled, the socket can still be closed.</summary>
    public async ValueTask<ValueWebSocketReceiveResult> ReceiveAsync(Memory<byte> part, CancellationToken cancel)
    {
        // A cancelled receive would abort the socket, and the client would never hear why it was closed.
        var receive = socket.ReceiveAsync(part, CancellationToken.None);
        if (receive.IsCompletedSuccessfully)
            return receive.Result;
        _pending = receive.AsTask();
        return await _pending.WaitAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>
    /// Says why, in as many words as a close frame holds, and reads on until the client has closed too, for two seconds at most; what it
    /// still sends is ignored.
    /// </summary>
    public async Task CloseAsync(WebSocketCloseStatus status, string why)
    {
        using var limit = new CancellationTokenSource(AnswerLimit, time);
        try
        {
            await socket.CloseOutputAsync(status, Fitting(why), limit.Token).ConfigureAwait(false);
            if (_pending is { } begun)
                await begun.WaitAsync(limit.Token).ConfigureAwait(false);
            for (var rest = new byte[4096]; socket.State == WebSocketState.CloseSent;)
                await socket.ReceiveAsync(rest.AsMemory(), limit.Token).ConfigureAwait(false);
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or IOException)
        {
        }
    }

    // 123 bytes (RFC 6455 section 5.5).
    private static string Fitting(string why)
    {
        var length = why.Length;
        while (Encoding.UTF8.GetByteCount(why.AsSpan(0, length)) > 123 || length > 0 && char.IsHighSurrogate(why[length - 1]))
            length--;
        return why[..length];
    }
}
