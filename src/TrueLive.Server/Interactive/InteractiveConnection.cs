using System.Buffers;
using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using TrueLive.Core.Clips;

namespace TrueLive.Server.Interactive;

/// <summary>
/// One client's view of an interactive clip over a WebSocket or a data channel: messages go out in order, and pictures of a revision that
/// is no longer the newest are left out unless they were asked for.
/// </summary>
internal sealed class InteractiveConnection(IInteractiveCarrier carrier, HostedClip hosted)
{
    /// <summary>Longest message taken, in bytes.</summary>
    public const int MaxMessage = 64 * 1024;

    private const int HeaderLength = 20;
    private const uint PictureMark = 0x544c0103;

    // Bound: the pictures of a few revisions; a client that reads nothing is disconnected, and can fetch everything again with
    // select.
    private readonly Channel<(ReadOnlyMemory<byte> Text, RevisionFrame Frame, bool Asked)> _out =
        Channel.CreateBounded<(ReadOnlyMemory<byte>, RevisionFrame, bool)>(new BoundedChannelOptions(4 * InteractiveLoading.MaxFrames)
        { SingleReader = true });
    private long _newest;
    private string? _why;
    private volatile bool _over;

    /// <summary>Answers a command; set before <see cref="RunAsync"/>.</summary>
    public Func<InteractiveCommand, CancellationToken, Task>? Commands { get; set; }

    /// <summary>Queues a message.</summary>
    public void Send<T>(T message, JsonTypeInfo<T> type) => Put((JsonSerializer.SerializeToUtf8Bytes(message, type), default, true));

    /// <summary>Queues the state of a revision.</summary>
    public void Send(ClipRevision revision, string? id = null)
    {
        if (revision.Number > Volatile.Read(ref _newest))
            Volatile.Write(ref _newest, revision.Number);
        Send(new RevisionMessage("revision", id, RevisionView.From(revision, hosted.Model.Info.Id)),
            InteractiveJson.Default.RevisionMessage);
    }

    /// <summary>Queues a picture.</summary>
    public void Send(in RevisionFrame frame, bool asked) => Put((default, frame, asked));

    /// <summary>Ends the connection; the first reason is kept.</summary>
    public void Close(string why)
    {
        Interlocked.CompareExchange(ref _why, why, null);
        Finish();
    }

    /// <summary>Why the server ended the connection; null when the client did.</summary>
    public string? Why => Volatile.Read(ref _why);

    /// <summary>Runs until either side ends it.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var sending = SendAllAsync(stop.Token);
        var receiving = ReceiveAllAsync(stop.Token);
        await Task.WhenAny(sending, receiving).ConfigureAwait(false);
        Finish();
        if (carrier.IsOpen)
            await sending.ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await receiving.ConfigureAwait(false);
        await sending.ConfigureAwait(false);
        if (carrier.IsOpen)
            await carrier.CloseAsync(Why ?? "Closed.").ConfigureAwait(false);
    }

    private void Put((ReadOnlyMemory<byte> Text, RevisionFrame Frame, bool Asked) message)
    {
        // The clip may still send while the connection ends; that does not mean that the client reads too slowly.
        if (!_out.Writer.TryWrite(message) && !_over)
            Close("The client reads too slowly.");
    }

    private void Finish()
    {
        _over = true;
        _out.Writer.TryComplete();
    }

    private async Task SendAllAsync(CancellationToken cancel)
    {
        var picture = new ArrayBufferWriter<byte>(64 * 1024);
        try
        {
            await foreach (var (text, frame, asked) in _out.Reader.ReadAllAsync(cancel).ConfigureAwait(false))
            {
                if (!text.IsEmpty)
                {
                    await carrier.SendAsync(text, isText: true, cancel).ConfigureAwait(false);
                }
                else if (asked || frame.Revision >= Volatile.Read(ref _newest))
                {
                    picture.ResetWrittenCount();
                    Write(frame, picture);
                    await carrier.SendAsync(picture.WrittenMemory, isText: false, cancel).ConfigureAwait(false);
                }
            }
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or IOException)
        {
            if (error is IOException)
                Interlocked.CompareExchange(ref _why, error.Message, null);
        }
    }

    private void Write(in RevisionFrame frame, ArrayBufferWriter<byte> to)
    {
        var head = to.GetSpan(HeaderLength)[..HeaderLength];
        head.Clear();
        BinaryPrimitives.WriteUInt32BigEndian(head, PictureMark);
        BinaryPrimitives.WriteUInt32BigEndian(head[4..], (uint)frame.Revision);
        BinaryPrimitives.WriteUInt32BigEndian(head[8..], (uint)frame.Index);
        BinaryPrimitives.WriteUInt32BigEndian(head[12..], (uint)Math.Round(hosted.TimeOf(frame).TotalMilliseconds));
        head[16] = (byte)frame.Pass;
        to.Advance(HeaderLength);
        to.Write(frame.Encoded.Span);
    }

    private async Task ReceiveAllAsync(CancellationToken cancel)
    {
        try
        {
            Interlocked.CompareExchange(
                ref _why, await carrier.ReceiveAllAsync(MaxMessage, AnswerAsync, cancel).ConfigureAwait(false), null);
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or IOException)
        {
        }
    }

    private async Task AnswerAsync(ReadOnlyMemory<byte> utf8, CancellationToken cancel)
    {
        InteractiveCommand? command = null;
        try
        {
            command = JsonSerializer.Deserialize(utf8.Span, InteractiveJson.Default.InteractiveCommand);
        }
        catch (JsonException)
        {
        }
        if (command is null || command.Id?.Length > 64)
            Send(new RefusedMessage("error", null, command is null
                ? "The message is not a JSON object of the interactive protocol."
                : "The id is longer than 64 characters."), InteractiveJson.Default.RefusedMessage);
        else
            await Commands!(command, cancel).ConfigureAwait(false);
    }
}
