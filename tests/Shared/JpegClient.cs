using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;

namespace TrueLive.Tests.Shared;

/// <summary>A client of the JPEG transport, as described in docs/control-protocol.md.</summary>
internal sealed class JpegClient : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly JpegCodec _jpeg = new();
    private readonly FramePool _pool = new("jpeg client");
    private readonly MovingScene _scene;
    private uint _stamp;

    private JpegClient() => _scene = new MovingScene(320, 192, 30, _pool, numbered: true);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<JpegClient> ConnectAsync(Uri server, string query)
    {
        var client = new JpegClient();
        await client._socket.ConnectAsync(new UriBuilder(server) { Scheme = "ws", Path = "/v1/live", Query = query }.Uri, Cancel);
        return client;
    }

    /// <summary>The next message of a type; pictures and other messages before it are skipped.</summary>
    public async Task<JsonNode> MessageAsync(string type)
    {
        JsonNode? message = null;
        await UntilAsync($"a message {type}", null, (kind, bytes) => (message = Message(kind, bytes, type)) is not null);
        return message!;
    }

    /// <summary>Sends one message of the control protocol.</summary>
    public Task SayAsync(string json) => _socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, true, Cancel);

    /// <summary>Sends the next picture of the scene.</summary>
    public async Task SendPictureAsync()
    {
        using var frame = (await _scene.ReadAsync(Cancel))!;
        await SendAsync(_jpeg.Encode(frame, 90).ToArray());
    }

    /// <summary>One picture, to be sent again and again.</summary>
    public byte[] Still()
    {
        using var frame = _scene.ReadAsync(Cancel).AsTask().GetAwaiter().GetResult()!;
        return _jpeg.Encode(frame, 90).ToArray();
    }

    /// <summary>Sends these bytes as if they were a picture.</summary>
    public async Task SendAsync(byte[] picture)
    {
        var message = new byte[8 + picture.Length];
        BinaryPrimitives.WriteUInt32BigEndian(message, 0x544c0101);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), _stamp += 3000);
        picture.CopyTo(message, 8);
        await _socket.SendAsync(message, WebSocketMessageType.Binary, true, Cancel);
    }

    /// <summary>The next picture's trace and the number painted into it.</summary>
    public async Task<(JsonNode Trace, int Number)> PictureAsync() => Read(await NextPictureAsync(null));

    /// <summary>
    /// Sends a picture, and another after each message, until one comes back, since pictures sent while a model warms up are dropped.
    /// </summary>
    public async Task<(JsonNode Trace, int Number)> SendUntilPictureAsync() => Read(await NextPictureAsync(SendPictureAsync));

    /// <summary>Sends the same bytes, again after each message, until a picture comes back; gives its JPEG.</summary>
    public async Task<byte[]> SendUntilPictureAsync(byte[] picture)
    {
        var bytes = await NextPictureAsync(() => SendAsync(picture));
        return bytes[(8 + (int)BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(4)))..];
    }

    /// <summary>Sends the same bytes, again after each message, until a picture comes back; gives its trace.</summary>
    public async Task<JsonNode> SendUntilTraceAsync(byte[] picture) => Read(await NextPictureAsync(() => SendAsync(picture))).Trace;

    /// <summary>Sends a picture, and another after each message, until a message of a type comes.</summary>
    public async Task<JsonNode> SendUntilAsync(string type)
    {
        JsonNode? message = null;
        await UntilAsync($"a message {type}", SendPictureAsync, (kind, bytes) => (message = Message(kind, bytes, type)) is not null);
        return message!;
    }

    /// <summary>Sends pictures at a pace, as a camera does, and reads beside that until a message comes that fits.</summary>
    public async Task<JsonNode> SendAtPaceUntilAsync(TimeSpan pace, string type, Func<JsonNode, bool> fits, CancellationToken stop)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var sending = SendAsync();
        try
        {
            while (true)
            {
                if (await MessageAsync(type).WaitAsync(stop) is var message && fits(message))
                    return message;
            }
        }
        finally
        {
            await enough.CancelAsync();
            await sending;
        }

        async Task SendAsync()
        {
            using var timer = new PeriodicTimer(pace, TimeProvider.System);
            try
            {
                while (await timer.WaitForNextTickAsync(enough.Token))
                    await SendPictureAsync();
            }
            catch (OperationCanceledException)
            {
            }
            catch (WebSocketException)
            {
                // The far side has closed; what it said before that is still read.
            }
        }
    }

    private async Task<byte[]> NextPictureAsync(Func<Task>? send)
    {
        byte[] picture = [];
        await UntilAsync("a picture", send, (kind, bytes) =>
        {
            picture = bytes;
            return kind == WebSocketMessageType.Binary;
        });
        return picture;
    }

    // One limit for all that comes meanwhile: a server that goes on reporting may still never say what is waited for.
    private async Task UntilAsync(string what, Func<Task>? send, Func<WebSocketMessageType, byte[], bool> fits)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        var others = new Queue<string>();
        try
        {
            while (true)
            {
                if (send is not null)
                    await send().WaitAsync(limit.Token);
                var (kind, bytes) = await ReceiveAsync(limit.Token);
                if (fits(kind, bytes))
                    return;
                others.Enqueue(kind == WebSocketMessageType.Text ? Encoding.UTF8.GetString(bytes) : "a picture");
                if (others.Count > 10)
                    others.Dequeue();
            }
        }
        catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
        {
            Assert.Fail($"No {what[2..]} came in five minutes. The last that came: {string.Join("; ", others)}");
        }
    }

    private static JsonNode? Message(WebSocketMessageType kind, byte[] bytes, string type) =>
        kind == WebSocketMessageType.Text && JsonNode.Parse(bytes) is { } message && (string?)message["type"] == type ? message : null;

    private (JsonNode Trace, int Number) Read(byte[] bytes)
    {
        var length = (int)BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(4));
        var trace = JsonNode.Parse(Encoding.UTF8.GetString(bytes, 8, length))!;
        Published.CheckMessage(Published.Control, trace);
        using var picture = _jpeg.Decode(bytes.AsSpan(8 + length), _pool)!;
        return (trace, MovingScene.ReadNumber(picture));
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5), TimeProvider.System);
        try
        {
            if (_socket.State == WebSocketState.Open)
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException)
        {
            // The far side has closed, and what it said was not read, or it takes no goodbye; the test's own failure says more.
        }
        _socket.Dispose();
        _jpeg.Dispose();
        Assert.Equal(0, _pool.Rented);
    }

    private async Task<(WebSocketMessageType Kind, byte[] Bytes)> ReceiveAsync(CancellationToken limit)
    {
        using var whole = new MemoryStream();
        var part = new byte[64 * 1024];
        while (true)
        {
            var result = await _socket.ReceiveAsync(part, limit);
            Assert.NotEqual(WebSocketMessageType.Close, result.MessageType);
            whole.Write(part, 0, result.Count);
            if (!result.EndOfMessage)
                continue;
            if (result.MessageType == WebSocketMessageType.Text)
                Published.CheckMessage(Published.Control, JsonNode.Parse(whole.ToArray())!);
            return (result.MessageType, whole.ToArray());
        }
    }
}
