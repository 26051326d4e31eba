using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace TrueLive.Bench.Streams;

/// <summary>
/// Measures what streams are late by: through the embedded network, and over the same protocols through ffmpeg that only copies, in turn.
/// </summary>
internal static class StreamsBench
{
    private const string Look = "oil";

    // SRT's own delay is this in each of its two connections.
    private const int SrtMs = 120;

    private static readonly string[] Probing = ["-probesize", "500000", "-analyzeduration", "300000"];
    private static readonly string[] Quick = ["-probesize", "32768", "-analyzeduration", "0"];
    private static readonly string[] Copied = ["-map", "0:v", "-c", "copy"];
    private static readonly string[] Datagrams = ["-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "-f", "mpegts"];

    // A way in and a way out, through ours (where there is a server) or a plain relay. Begins everything, and returns what is to be ended.
    private sealed record Leg(string Name, string Goal, Func<Setting, Task> BeginAsync)
    {
        public double Times { get; init; } = 1;
    }

    private sealed record Measured(
        string Leg, bool Ours, double P50, double P99, int N, (double Slope, double HalfWidth) Slope, string Note);

    private static readonly Leg[] Legs =
    [
        new($"SRT in, SRT out (2 x {SrtMs} ms of SRT's own)", $"{2 * SrtMs + 150}", SrtAsync) { Times = 3 },
        new("RTSP in, WHEP out (relay: UDP out)", "120", RtspAsync),
        new("RTMP in, RTMP out through nginx", "400", RtmpAsync),
        new("RTMP in, low-latency HLS out in hls.js (relay: HLS of 1 s)", "2500", HlsAsync),
    ];

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (seconds, only) = (arguments.Number("--seconds", 60), arguments.Text("--only") ?? "");
        var (load, busy) = (Machine.Load, await Machine.BusyCoresAsync(TimeSpan.FromSeconds(3)));
        var scene = await TimeCode.SceneAsync();
        var measured = new List<Measured>();
        foreach (var leg in Legs.Where(l => l.Name.Contains(only, StringComparison.OrdinalIgnoreCase)))
        {
            foreach (var ours in new[] { false, true })
            {
                measured.Add(await MeasureAsync(leg, ours, scene, ours ? seconds * leg.Times : Math.Min(seconds, 60)));
                Console.WriteLine(Row(measured[^1]));
            }
        }
        var report = Report(measured, seconds, load, busy);
        Console.WriteLine(report);
        if (arguments.Has("--write"))
            await File.WriteAllTextAsync(Path.Combine(Machine.Repository, "bench", "results", "streams.md"), report);
        return 0;
    }

