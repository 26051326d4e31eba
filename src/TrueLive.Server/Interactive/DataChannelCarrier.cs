using System.Text.Json;
using System.Threading.Channels;
using TrueLive.WebRtc;

namespace TrueLive.Server.Interactive;

/// <summary>
/// The interactive protocol over a data channel of a live peer connection. The reason for a close is sent as an error message, since
/// closing a data channel carries none.
/// </summary>
internal sealed class DataChannelCarrier : IInteractiveCarrier
{
    /// <summary>Name of the channel; its sub-protocol is the clip's signed <c>socket</c> address.</summary>
    public const string Label = "interactive";

    // Commands and traces of the live session share the SCTP association, so little may be queued ahead of them.
    private const int MaxBuffered = 64 * 1024;
    private const int MaxWaiting = 64;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

    // If a channel closes before the page learned that it was open, the messages in between are lost: Chromium reports only the end.
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(5);

    private readonly DataChannel _channel;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<byte[]> _inbox = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });

    /// <summary>Starts to queue the messages of the channel.</summary>
    public DataChannelCarrier(DataChannel channel, TimeProvider time)
    {
        (_channel, _time) = (channel, time);
        channel.Closed = () =>
        {
            _inbox.Writer.TryComplete();
            _closed.TrySetResult();
        };
        channel.MessageReceived = (_, data, _) =>
        {
            if (!_inbox.Writer.TryWrite(data.ToArray()))
                _inbox.Writer.TryComplete(new IOException($"More than {MaxWaiting} messages wait for an answer."));
        };
    }

    public bool IsOpen => _channel.IsOpen;

    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, bool isText, CancellationToken cancel)
    {
        if (message.Length > DataChannel.MaxMessage)
            throw new IOException("A picture is larger than a data channel takes. Use the WebSocket, or a smaller size.");
        while (_channel.IsOpen)
        {
            if (_channel.BufferedAmount < MaxBuffered && (isText ? _channel.SendText(message.Span) : _channel.Send(message.Span)))
                return;
            await Task.Delay(Look, _time, cancel).ConfigureAwait(false);
        }
        throw new IOException("The channel is closed.");
    }

    public async Task<string?> ReceiveAllAsync(
        int maxMessage, Func<ReadOnlyMemory<byte>, CancellationToken, Task> take, CancellationToken cancel)
    {
        try
        {
            await foreach (var message in _inbox.Reader.ReadAllAsync(cancel).ConfigureAwait(false))
            {
                if (message.Length > maxMessage)
                    return $"A message is longer than {maxMessage} bytes.";
                await take(message, cancel).ConfigureAwait(false);
            }
            return null;
        }
        catch (IOException tooMany)
        {
            return tooMany.Message;
        }
    }

    public async Task CloseAsync(string why)
    {
        _channel.SendText(JsonSerializer.SerializeToUtf8Bytes(new RefusedMessage("error", null, why),
            InteractiveJson.Default.RefusedMessage));
        using var waited = new CancellationTokenSource();
        await Task.WhenAny(_closed.Task, Task.Delay(Linger, _time, waited.Token)).ConfigureAwait(false);
        await waited.CancelAsync().ConfigureAwait(false);
        _channel.Close();
    }
}
