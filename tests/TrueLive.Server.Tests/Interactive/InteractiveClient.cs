using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrueLive.Server.Tests.Clips;

namespace TrueLive.Server.Tests.Interactive;

/// <summary>A page's side of an interactive clip.</summary>
internal sealed class InteractiveClient : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[1 << 20];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Pictures by revision and frame number, and the pass that made them last.</summary>
    public Dictionary<(long Revision, int Index), (byte Pass, byte[] Jpeg)> Pictures { get; } = [];

    public List<JsonNode> Messages { get; } = [];

    public static async Task<InteractiveClient> OpenAsync(ClipServer server, JsonNode clip)
    {
        var client = new InteractiveClient();
        await client._socket.ConnectAsync(new Uri(server.Address.ToString().Replace("http", "ws", StringComparison.Ordinal).TrimEnd('/')
            + (string)clip["socket"]!), Cancel);
        await client.UntilAsync(m => (string)m["type"]! == "hello");
        return client;
    }

    public Task SendAsync(object message) =>
        _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, true, Cancel);

    /// <summary>Reads until a message fits, and returns it.</summary>
    public async Task<JsonNode> UntilAsync(Func<JsonNode, bool> fits)
    {
        // For all that comes meanwhile: what is waited for may never come among it.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        while (true)
        {
            var length = 0;
            WebSocketReceiveResult part;
            do
            {
                part = await _socket.ReceiveAsync(new ArraySegment<byte>(_buffer, length, _buffer.Length - length), limit.Token);
                length += part.Count;
            }
            while (!part.EndOfMessage);
            if (part.MessageType == WebSocketMessageType.Close)
                throw new InvalidOperationException($"Closed: {_socket.CloseStatusDescription}");
            if (part.MessageType == WebSocketMessageType.Binary)
            {
                Assert.Equal(0x544c0103u, BinaryPrimitives.ReadUInt32BigEndian(_buffer));
                var key = (BinaryPrimitives.ReadUInt32BigEndian(_buffer.AsSpan(4)),
                    (int)BinaryPrimitives.ReadUInt32BigEndian(_buffer.AsSpan(8)));
                Pictures[key] = (_buffer[16], _buffer[20..length]);
                continue;
            }
            var message = JsonNode.Parse(_buffer.AsSpan(0, length))!;
            Published.CheckMessage(Published.Interactive, message);
            Messages.Add(message);
            if (fits(message))
                return message;
        }
    }

    /// <summary>Reads until a revision is full and returns it.</summary>
    public async Task<JsonNode> FullAsync(long number)
    {
        var ended = await UntilAsync(m =>
            (string)m["type"]! == "revision" && (long)m["revision"]!["number"]! == number
                && (string)m["revision"]!["state"]! is "full" or "failed");
        Assert.True((string)ended["revision"]!["state"]! == "full", ended.ToJsonString());
        return ended["revision"]!;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_socket.State == WebSocketState.Open)
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        catch (WebSocketException)
        {
            // A client that did not read for long, and so answered no ping, has been let go.
        }
        _socket.Dispose();
    }
}
