using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Tests.Rtp;

namespace TrueLive.WebRtc.Tests.Transport;

/// <summary>
/// Two connections over real sockets on this machine: a lite answerer, as in the server, and a full offerer, as in the probe.
/// </summary>
public sealed class PeerConnectionTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly List<RtcEndpoint> _endpoints = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Video_audio_and_messages_cross_both_ways(string address)
    {
        if (address == "::1" && !Socket.OSSupportsIPv6)
            return;
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Parse(address) });
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Parse(address) });
        var atServer = new ConcurrentQueue<byte[]>();
        var atClient = new ConcurrentQueue<byte[]>();
        var audio = new TaskCompletionSource<byte[]>();
        var text = new TaskCompletionSource<string>();
        var answerText = new TaskCompletionSource<string>();
        using var offering = client.Offer(new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame f) => atClient.Enqueue(f.Data.ToArray()) });
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences()).Start(new PeerHandlers
        {
            VideoReceived = (in EncodedFrame f) => atServer.Enqueue(f.Data.ToArray()),
            AudioReceived = (in OpusPacket opus) => audio.TrySetResult(opus.Data.ToArray()),
            ChannelOpened = channel => channel.MessageReceived = (c, data, isText) =>
            {
                text.TrySetResult(Encoding.UTF8.GetString(data));
                c.Send("and back");
            },
        });
        offering.Accept(answering.LocalDescription);
        await Task.WhenAll(offering.Opened, answering.Opened).WaitAsync(Patience, Cancel);
        Assert.False(offering.Path!.Value.IsTcp);
        Assert.Equal(IPAddress.Parse(address), offering.Path.Value.Remote.Address);

        var channel = offering.OpenChannel("control", (_, data, _) => answerText.TrySetResult(Encoding.UTF8.GetString(data)));
        await Until(() => channel.IsOpen);
        Assert.True(channel.Send("over here"));
        Assert.Equal("over here", await text.Task.WaitAsync(Patience, Cancel));
        Assert.Equal("and back", await answerText.Task.WaitAsync(Patience, Cancel));

        Assert.True(offering.SendAudio([0x78, 1, 2, 3], 960));
        Assert.Equal([0x78, 1, 2, 3], await audio.Task.WaitAsync(Patience, Cancel));

        await Exchange(offering, atServer);
        await Exchange(answering, atClient);
        Assert.Equal(1, server.Count);
        offering.Close();
        Assert.Equal("The far side closed the connection.", await answering.Closed.WaitAsync(Patience, Cancel));
        Assert.Equal((0, 0), (server.Count, client.Count));
    }

    [Fact]
    public async Task What_leaves_while_the_line_is_cut_on_purpose_arrives_once_it_is_whole_again()
    {
        var (server, client) = (Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback }),
            Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback }));
        var (cut, leaving, arriving) = (false, 0, 0);
        var (said, heard) = (new TaskCompletionSource<string>(), new TaskCompletionSource<string>());
        var opened = new TaskCompletionSource<DataChannel>();
        using var offering = client.Offer(new MediaPreferences(), new PeerOptions
        {
            Loses = leaves =>
            {
                _ = leaves ? leaving++ : arriving++;
                return leaves && Volatile.Read(ref cut);
            },
        }).Start(new PeerHandlers());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences()).Start(new PeerHandlers
        {
            ChannelOpened = channel =>
            {
                channel.MessageReceived = (_, data, _) => said.TrySetResult(Encoding.UTF8.GetString(data));
                opened.TrySetResult(channel);
            },
        });
        offering.Accept(answering.LocalDescription);
        await offering.Opened.WaitAsync(Patience, Cancel);
        var channel = offering.OpenChannel("control", (_, data, _) => heard.TrySetResult(Encoding.UTF8.GetString(data)));
        var back = await opened.Task.WaitAsync(Patience, Cancel);
        await Until(() => channel.IsOpen);
        Volatile.Write(ref cut, true);
        Assert.True(channel.Send("up"));
        Assert.True(back.Send("down"));
        Assert.Equal("down", await heard.Task.WaitAsync(Patience, Cancel));
        Assert.False(said.Task.IsCompleted);
        Volatile.Write(ref cut, false);
        Assert.Equal("up", await said.Task.WaitAsync(Patience, Cancel));
        Assert.True(leaving > 0 && arriving > 0);
    }

    [Fact]
    public async Task Where_udp_is_blocked_the_way_over_tcp_is_taken()
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback, Udp = false, Tcp = true });
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var frames = new ConcurrentQueue<byte[]>();
        using var offering = client.Offer(new MediaPreferences());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame f) => frames.Enqueue(f.Data.ToArray()) });
        Assert.DoesNotContain(" udp ", answering.LocalDescription, StringComparison.Ordinal);
        offering.Accept(answering.LocalDescription);
        await offering.Opened.WaitAsync(Patience, Cancel);
        Assert.True(offering.Path!.Value.IsTcp);
        await Exchange(offering, frames);
    }

    [Fact]
    public async Task A_wrong_fingerprint_ends_the_connection_before_any_media()
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var frames = 0;
        using var offering = client.Offer(new MediaPreferences());
        var offer = offering.LocalDescription;
        var digits = offer.IndexOf("sha-256 ", StringComparison.Ordinal) + 8;
        var forged = offer.Replace(offer.Substring(digits, 95), string.Join(':', Enumerable.Repeat("00", 32)), StringComparison.Ordinal);
        using var answering = server.Answer(forged, new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame _) => frames++ });
        offering.Accept(answering.LocalDescription);
        var error = await Assert.ThrowsAsync<IOException>(() => answering.Opened.WaitAsync(Patience, Cancel));
        Assert.Contains("DTLS", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, frames);
    }

    [Fact]
    public async Task A_restart_of_ice_keeps_keys_and_channels()
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback, Tcp = true });
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var frames = new ConcurrentQueue<byte[]>();
        using var offering = client.Offer(new MediaPreferences());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame f) => frames.Enqueue(f.Data.ToArray()) });
        offering.Accept(answering.LocalDescription);
        await offering.Opened.WaitAsync(Patience, Cancel);
        await Exchange(offering, frames);
        var before = answering.RestartIce("will-be-replaced", "0123456789012345678901");
        var theirs = offering.RestartIce(before.IceUfrag, before.IcePassword);
        var ours = answering.RestartIce(theirs.IceUfrag, theirs.IcePassword);
        offering.RestartIce(ours.IceUfrag, ours.IcePassword);
        Assert.Equal((1, 1), (server.Count, client.Count));
        // Only one of the old candidates is offered again, and not the one in use.
        var (wasTcp, other) = (offering.Path!.Value.IsTcp, offering.Path.Value.IsTcp ? " udp " : " tcp ");
        foreach (var candidate in ours.Candidates.Where(c => c.Contains(other, StringComparison.OrdinalIgnoreCase)))
            offering.AddCandidate(candidate);
        await Until(() => offering.Path!.Value.IsTcp != wasTcp && answering.Path!.Value.IsTcp != wasTcp);
        await Exchange(offering, frames);
        Assert.Equal(PeerState.Connected, answering.State);
    }

    [Fact]
    public async Task A_further_offer_stops_what_it_no_longer_sends_restarts_ice_and_lets_the_rest_go_on()
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var (atServer, atClient) = (new ConcurrentQueue<byte[]>(), new ConcurrentQueue<byte[]>());
        using var offering = client.Offer(new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame f) => atClient.Enqueue(f.Data.ToArray()) });
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame f) => atServer.Enqueue(f.Data.ToArray()) });
        offering.Accept(answering.LocalDescription);
        await Task.WhenAll(offering.Opened, answering.Opened).WaitAsync(Patience, Cancel);
        await Exchange(offering, atServer);

        var offer = offering.LocalDescription;
        answering.Answer(offer.Replace("a=sendrecv", "a=recvonly", StringComparison.Ordinal));
        Assert.Null(answering.Plan!.ReceiveVideo);
        await Exchange(answering, atClient);
        Assert.Throws<SdpException>(() => answering.Answer("v=0\r\n"));

        var moved = offering.RestartIce(answering.LocalUfrag!, "0123456789012345678901");
        var ufrag = answering.LocalUfrag;
        var answer = answering.Answer(System.Text.RegularExpressions.Regex.Replace(
            System.Text.RegularExpressions.Regex.Replace(offer, "a=ice-ufrag:.*\r", $"a=ice-ufrag:{moved.IceUfrag}\r"), "a=ice-pwd:.*\r",
            $"a=ice-pwd:{moved.IcePassword}\r"));
        Assert.NotEqual(ufrag, answering.LocalUfrag);
        Assert.Equal(moved.IceUfrag, answering.RemoteUfrag);
        Assert.Contains($"a=ice-ufrag:{answering.LocalUfrag}\r\n", answer, StringComparison.Ordinal);
        Assert.NotNull(answering.Plan.ReceiveVideo);
        await Exchange(answering, atClient);
        await Exchange(offering, atServer);
        Assert.Throws<InvalidOperationException>(() => offering.Answer(offer));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_handler_that_throws_ends_its_own_connection_only(bool atGoodbyeToo)
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var frames = new ConcurrentQueue<byte[]>();
        var other = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        using var sound = other.Offer(new MediaPreferences());
        using var beside = server.Answer(sound.LocalDescription, new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame f) => frames.Enqueue(f.Data.ToArray()) });
        sound.Accept(beside.LocalDescription);
        await sound.Opened.WaitAsync(Patience, Cancel);

        using var offering = client.Offer(new MediaPreferences());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences()).Start(new PeerHandlers
        {
            ChannelOpened = channel =>
            {
                channel.Closed = () => _ = atGoodbyeToo ? throw new InvalidOperationException("and again") : 0;
                throw new InvalidOperationException("a fault of the owner");
            },
        });
        offering.Accept(answering.LocalDescription);
        await offering.Opened.WaitAsync(Patience, Cancel);
        offering.OpenChannel("control");
        Assert.Equal("The connection failed: a fault of the owner", await answering.Closed.WaitAsync(Patience, Cancel));
        await offering.Closed.WaitAsync(Patience, Cancel);
        Assert.Equal(1, server.Count);
        await Exchange(sound, frames);
    }

    [Fact]
    public async Task A_fault_at_the_end_of_the_handshake_ends_the_connection_and_not_the_process()
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback }, new FailsAfterTheHandshake());
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        using var offering = client.Offer(new MediaPreferences());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences());
        offering.Accept(answering.LocalDescription);
        Assert.Equal("The connection failed: a fault on the handshake's thread", await answering.Closed.WaitAsync(Patience, Cancel));
        Assert.Equal(0, server.Count);
    }

    [Fact]
    public async Task A_fault_at_a_check_over_tcp_ends_the_connection_at_once()
    {
        var clock = new FailsOnThePool();
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback, Udp = false, Tcp = true }, clock);
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        using var offering = client.Offer(new MediaPreferences());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences());
        clock.Fails = true;
        offering.Accept(answering.LocalDescription);
        Assert.Equal("The connection failed: a fault on the reader's thread", await answering.Closed.WaitAsync(Patience, Cancel));
        Assert.Equal(0, server.Count);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task An_address_that_another_peer_claims_is_taken_back_by_the_next_check()
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var frames = new ConcurrentQueue<byte[]>();
        using var offering = client.Offer(new MediaPreferences());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame f) => frames.Enqueue(f.Data.ToArray()) });
        offering.Accept(answering.LocalDescription);
        await offering.Opened.WaitAsync(Patience, Cancel);
        using var thief = server.Answer(offering.LocalDescription, new MediaPreferences());
        thief.Claim(new IPEndPoint(IPAddress.Loopback, client.Port).Serialize());
        var number = 0;
        await Until(() =>
        {
            offering.SendVideo(new EncodedFrame
            {
                Codec = offering.SendCodec!.Value,
                Data = TestFrames.Make(offering.SendCodec.Value, ++number, true, 200),
                RtpTime = (uint)number * 3000,
                KeyFrame = true,
            });
            return !frames.IsEmpty;
        });
    }

    [Fact]
    public async Task A_connection_that_is_over_cannot_be_restarted()
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        using var offering = server.Offer(new MediaPreferences());
        var answering = server.Answer(offering.LocalDescription, new MediaPreferences());
        answering.Close();
        Assert.Throws<InvalidOperationException>(() => answering.RestartIce("abcd", "0123456789012345678901"));
        await answering.Closed.WaitAsync(Patience, Cancel);
        Assert.Equal(0, server.Count);
    }

    [Fact]
    public async Task Noise_from_strangers_changes_nothing()
    {
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback, Tcp = true });
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback });
        var frames = new ConcurrentQueue<byte[]>();
        using var offering = client.Offer(new MediaPreferences());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences())
            .Start(new PeerHandlers { VideoReceived = (in EncodedFrame f) => frames.Enqueue(f.Data.ToArray()) });
        offering.Accept(answering.LocalDescription);
        await offering.Opened.WaitAsync(Patience, Cancel);
        using var stranger = new UdpClient();
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var noise = new byte[random.Next(1, 1400)];
            random.NextBytes(noise);
            if (i % 3 == 0 && noise.Length >= 20)
                (noise[0], noise[1], noise[4], noise[5], noise[6], noise[7]) = (0, 1, 0x21, 0x12, 0xA4, 0x42);
            await stranger.SendAsync(noise, new IPEndPoint(IPAddress.Loopback, server.Port), Cancel);
        }
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, server.Port, Cancel);
        await tcp.GetStream().WriteAsync(new byte[] { 0, 4, 0x80, 1, 2, 3 }, Cancel);
        Assert.Equal(0, await tcp.GetStream().ReadAsync(new byte[1], Cancel));
        await Until(() => server.StrangeDatagrams > 0);
        await Exchange(offering, frames);
    }

    [Fact]
    public async Task The_far_side_that_is_not_there_is_said_in_words()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        using var client = new RtcEndpoint(new RtcEndpointOptions { Address = IPAddress.Loopback }, time);
        using var nobody = new RtcEndpoint(new RtcEndpointOptions { Address = IPAddress.Loopback }, time);
        using var offering = client.Offer(new MediaPreferences());
        using (var answering = nobody.Answer(offering.LocalDescription, new MediaPreferences()))
            offering.Accept(answering.LocalDescription.Replace($" {nobody.Port} typ", " 9 typ", StringComparison.Ordinal));
        // The endpoint's thread ticks in real time, and may be kept waiting for a core.
        await Until(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
            return offering.State == PeerState.Closed;
        });
        Assert.Contains("blocked", await offering.Closed.WaitAsync(Patience, Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_peer_that_falls_silent_is_closed_when_its_consent_ends()
    {
        // Each side has its own clock: a side whose clock stops sends no more checks.
        var (here, there) = (new Microsoft.Extensions.Time.Testing.FakeTimeProvider(),
            new Microsoft.Extensions.Time.Testing.FakeTimeProvider());
        var server = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback }, here);
        var client = Endpoint(new RtcEndpointOptions { Address = IPAddress.Loopback }, there);
        using var offering = client.Offer(new MediaPreferences());
        using var answering = server.Answer(offering.LocalDescription, new MediaPreferences());
        offering.Accept(answering.LocalDescription);
        await Until(() =>
        {
            there.Advance(TimeSpan.FromMilliseconds(1));
            return offering.State == PeerState.Connected && answering.State == PeerState.Connected;
        });
        // A check that was under way is heard late, and consent ends that much later.
        await Until(() =>
        {
            for (var i = 0; i < 100 && answering.State != PeerState.Closed; i++)
                here.Advance(TimeSpan.FromMilliseconds(5));
            return answering.State == PeerState.Closed;
        });
        Assert.Contains("30 s", await answering.Closed.WaitAsync(Patience, Cancel), StringComparison.Ordinal);
    }

    public void Dispose() => _endpoints.ForEach(e => e.Dispose());

    private RtcEndpoint Endpoint(RtcEndpointOptions options, TimeProvider? time = null)
    {
        var endpoint = new RtcEndpoint(options, time ?? TimeProvider.System);
        _endpoints.Add(endpoint);
        return endpoint;
    }

    private static async Task Exchange(RtcPeer from, ConcurrentQueue<byte[]> to)
    {
        to.Clear();
        var sent = new List<byte[]>();
        for (var i = 0; i < 10; i++)
        {
            var data = TestFrames.Make(from.SendCodec!.Value, i, i == 0, i == 0 ? 20_000 : 3_000);
            sent.Add(data);
            await Until(() => from.CanSendVideo);
            Assert.True(from.SendVideo(new EncodedFrame
            {
                Codec = from.SendCodec.Value,
                Data = data,
                RtpTime = (uint)(i * 3000),
                KeyFrame = i == 0,
            }));
        }
        await Until(() => to.Count >= sent.Count);
        Assert.Equal(sent, to);
    }

    private static async Task Until(Func<bool> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(Patience);
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, limit.Token);
    }

    /// <summary>A clock that throws when the readers of TCP connections use it.</summary>
    private sealed class FailsOnThePool : TimeProvider
    {
        public bool Fails { get; set; }

        public override long GetTimestamp() =>
            Fails && Thread.CurrentThread.IsThreadPoolThread
                ? throw new InvalidOperationException("a fault on the reader's thread")
                : base.GetTimestamp();
    }

    /// <summary>A clock that throws when a new media session asks for the date.</summary>
    private sealed class FailsAfterTheHandshake : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() =>
            Thread.CurrentThread.Name == "DTLS handshake"
                ? throw new InvalidOperationException("a fault on the handshake's thread")
                : base.GetUtcNow();
    }
}
