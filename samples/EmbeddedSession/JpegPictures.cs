using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;

namespace TrueLive.Samples.EmbeddedSession;

/// <summary>Both ends of a session on one WebSocket: binary messages are JPEG pictures, text messages are prompts.</summary>
internal sealed class JpegPictures(WebSocket socket, TimeProvider time) : IVideoSource, IVideoSink, IDisposable
{
    private const int MaxMessage = 1024 * 1024;
    private readonly FramePool _pool = new("pictures from the page");
    private readonly JpegCodec _in = new();
    private readonly JpegCodec _out = new();
    private readonly JpegColour _colour = new();
    private readonly ArrayBufferWriter<byte> _message = new();
    private readonly long _began = time.GetTimestamp();
    private byte[] _sent = [];
    private long _count;

    /// <summary>Called with each text message.</summary>
    public required Action<string> Prompted { get; init; }

    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        while (await ReceiveAsync(cancel).ConfigureAwait(false) is { } type)
        {
            if (type == WebSocketMessageType.Text)
                Prompted(Encoding.UTF8.GetString(_message.WrittenSpan));
            else if (_in.Decode(_message.WrittenSpan, _pool) is { } frame)
            {
                var arrived = time.GetTimestamp();
                var captured = time.GetElapsedTime(_began, arrived);
                frame.Ticket = new FrameTicket(_count++, captured, arrived, MediaTime: (uint)(long)(captured.TotalSeconds * 90_000));
                return frame;
            }
        }
        return null;
    }

    public async ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        try
        {
            using var picture = _colour.Convert(made.Frame);
            await socket.SendAsync(Encoded(picture), WebSocketMessageType.Binary, endOfMessage: true, cancel).ConfigureAwait(false);
            return true;
        }
        catch (WebSocketException broken)
        {
            throw new IOException("The page has gone.", broken);
        }
    }

    public void Dispose()
    {
        _in.Dispose();
        _out.Dispose();
    }

    private ReadOnlyMemory<byte> Encoded(VideoFrame picture)
    {
        var jpeg = _out.Encode(picture, quality: 80);
        if (_sent.Length < jpeg.Length)
            _sent = new byte[2 * jpeg.Length];
        jpeg.CopyTo(_sent);
        return _sent.AsMemory(0, jpeg.Length);
    }

    // Null at the end, and for a message that is too long to be a camera picture.
    private async ValueTask<WebSocketMessageType?> ReceiveAsync(CancellationToken cancel)
    {
        _message.ResetWrittenCount();
        try
        {
            while (_message.WrittenCount <= MaxMessage)
            {
                var part = await socket.ReceiveAsync(_message.GetMemory(16 * 1024), cancel).ConfigureAwait(false);
                if (part.MessageType == WebSocketMessageType.Close)
                    return null;
                _message.Advance(part.Count);
                if (part.EndOfMessage)
                    return part.MessageType;
            }
            return null;
        }
        catch (WebSocketException broken)
        {
            throw new IOException("The page has gone.", broken);
        }
    }
}
