using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TrueLive.Tests.Shared;

/// <summary>
/// A bad network between one client and a server on this machine: media goes through a relay, whose port replaces the server's in the WHIP
/// answer. HTTP is not impaired.
/// </summary>
internal sealed class ImpairedLink : IDisposable
{
    private readonly HttpListener _http;
    private readonly HttpClient _server;
    private readonly Socket _near = Open();
    private readonly Socket _far = Open();
    private readonly CancellationTokenSource _stop = new();
    private SocketAddress? _client;
    private SocketAddress? _media;

    /// <summary>A link to a server that offers UDP only, on the loopback address.</summary>
    public ImpairedLink(string server)
    {
        _server = new HttpClient { BaseAddress = new Uri(server) };
        Address = $"http://127.0.0.1:{FreePort.Next()}/";
        _http = new HttpListener { Prefixes = { Address } };
        _http.Start();
        _ = PassHttpAsync();
        _ = RelayAsync(_near, Up, fromClient: true);
        _ = RelayAsync(_far, Down, fromClient: false);
        _ = DeliverAsync(Up, _far, () => _media);
        _ = DeliverAsync(Down, _near, () => _client);
    }

    /// <summary>Address that clients use instead of the server's.</summary>
    public string Address { get; }

    /// <summary>From the client to the server.</summary>
    public ImpairedWay Up { get; } = new(1, TimeProvider.System);

    /// <summary>From the server to the client.</summary>
    public ImpairedWay Down { get; } = new(2, TimeProvider.System);

    /// <summary>Nothing passes, either way.</summary>
    public bool Cut
    {
        set => Up.Cut = Down.Cut = value;
    }

    /// <summary>Share of packets lost, each way.</summary>
    public double Loss
    {
        set => Up.Loss = Down.Loss = value;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _http.Close();
        _near.Dispose();
        _far.Dispose();
        _server.Dispose();
        _stop.Dispose();
    }

    private static Socket Open()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private async Task PassHttpAsync()
    {
        try
        {
            while (true)
            {
                var http = await _http.GetContextAsync();
                using var request = new HttpRequestMessage(new HttpMethod(http.Request.HttpMethod), http.Request.RawUrl);
                if (http.Request.HasEntityBody)
                {
                    request.Content = new StreamContent(http.Request.InputStream);
                    request.Content.Headers.TryAddWithoutValidation("Content-Type", http.Request.ContentType);
                }
                using var response = await _server.SendAsync(request, _stop.Token);
                http.Response.StatusCode = (int)response.StatusCode;
                if (response.Headers.Location is { } location)
                    http.Response.AddHeader("Location", location.ToString());
                await http.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(Turn(await response.Content.ReadAsStringAsync())));
                http.Response.Close();
            }
        }
        catch (Exception error) when (error is HttpListenerException or ObjectDisposedException or OperationCanceledException)
        {
            // The link is taken down.
        }
    }

    // candidate:foundation component udp priority address port typ host
    private string Turn(string body)
    {
        var lines = body.Split("\r\n");
        for (var i = 0; i < lines.Length; i++)
        {
            var words = lines[i].Split(' ');
            if (!lines[i].StartsWith("a=candidate:", StringComparison.Ordinal) || words[4] != "127.0.0.1")
                continue;
            _media = new IPEndPoint(IPAddress.Loopback, int.Parse(words[5], CultureInfo.InvariantCulture)).Serialize();
            words[5] = ((IPEndPoint)_near.LocalEndPoint!).Port.ToString(CultureInfo.InvariantCulture);
            lines[i] = string.Join(' ', words);
        }
        return string.Join("\r\n", lines);
    }

    private async Task RelayAsync(Socket from, ImpairedWay way, bool fromClient)
    {
        var buffer = new byte[2048];
        var sender = new SocketAddress(AddressFamily.InterNetwork);
        try
        {
            while (true)
            {
                var length = await from.ReceiveFromAsync(buffer, SocketFlags.None, sender, _stop.Token);
                if (fromClient && (_client is null || !_client.Equals(sender)))
                {
                    _client = new SocketAddress(AddressFamily.InterNetwork);
                    sender.Buffer.CopyTo(_client.Buffer);
                }
                way.Send(buffer.AsSpan(0, length));
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The link is taken down.
        }
    }

    private async Task DeliverAsync(ImpairedWay way, Socket to, Func<SocketAddress?> next)
    {
        try
        {
            await way.DeliverAsync(to, next, _stop.Token);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The link is taken down.
        }
    }
}
