using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Every way in and every way out that docs/streams.md names, with other people's programs at the far side.</summary>
[Trait("Run", "long")]
public sealed class StreamWaysTests(StreamServer server) : IClassFixture<StreamServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_camera_over_RTSP_reaches_a_viewer_and_a_broadcaster_over_RTMP()
    {
        var (camera, rtsp) = await Program.RtspServerAsync(server.Scene);
        await using var _ = camera;
        var (broadcaster, rtmp, _) = await Program.NginxAsync(server.Scene.Folder);
        await using var __ = broadcaster;
        var stream = await server.BeginAsync($"rtsp://127.0.0.1:{rtsp}/cam", null, $"rtmp://127.0.0.1:{rtmp}/app/secret-key");
        Assert.Equal("live", (string?)stream["session"]!["tier"]);
        stream = await server.UntilAsync(stream, StreamServer.IsLive);
        await using var viewer = await NativeClient.ConnectAsync(new Uri(server.Running.Address, $"/whep/{StreamServer.Id(stream)}"), sends: false);
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
        await RecordsAsync($"rtmp://127.0.0.1:{rtmp}/app/cam");
    }

    [Fact]
    public async Task SRT_is_called()
    {
        var port = Program.FreePort();
        await using var sender = Program.Publish(server.Scene, "-f", "mpegts", $"srt://127.0.0.1:{port}?mode=listener&passphrase=0123456789ab");
        await RecordsAsync($"srt://127.0.0.1:{port}?passphrase=0123456789ab");
    }

    [Fact]
    public async Task SRT_is_waited_for()
    {
        var port = Program.FreePort();
        var stream = await server.BeginAsync($"srt://:{port}?mode=listener&passphrase=0123456789ab", null, "file:waited.mp4");
        Assert.DoesNotContain("0123456789ab", stream.ToString(), StringComparison.Ordinal);
        await using var wrong = Program.Publish(server.Scene, "-f", "mpegts", $"srt://127.0.0.1:{port}?passphrase=not-the-phrase");
        await NativeClient.UntilAsync(() => wrong.HasEnded);
        Assert.Equal("connecting", (string?)(await server.StreamAsync(stream))["source"]!["state"]);
        await using var sender = Program.Publish(server.Scene, "-f", "mpegts", $"srt://127.0.0.1:{port}?passphrase=0123456789ab");
        await IsRecordedAsync(stream, "waited.mp4");
    }

    [Fact]
    public async Task MPEG_TS_over_HTTP_and_HLS_are_fetched()
    {
        var (nginx, _, http) = await Program.NginxAsync(server.Scene.Folder);
        await using var _1 = nginx;
        var port = Program.FreePort();
        await using var live = Program.Publish(server.Scene, "-f", "mpegts", "-listen", "1", $"http://127.0.0.1:{port}/live.ts");
        await RecordsAsync($"http://127.0.0.1:{port}/live.ts");
        var folder = Directory.CreateDirectory(Path.Combine(server.Scene.Folder, "live")).FullName;
        await using var packager = Program.Publish(server.Scene, "-f", "hls", "-hls_time", "0.5", "-hls_list_size", "6", "-hls_flags", "delete_segments", Path.Combine(folder, "index.m3u8"));
        await NativeClient.UntilAsync(() => File.Exists(Path.Combine(folder, "index.m3u8")));
        await RecordsAsync($"http://127.0.0.1:{http}/live/index.m3u8");
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
    public async Task What_a_session_makes_goes_out_over_SRT_UDP_HLS_and_into_a_recording_at_once()
    {
        var (called, listened, udp) = (Program.FreePort(), Program.FreePort(), Program.FreePort());
        var receiving = server.Scene.NumbersAsync(60, "-f", "mpegts", "-i", $"srt://127.0.0.1:{called}?mode=listener");
        var datagrams = server.Scene.NumbersAsync(60, "-f", "mpegts", "-i", $"udp://127.0.0.1:{udp}");
        var stream = await server.BeginAsync(
            "file:scene.ts", new { keyframe_s = 1.0 }, $"srt://127.0.0.1:{called}?streamid=publish:cam", $"srt://:{listened}?mode=listener", $"udp://127.0.0.1:{udp}", "hls", "file:out.mp4");
        NumberedScene.Move(await receiving);
        NumberedScene.Move(await datagrams);
        NumberedScene.Move(await server.Scene.NumbersAsync(30, "-f", "mpegts", "-i", $"srt://127.0.0.1:{listened}"));
        var playlist = (string)stream["outputs"]!.AsArray().Single(o => (string?)o!["kind"] == "hls")!["playlist"]!;
        NumberedScene.Move(await server.Scene.NumbersAsync(45, "-i", new Uri(server.Running.Address, playlist).AbsoluteUri));
        // Those whose receivers have left meanwhile are tried again; nothing that the others got was lost for that.
        stream = await server.UntilAsync(stream, s => s["outputs"]!.AsArray().All(o => (string?)o!["kind"] is "srt" or "srtlisten" || (double)o["kbps"]! > 0));
        Assert.All(stream["outputs"]!.AsArray(), o => Assert.True((long)o!["frames"]! > 30 && (long)o["dropped"]! == 0, o.ToString()));
        await IsRecordedAsync(stream, "out.mp4");
    }

    [Fact]
    public async Task A_source_that_goes_away_leaves_its_last_picture_and_is_taken_up_again_in_a_new_epoch()
    {
        var port = Program.FreePort();
        var stream = await server.BeginAsync($"srt://:{port}?mode=listener", null, "udp://127.0.0.1:9");
        var epoch = 0;
        for (var times = 0; times < 2; times++)
        {
            await using var sender = Program.Publish(server.Scene, "-f", "mpegts", $"srt://127.0.0.1:{port}");
            var live = await server.UntilAsync(stream, s => StreamServer.IsLive(s) && (long)s["outputs"]![0]!["frames"]! > 30);
            Assert.True(times == 0 || (int)live["session"]!["epoch"]! > epoch, live.ToString());
            Assert.Null(live["session"]!["stats"]!["degraded"]);
            epoch = (int)live["session"]!["epoch"]!;
            sender.Kill();
            var lost = await server.UntilAsync(stream, s => (string?)s["source"]!["state"] != "live");
            Assert.Contains("last picture is repeated", (string?)lost["session"]!["stats"]!["degraded"], StringComparison.Ordinal);
            var frames = (long)lost["outputs"]![0]!["frames"]!;
            await server.UntilAsync(stream, s => (long)s["outputs"]![0]!["frames"]! > frames + 2);
        }
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task A_source_that_changes_its_size_in_mid_stream_goes_on_and_a_recording_begins_its_next_file()
    {
        await using (var small = Program.Start("ffmpeg", "-hide_banner", "-loglevel", "error", "-i", server.Scene.Path, "-vf", "scale=160:96", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0",
            "-output_ts_offset", "6", "-f", "mpegts", Path.Combine(server.Scene.Folder, "small.ts")))
            await NativeClient.UntilAsync(() => small.HasEnded);
        await File.WriteAllBytesAsync(
            Path.Combine(server.Scene.Folder, "two.ts"), [.. await File.ReadAllBytesAsync(server.Scene.Path, Cancel), .. await File.ReadAllBytesAsync(Path.Combine(server.Scene.Folder, "small.ts"), Cancel)], Cancel);
        var stream = await server.BeginAsync("file:two.ts", new { loop = false }, "file:size.mp4");
        stream = await server.UntilAsync(stream, s => (string?)s["outputs"]![0]!["file"] == "size-2.mp4" && (long)s["outputs"]![0]!["frames"]! > NumberedScene.Frames + 45);
        Assert.Equal((0, 0), ((long)stream["source"]!["losses"]!, (long)stream["outputs"]![0]!["losses"]!));
        await server.EndAsync(stream);
        NumberedScene.Move(await server.Scene.NumbersAsync(45, "-i", Path.Combine(server.Scene.Folder, "size.mp4")));
        await server.Scene.NumbersAsync(15, "-i", Path.Combine(server.Scene.Folder, "size-2.mp4"));
    }

    [Fact]
    public async Task A_stream_is_a_live_session_with_prompts_a_journal_and_figures()
    {
        var stream = await server.BeginAsync("file:scene.ts", new { prompt = "ink" }, "udp://127.0.0.1:9");
        var session = $"/v1/sessions/{StreamServer.Id(stream)}";
        Assert.Equal("ink", (string?)stream["session"]!["prompt"]!["text"]);
        await server.UntilAsync(stream, StreamServer.IsLive);
        using var prompted = await server.Http.PatchAsJsonAsync(session, new { prompt = "noir" }, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, prompted.StatusCode);
        using var recorded = await server.Http.PostAsync($"{session}/journal", null, Cancel);
        Assert.Equal(HttpStatusCode.Created, recorded.StatusCode);
        stream = await server.UntilAsync(stream, s => (long?)s["session"]!["journal"]?["frames"] > 10);
        Assert.Equal(("noir", "file"), ((string?)stream["session"]!["prompt"]!["text"], (string?)stream["session"]!["transport"]));
        // The page is written anew only when it is older than its cache.
        var page = "";
        await NativeClient.UntilAsync(async () => (page = await server.Http.GetStringAsync("/metrics", Cancel)).Contains("truelive_stream_outputs{", StringComparison.Ordinal));
        foreach (var name in new[] { "sources", "source_losses", "output_frames", "output_frames_dropped", "output_losses", "output_rate", "output_delay" })
            Assert.Contains($"# TYPE truelive_stream_{name}", page, StringComparison.Ordinal);
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task A_session_that_a_client_sends_into_has_outputs_too()
    {
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Running.Address, "/whip"));
        await client.PicturesAsync(5);
        var id = client.Whip.Resource!.Segments[2].TrimEnd('/');
        using var made = await server.Http.PostAsJsonAsync($"/v1/sessions/{id}/outputs", new { target = "file:client.mp4", keyframe_s = 0.5 }, Cancel);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        await NativeClient.UntilAsync(async () => (long)(await server.Http.GetFromJsonAsync<JsonNode>($"/v1/streams/{id}", Cancel))!["outputs"]![0]!["frames"]! > 40);
        using var ended = await server.Http.DeleteAsync($"/v1/sessions/{id}", Cancel);
        Assert.Equal(20, (await server.Scene.NumbersAsync(20, "-i", Path.Combine(server.Scene.Folder, "client.mp4"))).Length);
    }

    [Fact]
    public async Task A_recording_whose_program_is_killed_can_be_played_and_goes_on_in_its_next_file()
    {
        var stream = await server.BeginAsync("file:scene.ts", new { keyframe_s = 0.5 }, "file:killed.mp4");
        await server.UntilAsync(stream, s => (long)s["outputs"]![0]!["frames"]! > 60);
        await ChildProcesses.SignalAsync(await ChildProcesses.OneOfAsync("killed.mp4"), "KILL");
        await server.UntilAsync(stream, s => (string?)s["outputs"]![0]!["file"] == "killed-2.mp4" && (string?)s["outputs"]![0]!["state"] == "live");
        NumberedScene.Move(await server.Scene.NumbersAsync(30, "-i", Path.Combine(server.Scene.Folder, "killed.mp4")));
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task A_broadcaster_that_refuses_the_key_is_tried_again_and_nothing_else_is_touched()
    {
        var (nginx, rtmp, _) = await Program.NginxAsync(server.Scene.Folder);
        await using var _1 = nginx;
        var stream = await server.BeginAsync("file:scene.ts", null, $"rtmp://127.0.0.1:{rtmp}/closed/wrong-key", $"rtmp://127.0.0.1:{rtmp}/app/right-key");
        stream = await server.UntilAsync(stream, s => s["outputs"]!.AsArray().Any(o => (long)o!["losses"]! > 0) && s["outputs"]!.AsArray().Any(o => (string?)o!["state"] == "live"));
        Assert.DoesNotContain("wrong-key", stream.ToString(), StringComparison.Ordinal);
        NumberedScene.Move(await server.Scene.NumbersAsync(30, "-i", $"rtmp://127.0.0.1:{rtmp}/app/right-key"));
        await server.EndAsync(stream);
    }

    private async Task RecordsAsync(string source)
    {
        var name = $"{Guid.NewGuid():n}.mp4";
        await IsRecordedAsync(await server.BeginAsync(source, new { loop = false }, "file:" + name), name);
    }

    // Ends the stream: what was recorded until then can be played.
    private async Task IsRecordedAsync(JsonNode stream, string name)
    {
        await server.UntilAsync(stream, s => s["outputs"]!.AsArray().Any(o => (string?)o!["kind"] == "file" && (long)o["frames"]! >= 60));
        await server.EndAsync(stream);
        NumberedScene.Move(await server.Scene.NumbersAsync(45, "-i", Path.Combine(server.Scene.Folder, name)));
    }
}
