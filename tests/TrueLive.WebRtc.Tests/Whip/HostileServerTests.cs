using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.WebRtc.Tests.Whip;

/// <summary>A WHIP server that tries to make the client send requests or media to other hosts.</summary>
public sealed class HostileServerTests
{
    private const string Key = "a-key-of-this-server-only";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Key)]
    [InlineData(null)]
    public async Task The_goodbye_never_goes_to_another_server_than_the_one_named(string? key)
    {
        using var victim = new Listener(_ => (200, null, ""));
        using var server = new Listener(_ => (201, victim.Address + "_all", "no answer"));
        await Assert.ThrowsAsync<WhipException>(() => ConnectAsync(server, key));
        Assert.Equal(["POST /whip"], server.Heard);
        Assert.Empty(victim.Heard);
    }

    [Theory]
    [InlineData(Key)]
    [InlineData(null)]
    public async Task An_offer_is_not_redirected_to_another_server(string? key)
    {
        using var victim = new Listener(_ => (201, null, "no answer"));
        using var server = new Listener(_ => (307, victim.Address + "index", ""));
        var refused = await Assert.ThrowsAsync<WhipException>(() => ConnectAsync(server, key));
        Assert.Contains("another origin", refused.Message, StringComparison.Ordinal);
        Assert.Empty(victim.Heard);
    }

    [Fact]
    public async Task Within_the_server_redirects_are_followed_and_the_session_is_ended()
    {
        using var server = new Listener(path => path == "/whip" ? (307, "/moved", "") : (201, "/session/1", "no answer"));
        await Assert.ThrowsAsync<WhipException>(() => ConnectAsync(server, Key));
        Assert.Equal(["POST /whip", "POST /moved", "DELETE /session/1"], server.Heard);
    }

    [Fact]
    public async Task A_server_that_others_may_name_leads_no_checks_to_other_machines_of_the_network()
    {
        using var victim = new UdpClient(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        using var endpoint = new RtcEndpoint(new RtcEndpointOptions { Address = IPAddress.Loopback, Announced = [IPAddress.Loopback] },
            TimeProvider.System);
        using var server = new Listener((path, offer) =>
        {
            if (path == "/session")
                return (200, null, "");
            var answer = endpoint.Answer(offer, new MediaPreferences()).LocalDescription;
            // With the highest priority, so that it would be checked first.
            var lure = $"a=candidate:1 1 udp 4294967295 127.0.0.2 {((IPEndPoint)victim.Client.LocalEndPoint!).Port} typ host\r\n";
            var at = answer.IndexOf("a=candidate:", StringComparison.Ordinal);
            return (201, "/session", answer.Insert(at, lure));
        });
        await using (await ConnectAsync(server, null, WhipReach.Host))
            Assert.Equal(0, victim.Available);
        // With WhipReach.Any, for a user in the same network, it may.
        await using (await ConnectAsync(server, null, WhipReach.Any))
            Assert.NotEqual(0, victim.Available);
    }

    [Fact]
    public async Task A_run_for_somebody_else_does_not_connect_to_a_private_network()
    {
        using var server = new Listener(_ => (201, null, "no answer"));
        var refused = await Assert.ThrowsAsync<WhipException>(() => ConnectAsync(server, null, WhipReach.Public));
        Assert.Contains("private network", refused.Message, StringComparison.Ordinal);
        Assert.Empty(server.Heard);
    }

    private static Task<WhipClient> ConnectAsync(Listener server, string? key, WhipReach reach = WhipReach.Any) => WhipClient.ConnectAsync(
        new Uri(server.Address + "whip"), key, new MediaPreferences { Audio = false }, new PeerHandlers(), TimeProvider.System,
        Cancel, reach);

    /// <summary>Answers every request with a given response and records the request.</summary>
    private sealed class Listener : IDisposable
    {
        private readonly HttpListener _http = new();
        private readonly Func<string, string, (int Status, string? Location, string Body)> _answer;

        public Listener(Func<string, (int Status, string? Location, string Body)> answer)
            : this((path, _) => answer(path))
        {
        }

        public Listener(Func<string, string, (int Status, string? Location, string Body)> answer)
        {
            _answer = answer;
            using (var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
            {
                free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                Address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndPoint!).Port}/";
            }
            _http.Prefixes.Add(Address);
            _http.Start();
            _ = ServeAsync();
        }

        public string Address { get; }

        public ConcurrentQueue<string> Heard { get; } = new();

        public void Dispose() => _http.Close();

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    var context = await _http.GetContextAsync();
                    using var reader = new StreamReader(context.Request.InputStream);
                    var path = context.Request.Url!.AbsolutePath;
                    Heard.Enqueue($"{context.Request.HttpMethod} {path}");
                    var (status, location, body) = _answer(path, await reader.ReadToEndAsync(Cancel));
                    context.Response.StatusCode = status;
                    if (location is not null)
                        context.Response.Headers["Location"] = location;
                    await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body), Cancel);
                    context.Response.Close();
                }
            }
            catch (Exception e) when (e is ObjectDisposedException or HttpListenerException or InvalidOperationException)
            {
            }
        }
    }
}
