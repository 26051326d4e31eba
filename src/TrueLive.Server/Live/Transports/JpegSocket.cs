using System.Buffers;
using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.Server.Access;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Live.Control;

namespace TrueLive.Server.Live.Transports;

/// <summary>
/// A client that sends and receives JPEG pictures over one WebSocket, for networks that block everything else. Text messages are the
/// control protocol. Binary messages begin with "TL", version 1, a kind, and four bytes (big endian): kind 1 up: media time, JPEG; kind 1
/// down: length of the trace, trace as JSON, JPEG; kind 2 up: output sequence that was shown.
/// </summary>
internal sealed class JpegSocket : IVideoSource, IVideoSink, IDisposable
{
    /// <summary>Longest picture taken, in bytes.</summary>
    public const int MaxPicture = 4 * 1024 * 1024;

    // With more pictures in flight the delay would grow; beyond this the newest is not sent.
    private const int InFlight = 3;
    private const int Quality = 80;
    private const int HeaderLength = 8;
    private const uint Picture = 0x544c0101;
    private const uint Shown = 0x544c0102;
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan TroubleLasts = TimeSpan.FromSeconds(3);

    private readonly WebSocket _socket;
    private readonly SocketReader _reader;
    private readonly PictureBudget _budget;
    private readonly LargePictures _large;
    private readonly string _owner;
    private readonly TimeProvider _time;
    private readonly FramePool _pool = new("websocket pictures");
    private readonly JpegCodec _jpegIn = new();
    private readonly ILiveDecoder? _elsewhere;
    private readonly JpegCodec _jpegOut = new();
    private readonly JpegColour _colour = new();
    private readonly ProvenanceJson _trace;
    private readonly MediaClock _clock;
    private readonly ArrayBufferWriter<byte> _received = new(64 * 1024);
    private readonly ArrayBufferWriter<byte> _outgoing = new(64 * 1024);

    // Bound: 64 messages; a client that reads nothing is disconnected, since control messages are never dropped silently.
    private readonly Channel<ReadOnlyMemory<byte>> _texts = Channel.CreateBounded<ReadOnlyMemory<byte>>(64);
    private readonly SemaphoreSlim _sending = new(1, 1);
    private long _lastSent = -1;
    private long _lastShown = -1;
    private long _lastSentAt;
    private long? _leftOutAt;
    private string? _undecoded;
    private string? _leftOut;
    private volatile bool _finished;

    /// <summary>A client's socket.</summary>
    /// <param name="socket">The open WebSocket.</param>
    /// <param name="budget">Limits what may be decoded.</param>
    /// <param name="large">Decodes large pictures.</param>
    /// <param name="elsewhere">Decodes in another process, and is this connection's from now on; null decodes here.</param>
    /// <param name="owner">Whose budget is used.</param>
    /// <param name="time">Clock.</param>
    public JpegSocket(
        WebSocket socket, PictureBudget budget, LargePictures large, ILiveDecoder? elsewhere, string owner, TimeProvider time)
    {
        (_socket, _budget, _large, _elsewhere, _owner, _time) = (socket, budget, large, elsewhere, owner, time);
        _reader = new SocketReader(socket, time);
        _trace = new ProvenanceJson(time);
        _clock = new MediaClock(time);
    }

    /// <summary>Where text messages go.</summary>
    public ControlConnection? Control { get; set; }

    /// <summary>Called with the length of each picture that was sent.</summary>
    public Action<int>? Sent { get; set; }

    /// <summary>Called by the reader with the reason when pictures are left out, and with null when all are taken again.</summary>
    public Action<string?>? TroubleChanged { get; set; }

    /// <summary>Queues one control message. Nobody hears one that comes after <see cref="FinishTexts"/>.</summary>
    public void SendText(ReadOnlyMemory<byte> utf8)
    {
        // Another thread may still report, and must not cut off the goodbye.
        if (!_texts.Writer.TryWrite(utf8) && !_finished)
            _socket.Abort();
    }

    /// <summary>Sends queued control messages until cancelled or the socket is gone.</summary>
    public async Task SendTextsAsync(CancellationToken cancel)
    {
        try
        {
            await foreach (var text in _texts.Reader.ReadAllAsync(cancel).ConfigureAwait(false))
                await SendAsync(text, WebSocketMessageType.Text, cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or IOException)
        {
        }
    }

    /// <summary>Ends <see cref="SendTextsAsync"/> once everything queued has gone out.</summary>
    public void FinishTexts()
    {
        _finished = true;
        _texts.Writer.TryComplete();
    }

    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        while (await ReceiveAsync(cancel).ConfigureAwait(false) is { } type)
        {
            if (type == WebSocketMessageType.Text)
                Control?.Receive(_received.WrittenSpan);
            else if (_received.WrittenCount >= HeaderLength
                && await HandleAsync(_received.WrittenMemory, cancel).ConfigureAwait(false) is { } frame)
                return frame;
        }
        return null;
    }

