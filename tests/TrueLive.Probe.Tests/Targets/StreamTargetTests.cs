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
        await using var target = new StreamTarget(address, address, TimeProvider.System, Patience) { Silence = Patience };
        var connecting = target.ConnectAsync(new StimulusFormat(160, 96), Cancel);
        await WhileItRunsAsync(port, async () =>
        {
            await connecting;
            await ShownAsync(target, 60);
            await ShownAsync(target, 200);
        });
        await WhileItRunsAsync(port, () => ShownAsync(target, 100));
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

    [Fact]
    [Trait("Run", "long")]
    public async Task Pictures_that_wait_for_a_way_that_is_too_slow_count_as_not_sent()
    {
        await using var target = Sending("udp://127.0.0.1:9000", ["-vf", "realtime=speed=0.1", "-f", "null", "-"]);
        await target.ConnectAsync(new StimulusFormat(160, 96), Cancel);
        await SendAsync(target, 60, () => target.Unsent > 20);
        Assert.Contains(target.Notes, n => n.Contains("waited for the way to the target", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_target_that_takes_nothing_any_more_ends_the_run_whatever_it_gives_back()
    {
        await using var target = Sending($"rtmp://127.0.0.1:{FreePort.Next()}/app/{Secret}", null);
        await target.ConnectAsync(new StimulusFormat(160, 96), Cancel);
        var ended = await Assert.ThrowsAsync<TargetException>(() => SendAsync(target, 60, () => false));
        Assert.Contains("the target took no picture for 2 s.", ended.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, ended.Message, StringComparison.Ordinal);
        Assert.True(target.Unsent > 0);
    }

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
    public async Task Both_ways_say_what_failed_at_which_address_without_its_key()
    {
        var leg = StreamLeg.To($"rtmp://127.0.0.1:{FreePort.Next()}/app/{Secret}");
        await using var sender = new StreamSender(leg, new StimulusFormat(160, 96), TimeProvider.System);
        await using var receiver = new StreamReceiver(StreamLeg.From($"rtmp://127.0.0.1:{leg.Address.Port}/app/{Secret}"),
            TimeProvider.System, Patience);
        using var grey = new FramePool("levels", 1).Rent(160, 96);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var receiving = receiver.NextAsync(stop.Token).AsTask();
        await UntilAsync(() =>
        {
            sender.Offer(grey);
            return sender.Problem is not null && receiver.Problem is not null;
        });
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving);
        foreach (var problem in new[] { sender.Problem!, receiver.Problem! })
        {
            Assert.StartsWith($"rtmp://127.0.0.1:{leg.Address.Port}/…: ", problem, StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, problem, StringComparison.Ordinal);
        }
    }

    // Gives pictures back whatever is sent to it; where nothing is said of the way there, it is the address's own.
    private static StreamTarget Sending(string to, string[]? arguments) => new(
        StreamLeg.To(to) is var leg && arguments is not null ? leg with { Arguments = _ => arguments } : leg,
        StreamLeg.From("udp://127.0.0.1:9000") with { Arguments = _ => ["-re", "-f", "lavfi", "-i", "color=s=160x96:r=30"] },
        TimeProvider.System, Patience, null)
    { Silence = arguments is null ? TimeSpan.FromSeconds(2) : Patience };

    // Sends pictures of one brightness until one comes back.
    private static async Task ShownAsync(IProbeTarget target, byte level)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var sending = Task.Run(() => SendAsync(target, level, () => over.IsCancellationRequested), Cancel);
        try
        {
            var (seen, mean) = (0, 0);
            while (mean is 0 || Math.Abs(mean - level) > 12)
            {
                var next = await target.ReceiveAsync(Cancel);
                Assert.True(next is not null, $"{target.EndedBecause} {seen} pictures, the last of {mean}");
                using var frame = next.Value.Frame;
                (seen, mean) = (seen + 1, frame.Y[(frame.Height / 2 * frame.StrideY)..][frame.Width / 2]);
            }
        }
        finally
        {
            await over.CancelAsync();
            await sending;
        }
    }

    private static async Task SendAsync(IProbeTarget target, byte level, Func<bool> over)
    {
        using var frame = new FramePool("levels", 1).Rent(160, 96);
        frame.Y.Fill(level);
        frame.U.Fill(128);
        frame.V.Fill(128);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(33), TimeProvider.System);
        while (!over())
        {
            await target.SendAsync(frame, Cancel);
            await timer.WaitForNextTickAsync(Cancel);
        }
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancel);
    }

    private async Task WhileItRunsAsync(int port, Func<Task> task)
    {
        using var nginx = await NginxAsync(port);
        try
        {
            await task();
        }
        finally
        {
            nginx.Kill();
            await nginx.WaitForExitAsync(CancellationToken.None);
        }
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
