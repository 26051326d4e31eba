using System.Buffers.Binary;
using System.Security.Cryptography;

namespace TrueLive.Server.Streams.Rtmp;

/// <summary>The messages of one connection, and ours to it. Not thread-safe.</summary>
internal sealed class RtmpConnection(Stream stream) : IAsyncDisposable
{
    private const byte Version = 3;
    private const int Hello = 1536;
    private const int ChunkSize = 4096;
    private const int Window = 2_500_000;
    private const byte DynamicLimit = 2;

    private readonly RtmpChunkReader _chunks = new();
    private readonly byte[] _in = new byte[16 << 10];
    private int _start;
    private int _end;
    private long _received;
    private long _acknowledged;
    private long _window = Window;

    /// <summary>Says hello to each other (Adobe's RTMP 1.0, section 5.2).</summary>
    /// <exception cref="RtmpException">It is not RTMP, or the connection broke off.</exception>
    public async Task GreetAsync(CancellationToken cancel)
    {
        try
        {
            await stream.ReadExactlyAsync(_in.AsMemory(0, 1 + Hello), cancel).ConfigureAwait(false);
            if (_in[0] != Version)
                throw new RtmpException("It is not RTMP, or encrypted RTMP; rtmp:// is expected.");
            // Four bytes of time and four of version, both 0: clients expect no digest then.
            byte[] answer = [Version, 0, 0, 0, 0, 0, 0, 0, 0, .. RandomNumberGenerator.GetBytes(Hello - 8), .. _in.AsSpan(1, Hello)];
            await stream.WriteAsync(answer, cancel).ConfigureAwait(false);
            await stream.ReadExactlyAsync(_in.AsMemory(0, Hello), cancel).ConfigureAwait(false);
            _received = 1 + 2 * Hello;
        }
        catch (Exception error) when (error is IOException and not RtmpException)
        {
            throw Gone();
        }
    }

    /// <summary>What the client may send and expect.</summary>
    public async Task AgreeAsync(CancellationToken cancel)
    {
        await SendAsync(RtmpType.WindowSize, 0, Number(Window), cancel).ConfigureAwait(false);
        await SendAsync(RtmpType.PeerBandwidth, 0, (byte[])[.. Number(Window), DynamicLimit], cancel).ConfigureAwait(false);
        await SendAsync(RtmpType.SetChunkSize, 0, Number(ChunkSize), cancel).ConfigureAwait(false);
    }

    /// <summary>From now on messages may be as large as coded pictures are.</summary>
    public void TakePictures() => _chunks.MaxMessage = 4 << 20;

    /// <summary>The next message that is not about the connection itself.</summary>
    /// <exception cref="RtmpException">It is not RTMP, or the connection broke off.</exception>
    public async ValueTask<RtmpMessage> NextAsync(CancellationToken cancel)
    {
        while (true)
        {
            if (TryNext(out var message))
                return message;
            _in.AsSpan(_start, _end - _start).CopyTo(_in);
            (_start, _end) = (0, _end - _start);
            try
            {
                var read = await stream.ReadAsync(_in.AsMemory(_end), cancel).ConfigureAwait(false);
                if (read == 0)
                    throw Gone();
                _end += read;
                _received += read;
            }
            catch (Exception error) when (error is IOException and not RtmpException)
            {
                throw Gone();
            }
            if (_received - _acknowledged < _window)
                continue;
            _acknowledged = _received;
            await SendAsync(RtmpType.Acknowledgement, 0, Number((int)_received), cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Sends a message of at most 4096 bytes.</summary>
    /// <exception cref="RtmpException">The connection broke off.</exception>
    public async Task SendAsync(RtmpType type, uint messageStream, ReadOnlyMemory<byte> body, CancellationToken cancel)
    {
        var chunk = new byte[12 + body.Length];
        // Chunk stream 2 is for messages about the connection, 3 for commands.
        chunk[0] = (byte)(type == RtmpType.Command ? 3 : 2);
        BinaryPrimitives.WriteInt32BigEndian(chunk.AsSpan(4), (body.Length << 8) | (byte)type);
        BinaryPrimitives.WriteUInt32LittleEndian(chunk.AsSpan(8), messageStream);
        body.CopyTo(chunk.AsMemory(12));
        try
        {
            await stream.WriteAsync(chunk, cancel).ConfigureAwait(false);
        }
        catch (IOException)
        {
            throw Gone();
        }
    }

    /// <summary>Sends a command.</summary>
    public Task CommandAsync(uint messageStream, CancellationToken cancel, params object?[] values) =>
        SendAsync(RtmpType.Command, messageStream, Amf0.Write(values), cancel);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private bool TryNext(out RtmpMessage message)
    {
        while (true)
        {
            var whole = _chunks.Read(_in.AsSpan(_start, _end - _start), out var used, out message);
            _start += used;
            if (!whole)
                return false;
            if (message is { Type: RtmpType.WindowSize, Body.Length: >= 4 })
                _window = Math.Clamp(BinaryPrimitives.ReadUInt32BigEndian(message.Body.Span), _in.Length, Window);
            else if (message.Type is RtmpType.Audio or RtmpType.Video or RtmpType.Aggregate or RtmpType.Command or RtmpType.CommandAmf3)
                return true;
        }
    }

    private static byte[] Number(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    private static RtmpException Gone() => new("The publisher has gone away.");
}
