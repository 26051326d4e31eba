using System.Net.WebSockets;
using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Live.Transports;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a client with a session can send to the server.</summary>
internal static class ServerTargets
{
    private static readonly SessionRegistry Registry = new(
        new ModelStore([new PassthroughModel()]), new Admission(2, 30, 0), new ServerOptions(), TimeProvider.System, NullLogger<SessionRegistry>.Instance);

    /// <summary>One control message per line; every line gets an answer, and the connection lives on.</summary>
    public static void Control(ReadOnlySpan<byte> input)
    {
        var hosted = Registry.Create(new SessionRequest(null, null, null, null));
        var answers = 0;
        var control = new ControlConnection(new AdmittedClient(hosted, 1, null), Registry, "fuzz", _ => Interlocked.Increment(ref answers), TimeProvider.System);
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
        using var socket = new JpegSocket(wire, TimeProvider.System);
        while (socket.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult() is { } frame)
        {
            frame.Dispose();
        }
    }

    /// <summary>A socket whose far side says what it is given, then closes.</summary>
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

        public override Task CloseAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) => Task.CompletedTask;

        public override Task CloseOutputAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) => Task.CompletedTask;

        public override Task SendAsync(ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken) => Task.CompletedTask;

        public override void Dispose()
        {
        }
    }
}
