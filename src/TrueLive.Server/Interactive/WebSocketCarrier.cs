using System.Buffers;
using System.Net.WebSockets;
using TrueLive.Server.Access;

namespace TrueLive.Server.Interactive;

/// <summary>The interactive protocol over a WebSocket; the close frame carries the reason for a close.</summary>
internal sealed class WebSocketCarrier(WebSocket socket, TimeProvider time) : IInteractiveCarrier
{
    private readonly SocketReader _reader = new(socket, time);

    public bool IsOpen => socket.State is WebSocketState.Open or WebSocketState.CloseReceived;

    public ValueTask SendAsync(ReadOnlyMemory<byte> message, bool isText, CancellationToken cancel) =>
        socket.SendAsync(message, isText ? WebSocketMessageType.Text : WebSocketMessageType.Binary, true, cancel);

    public async Task<string?> ReceiveAllAsync(
        int maxMessage, Func<ReadOnlyMemory<byte>, CancellationToken, Task> take, CancellationToken cancel)
    {
        var message = new ArrayBufferWriter<byte>(4096);
        while (true)
        {
            var result = await _reader.ReceiveAsync(message.GetMemory(4096), cancel).ConfigureAwait(false);
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

    public Task CloseAsync(string why) => _reader.CloseAsync(WebSocketCloseStatus.NormalClosure, why);
}
