using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TrueLive.Tests.Shared;

/// <summary>
/// An HTTP server with hand-written answers, byte for byte, one per connection; the last one is repeated for ever, and null closes the
/// connection without an answer. A connection on which nothing comes, or that is reset, holds up no other.
/// </summary>
internal sealed class HandMadeServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<string, byte[]?>[] _answers;
    private int _asked;

    public HandMadeServer(params Func<string, byte[]?>[] answers)
    {
        _answers = answers;
        _listener.Start();
        _ = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    /// <summary>Requests so far.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>An answer from its status line, headers and body.</summary>
    public static Func<string, byte[]?> Says(string status, string headers, string body = "") =>
        _ => Bytes(status, headers, Encoding.UTF8.GetBytes(body));

    /// <summary>Answers an SDP offer with itself, changed into an answer of this direction.</summary>
    public static Func<string, byte[]?> Answers(string direction, string headers = "") => request =>
    {
        var sdp = request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]
            .Replace("a=sendrecv", "a=" + direction, StringComparison.Ordinal)
            .Replace("a=setup:actpass", "a=setup:active", StringComparison.Ordinal);
        return Bytes("201 Created", "Content-Type: application/sdp\r\nLocation: /r/1\r\n" + headers, Encoding.UTF8.GetBytes(sdp));
    };

    public static byte[] Bytes(string status, string headers, byte[] body) =>
        [.. Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\n{headers}Content-Length: {body.Length}\r\nConnection: close\r\n\r\n"), .. body];

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        try
        {
            var stream = client.GetStream();
            var request = await ReadAsync(stream);
            if (request.Length > 0 && _answers[Math.Min(Interlocked.Increment(ref _asked), _answers.Length) - 1](request) is { } answer)
                await stream.WriteAsync(answer);
        }
        catch (IOException)
        {
        }
    }

    private static async Task<string> ReadAsync(NetworkStream stream)
    {
        var text = new StringBuilder();
        var buffer = new byte[1 << 16];
        while (true)
        {
            var read = await stream.ReadAsync(buffer);
            text.Append(Encoding.UTF8.GetString(buffer, 0, read));
            var request = text.ToString();
            var head = request.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (read == 0)
                return request;
            if (head < 0)
                continue;
            var length = request[..head].Split("\r\n").FirstOrDefault(l =>
                l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) is { } line
                ? int.Parse(line.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture)
                : 0;
            if (Encoding.UTF8.GetByteCount(request.AsSpan(head + 4)) >= length)
                return request;
        }
    }
}
