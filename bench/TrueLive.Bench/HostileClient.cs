using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;

namespace TrueLive.Bench;

/// <summary>
/// A client with a valid key that tries to keep others from getting pictures. Prints "begun", and at the end the answers that it got.
/// </summary>
internal sealed class HostileClient : IDisposable
{
    private readonly Uri _server;
    private readonly string _key;
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stop;
    private readonly ConcurrentDictionary<string, long> _met = new();
    private readonly byte[] _offer = File.ReadAllBytes(Path.Combine(Machine.Repository, "tests", "TrueLive.Fuzz", "corpus", "sdp-offer",
        "chromium-156-offer.sdp"));
    private readonly byte[] _large = LargePicture();
    private readonly byte[] _scans;

    private HostileClient(Arguments arguments)
    {
        _server = new Uri(arguments.Text("--server")!);
        _key = arguments.Text("--key")!;
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 400 }) { BaseAddress = _server };
        _stop = new CancellationTokenSource(TimeSpan.FromSeconds(arguments.Number("--seconds", 10)), TimeProvider.System);
        // A JPEG with thousands of empty scans.
        _scans = [.. _large[..^2], .. Enumerable.Repeat((byte[])[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0], 5000).SelectMany(s => s), 0xFF,
            0xD9];
    }

    public static async Task<int> RunAsync(Arguments arguments)
    {
        using var client = new HostileClient(arguments);
        Console.WriteLine("begun");
        await Task.WhenAll(
        [
            .. client.Many(16, () => client.PostAsync("offer", "/whip?model=passthrough", _ => Body(client._offer, "application/sdp"))),
            .. client.Many(16, () => client.PostAsync("upload", "/v1/uploads", _ => Body(client._large, "image/jpeg"))),
            .. client.Many(16, () => client.PostAsync("wrong key", "/v1/sessions",
                request => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "wrong-" + Guid.NewGuid()))),
            .. client.Many(4, () => client.PostAsync("preview", "/v1/looks/preview", _ => Body(client._scans, "image/jpeg"))),
            .. client.Many(4, () => client.PicturesAsync(client._large, "large pictures")),
            .. client.Many(2, () => client.PicturesAsync(client._scans, "pictures of many scans")),
            client.ConnectionsAsync(),
        ]);
        Console.WriteLine(JsonSerializer.Serialize(client._met));
        return 0;
    }

    public void Dispose()
    {
        _http.Dispose();
        _stop.Dispose();
    }

    private static byte[] LargePicture()
    {
        using var frame = new FramePool("large").Rent(4096, 2304);
        for (var y = 0; y < frame.Height; y++)
        {
            var row = frame.Y.Slice(y * frame.StrideY, frame.Width);
            for (var x = 0; x < row.Length; x++)
                row[x] = (byte)(x * y >> 7);
        }
        frame.U.Fill(128);
        frame.V.Fill(128);
        using var codec = new JpegCodec();
        return codec.Encode(frame, 40).ToArray();
    }

    private void Met(string what, object answer) => _met.AddOrUpdate($"{what}: {answer}", 1, (_, before) => before + 1);

    private static ByteArrayContent Body(byte[] bytes, string type) =>
        new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };

    // Keeps this many requests under way: each is repeated when it is answered.
    private IEnumerable<Task> Many(int count, Func<Task> once) => Enumerable.Range(0, count).Select(_ => Task.Run(async () =>
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await once();
            }
            catch (Exception ended) when (ended is OperationCanceledException or HttpRequestException or WebSocketException or IOException)
            {
                if (!_stop.IsCancellationRequested)
                    Met("connections", "closed by the server");
            }
        }
    }));

    private async Task PostAsync(string what, string path, Func<HttpRequestMessage, object> prepare)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _key);
        if (prepare(request) is HttpContent body)
            request.Content = body;
        using var answer = await _http.SendAsync(request, _stop.Token);
        Met(what, (int)answer.StatusCode);
    }

    private async Task PicturesAsync(byte[] picture, string what)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {_key}");
        try
        {
            await socket.ConnectAsync(new UriBuilder(_server) { Scheme = "ws", Path = "/v1/live", Query = "model=passthrough" }.Uri,
                _stop.Token);
        }
        catch (WebSocketException)
        {
            Met(what, $"refused {(int)socket.HttpStatusCode}");
            return;
        }
        var reading = ReadAsync(socket);
        var message = new byte[8 + picture.Length];
        BinaryPrimitives.WriteUInt32BigEndian(message, 0x544c0101);
        picture.CopyTo(message, 8);
        for (uint n = 0; !_stop.IsCancellationRequested && socket.State == WebSocketState.Open; n++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), n * 33);
            await socket.SendAsync(message, WebSocketMessageType.Binary, true, _stop.Token);
            Met(what, "taken");
        }
        socket.Abort();
        await reading;
    }

    private async Task ReadAsync(ClientWebSocket socket)
    {
        var buffer = new byte[1 << 16];
        try
        {
            while (socket.State == WebSocketState.Open)
                await socket.ReceiveAsync(buffer.AsMemory(), _stop.Token);
        }
        catch (Exception ended) when (ended is OperationCanceledException or WebSocketException)
        {
        }
    }

    // Opens idle connections, with one byte of a request on each.
    private async Task ConnectionsAsync()
    {
        var held = new List<TcpClient>();
        try
        {
            while (!_stop.IsCancellationRequested && held.Count < 500)
            {
                var connection = new TcpClient();
                held.Add(connection);
                await connection.ConnectAsync(_server.Host, _server.Port, _stop.Token);
                await connection.GetStream().WriteAsync("G"u8.ToArray(), _stop.Token);
                Met("idle connections", "taken");
            }
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _stop.Token);
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or IOException)
        {
        }
        finally
        {
            held.ForEach(connection => connection.Dispose());
        }
    }
}
