using System.Diagnostics;
using TrueLive.Core.Frames;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>Both ends of a measured stream, with other people's programs between them.</summary>
public sealed class StreamTargetTests : IDisposable
{
    private const string Secret = "never-to-be-told";

    // So long that only a hang reaches it.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("probe-stream-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    [Trait("Run", "long")]
    public async Task A_server_that_comes_late_and_is_killed_and_comes_back_is_measured_on_and_the_report_says_so()
    {
        var port = FreePort.Next();
        var address = $"rtmp://127.0.0.1:{port}/app/{Secret}";
        await using var target = new StreamTarget(address, address, TimeProvider.System, Patience);
        var connecting = target.ConnectAsync(new StimulusFormat(160, 96), Cancel);
        using (var nginx = await NginxAsync(port))
        {
            await connecting;
            Assert.Empty(target.Notes);
            await ShownAsync(target, 60);
            await ShownAsync(target, 200);
            nginx.Kill();
            await nginx.WaitForExitAsync(Cancel);
        }
        using (var nginx = await NginxAsync(port))
        {
            await ShownAsync(target, 100);
            nginx.Kill();
        }
        foreach (var words in new[] { "the stream that came back broke off", "the stream to the target broke off" })
            Assert.Contains(target.Notes, n => n.StartsWith(words, StringComparison.Ordinal));
        Assert.Equal($"stream rtmp://127.0.0.1:{port}/… to rtmp://127.0.0.1:{port}/…", target.Description);
        Assert.DoesNotContain(Secret, string.Concat(target.Notes), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task The_instruments_own_echo_goes_over_every_protocol_that_is_measured() => await Task.WhenAll(new[]
    {
        ("rtmp://live.example/in/key", "rtsp://camera.example/out"),
        ("rtsp://camera.example/in", "srt://:9001?mode=listener&latency=20000"),
        ("srt://relay.example:9000?latency=20000", "https://cdn.example/live/index.m3u8"),
        ("udp://127.0.0.1:9000", "rtmp://live.example/out/key"),
    }.Select(async legs =>
    {
        await using var target = new StreamTarget(legs.Item1, legs.Item2, TimeProvider.System, Patience);
        await using var echo = target.MakeEcho()!;
        await echo.ConnectAsync(new StimulusFormat(160, 96), Cancel);
        await ShownAsync(echo, 60);
        await ShownAsync(echo, 200);
        Assert.Null(echo.MakeEcho());
        Assert.Matches("^stream [a-z]+://127.0.0.1:.* to [a-z]+://", echo.Description);
    }));

    [Theory]
    [InlineData("http://host.example/in", "rtmp://host.example/out/key", "--send: Pictures are sent to")]
    [InlineData("rtmp://host.example/only", "rtmp://host.example/out/key", "--send: An RTMP address has an application and a stream key")]
    [InlineData("rtmp://host.example/in/key", "https://host.example/page", "--receive: Pictures come back from")]
    [InlineData("rtmp://host.example/in/key", "rtmp://:1935/app/0123456789?mode=listener", "--receive: Pictures come back from")]
    [InlineData("file:in.mp4", "rtmp://host.example/out/key", "--send: ")]
    [InlineData("srt://host.example:9000?passphrase=short", "udp://host.example:9000", "--send: An SRT pass phrase has 10")]
    [InlineData("srt://host.example:9000?linger=" + Secret, "udp://host.example:9000", "--send: An SRT address takes")]
    public void Addresses_that_cannot_be_used_are_refused_in_words(string send, string receive, string words)
    {
        var refused = Assert.Throws<FormatException>(() => new StreamTarget(send, receive, TimeProvider.System)).Message;
        Assert.StartsWith(words, refused, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_nobody_is_the_run_ends_in_words_without_the_key()
    {
        var address = $"rtmp://127.0.0.1:{FreePort.Next()}/app/{Secret}";
        await using var target = new StreamTarget(address, address, TimeProvider.System, TimeSpan.FromSeconds(2));
        var failed = await Assert.ThrowsAsync<TargetException>(() => target.ConnectAsync(new StimulusFormat(160, 96), Cancel));
        Assert.Contains("no picture came back within 2 s (--connect-seconds).", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_playlist_cannot_lead_the_probe_into_the_users_own_network()
    {
        using var inside = new HandMadeServer(HandMadeServer.Says("200 OK", ""));
        using var outside = new HandMadeServer(HandMadeServer.Says("200 OK", "",
            $"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://localhost:{inside.Address.Port}/one.ts\n"));
        await using var receiver = new StreamReceiver(StreamLeg.From($"{outside.Address}live.m3u8"), TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var receiving = receiver.NextAsync(stop.Token).AsTask();
        await UntilAsync(() => receiver.Problem is not null);
        Assert.Contains("leads to localhost, which is in a private network", receiver.Problem, StringComparison.Ordinal);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving);
        Assert.Equal(0, inside.Asked);
    }

    // Sends pictures of one brightness until one comes back.
    private static async Task ShownAsync(IProbeTarget target, byte level)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var sending = Task.Run(() => SendAsync(target, level, over.Token), Cancel);
        var (seen, mean) = (0, 0);
        while (mean is 0 || Math.Abs(mean - level) > 12)
        {
            var next = await target.ReceiveAsync(Cancel);
            Assert.True(next is not null, $"{target.EndedBecause} {seen} pictures, the last of {mean}");
            using var frame = next.Value.Frame;
            (seen, mean) = (seen + 1, frame.Y[(frame.Height / 2 * frame.StrideY)..][frame.Width / 2]);
        }
        await over.CancelAsync();
        await sending;
    }

    private static async Task SendAsync(IProbeTarget target, byte level, CancellationToken over)
    {
        using var frame = new FramePool("levels", 1).Rent(160, 96);
        frame.Y.Fill(level);
        frame.U.Fill(128);
        frame.V.Fill(128);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(33), TimeProvider.System);
        while (!over.IsCancellationRequested)
        {
            await target.SendAsync(frame, CancellationToken.None);
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancel);
    }

    private async Task<Process> NginxAsync(int port)
    {
        var file = Path.Combine(_folder, "nginx.conf");
        await File.WriteAllTextAsync(file, $$"""
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off; master_process off; pid {{file}}.pid; error_log stderr error;
            events { worker_connections 64; }
            rtmp { access_log off; server { listen 127.0.0.1:{{port}}; application app { live on; } } }
            """, Cancel);
        return Process.Start("/usr/sbin/nginx", ["-c", file, "-e", "stderr"]);
    }
}
