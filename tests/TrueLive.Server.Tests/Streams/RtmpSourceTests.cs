using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Encoders made by others push RTMP to us.</summary>
[Trait("Run", "long")]
public sealed class RtmpSourceTests(StreamServer server) : IClassFixture<StreamServer>
{
    private static readonly string[] Tone = ["-f", "lavfi", "-i", "sine=f=1000:r=44100"];

    [Fact]
    public async Task Encoders_push_RTMP_to_us_and_one_that_comes_back_begins_a_new_epoch()
    {
        var port = FreePort.Next();
        var stream = await server.BeginAsync($"rtmp://:{port}/live/secret-key-1?mode=listener", null, "udp://127.0.0.1:9");
        // Another stream on the same port, whose publisher has nothing to do with this one.
        var other = await server.BeginAsync($"rtmp://:{port}/live/secret-key-2?mode=listener");
        // Nor may another stream wait for the same publisher.
        using (var taken = await server.Http.PostAsJsonAsync("/v1/streams",
            new { source = $"rtmp://:{port}/live/secret-key-1?mode=listener" }, TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.Conflict, taken.StatusCode);
            Assert.Contains("another key", await taken.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
        }
        await using var wrong = Push($"rtmp://127.0.0.1:{port}/live/wrong-key-3");
        await NativeClient.UntilAsync(() => wrong.HasEnded);
        Assert.Contains("No stream waits for this application and stream key", wrong.Said, StringComparison.Ordinal);
        var epoch = -1;
        for (var times = 0; times < 2; times++)
        {
            await using var encoder = Push($"rtmp://127.0.0.1:{port}/live/secret-key-1");
            var live = await server.UntilAsync(stream, s => StreamServer.IsLive(s) && (long)s["outputs"]![0]!["frames"]! > 30
                && (bool)s["source"]!["sound"]! && (int)s["session"]!["epoch"]! > epoch);
            epoch = (int)live["session"]!["epoch"]!;
            Assert.DoesNotContain("secret-key", live + await server.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
            Assert.Equal("rtmplisten", (string?)live["source"]!["kind"]);
            if (times == 1)
                break;
            encoder.Kill();
            await server.UntilAsync(stream, StreamServer.IsRepeated);
        }
        Assert.Equal("connecting", (string?)(await server.StreamAsync(other))["source"]!["state"]);
        await server.EndAsync(stream);
        await server.EndAsync(other);
    }

    [Theory]
    [InlineData("rtmp2sink")]
    [InlineData("rtmpsink")]
    public async Task GStreamer_pushes_RTMP_to_us(string element)
    {
        var (port, name) = (FreePort.Next(), $"{element}.mp4");
        var stream = await server.BeginAsync($"rtmp://:{port}/live/secret-key-1?mode=listener", null, "file:" + name);
        JsonNode? now = null;
        // Who sends nothing for five seconds is let go, and on a starved machine that is how long an encoder may take: it comes back.
        for (var begun = 0; begun < 5 && !(now?["session"]!["stats"]!["sent"]!.GetValue<long>() >= 60); begun++)
        {
            await using var encoder = Program.Start("/usr/bin/python3",
                Path.Combine(AppContext.BaseDirectory, "Streams", "rtmp_publisher.py"), element, server.Scene.Path,
                $"rtmp://127.0.0.1:{port}/live/secret-key-1");
            await NativeClient.UntilAsync(async () =>
                (long)(now = await server.StreamAsync(stream))["session"]!["stats"]!["sent"]! >= 60 || encoder.HasEnded);
            TestContext.Current.TestOutputHelper?.WriteLine(encoder.Said);
        }
        Assert.True((long)now!["session"]!["stats"]!["sent"]! >= 60, $"{now}");
        await server.EndAsync(stream);
        NumberedScene.Move(await server.Scene.AllNumbersAsync(Path.Combine(server.Scene.Folder, name)));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Sound_that_is_pushed_over_RTMP_stays_with_its_picture()
    {
        var (folder, port) = (server.Scene.Folder, FreePort.Next());
        await Clapper.MakeAsync(Path.Combine(folder, "pushed.mp4"), "-c:a", "aac", "-ac", "2");
        var stream = await server.BeginAsync(
            $"rtmp://:{port}/live/secret-key-1?mode=listener", new { keyframe_s = 0.5 }, "file:pushed-out.mp4");
        await using var encoder = Program.Start("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1",
            "-i", Path.Combine(folder, "pushed.mp4"), "-c", "copy", "-f", "flv", $"rtmp://127.0.0.1:{port}/live/secret-key-1");
        await server.UntilAsync(stream, s => (long)s["outputs"]![0]!["frames"]! > 150);
        await server.EndAsync(stream);
        await Clapper.IsInStepAsync(Path.Combine(folder, "pushed-out.mp4"), "pushed RTMP");
    }

    private Program Push(string address) => Program.Start("ffmpeg",
        ["-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", server.Scene.Path, "-re", .. Tone,
            "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-f", "flv", address]);
}
