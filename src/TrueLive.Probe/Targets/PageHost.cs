using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;

namespace TrueLive.Probe.Targets;

/// <summary>
/// A web server on this machine only that serves the browser its page and the adapter's folder, and accepts one WebSocket with the right
/// token. No file is served without the token, and from the folder only the kinds of files that scripts import: keys may lie beside them.
/// </summary>
internal sealed class PageHost : IDisposable
{
    private const long MaxFile = 64L << 20;
    private readonly HttpListener _listener = new();
    private readonly string? _folder;
    private readonly string _adapters;
    private readonly string _token = RandomNumberGenerator.GetHexString(32, true);
    private readonly TaskCompletionSource<WebSocket> _socket = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="adapter">The script whose folder is served; null for none.</param>
    public PageHost(string? adapter)
    {
        _folder = adapter is null ? null : Path.GetDirectoryName(Path.GetFullPath(adapter))!;
        _adapters = $"/{_token}/adapter/";
        Module = _adapters + Uri.EscapeDataString(Path.GetFileName(adapter ?? ""));
        using (var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            Address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndPoint!).Port}/";
        }
        _listener.Prefixes.Add(Address);
        _listener.Start();
        _ = ServeAsync();
    }

    /// <summary>Root address.</summary>
    public string Address { get; }

    /// <summary>What the browser opens.</summary>
    public string Page => $"{Address}?token={_token}";

    /// <summary>Where the WebSocket is.</summary>
    public string Frames => $"ws{Address[4..]}frames?token={_token}";

    /// <summary>Path of the adapter module.</summary>
    public string Module { get; }

    /// <summary>The browser's WebSocket.</summary>
    public Task<WebSocket> Socket => _socket.Task;

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
                await AnswerAsync(await _listener.GetContextAsync().ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ObjectDisposedException or HttpListenerException or InvalidOperationException)
        {
            _socket.TrySetCanceled();
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        var path = context.Request.Url?.AbsolutePath ?? "/";
        try
        {
            if (path == "/frames" && context.Request.IsWebSocketRequest && context.Request.QueryString["token"] == _token
                && !_socket.Task.IsCompleted)
            {
                _socket.TrySetResult((await context.AcceptWebSocketAsync(null).ConfigureAwait(false)).WebSocket);
                return;
            }
            var (body, type) = path == "/" ? (Page0(), "text/html; charset=utf-8")
                : path.StartsWith(_adapters, StringComparison.Ordinal) ? (FileOf(path[_adapters.Length..]), TypeOf(path))
                : (null, "text/plain");
            context.Response.StatusCode = body is null ? 404 : 200;
            context.Response.ContentType = type;
            if (body is not null)
                await context.Response.OutputStream.WriteAsync(body).ConfigureAwait(false);
            context.Response.Close();
        }
        catch (Exception e) when (e is IOException or HttpListenerException or WebSocketException)
        {
            context.Response.Abort();
        }
    }

    private byte[]? FileOf(string name)
    {
        if (_folder is null)
            return null;
        var path = Path.GetFullPath(Path.Combine(_folder, Uri.UnescapeDataString(name)));
        if (TypeOf(path).Length == 0 || Path.GetRelativePath(_folder, path).Split('/').Any(part => part.StartsWith('.'))
            || new FileInfo(path).LinkTarget is not null)
            return null;
        return path.StartsWith(_folder + Path.DirectorySeparatorChar, StringComparison.Ordinal) && File.Exists(path)
            && new FileInfo(path).Length <= MaxFile
            ? File.ReadAllBytes(path) : null;
    }

    private static string TypeOf(string path) => Path.GetExtension(path) switch
    {
        ".js" or ".mjs" => "text/javascript; charset=utf-8",
        ".wasm" => "application/wasm",
        ".json" => "application/json",
        _ => "",
    };

    private static byte[] Page0() =>
        Encoding.UTF8.GetBytes(Resource("page.html").Replace("/* bridge */", Resource("bridge.js"), StringComparison.Ordinal));

    /// <summary>A file of this folder.</summary>
    public static string Resource(string name)
    {
        using var stream = typeof(PageHost).Assembly.GetManifestResourceStream("TrueLive.Probe.Targets." + name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
