using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Access;

namespace TrueLive.Server.Tests.Access;

/// <summary>How the server leaves a client, over real connections.</summary>
public sealed class SocketReaderTests
{
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_that_is_still_sending_when_the_server_closes_gets_all_that_was_said_and_is_not_reset()
    {
        var (server, client) = await PairAsync();
        using (server)
        using (client)
        {
            var reader = new SocketReader(server, _time);
            using var over = new CancellationTokenSource();
            var reading = reader.ReceiveAsync(new byte[4096], over.Token).AsTask();
            await over.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
            await server.SendAsync("moved"u8.ToArray(), WebSocketMessageType.Text, true, Cancel);
            var closing = reader.CloseAsync(WebSocketCloseStatus.NormalClosure, "It went to another machine.");
            for (var i = 0; i < 200; i++)
                await client.SendAsync(new byte[64 * 1024], WebSocketMessageType.Binary, true, Cancel);
            var buffer = new byte[64];
            Assert.Equal("moved".Length, (await client.ReceiveAsync(buffer, Cancel)).Count);
            Assert.Equal(WebSocketMessageType.Close, (await client.ReceiveAsync(buffer, Cancel)).MessageType);
            Assert.Equal("It went to another machine.", client.CloseStatusDescription);
            Assert.False(closing.IsCompleted);
            await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
            await closing;
        }
    }

    [Fact]
    public async Task A_client_that_never_closes_is_left_after_two_seconds()
    {
        var (server, client) = await PairAsync();
        using (server)
        using (client)
        {
            var closing = new SocketReader(server, _time).CloseAsync(WebSocketCloseStatus.NormalClosure, "The session is over.");
            await client.ReceiveAsync(new byte[64], Cancel);
            Assert.False(closing.IsCompleted);
            _time.Advance(TimeSpan.FromSeconds(2));
            await closing;
        }
    }

    [Fact]
    public async Task A_reason_that_is_too_long_for_a_close_frame_is_cut_between_characters()
    {
        var (server, client) = await PairAsync();
        using (server)
        using (client)
        {
            var closing = new SocketReader(server, _time).CloseAsync(WebSocketCloseStatus.NormalClosure,
                string.Concat(Enumerable.Repeat("\U0001F3A5", 60)));
            await client.ReceiveAsync(new byte[256], Cancel);
            Assert.Equal(string.Concat(Enumerable.Repeat("\U0001F3A5", 30)), client.CloseStatusDescription);
            await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
            await closing;
        }
    }

    private static async Task<(WebSocket Server, WebSocket Client)> PairAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Cancel);
        var server = await listener.AcceptTcpClientAsync(Cancel);
        return (WebSocket.CreateFromStream(server.GetStream(), new WebSocketCreationOptions { IsServer = true }),
            WebSocket.CreateFromStream(client.GetStream(), new WebSocketCreationOptions()));
    }
}