    private static async Task<Measured> MeasureAsync(Leg leg, bool ours, byte[][] scene, double seconds)
    {
        await using var setting = new Setting(scene, ours ? await ServerProcess.StartAsync() : null);
        await leg.BeginAsync(setting);
        var sink = setting.Sink;
        await UntilAsync(async () =>
        {
            await sink.CollectAsync();
            return sink.Seen.Count >= 90;
        });
        sink.Seen.Clear();
        // In steps, for a sink that has to be asked.
        for (var began = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(began).TotalSeconds < seconds;)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
            await sink.CollectAsync();
        }
        var seen = sink.Seen.ToArray();
        double[] delays = [.. seen.Select(s => s.Delay)];
        return new Measured(leg.Name, ours, Statistics.Quantile(delays, 0.5), Statistics.Quantile(delays, 0.99), delays.Length,
            Statistics.Slope(seen, Math.Max(1, seconds / 30)), await sink.NoteAsync());
    }

    private static async Task SrtAsync(Setting s)
    {
        var (there, back) = (FreePort.Next(), FreePort.Next());
        string Listen(int port) => $"srt://:{port}?mode=listener&latency={SrtMs * 1000}";
        string Call(int port) => $"srt://127.0.0.1:{port}?latency={SrtMs * 1000}&pkt_size=1316";
        if (s.Server is not null)
            await s.StreamAsync(Listen(there), Listen(back));
        else
        {
            s.Relay(["-fflags", "nobuffer", .. Probing, "-f", "mpegts", "-i", Listen(there), .. Copied, .. Datagrams,
                Listen(back) + "&pkt_size=1316"]);
        }
        // SRT is refused at once where nobody listens yet.
        s.Source(2, [.. Datagrams, Call(there)]);
        s.Sees(new FfmpegSink([.. Probing, "-f", "mpegts", "-i", Call(back)]));
    }

    private static async Task RtmpAsync(Setting s)
    {
        var (port, nginx) = (FreePort.Next(), FreePort.Next());
        await s.NginxAsync(nginx, FreePort.Next());
        await PublishAsync(s, port, $"rtmp://127.0.0.1:{nginx}/app/out-stream", ["-flvflags", "no_duration_filesize", "-f", "flv",
            $"rtmp://127.0.0.1:{nginx}/app/out-stream"]);
        s.Sees(new FfmpegSink([.. Quick, "-i", $"rtmp://127.0.0.1:{nginx}/app/out-stream"]));
    }

    private static async Task RtspAsync(Setting s)
    {
        var rtp = FreePort.Next();
        s.Source(0, "-payload_type", "96", "-f", "rtp", $"rtp://127.0.0.1:{rtp}?pkt_size=1200");
        var camera = s.Run(new StreamProgram("/usr/bin/python3", Path.Combine(Machine.Repository, "bench", "streams", "rtsp_server.py"),
            rtp.ToString(CultureInfo.InvariantCulture)));
        var url = $"rtsp://127.0.0.1:{await camera.LineAsync()}/cam";
        if (s.Server is not null)
        {
            var sink = new WhepSink();
            s.Sees(sink);
            await sink.WatchAsync(new Uri($"{s.Server.Address}/whep/{await s.StreamAsync(url)}"));
            return;
        }
        var back = FreePort.Next();
        s.Relay(["-rtsp_transport", "tcp", "-fflags", "nobuffer", .. Probing, "-i", url, .. Copied, .. Datagrams,
            $"udp://127.0.0.1:{back}?pkt_size=1316"]);
        s.Sees(new FfmpegSink([.. Probing, "-f", "mpegts", "-i", $"udp://127.0.0.1:{back}"]));
    }

    private static async Task HlsAsync(Setting s)
    {
        var (port, files) = (FreePort.Next(), FreePort.Next());
        var sink = new HlsSink();
        if (s.Server is null)
            await s.NginxAsync(FreePort.Next(), files);
        var playlist = await PublishAsync(s, port, "hls", ["-f", "hls", "-hls_time", "1", "-hls_list_size", "6", "-hls_flags",
            "delete_segments+temp_file", Path.Combine(s.Folder, "index.m3u8")]);
        s.Sees(sink);
        await sink.PlayAsync(s.Server is not null ? new Uri(s.Server.Address + playlist) : new Uri($"http://127.0.0.1:{files}/index.m3u8"));
    }

    // An encoder pushes RTMP. Returns the low-latency playlist, where there is one.
    private static async Task<string?> PublishAsync(Setting s, int port, string output, string[] relayed)
    {
        string? playlist = null;
        if (s.Server is not null)
        {
            var stream = await s.BeginAsync($"rtmp://:{port}/live/bench-key-1?mode=listener", output);
            playlist = stream.GetProperty("outputs")[0].TryGetProperty("low_latency_playlist", out var hls) ? hls.GetString() : null;
            await StreamProgram.ListensAsync(port);
        }
        else
        {
            s.Relay(["-listen", "1", "-fflags", "nobuffer", .. Quick, "-f", "flv", "-i", $"rtmp://127.0.0.1:{port}/live/bench-key-1",
                .. Copied, .. relayed]);
        }
        s.Source(2, "-flvflags", "no_duration_filesize", "-f", "flv", $"rtmp://127.0.0.1:{port}/live/bench-key-1");
        return playlist;
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        for (var began = TimeProvider.System.GetTimestamp(); !await holds();)
        {
            if (TimeProvider.System.GetElapsedTime(began) > TimeSpan.FromMinutes(3))
                throw new ArgumentException("No picture came through for three minutes.");
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }
    }

    private static string Row(Measured m)
    {
        var (slope, half) = m.Slope;
        return string.Create(CultureInfo.InvariantCulture,
            $"| {m.Leg} | {(m.Ours ? "ours" : "plain relay")} | {m.P50:0.0} | {m.P99:0.0} | {m.N} | {slope:0.000} +-{half:0.000} | " +
                $"{m.Note} |");
    }

    private static string Report(List<Measured> measured, double seconds, string load, double busy)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # Streams

            Written by `bench/streams/run --write`. Do not edit.

            - When: {TimeProvider.System.GetUtcNow():yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}.
            - Load average (1, 5, 15 min): {load} before the start, when others kept {busy:0.0} of {Environment.ProcessorCount} cores busy.
            - {TimeCode.Width}x{TimeCode.Height} at 30 pictures per second, coded by x264 with a key frame a second. Ours: live-tiny with
              `{Look}`, everything on this machine. Delay: from the picture being painted, before it is coded, to its being decoded (hls.js:
              shown); ffmpeg, nginx and GStreamer at both ends are in it. The relay copies without decoding. {seconds:0.#} s each, SRT
              three times that, relays 60 s at most.
            - The slope is that of a straight line through all delays, with its 95 % interval.

            | way | through | p50 ms | p99 ms | n | slope ms/s | |
            |---|---|---|---|---|---|---|
            """);
        foreach (var one in measured)
            text.AppendLine(Row(one));
        text.AppendLine("\n| way | goal: p50 ms | ours | ours over the relay |\n|---|---|---|---|");
        foreach (var leg in Legs)
        {
            if (measured.Where(m => m.Leg == leg.Name).ToArray() is not [var relay, var ours])
                continue;
            text.AppendLine(CultureInfo.InvariantCulture, $"| {leg.Name} | {leg.Goal} | {ours.P50:0.0} | {ours.P50 / relay.P50:0.00} |");
        }
        return text.ToString();
    }

    /// <summary>All that runs for one measurement.</summary>
    private sealed class Setting(byte[][] scene, ServerProcess? server) : IAsyncDisposable
    {
        private readonly Stack<IAsyncDisposable> _running = new();
        private readonly List<Task> _late = [];

        public ServerProcess? Server => server;

        public string Folder { get; } = Directory.CreateTempSubdirectory("truelive-bench-streams-").FullName;

        public StreamSink Sink { get; private set; } = null!;

        public T Run<T>(T program)
            where T : IAsyncDisposable
        {
            _running.Push(program);
            return program;
        }

        public void Sees(StreamSink sink) => Sink = Run(sink);

        public void Relay(string[] arguments) => Run(StreamProgram.Ffmpeg(arguments));

        /// <summary>Begins to send, after so many seconds in which the far side can begin to listen.</summary>
        public void Source(int after, params string[] target)
        {
            _late.Add(BeginAsync());

            async Task BeginAsync()
            {
                await Task.Delay(TimeSpan.FromSeconds(after), TimeProvider.System);
                Run(new StreamSource(scene, target));
            }
        }

        /// <summary>Begins a stream at our server. Returns what the server says of it.</summary>
        public async Task<JsonElement> BeginAsync(string source, params string[] outputs)
        {
            using var http = new HttpClient { BaseAddress = new Uri(server!.Address) };
            var size = $"{TimeCode.Width}x{TimeCode.Height}";
            var body = new { source, outputs, model = "live-tiny", size, prompt = Look, keyframe_s = 1 };
            using var answer = await http.PostAsJsonAsync("/v1/streams", body);
            var stream = await answer.Content.ReadFromJsonAsync<JsonElement>();
            return answer.IsSuccessStatusCode ? stream : throw new ArgumentException(stream.ToString());
        }

        /// <summary>The same; returns its session.</summary>
        public async Task<string> StreamAsync(string source, params string[] outputs) =>
            (await BeginAsync(source, outputs)).GetProperty("session").GetProperty("id").GetString()!;

        /// <summary>nginx as a broadcaster over RTMP, and as a server of the folder's files to pages.</summary>
        public async Task NginxAsync(int rtmp, int files)
        {
            var file = Path.Combine(Folder, "nginx.conf");
            await File.WriteAllTextAsync(file, $$"""
                load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
                daemon off; master_process off; pid {{file}}.pid; error_log stderr error;
                events { worker_connections 64; }
                http { access_log off; server { listen 127.0.0.1:{{files}}; root {{Folder}}; } }
                rtmp { access_log off; server { listen 127.0.0.1:{{rtmp}}; application app { live on; sync 10ms; } } }
                """);
            Run(new StreamProgram("/usr/sbin/nginx", "-c", file, "-e", "stderr"));
            await StreamProgram.ListensAsync(rtmp);
        }

        public async ValueTask DisposeAsync()
        {
            await Task.WhenAll(_late);
            while (_running.TryPop(out var program))
                await program.DisposeAsync();
            if (server is not null)
                await server.DisposeAsync();
            Directory.Delete(Folder, recursive: true);
        }
    }
}
