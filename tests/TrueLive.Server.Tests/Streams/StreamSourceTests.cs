using System.Text.Json.Nodes;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Every way in that docs/streams.md names, with other people's programs at the far side.</summary>
[Trait("Run", "long")]
public sealed class StreamSourceTests(StreamServer server) : IClassFixture<StreamServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_camera_over_RTSP_reaches_a_viewer_and_a_broadcaster_over_RTMP()
    {
        var (camera, rtsp) = await Program.RtspServerAsync(server.Scene, "admin:hunter22");
        await using var _ = camera;
        var (broadcaster, rtmp, _) = await Program.NginxAsync(server.Scene.Folder);
        await using var __ = broadcaster;
        var stream = await server.BeginAsync($"rtsp://admin:hunter22@127.0.0.1:{rtsp}/cam", null,
            $"rtmp://127.0.0.1:{rtmp}/app/secret-key");
        Assert.Equal("live", (string?)stream["session"]!["tier"]);
        stream = await server.UntilAsync(stream, StreamServer.IsLive);
        await using var viewer = await NativeClient.ConnectAsync(new Uri(server.Running.Address, $"/whep/{StreamServer.Id(stream)}"),
            sends: false);
        await viewer.PicturesAsync(30);
        NumberedScene.Move(viewer.Numbers);
        NumberedScene.Move(await server.Scene.NumbersAsync(30, "-i", $"rtmp://127.0.0.1:{rtmp}/app/secret-key"));
        Assert.DoesNotContain("secret-key", stream.ToString(), StringComparison.Ordinal);
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task RTMP_is_pulled_from_a_server()
    {
        var (nginx, rtmp, _) = await Program.NginxAsync(server.Scene.Folder);
        await using var _1 = nginx;
        await using var publisher = Program.Publish(server.Scene, "-f", "flv", $"rtmp://127.0.0.1:{rtmp}/app/cam");
        await server.RecordsAsync($"rtmp://127.0.0.1:{rtmp}/app/cam");
    }

    [Fact]
    public async Task SRT_is_called()
    {
        var port = FreePort.Next();
        await using var sender = Program.Publish(server.Scene, "-f", "mpegts",
            $"srt://127.0.0.1:{port}?mode=listener&passphrase=0123456789ab");
        await server.RecordsAsync($"srt://127.0.0.1:{port}?passphrase=0123456789ab");
    }

    [Fact]
    public async Task SRT_is_waited_for()
    {
        var port = FreePort.Next();
        var stream = await server.BeginAsync($"srt://:{port}?mode=listener&passphrase=0123456789ab", null, "file:waited.mp4");
        Assert.DoesNotContain("0123456789ab", stream.ToString(), StringComparison.Ordinal);
        await using var wrong = Program.Publish(
            server.Scene, "-f", "mpegts", $"srt://127.0.0.1:{port}?passphrase=not-the-phrase&{Program.Patient}");
        await NativeClient.UntilAsync(() => wrong.HasEnded);
        Assert.Equal("connecting", (string?)(await server.StreamAsync(stream))["source"]!["state"]);
        await using var sender = Program.Publish(
            server.Scene, "-f", "mpegts", $"srt://127.0.0.1:{port}?passphrase=0123456789ab&{Program.Patient}");
        await server.IsRecordedAsync(stream, "waited.mp4");
    }

    [Fact]
    public async Task MPEG_TS_over_HTTP_and_HLS_are_fetched()
    {
        var (nginx, _, http) = await Program.NginxAsync(server.Scene.Folder);
        await using var _1 = nginx;
        var port = FreePort.Next();
        await using var live = Program.Publish(server.Scene, "-f", "mpegts", "-listen", "1", $"http://127.0.0.1:{port}/live.ts");
        await server.RecordsAsync($"http://127.0.0.1:{port}/live.ts");
        var folder = Directory.CreateDirectory(Path.Combine(server.Scene.Folder, "live")).FullName;
        await using var packager = Program.Publish(server.Scene, "-f", "hls", "-hls_time", "0.5", "-hls_list_size", "6", "-hls_flags",
            "delete_segments", Path.Combine(folder, "index.m3u8"));
        await NativeClient.UntilAsync(() => File.Exists(Path.Combine(folder, "index.m3u8")));
        await server.RecordsAsync($"http://127.0.0.1:{http}/live/index.m3u8");
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task HLS_in_fragmented_MP4_that_another_stream_makes_is_fetched()
    {
        var stream = await server.BeginAsync("file:scene.ts", new { keyframe_s = 0.5 }, "hls");
        await server.RecordsAsync(new Uri(server.Running.Address, (string)stream["outputs"]![0]!["playlist"]!).AbsoluteUri);
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task A_file_plays_in_real_time_and_begins_anew()
    {
        var stream = await server.BeginAsync("file:scene.ts");
        await server.UntilAsync(stream, s => (long)s["session"]!["stats"]!["sent"]! > NumberedScene.Frames + 30);
        stream = await server.StreamAsync(stream);
        Assert.Equal((0, "320x176"), ((long)stream["source"]!["losses"]!, (string?)stream["source"]!["size"]));
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task A_source_that_goes_away_leaves_its_last_picture_and_is_taken_up_again_in_a_new_epoch()
    {
        var port = FreePort.Next();
        var stream = await server.BeginAsync($"srt://:{port}?mode=listener", null, "udp://127.0.0.1:9");
        var epoch = -1;
        for (var times = 0; times < 2; times++)
        {
            await using var sender = Program.Publish(server.Scene, "-f", "mpegts", $"srt://127.0.0.1:{port}?{Program.Patient}");
            var live = await server.UntilAsync(stream, s => StreamServer.IsLive(s) && (long)s["outputs"]![0]!["frames"]! > 30
                && (int)s["session"]!["epoch"]! > epoch);
            Assert.DoesNotContain("repeated", (string?)live["session"]!["stats"]!["degraded"] ?? "", StringComparison.Ordinal);
            epoch = (int)live["session"]!["epoch"]!;
            if (times == 1)
                break;
            sender.Kill();
            var lost = await server.UntilAsync(stream, StreamServer.IsRepeated);
            var frames = (long)lost["outputs"]![0]!["frames"]!;
            await server.UntilAsync(stream, s => (long)s["outputs"]![0]!["frames"]! > frames + 2);
        }
        await server.EndAsync(stream);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_source_that_changes_its_size_in_mid_stream_goes_on_and_a_recording_begins_its_next_file()
    {
        await using (var small = Program.Start("ffmpeg", "-hide_banner", "-loglevel", "error", "-stream_loop", "3", "-i",
            server.Scene.Path, "-vf", "scale=160:96", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0",
            "-output_ts_offset", "4", "-f", "mpegts", Path.Combine(server.Scene.Folder, "small.ts")))
            await NativeClient.UntilAsync(() => small.HasEnded);
        await File.WriteAllBytesAsync(
            Path.Combine(server.Scene.Folder, "two.ts"),
                [.. await File.ReadAllBytesAsync(server.Scene.Path, Cancel),
                    .. await File.ReadAllBytesAsync(Path.Combine(server.Scene.Folder, "small.ts"), Cancel)], Cancel);
        var stream = await server.BeginAsync("file:two.ts", new { loop = false }, "file:size.mp4");
        stream = await server.UntilAsync(stream, s => (string?)s["outputs"]![0]!["file"] == "size-2.mp4"
            && (long)s["outputs"]![0]!["frames"]! > NumberedScene.Frames + 45);
        Assert.Equal((0, 0), ((long)stream["source"]!["losses"]!, (long)stream["outputs"]![0]!["losses"]!));
        await server.EndAsync(stream);
        NumberedScene.Move(await server.Scene.NumbersAsync(45, "-i", Path.Combine(server.Scene.Folder, "size.mp4")));
        await server.Scene.NumbersAsync(15, "-i", Path.Combine(server.Scene.Folder, "size-2.mp4"));
    }
}
