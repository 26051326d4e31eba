using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Transport;

namespace TrueLive.WebRtc.Tests.Transport;

/// <summary>ICE over TCP (RFC 6544) against hostile clients.</summary>
public sealed class TcpPortTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    // Its time stands still, so that no stranger is sent away for being slow.
    private readonly RtcEndpoint _server = new(new RtcEndpointOptions { Address = IPAddress.Loopback, Tcp = true }, new FakeTimeProvider());
    private readonly List<TcpClient> _clients = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_peer_holds_a_few_connections_and_the_one_in_use_is_not_dropped()
    {
        using var offering = _server.Offer(new MediaPreferences());
        using var answering = _server.Answer(offering.LocalDescription, new MediaPreferences());
        for (var i = 0; i < RtcPeer.MaxTaken + 3; i++)
            await CheckAsync(await ConnectAsync(), answering.LocalDescription);
        for (var i = 1; i <= 3; i++)
            await EndedAsync(_clients[i]);
        await CheckAsync(_clients[0], answering.LocalDescription);
        await CheckAsync(_clients[4], answering.LocalDescription);
        await CheckAsync(_clients[^1], answering.LocalDescription);
    }

    [Fact]
    public async Task Connections_that_are_reset_at_once_do_not_end_the_listening()
    {
        for (var i = 0; i < 300; i++)
        {
            using var hasty = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
            await hasty.ConnectAsync(IPAddress.Loopback, _server.Port, Cancel);
        }
        using var offering = _server.Offer(new MediaPreferences());
        using var answering = _server.Answer(offering.LocalDescription, new MediaPreferences());
        await CheckAsync(await ConnectAsync(), answering.LocalDescription);
    }

    [Fact]
    public async Task One_address_with_idle_connections_leaves_room_for_another()
    {
        using var offering = _server.Offer(new MediaPreferences());
        using var answering = _server.Answer(offering.LocalDescription, new MediaPreferences());
        for (var i = 0; i < TcpPort.MaxStrangers + 10; i++)
            await ConnectAsync();
        await Until(() => _server.RefusedConnections >= TcpPort.MaxStrangers + 10 - TcpPort.MaxStrangersOfOne);
        var other = new TcpClient(new IPEndPoint(IPAddress.Parse("127.0.0.3"), 0));
        _clients.Add(other);
        await other.ConnectAsync(IPAddress.Loopback, _server.Port, Cancel);
        await CheckAsync(other, answering.LocalDescription);
    }

    [Fact]
    public void Datagrams_are_found_however_their_bytes_come()
    {
        byte[] bytes = [0, 3, 1, 2, 3, 0, 0, 0, 1, 9];
        for (var piece = 1; piece <= bytes.Length; piece++)
        {
            var (frames, found) = (new TcpFrames(), new List<byte[]>());
            foreach (var chunk in bytes.Chunk(piece))
            {
                chunk.CopyTo(frames.Free);
                Assert.True(frames.Received(chunk.Length, d => found.Add(d.ToArray())));
            }
            Assert.Equal([[1, 2, 3], [], [9]], found);
        }
        var tooLong = new TcpFrames();
        new byte[] { 8, 0 }.CopyTo(tooLong.Free);
        Assert.False(tooLong.Received(2, _ => { }));
    }

    public void Dispose()
    {
        _clients.ForEach(c => c.Dispose());
        _server.Dispose();
    }

    private static async Task Until(Func<bool> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(Patience);
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, limit.Token);
    }

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        _clients.Add(client);
        await client.ConnectAsync(IPAddress.Loopback, _server.Port, Cancel);
        return client;
    }

    /// <summary>Sends a check with valid credentials and waits for its answer.</summary>
    private static async Task CheckAsync(TcpClient client, string answer)
    {
        var check = Check(Line(answer, "a=ice-ufrag:"), Line(answer, "a=ice-pwd:"));
        await client.GetStream().WriteAsync(check, Cancel);
        Assert.True(await ReadAsync(client) > 0);
    }

    private static async Task EndedAsync(TcpClient client)
    {
        try
        {
            while (await ReadAsync(client) > 0)
            {
            }
        }
        catch (IOException)
        {
            // A reset also ends the connection.
        }
    }

    private static Task<int> ReadAsync(TcpClient client) =>
        client.GetStream().ReadAsync(new byte[2048], Cancel).AsTask().WaitAsync(Patience, Cancel);

    private static byte[] Check(string ufrag, string password)
    {
        var writer = new StunWriter(new byte[StunMessage.MaxLength], StunClass.Request, new byte[12]);
        writer.Bytes(StunAttribute.Username, Encoding.UTF8.GetBytes(ufrag + ":theirs"));
        writer.UInt32(StunAttribute.Priority, 1);
        writer.UInt64(StunAttribute.IceControlling, 1);
        var message = writer.Finish(Encoding.UTF8.GetBytes(password));
        var frame = new byte[2 + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(frame, (ushort)message.Length);
        message.CopyTo(frame.AsSpan(2));
        return frame;
    }

    private static string Line(string sdp, string name) =>
        sdp.Split("\r\n").First(l => l.StartsWith(name, StringComparison.Ordinal))[name.Length..];
}