    public async ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        var silent = _time.GetElapsedTime(Interlocked.Read(ref _lastSentAt)) > SilenceLimit;
        if (_socket.State != WebSocketState.Open)
            throw new IOException("The WebSocket is closed.");
        if (Interlocked.Read(ref _lastSent) - Interlocked.Read(ref _lastShown) >= InFlight && !silent)
            return false;
        using var picture = _colour.Convert(made.Frame);
        var jpeg = _jpegOut.Encode(picture, Quality);
        var ticket = made.Ticket;
        var trace = _trace.Write(ticket, ticket.MediaTime, _time.GetTimestamp());
        _outgoing.ResetWrittenCount();
        var head = _outgoing.GetSpan(HeaderLength);
        BinaryPrimitives.WriteUInt32BigEndian(head, Picture);
        BinaryPrimitives.WriteUInt32BigEndian(head[4..], (uint)trace.Length);
        _outgoing.Advance(HeaderLength);
        _outgoing.Write(trace.Span);
        _outgoing.Write(jpeg);
        Interlocked.Exchange(ref _lastSent, ticket.OutputSequence);
        if (silent)
            Interlocked.Exchange(ref _lastShown, ticket.OutputSequence - 1);
        Interlocked.Exchange(ref _lastSentAt, _time.GetTimestamp());
        try
        {
            await SendAsync(_outgoing.WrittenMemory, WebSocketMessageType.Binary, cancel).ConfigureAwait(false);
            Sent?.Invoke(_outgoing.WrittenCount);
            return true;
        }
        catch (WebSocketException error)
        {
            throw new IOException("The WebSocket broke.", error);
        }
    }

    /// <summary>Closes a connection that is still open, with the reason; nothing else is read or sent any more.</summary>
    public Task CloseAsync(string why) => _socket.State is WebSocketState.Open or WebSocketState.CloseReceived
        ? _reader.CloseAsync(WebSocketCloseStatus.NormalClosure, why) : Task.CompletedTask;

    public void Dispose()
    {
        _trace.Dispose();
        _jpegIn.Dispose();
        _elsewhere?.Dispose();
        _jpegOut.Dispose();
        _sending.Dispose();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<VideoFrame?> HandleAsync(ReadOnlyMemory<byte> message, CancellationToken cancel)
    {
        var value = BinaryPrimitives.ReadUInt32BigEndian(message.Span[4..]);
        switch (BinaryPrimitives.ReadUInt32BigEndian(message.Span))
        {
            case Shown:
                // The client sends the low 32 bits; acknowledgements of pictures that were not sent yet are ignored.
                var sent = Interlocked.Read(ref _lastSent);
                Interlocked.Exchange(ref _lastShown, Math.Min(sent, sent + (int)(value - (uint)sent)));
                return null;
            case Picture:
                var arrived = _time.GetTimestamp();
                var jpeg = message[HeaderLength..];
                var cost = JpegCodec.CostOf(jpeg.Span);
                if (!Affords(cost, arrived))
                    return null;
                var frame = _elsewhere is not null ? await DecodeElsewhereAsync(_elsewhere, jpeg, cancel).ConfigureAwait(false)
                    : cost < LargePictures.Large ? _jpegIn.Decode(jpeg.Span, _pool)
                    : await _large.DecodeAsync(_jpegIn, jpeg, _pool).ConfigureAwait(false);
                if (frame is null)
                    SessionMetrics.InputDropped(InputDrop.Undecodable);
                else
                    frame.Ticket = _clock.Next(value, arrived);
                return frame;
            default:
                return null;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<VideoFrame?> DecodeElsewhereAsync(ILiveDecoder decoder, ReadOnlyMemory<byte> jpeg, CancellationToken cancel)
    {
        var coded = new EncodedFrame { Codec = VideoCodec.Jpeg, Data = jpeg.Span, KeyFrame = true, RtpTime = 0 };
        var frame = await decoder.DecodeAsync(coded, _pool, cancel).ConfigureAwait(false);
        if (decoder.Trouble != _undecoded)
            Tell(decoder.Trouble, _leftOut);
        return frame;
    }

    private void Tell(string? undecoded, string? leftOut)
    {
        (_undecoded, _leftOut) = (undecoded, leftOut);
        TroubleChanged?.Invoke(undecoded ?? leftOut);
    }

    private bool Affords(long cost, long now)
    {
        if (_budget.Take(_owner, cost))
        {
            if (_leftOutAt is { } last && _time.GetElapsedTime(last, now) > TroubleLasts)
            {
                _leftOutAt = null;
                Tell(_undecoded, null);
            }
            return true;
        }
        SessionMetrics.InputDropped(InputDrop.OverBudget);
        if (_leftOutAt is null)
            Tell(_undecoded, $"More pictures come than are decoded for one key ({_budget.PixelsPerSecond / 1_000_000} million " +
                "pixels a second), so some are left out. Send smaller ones, or fewer.");
        _leftOutAt = now;
        return false;
    }

    private async ValueTask<WebSocketMessageType?> ReceiveAsync(CancellationToken cancel)
    {
        _received.ResetWrittenCount();
        try
        {
            while (true)
            {
                var result = await _reader.ReceiveAsync(_received.GetMemory(16 * 1024), cancel).ConfigureAwait(false);
                if (result.MessageType == WebSocketMessageType.Close)
                    return null;
                _received.Advance(result.Count);
                if (_received.WrittenCount > MaxPicture)
                {
                    await _reader.CloseAsync(WebSocketCloseStatus.MessageTooBig, $"A message is longer than {MaxPicture} bytes.")
                        .ConfigureAwait(false);
                    return null;
                }
                if (result.EndOfMessage)
                    return result.MessageType;
            }
        }
        catch (WebSocketException)
        {
            return null;
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> message, WebSocketMessageType type, CancellationToken cancel)
    {
        await _sending.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            await _socket.SendAsync(message, type, endOfMessage: true, cancel).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }
}
