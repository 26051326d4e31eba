using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Somebody else's program at the far side of a stream, ended with the test.</summary>
internal sealed class Program : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Task _ended;

    private Program(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, e) => Keep(e.Data);
        process.ErrorDataReceived += (_, e) => Keep(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _ended = process.WaitForExitAsync();
    }

    /// <summary>What it wrote so far.</summary>
    public string Said => string.Join('\n', _lines);

    /// <summary>Whether it has ended, and all that it wrote has been read.</summary>
    public bool HasEnded => _ended.IsCompleted;

    public static Program Start(string name, params string[] arguments) => new(Process.Start(
        new ProcessStartInfo(name, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!);

    /// <summary>
    /// For the address of a caller over SRT, which else gives up after three seconds: on a busy machine the called one may not listen yet.
    /// </summary>
    public const string Patient = "connect_timeout=240000&timeout=240000000";

    /// <summary>ffmpeg that sends the numbered scene in real time, without end, as it was coded.</summary>
    public static Program Publish(NumberedScene scene, params string[] to) =>
        Start("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", scene.Path, "-c", "copy",
            .. to]);

    /// <summary>
    /// nginx with its RTMP module: an application <c>app</c> that takes any key, and <c>closed</c> that takes none. On a second port, the
    /// files of the folder over HTTP.
    /// </summary>
    public static async Task<(Program Server, int Port, int Files)> NginxAsync(string folder)
    {
        var (port, files) = (FreePort.Next(), FreePort.Next());
        var file = Path.Combine(folder, $"nginx-{port}.conf");
        await File.WriteAllTextAsync(file, $$"""
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off; master_process off; pid {{file}}.pid; error_log stderr error;
            events { worker_connections 64; }
            http { access_log off; server { listen 127.0.0.1:{{files}}; root {{folder}}; } }
            rtmp { access_log off; server { listen 127.0.0.1:{{port}};
              # Else it lets pictures go for a player that is slow at first, and lets sound be late by them.
              application app { live on; sync 10ms; }
              application closed { live on; deny publish all; } } }
            """);
        var server = Start("/usr/sbin/nginx", "-c", file, "-e", "stderr");
        await ListensAsync(port);
        return (server, port, files);
    }

    /// <summary>An RTSP server (GStreamer's) that serves the scene as <c>/cam</c>.</summary>
    public static async Task<(Program Server, int Port)> RtspServerAsync(NumberedScene scene, string? login = null)
    {
        var script = Path.Combine(AppContext.BaseDirectory, "Streams", "rtsp_server.py");
        var server = Start("/usr/bin/python3", login is null ? [script, scene.Path] : [script, scene.Path, login]);
        var port = 0;
        await NativeClient.UntilAsync(() => server._lines.Any(l => int.TryParse(l, out port)) || server.HasEnded);
        Assert.True(port > 0, server.Said);
        return (server, port);
    }

    /// <summary>Ends it now, as a crash does.</summary>
    public void Kill() => _process.Kill(entireProcessTree: true);

    public async ValueTask DisposeAsync()
    {
        Kill();
        await _ended;
        _process.Dispose();
    }

    private static Task ListensAsync(int port) => NativeClient.UntilAsync(async () =>
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    });

    private void Keep(string? line)
    {
        if (line is not null)
            _lines.Enqueue(line);
    }
}
