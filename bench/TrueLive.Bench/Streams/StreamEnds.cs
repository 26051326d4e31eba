using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Playwright;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Bench.Streams;

/// <summary>A program at one end of a stream, or between two, ended with the measurement.</summary>
internal sealed class StreamProgram : IAsyncDisposable
{
    private readonly Process _process;

    public StreamProgram(string name, params string[] arguments) => _process = Process.Start(
        new ProcessStartInfo(name, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;

    public static StreamProgram Ffmpeg(params string[] arguments) =>
        new("ffmpeg", ["-hide_banner", "-loglevel", "fatal", "-nostdin", .. arguments]);

    public Stream Input => _process.StandardInput.BaseStream;

    public Stream Output => _process.StandardOutput.BaseStream;

    public async Task<string> LineAsync() => await _process.StandardOutput.ReadLineAsync() ?? throw new IOException("It has ended.");

    /// <summary>Waits until somebody takes TCP connections on a port.</summary>
    public static async Task ListensAsync(int port)
    {
        for (var left = 600; ; left--)
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync("127.0.0.1", port);
                return;
            }
            catch (SocketException) when (left > 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}

/// <summary>Paints the time into a scene, 30 times a second, and has ffmpeg code and send it.</summary>
internal sealed class StreamSource : IAsyncDisposable
{
    // x264 as an encoder for live pictures is set, with a key frame a second.
    private static readonly string[] Coding =
        ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", $"{TimeCode.Width}x{TimeCode.Height}", "-use_wallclock_as_timestamps", "1", "-i",
            "pipe:0", "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-c:v", "libx264", "-preset", "ultrafast", "-tune",
            "zerolatency", "-threads", "1", "-bf", "0", "-g", "30", "-crf", "20", "-maxrate", "4000k", "-bufsize", "4000k",
            "-flush_packets", "1"];

    private readonly StreamProgram _coder;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _sending;

    public StreamSource(byte[][] scene, params string[] target)
    {
        _coder = new StreamProgram("ffmpeg", ["-hide_banner", "-loglevel", "fatal", .. Coding, .. target]);
        _sending = SendAsync(scene);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _coder.DisposeAsync();
        await _sending;
        _stop.Dispose();
    }

    private async Task SendAsync(byte[][] scene)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1 / 30.0), TimeProvider.System);
        try
        {
            for (var n = 0; await pace.WaitForNextTickAsync(_stop.Token); n++)
            {
                var picture = scene[n % scene.Length];
                TimeCode.Paint(picture, TimeCode.Now);
                await _coder.Input.WriteAsync(picture, _stop.Token);
                await _coder.Input.FlushAsync(_stop.Token);
            }
        }
        catch (Exception over) when (over is OperationCanceledException or IOException)
        {
            // The measurement is over, or the far side is gone.
        }
    }
}

/// <summary>What reads the delay from the pictures at the end of a stream.</summary>
internal abstract class StreamSink : IAsyncDisposable
{
    /// <summary>When each picture was seen, in s, and its delay in ms.</summary>
    public ConcurrentQueue<(double At, double Delay)> Seen { get; } = new();

    public abstract ValueTask DisposeAsync();

    /// <summary>What it has to say beside the delays.</summary>
    public virtual Task<string> NoteAsync() => Task.FromResult("");

    /// <summary>Called from time to time, for one that has to be asked.</summary>
    public virtual Task CollectAsync() => Task.CompletedTask;

    protected void Add(double? delay)
    {
        var clock = TimeProvider.System;
        if (delay is { } ms)
            Seen.Enqueue((clock.GetTimestamp() / (double)clock.TimestampFrequency, ms));
    }
}

/// <summary>ffmpeg, which decodes and holds nothing back.</summary>
internal sealed class FfmpegSink : StreamSink
{
    private readonly string[] _input;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _reading;
    private StreamProgram? _player;

