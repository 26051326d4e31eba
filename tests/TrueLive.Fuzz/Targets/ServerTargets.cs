using System.Collections.Immutable;
using System.Net.WebSockets;
using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Interactive;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Live.Transports;
using TrueLive.Server.Pictures;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a client with a session can send to the server.</summary>
internal static class ServerTargets
{
    private static readonly SessionRegistry Registry = new(
        new ModelStore([new PassthroughModel()]), new Admission(2, 30, 0), new ServerOptions(), TimeProvider.System,
        NullLogger<SessionRegistry>.Instance);

    private static readonly LargePictures Large = new();

    /// <summary>One control message per line; every line must get an answer, and the connection must stay open.</summary>
    public static void Control(ReadOnlySpan<byte> input)
    {
        var hosted = Registry.Create(new SessionRequest(null, null, null, null));
        var answers = 0;
        var control = new ControlConnection(new AdmittedClient(hosted, 1, null), Registry, "fuzz", _ => Interlocked.Increment(ref answers),
            TimeProvider.System);
        var lines = 0;
        foreach (var range in input.Split((byte)'\n'))
        {
            if (lines < ControlConnection.QueueLength)
            {
                lines++;
                control.Receive(input[range]);
            }
        }

        control.Dispose();
        control.Finished.GetAwaiter().GetResult();
        Registry.End(hosted, EndCause.ControlClient);
        if (answers < lines)
        {
            throw new InvalidOperationException($"{lines} messages, {answers} answers");
        }
    }

    /// <summary>Binary messages of the picture socket.</summary>
    public static void JpegMessages(ReadOnlySpan<byte> input)
    {
        using var wire = new FedSocket(FuzzTarget.Packets(input));
        using var socket = new JpegSocket(wire, new PictureBudget(1000, TimeProvider.System), Large, null, "fuzz", TimeProvider.System);
        while (socket.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult() is { } frame)
        {
            frame.Dispose();
        }
    }

    /// <summary>One message of the interactive protocol per line, to a clip of four pictures; each gets an answer.</summary>
    public static void Interactive(ReadOnlySpan<byte> input)
    {
        var pool = new FramePool("fuzz interactive");
        var frames = Enumerable.Range(0, 4).Select(i =>
        {
            var frame = pool.Rent(16, 16);
            frame.Y.Fill(100);
            frame.U.Fill(128);
            frame.V.Fill(128);
            (frame.Colour, frame.Ticket) = (ColourSpace.Bt601Full, new FrameTicket(0, TimeSpan.FromMilliseconds(40 * i), 0, 0));
            return frame;
        }).ToImmutableArray();
        var upload = new UploadView("id", null, null, "x.mp4", 1, 16, 16, 25, 0.16, 4, false, "h264", [], DateTimeOffset.MaxValue);
        var hosted = new HostedClip(
            "id", "local", upload, TimeSpan.Zero, frames, TimeSpan.FromMilliseconds(160), new PassthroughModel(), _ =>
                null, (_, _) => { }, TimeProvider.System);
        var carrier = new FedCarrier(input.ToArray());
        var connection = new InteractiveConnection(carrier, hosted);
        // An export goes to the queue of clips, which is not part of this parser.
        var commands = new InteractiveCommands(null!, null!, null!, null!, null!, new PictureStore(null!, null!, null!, null!), null!,
            TimeProvider.System);
        connection.Commands = (command, cancel) =>
            command.Type == "export" ? Task.CompletedTask : commands.AnswerAsync(hosted, connection, command, cancel);
        connection.RunAsync(CancellationToken.None).GetAwaiter().GetResult();
        hosted.DisposeAsync().AsTask().GetAwaiter().GetResult();
        if (pool.Rented != 0)
            throw new InvalidOperationException($"{pool.Rented} frames were not given back");
    }

    /// <summary>Delivers the lines of a text and accepts every answer.</summary>
    private sealed class FedCarrier(byte[] text) : IInteractiveCarrier
    {
        public bool IsOpen => true;

        public ValueTask SendAsync(ReadOnlyMemory<byte> message, bool isText, CancellationToken cancel) => ValueTask.CompletedTask;

        public async Task<string?> ReceiveAllAsync(
            int maxMessage, Func<ReadOnlyMemory<byte>, CancellationToken, Task> take, CancellationToken cancel)
        {
            for (var at = 0; at < text.Length;)
            {
                var end = text.AsSpan(at).IndexOf((byte)'\n') is >= 0 and var n ? at + n : text.Length;
                await take(text.AsMemory(at, end - at), cancel).ConfigureAwait(false);
                at = end + 1;
            }

            return null;
        }

        public Task CloseAsync(string why) => Task.CompletedTask;
    }

    /// <summary>A socket whose far side sends the given messages, then closes.</summary>
    private sealed class FedSocket(List<byte[]> messages) : WebSocket
    {
        private int _message;
        private int _at;

        public override WebSocketCloseStatus? CloseStatus => null;

        public override string? CloseStatusDescription => null;

        public override WebSocketState State => WebSocketState.Open;

        public override string? SubProtocol => null;

        public override Task<WebSocketReceiveResult> ReceiveAsync(ArraySegment<byte> buffer, CancellationToken cancellationToken)
        {
            if (_message == messages.Count)
            {
                return Task.FromResult(new WebSocketReceiveResult(0, WebSocketMessageType.Close, true));
            }

            var rest = messages[_message].AsSpan(_at);
            var length = Math.Min(rest.Length, buffer.Count);
            rest[..length].CopyTo(buffer);
            _at = length == rest.Length ? 0 : _at + length;
            _message += length == rest.Length ? 1 : 0;
            return Task.FromResult(new WebSocketReceiveResult(length, WebSocketMessageType.Binary, length == rest.Length));
        }

        public override void Abort()
        {
        }

        public override Task CloseAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) =>
            Task.CompletedTask;

        public override Task CloseOutputAsync(
            WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) => Task.CompletedTask;

        public override Task SendAsync(ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage,
            CancellationToken cancellationToken) => Task.CompletedTask;

        public override void Dispose()
        {
        }
    }
}
