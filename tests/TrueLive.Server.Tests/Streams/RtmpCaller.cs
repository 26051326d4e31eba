using System.Net;
using System.Net.Sockets;
using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Server.Tests.Streams;

/// <summary>An encoder made by hand, which does what real ones do, and what they do not.</summary>
internal sealed class RtmpCaller : IDisposable
{
    private readonly TcpClient _client = new();
    private readonly RtmpBytes _writer = new();
    private readonly RtmpChunkReader _reader = new();
    private byte[] _rest = [];

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Bytes that we were told to have been received.</summary>
    public uint Acknowledged { get; private set; }

    public static async Task<RtmpCaller> ConnectAsync(int port)
    {
        var caller = new RtmpCaller();
        await caller._client.ConnectAsync(IPAddress.Loopback, port, Cancel);
        return caller;
    }

    /// <summary>Says hello and connects to an application.</summary>
    public async Task GreetAsync(string application)
    {
        await SendAsync([3, .. new byte[1536]]);
        await _client.GetStream().ReadExactlyAsync(new byte[1 + 2 * 1536], Cancel);
        await SendAsync(new byte[1536]);
        await CommandAsync(0, "connect", 1d, new (string, object?)[] { ("app", application), ("flashVer", "FMLE/3.0") });
        Assert.Equal("NetConnection.Connect.Success", await CodeAsync("_result"));
    }

    /// <summary>Asks to publish, as OBS does; returns the answer's code and words.</summary>
    public async Task<string> PublishAsync(string key)
    {
        await CommandAsync(0, "releaseStream", 2d, null, key);
        await CommandAsync(0, "FCPublish", 3d, null, key);
        await CommandAsync(0, "createStream", 4d, null);
        await CommandAsync(1, "publish", 5d, null, key, "live");
        return await CodeAsync("onStatus");
    }

    public Task CommandAsync(uint stream, params object?[] values) => MessageAsync(RtmpType.Command, stream, 0, Amf0.Write(values));

    public Task MessageAsync(RtmpType type, uint stream, uint time, byte[] body) =>
        SendAsync(_writer.Message(type == RtmpType.Command ? 3 : 4 + ((int)type & 1), new(type, stream, time, body)));

    public async Task SendAsync(byte[] bytes) => await _client.GetStream().WriteAsync(bytes, Cancel);

    /// <summary>The code in the next answer of a name.</summary>
    public async Task<string> CodeAsync(string name)
    {
        while (await NextAsync() is { } values)
        {
            if (values is [string first, ..] && first == name
                && (values.ElementAtOrDefault(3) as Dictionary<string, object?>)?.GetValueOrDefault("code") is string code)
                return code;
        }
        return "closed";
    }

    /// <summary>The far side has closed the connection.</summary>
    public async Task IsClosedAsync()
    {
        while (await NextAsync() is not null)
        {
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task<List<object?>?> NextAsync()
    {
        while (true)
        {
            var whole = _reader.Read(_rest, out var used, out var message);
            _rest = _rest[used..];
            if (whole && message.Type == RtmpType.Command)
                return Amf0.Read(message.Body.Span);
            if (whole && message.Type == RtmpType.Acknowledgement)
                Acknowledged = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(message.Body.Span);
            if (whole)
                continue;
            var (more, read) = (new byte[4096], 0);
            try
            {
                read = await _client.GetStream().ReadAsync(more, Cancel);
            }
            catch (IOException)
            {
                // A reset is an end, too.
            }
            if (read == 0)
                return null;
            _rest = [.. _rest, .. more[..read]];
        }
    }
}