    public FfmpegSink(params string[] input) => (_input, _reading) = (input, Task.Run(ReadAsync));

    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_player is not null)
            await _player.DisposeAsync();
        await _reading;
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        var picture = new byte[TimeCode.Width * TimeCode.Height * 3 / 2];
        // Whoever it calls may not be there yet.
        while (!_stop.IsCancellationRequested)
        {
            _player = StreamProgram.Ffmpeg(["-flags", "low_delay", "-threads", "1", .. _input, "-map", "0:v", "-fps_mode", "passthrough",
                "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1"]);
            try
            {
                // Whoever ends it may have ended the player before.
                while (!_stop.IsCancellationRequested)
                {
                    await _player.Output.ReadExactlyAsync(picture);
                    Add(TimeCode.AgeMs(picture, TimeCode.Width));
                }
            }
            catch (Exception over) when (over is EndOfStreamException or IOException or ObjectDisposedException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System);
            }
        }
    }
}

/// <summary>A WHEP viewer on the product's own WebRTC stack.</summary>
internal sealed class WhepSink : StreamSink
{
    private readonly FramePool _pool = new("pictures over WHEP");
    private readonly VideoDecoder _decoder = new();
    private WhipClient? _client;

    public async Task WatchAsync(Uri whep)
    {
        var media = new MediaPreferences { Codecs = [VideoCodec.H264], SendVideo = false, Audio = false };
        _client = await WhipClient.ConnectAsync(
            whep, null, media, new PeerHandlers { VideoReceived = Take }, TimeProvider.System, CancellationToken.None);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_client is not null)
            await _client.DisposeAsync();
        _decoder.Dispose();
    }

    private void Take(in EncodedFrame frame)
    {
        using var picture = _decoder.Decode(frame, _pool);
        if (picture is not null)
            Add(TimeCode.AgeMs(picture.Y, picture.StrideY));
        else if (_decoder.NeedsKeyFrame)
            _client?.Peer.RequestKeyFrame();
    }
}

/// <summary>hls.js in Chromium.</summary>
internal sealed class HlsSink : StreamSink
{
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private IPage? _page;
    private int _unread;

    /// <summary>Begins to play.</summary>
    public async Task PlayAsync(Uri playlist)
    {
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = "/usr/bin/chromium",
            Args = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        });
        _page = await _browser.NewPageAsync();
        var script = Path.Combine(Machine.Repository, "tests", "interop", "node_modules", "hls.js", "dist", "hls.min.mjs");
        await _page.RouteAsync("**/hls.js/hls.min.mjs", route => route.FulfillAsync(new RouteFulfillOptions
        { ContentType = "text/javascript", Body = File.ReadAllText(script) }));
        await _page.RouteAsync("**/player", route => route.FulfillAsync(new RouteFulfillOptions
        { ContentType = "text/html", Body = "<body>" }));
        await _page.GotoAsync(new Uri(playlist, "/player").AbsoluteUri);
        var player = Path.Combine(Machine.Repository, "bench", "streams", "player.js");
        await _page.AddScriptTagAsync(new PageAddScriptTagOptions { Path = player });
        await _page.EvaluateAsync("(playlist) => playStream(playlist)", playlist.AbsoluteUri);
    }

    public override async Task CollectAsync()
    {
        var delays = await _page!.EvaluateAsync<JsonElement>("seen.delays.splice(0)");
        foreach (var delay in delays.EnumerateArray().Select(d => d.GetDouble()))
        {
            _unread = delay < 60_000 ? 0 : _unread + 1;
            if (_unread > 300)
                throw new ArgumentException($"Pictures are shown, but their times cannot be read: the last seems {delay:0} ms old.");
            Add(_unread == 0 ? delay : null);
        }
    }

    public override async Task<string> NoteAsync() =>
        await _page!.EvaluateAsync<string>("`${seen.parts} parts, ${seen.stalls} stalls`");

    public override async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.CloseAsync();
        _playwright?.Dispose();
    }
}
