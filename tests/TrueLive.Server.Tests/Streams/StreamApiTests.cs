using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Sessions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Streams;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>What a stream may reach, and what becomes of bad ones: clear words, bounded, nothing else touched.</summary>
[Trait("Run", "long")]
public sealed class StreamApiTests(StreamServer server) : IClassFixture<StreamServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("rtsp://127.0.0.1/cam", "stream_hosts")]
    [InlineData("rtsp://localhost:8554/cam", "private network")]
    [InlineData("http://192.0.2.7/live.ts", "private network")]
    [InlineData("http://[::ffff:10.0.0.1]/live.m3u8", "private network")]
    [InlineData("srt://:9000?mode=listener", "stream_ports")]
    [InlineData("file:scene.ts", "stream_folder")]
    [InlineData("/dev/video0", "stream_devices")]
    public async Task Nothing_is_reached_that_the_operator_has_not_allowed(string source, string setting)
    {
        await using var closed = await RunningServer.StartAsync(o =>
            (o.StreamHosts, o.ApiKeys) = (setting == "stream_hosts" ? ["*.example.org"] : ["*"], ["0123456789abcdef"]));
        closed.Http.DefaultRequestHeaders.Authorization = new("Bearer", "0123456789abcdef");
        await IsRefusedAsync(closed.Http, "/v1/streams", new { source }, setting);
        Assert.Empty((await closed.Http.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel))!["sessions"]!.AsArray());
    }

    [Fact]
    public async Task Files_outside_the_folder_are_out_of_reach()
    {
        File.CreateSymbolicLink(Path.Combine(server.Scene.Folder, "link.ts"), "/etc/passwd");
        foreach (var name in new[] { "../x.ts", "/etc/passwd", ".hidden", "data", "link.ts", "gone.ts" })
            await IsRefusedAsync(server.Http, "/v1/streams", new { source = "file:" + name }, "folder");
        var stream = await server.BeginAsync("file:scene.ts");
        await IsRefusedAsync(server.Http, $"/v1/sessions/{StreamServer.Id(stream)}/outputs", new { target = "file:../x.mp4" }, "folder");
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task A_session_has_sixteen_outputs_and_not_two_hundred()
    {
        await IsRefusedAsync(server.Http, "/v1/streams",
            new { source = "file:scene.ts", outputs = Enumerable.Repeat("udp://127.0.0.1:9", 200) }, "16 outputs at most");
        var stream = await server.BeginAsync("file:scene.ts", null, [.. Enumerable.Repeat("udp://127.0.0.1:9", 16)]);
        var outputs = $"/v1/sessions/{StreamServer.Id(stream)}/outputs";
        await IsRefusedAsync(server.Http, outputs, new { target = "udp://127.0.0.1:9" }, "16 outputs at most");
        var first = (string)stream["outputs"]![0]!["id"]!;
        Assert.Equal(HttpStatusCode.OK, (await server.Http.DeleteAsync($"{outputs}/{first}", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.DeleteAsync($"{outputs}/{first}", Cancel)).StatusCode);
        Assert.Equal(15, (await server.Http.GetFromJsonAsync<JsonNode>(outputs, Cancel))!["outputs"]!.AsArray().Count);
        await server.EndAsync(stream);
    }

    [Fact]
    public async Task A_source_that_is_not_there_says_why_is_tried_again_and_shows_no_password()
    {
        var port = FreePort.Next();
        var stream = await server.BeginAsync($"rtsp://admin:hunter22@127.0.0.1:{port}/cam/pass-path", null);
        stream = await server.UntilAsync(stream, s => (long)s["source"]!["losses"]! >= 2);
        var problem = (string)stream["source"]!["problem"]!;
        Assert.Contains("Connection refused", problem, StringComparison.Ordinal);
        Assert.Contains("degraded", (string?)stream["session"]!["stats"]!["degraded"], StringComparison.Ordinal);
        var said = stream + await EventsAsync(stream) + await server.Http.GetStringAsync("/metrics", Cancel);
        foreach (var secret in new[] { "admin", "hunter22", "pass-path" })
            Assert.DoesNotContain(secret, said, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Conflict, (await PublishAsync(stream)).StatusCode);
    }

    [Fact]
    public async Task A_stream_that_is_to_end_with_its_source_ends_and_a_file_ends_when_it_is_over()
    {
        // The camera is silent until the events are followed: they are gone with the stream.
        using var camera = new TcpListener(IPAddress.Loopback, 0);
        camera.Start();
        var lost = await server.BeginAsync($"rtsp://{camera.LocalEndpoint}/cam", new { on_loss = "end" });
        var source = server.Running.Services.GetRequiredService<StreamRegistry>().Find(StreamServer.Id(lost))!.Source!;
        Assert.Contains("ended", await EventsAsync(lost, toEnd: true, camera.Stop), StringComparison.Ordinal);
        Assert.Equal((LegState.Ended, 1), (source.Status.State, source.Status.Losses));
        var over = await server.BeginAsync("file:scene.ts", new { loop = false });
        Assert.Contains("The file has ended", await EventsAsync(over, toEnd: true), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_that_gets_the_id_of_one_that_is_ending_keeps_its_own_outputs()
    {
        var sessions = server.Running.Services.GetRequiredService<SessionRegistry>();
        var streams = server.Running.Services.GetRequiredService<StreamRegistry>();
        var request = new SessionRequest(null, null, null, null) { Id = $"{Guid.NewGuid():n}" };
        var settings = OutputSettings.Of("udp://127.0.0.1:9", null, null, new ServerOptions(), trusted: true);
        var older = await sessions.CreateAsync(request, Cancel);
        HostedSession? newer = null;
        OutputRun? kept = null;
        older.Session.Moved += (_, _) =>
        {
            newer = sessions.Create(request);
            kept = streams.AddAsync(newer, settings, Cancel).GetAwaiter().GetResult();
        };
        var gone = await streams.AddAsync(older, settings, Cancel);
        sessions.End(older, EndCause.ControlClient);
        Assert.Same(kept, Assert.Single(streams.Find(request.Id!)!.Outputs));
        await gone.Completion.WaitAsync(Cancel);
        sessions.End(newer!, EndCause.ControlClient);
        await kept!.Completion.WaitAsync(Cancel);
    }

    [Fact]
    public async Task An_output_that_is_refused_or_says_nothing_never_slows_the_session()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var stream = await server.BeginAsync(
            "file:scene.ts", null, $"rtmp://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}/app/key",
                $"rtmp://127.0.0.1:{FreePort.Next()}/app/key", "udp://127.0.0.1:9");
        stream = await server.UntilAsync(stream, s => s["outputs"]!.AsArray().Count(o => (long)o!["losses"]! > 0) == 2
            && (long)Udp(s)["frames"]! > 100);
        Assert.Single(stream["outputs"]!.AsArray(), o =>
            ((string?)o!["problem"])?.Contains("Connection refused", StringComparison.Ordinal) == true);
        // A busy machine lets pictures go for being late. None of those made was kept back for an output.
        Assert.Equal(0, (long)stream["session"]!["stats"]!["dropped"]!["sink_full"]!);
        Assert.True((long)Udp(stream)["dropped"]! < (long)Udp(stream)["frames"]!, Udp(stream).ToString());
        await server.EndAsync(stream);

        static JsonNode Udp(JsonNode stream) => stream["outputs"]!.AsArray().Single(o => (string?)o!["kind"] == "udp")!;
    }

    [Fact]
    public async Task HLS_is_opened_by_its_link_and_by_nothing_less()
    {
        await using var keyed = await RunningServer.StartAsync(o =>
        {
            (o.DataFolder, o.StreamFolder, o.ApiKeys) = (Directory.CreateDirectory(Path.Combine(server.Scene.Folder, "keyed")).FullName,
                server.Scene.Folder, ["0123456789abcdef"]);
            (o.Size, o.MaxSessions) = ("320x176", 8);
        });
        using var made = new HttpRequestMessage(HttpMethod.Post, "/v1/streams")
        {
            Content = JsonContent.Create(new { source = "file:scene.ts", loop = true, outputs = new[] { "hls" }, keyframe_s = 0.5 }),
        };
        made.Headers.Authorization = new("Bearer", "0123456789abcdef");
        using var answer = await keyed.Http.SendAsync(made, Cancel);
        var playlist = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["outputs"]![0]!["playlist"]!;
        var lowLatency = playlist.Replace("index", "low-latency", StringComparison.Ordinal);
        var segment = await FetchedAsync(playlist, "^segment.*$");
        // It is announced, and waited for.
        var part = await FetchedAsync(lowLatency, "(?<=PRELOAD-HINT:TYPE=PART,URI=\")[^\"]+");
        foreach (var closed in new[] { playlist.Split('?')[0], segment.AbsolutePath, part.AbsolutePath,
            playlist.Replace("/hls/", "/whep/", StringComparison.Ordinal), "/v1/sessions?" + playlist.Split('?')[1] })
            Assert.Equal(HttpStatusCode.Unauthorized, (await keyed.Http.GetAsync(closed, Cancel)).StatusCode);
        foreach (var wrong in new[] { "&_HLS_part=1", "&_HLS_msn=-1", "&_HLS_msn=x", "&_HLS_msn=99999999999" })
            Assert.Equal(HttpStatusCode.BadRequest, (await keyed.Http.GetAsync(lowLatency + wrong, Cancel)).StatusCode);

        // A file that a playlist names, fetched while it was there.
        async Task<Uri> FetchedAsync(string list, string pattern)
        {
            Uri? at = null;
            await NativeClient.UntilAsync(async () =>
            {
                using var listed = await keyed.Http.GetAsync(list, Cancel);
                if (!listed.IsSuccessStatusCode)
                    return false;
                var name = Regex.Matches(await listed.Content.ReadAsStringAsync(Cancel), pattern, RegexOptions.Multiline)[^1].Value;
                Assert.Contains("?token=", name, StringComparison.Ordinal);
                using var file = await keyed.Http.GetAsync(at = new Uri(new Uri(keyed.Address, list), name), Cancel);
                return file.IsSuccessStatusCode && (await file.Content.ReadAsByteArrayAsync(Cancel)).AsSpan(4, 4).SequenceEqual("moof"u8);
            });
            return at!;
        }
    }

    private async Task<HttpResponseMessage> PublishAsync(JsonNode stream)
    {
        using var offer = new StringContent(WhipTests.Offer(), Encoding.UTF8, "application/sdp");
        return await server.Http.PostAsync($"/whip/{StreamServer.Id(stream)}", offer, Cancel);
    }

    // All that is kept until now, or until the stream has ended.
    private async Task<string> EventsAsync(JsonNode stream, bool toEnd = false, Action? followed = null)
    {
        await using var body = await server.Http.GetStreamAsync($"/v1/streams/{StreamServer.Id(stream)}/events", Cancel);
        followed?.Invoke();
        using var lines = new StreamReader(body);
        var said = new List<string>();
        while (await lines.ReadLineAsync(Cancel) is { } line && (toEnd || !said.Any(l => l.Contains("retrying", StringComparison.Ordinal))))
            said.Add(line);
        return string.Join('\n', said);
    }

    private static async Task IsRefusedAsync(HttpClient http, string path, object body, string words)
    {
        using var answer = await http.PostAsJsonAsync(path, body, Cancel);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains(words, (string?)(await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["detail"], StringComparison.Ordinal);
    }
}
