using System.Buffers;
using System.Net.WebSockets;

namespace TrueLive.Server.Interactive;

/// <summary>The interactive protocol over a WebSocket; the close frame carries the reason for a close.</summary>
internal sealed class WebSocketCarrier(WebSocket socket) : IInteractiveCarrier
{
    public bool IsOpen => socket.State is WebSocketState.Open or WebSocketState.CloseReceived;

    public ValueTask SendAsync(ReadOnlyMemory<byte> message, bool isText, CancellationToken cancel) =>
        socket.SendAsync(message, isText ? WebSocketMessageType.Text : WebSocketMessageType.Binary, true, cancel);

    public async Task<string?> ReceiveAllAsync(
        int maxMessage, Func<ReadOnlyMemory<byte>, CancellationToken, Task> take, CancellationToken cancel)
    {
        var message = new ArrayBufferWriter<byte>(4096);
        while (true)
        {
            // A cancelled receive would abort the socket, and the client would never hear why it was closed.
            var result = await socket.ReceiveAsync(message.GetMemory(4096), CancellationToken.None).AsTask().WaitAsync(cancel)
                .ConfigureAwait(false);
            if (result.MessageType == WebSocketMessageType.Close)
                return null;
            message.Advance(result.Count);
            if (message.WrittenCount > maxMessage)
                return $"A message is longer than {maxMessage} bytes.";
            if (!result.EndOfMessage)
                continue;
            await take(message.WrittenMemory, cancel).ConfigureAwait(false);
            message.ResetWrittenCount();
        }
    }

    public async Task CloseAsync(string why)
    {
        try
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, why, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is WebSocketException or IOException)
        {
        }
    }
}
