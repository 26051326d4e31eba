using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Configuration;
using TrueLive.Server.Streams;
using TrueLive.Server.Streams.Hls;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Every way out that docs/streams.md names, with other people's programs at the far side.</summary>
[Trait("Run", "long")]
public sealed class StreamOutputTests(StreamServer server) : IClassFixture<StreamServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_session_makes_goes_out_over_SRT_UDP_HLS_and_into_a_recording_at_once()
    {
        var (called, listened, udp) = (FreePort.Next(), FreePort.Next(), FreePort.Next());
        var receiving = server.Scene.NumbersAsync(60, "-f", "mpegts", "-i", $"srt://127.0.0.1:{called}?mode=listener");
        var datagrams = server.Scene.NumbersAsync(60, "-f", "mpegts", "-i", $"udp://127.0.0.1:{udp}");
        var stream = await server.BeginAsync(
            "file:scene.ts", new { keyframe_s = 1.0 }, $"srt://127.0.0.1:{called}?streamid=publish:cam",
                $"srt://:{listened}?mode=listener", $"udp://127.0.0.1:{udp}", "hls", "file:out.mp4");
        NumberedScene.Move(await receiving);
        NumberedScene.Move(await datagrams);
        NumberedScene.Move(await server.Scene.NumbersAsync(30, "-f", "mpegts", "-i", $"srt://127.0.0.1:{listened}"));
        var playlist = (string)stream["outputs"]!.AsArray().Single(o => (string?)o!["kind"] == "hls")!["playlist"]!;
        NumberedScene.Move(await server.Scene.NumbersAsync(45, "-i", new Uri(server.Running.Address, playlist).AbsoluteUri));
        // Those whose receivers have left meanwhile are tried again, and the others go on. (What waits for longer than two seconds for the
        // program of an output on a busy machine is let go.)
        stream = await server.UntilAsync(stream, s => s["outputs"]!.AsArray()
            .All(o => (string?)o!["kind"] is "srt" or "srtlisten" || (double)o["kbps"]! > 0));
        Assert.All(stream["outputs"]!.AsArray(), o => Assert.True((long)o!["frames"]! > 30 && (long)o["dropped"]! < (long)o["frames"]!,
            o.ToString()));
        await server.IsRecordedAsync(stream, "out.mp4");
    }

    [Fact]
    public async Task What_goes_wrong_while_HLS_is_cut_ends_the_child_and_not_the_output()
    {
        var stream = await server.BeginAsync("file:scene.ts");
        var (services, failures) = (server.Running.Services, 0);
        var hosted = services.GetRequiredService<StreamRegistry>().Find(StreamServer.Id(stream))!.Hosted;
        var options = services.GetRequiredService<ServerOptions>();
        var events = new StreamEvents(TimeProvider.System)
        {
            Added = (_, state, _) =>
            {
                if (state == LegState.Live && Interlocked.Increment(ref failures) == 1)
                    throw new InvalidOperationException("Nobody expects it.");
            },
        };
        var output = new OutputRun(hosted, OutputSettings.Of("hls", null, 0.5, options, trusted: false),
            services.GetRequiredService<StreamAccess>(), id => new HlsFolder(options, "cut", id), events, TimeProvider.System);
        await NativeClient.UntilAsync(() =>
            Task.FromResult(output.Hls!.Read(parts: false, "").Contains("#EXTINF", StringComparison.Ordinal)));
        Assert.True(output.Status.Losses >= 1);
        await output.DisposeAsync();
        Assert.EndsWith("#EXT-X-ENDLIST\n", output.Hls!.Read(parts: false, ""), StringComparison.Ordinal);
        output.Hls.Delete();
        await server.EndAsync(stream);
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
        string[] names = ["outputs", "sources", "source_losses", "output_frames", "output_frames_dropped", "output_losses", "output_rate",
            "output_delay"];
        await NativeClient.UntilAsync(async () => await server.Http.GetStringAsync("/metrics", Cancel) is var page
            && names.All(n => page.Contains($"# TYPE truelive_stream_{n}", StringComparison.Ordinal)));
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task A_session_that_a_client_sends_into_has_outputs_too()
    {
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Running.Address, "/whip"));
        await client.PicturesAsync(5);
        var id = client.Whip.Resource!.Segments[2].TrimEnd('/');
        using var made = await server.Http.PostAsJsonAsync($"/v1/sessions/{id}/outputs",
            new { target = "file:client.mp4", keyframe_s = 0.5 }, Cancel);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        await NativeClient.UntilAsync(async () =>
            (long)(await server.Http.GetFromJsonAsync<JsonNode>($"/v1/streams/{id}", Cancel))!["outputs"]![0]!["frames"]! > 40);
        using var ended = await server.Http.DeleteAsync($"/v1/sessions/{id}", Cancel);
        Assert.Equal(20, (await server.Scene.NumbersAsync(20, "-i", Path.Combine(server.Scene.Folder, "client.mp4"))).Length);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_recording_whose_program_is_killed_can_be_played_and_goes_on_in_its_next_file()
    {
        var stream = await server.BeginAsync("file:scene.ts", new { keyframe_s = 0.5 }, "file:killed.mp4");
        await server.UntilAsync(stream, s => (long)s["outputs"]![0]!["frames"]! > 60);
        await ChildProcesses.SignalAsync(await ChildProcesses.OneOfAsync("killed.mp4"), "KILL");
        await server.UntilAsync(stream, s => (string?)s["outputs"]![0]!["file"] == "killed-2.mp4"
            && (string?)s["outputs"]![0]!["state"] == "live");
        NumberedScene.Move(await server.Scene.NumbersAsync(30, "-i", Path.Combine(server.Scene.Folder, "killed.mp4")));
        await server.EndAsync(stream);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_broadcaster_that_refuses_the_key_is_tried_again_and_nothing_else_is_touched()
    {
        var (nginx, rtmp, _) = await Program.NginxAsync(server.Scene.Folder);
        await using var _1 = nginx;
        var stream = await server.BeginAsync("file:scene.ts", null, $"rtmp://127.0.0.1:{rtmp}/closed/wrong-key",
            $"rtmp://127.0.0.1:{rtmp}/app/right-key");
        stream = await server.UntilAsync(stream, s => s["outputs"]!.AsArray().Any(o => (long)o!["losses"]! > 0)
            && s["outputs"]!.AsArray().Any(o => (string?)o!["state"] == "live"));
        Assert.DoesNotContain("wrong-key", stream.ToString(), StringComparison.Ordinal);
        NumberedScene.Move(await server.Scene.NumbersAsync(30, "-i", $"rtmp://127.0.0.1:{rtmp}/app/right-key"));
        await server.EndAsync(stream);
    }
}
