using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Tests.Resources;
using TrueLive.Server.Tests.Streams;

namespace TrueLive.Server.Tests.Recordings;

/// <summary>A client's session is recorded on the server, and the recording is fetched, played and deleted.</summary>
[Trait("Run", "long")]
public sealed class RecordingApiTests(NumberedScene scene) : IClassFixture<NumberedScene>
{
    private const string Key = "0123456789abcdef";
    private const string Other = "fedcba9876543210";

    // One for each test: what a key recorded stays in it.
    private readonly string _data = Path.Combine(scene.Folder, Path.GetRandomFileName());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_session_from_WebRTC_is_recorded_with_sound_and_its_client_is_told_while_it_is()
    {
        await using var server = await StartAsync();
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.OpenControlAsync();
        await client.PicturesAsync(5);
        var session = $"/v1/sessions/{client.Whip.Resource!.Segments[2].TrimEnd('/')}";
        var begun = await JsonAsync(await server.Http.PostAsync($"{session}/recording", null, Cancel), HttpStatusCode.Created);
        using var again = await server.Http.PostAsync($"{session}/recording", null, Cancel);
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        await client.MessageAsync(m => (string?)m["recording"]?["id"] == (string?)begun["id"]);
        await NativeClient.UntilAsync(async () =>
            (long)(await server.Http.GetFromJsonAsync<JsonNode>($"{session}/outputs", Cancel))!["outputs"]![0]!["frames"]! > 60);
        var now = await OfAsync(server, begun);
        Assert.True((bool)now["recording"]! && now["ended"] is null);
        var ended = await JsonAsync(await server.Http.DeleteAsync($"{session}/recording", Cancel), HttpStatusCode.OK);
        Assert.Equal((false, "It was stopped."), ((bool)ended["recording"]!, (string?)ended["ended_because"]));
        client.Messages.Clear();
        await client.MessageAsync(m => (string?)m["type"] == "stats" && m["recording"] is null);

        var url = (string)ended["parts"]![0]!["url"]!;
        var whole = await server.Http.GetByteArrayAsync(url, Cancel);
        Assert.Equal((long)ended["parts"]![0]!["bytes"]!, whole.Length);
        using var ranged = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Range = new RangeHeaderValue(100, 199) } };
        using var part = await server.Http.SendAsync(ranged, Cancel);
        Assert.Equal((HttpStatusCode.PartialContent, $"<{AiMark.SourceType}>; rel=\"type\""),
            (part.StatusCode, Assert.Single(part.Headers.GetValues("Link"))));
        Assert.Equal(whole[100..200], await part.Content.ReadAsByteArrayAsync(Cancel));
        var file = Path.Combine(scene.Folder, "fetched.mp4");
        await File.WriteAllBytesAsync(file, whole, Cancel);
        Assert.Equal(AiMark.SourceType, Exiftool.SourceTypeOf(file));
        Assert.Equal(10, (await scene.NumbersAsync(10, "-i", file)).Length);
        await Clapper.FfmpegAsync(["-i", file, "-map", "0:a", "-f", "null", "-"]);

        using var deleted = await server.Http.DeleteAsync($"/v1/recordings/{ended["id"]}", Cancel);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using var gone = await server.Http.GetAsync(url, Cancel);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Empty((await server.Http.GetFromJsonAsync<JsonNode>("/v1/recordings", Cancel))!["recordings"]!.AsArray());
    }

    [Fact]
    public async Task Recordings_belong_to_their_key_end_with_their_session_or_at_their_limit_and_may_be_deleted_while_they_run()
    {
        await using var server = await StartAsync(o => (o.ApiKeys, o.RecordingDiskMb) = ([Key, Other], 1000));
        As(server, Key);
        var (one, two, three) = (await BeginAsync(server), await BeginAsync(server), await BeginAsync(server));
        As(server, Other);
        using var foreign = await server.Http.GetAsync($"/v1/recordings/{one["id"]}", Cancel);
        using var foreignSession = await server.Http.DeleteAsync($"/v1/sessions/{one["session"]}/recording", Cancel);
        using var foreignDelete = await server.Http.DeleteAsync($"/v1/recordings/{one["id"]}", Cancel);
        Assert.All([foreign, foreignSession, foreignDelete], a => Assert.Equal(HttpStatusCode.NotFound, a.StatusCode));
        Assert.Empty((await server.Http.GetFromJsonAsync<JsonNode>("/v1/recordings", Cancel))!["recordings"]!.AsArray());

        As(server, Key);
        await NativeClient.UntilAsync(async () => (await OfAsync(server, one))["parts"]!.AsArray().Count == 1);
        var url = (string)(await OfAsync(server, one))["parts"]![0]!["url"]!;
        server.Http.DefaultRequestHeaders.Authorization = null;
        using var linked = await server.Http.GetAsync(url, Cancel);
        using var bare = await server.Http.GetAsync(url.Split('?')[0], Cancel);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (linked.StatusCode, bare.StatusCode));

        As(server, Key);
        await server.Http.DeleteAsync($"/v1/sessions/{one["session"]}", Cancel);
        await NativeClient.UntilAsync(async () => (string?)(await OfAsync(server, one))["ended_because"] == "The client ended the session.");
        using var deleted = await server.Http.DeleteAsync($"/v1/recordings/{two["id"]}", Cancel);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Overfill(three);
        await NativeClient.UntilAsync(async () => (string?)(await OfAsync(server, three))["ended_because"]
            == "Your recordings fill the 1000 MB that they may.");
        using var older = await server.Http.GetAsync($"/v1/recordings/{one["id"]}", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, older.StatusCode);
    }

    [Fact]
    public async Task A_recording_says_that_the_server_stopped_where_its_session_ended_first()
    {
        await using var server = await StartAsync();
        var begun = await BeginAsync(server);
        await server.Services.GetRequiredService<SessionRegistry>().DrainAsync();
        await NativeClient.UntilAsync(async () => (string?)(await OfAsync(server, begun))["ended_because"]
            == "The server ended the session. The server stopped.");
    }

    [Fact]
    public async Task A_recording_that_breaks_off_says_why_until_it_goes_on_and_ends_in_words_at_its_longest()
    {
        await using var server = await StartAsync();
        var begun = await BeginAsync(server);
        Assert.Null(begun["problem"]);
        var id = (string)begun["id"]!;
        string? problem = null;
        // One that was killed is begun anew after a while: it is killed until a look falls between.
        await NativeClient.UntilAsync(async () =>
        {
            foreach (var writer in ChildProcesses.Of(id))
                await ChildProcesses.SignalAsync(writer, "KILL");
            problem = (string?)(await OfAsync(server, begun))["problem"];
            return problem is not null;
        });
        Assert.Contains("Tried again after", problem!, StringComparison.Ordinal);
        Assert.DoesNotContain(scene.Folder, problem!, StringComparison.Ordinal);
        await NativeClient.UntilAsync(async () => (await OfAsync(server, begun))["problem"] is null);
        Assert.True((bool)(await OfAsync(server, begun))["recording"]!);

        // Any recording is too long now.
        server.Services.GetRequiredService<ServerOptions>().RecordingMinutes = 0;
        await NativeClient.UntilAsync(async () => (string?)(await OfAsync(server, begun))["ended_because"]
            == "It reached the 0 minutes that a recording may have.");
        Assert.False((bool)(await OfAsync(server, begun))["recording"]!);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_recording_on_a_disk_that_fills_up_ends_in_words_and_what_it_has_can_be_played()
    {
        using var disk = SmallDisk.Mount(24);
        await using var server = await StartAsync(o => o.DataFolder = disk.Folder);
        var begun = await BeginAsync(server);
        var session = $"/v1/sessions/{begun["session"]}";
        await NativeClient.UntilAsync(async () => (await OfAsync(server, begun))["parts"]!.AsArray() is [{ } part]
            && (long)part["bytes"]! > 20_000);
        disk.Fill();
        await NativeClient.UntilAsync(async () => ((string?)(await OfAsync(server, begun))["ended_because"])
            ?.StartsWith("There is no room to go on. The server's disk is full.", StringComparison.Ordinal) == true);
        // The session goes on, and is recorded again where there is room.
        disk.Empty();
        await NativeClient.UntilAsync(async () =>
        {
            using var again = await server.Http.PostAsync($"{session}/recording", null, Cancel);
            return again.StatusCode == HttpStatusCode.Created;
        });
        var file = Path.Combine(scene.Folder, "short-disk.mp4");
        await File.WriteAllBytesAsync(
            file, await server.Http.GetByteArrayAsync((string)(await OfAsync(server, begun))["parts"]![0]!["url"]!, Cancel), Cancel);
        Assert.Equal(10, (await scene.NumbersAsync(10, "-i", file)).Length);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_publisher_that_comes_back_with_another_size_goes_on_in_the_recordings_next_part()
    {
        await using var server = await StartAsync();
        var port = FreePort.Next();
        var source = new { source = $"rtmp://:{port}/live/0123456789?mode=listener" };
        var stream = await JsonAsync(await server.Http.PostAsJsonAsync("/v1/streams", source, Cancel), HttpStatusCode.Created);
        JsonNode? begun = null;
        foreach (var (size, parts) in new[] { ("320:176", 1), ("160:96", 2) })
        {
            await using var publisher = Streams.Program.Start("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-re",
                "-stream_loop", "-1", "-i", scene.Path, "-vf", $"scale={size}", "-c:v", "libx264", "-preset", "ultrafast", "-tune",
                "zerolatency", "-g", "15", "-f", "flv", $"rtmp://127.0.0.1:{port}/live/0123456789");
            begun ??= await JsonAsync(await server.Http.PostAsync($"/v1/sessions/{StreamServer.Id(stream)}/recording", null, Cancel),
                HttpStatusCode.Created);
            await NativeClient.UntilAsync(async () => (await OfAsync(server, begun))["parts"]!.AsArray() is { } now && now.Count == parts
                && (long)now[parts - 1]!["bytes"]! > 20_000);
        }
        var ended = await JsonAsync(
            await server.Http.DeleteAsync($"/v1/sessions/{StreamServer.Id(stream)}/recording", Cancel), HttpStatusCode.OK);
        foreach (var (part, index) in ended["parts"]!.AsArray().Select((p, i) => (p!, i)))
        {
            var file = Path.Combine(scene.Folder, $"part-{index}.mp4");
            await File.WriteAllBytesAsync(file, await server.Http.GetByteArrayAsync((string)part["url"]!, Cancel), Cancel);
            await Clapper.FfmpegAsync(["-i", file, "-f", "null", "-"]);
        }
    }

    [Fact]
    public async Task A_recording_whose_end_hangs_keeps_no_other_from_ending_at_its_limit()
    {
        await using var server = await StartAsync(o => (o.ApiKeys, o.RecordingDiskMb, o.LogLevel) = ([Key, Other], 1000, "Information"));
        using var hung = new FirstEndHangs();
        server.Services.GetRequiredService<ILoggerFactory>().AddProvider(hung);
        foreach (var key in new[] { Key, Other })
        {
            As(server, key);
            Overfill(await BeginAsync(server));
        }
        foreach (var key in new[] { Key, Other })
        {
            As(server, key);
            await NativeClient.UntilAsync(async () =>
                (string?)(await server.Http.GetFromJsonAsync<JsonNode>("/v1/recordings", Cancel))!["recordings"]![0]!["ended_because"]
                == "Your recordings fill the 1000 MB that they may.");
        }
    }

    // More than the key may fill, and nothing on the disk.
    private void Overfill(JsonNode recording)
    {
        var folder = Path.Combine(_data, "recordings", (string)recording["id"]!);
        using var large = File.Create(Path.Combine(folder, "recording-9.mp4"));
        large.SetLength(1001L << 20);
    }

    private Task<RunningServer> StartAsync(Action<ServerOptions>? change = null) => RunningServer.StartAsync(
        o =>
        {
            (o.DataFolder, o.StreamFolder) = (_data, scene.Folder);
            // That of the client's pictures: the model does not scale.
            (o.Size, o.MaxSessions) = ("320x192", 8);
            change?.Invoke(o);
        }, [new TintingModel(Chunk.One)]);

    private static async Task<JsonNode> BeginAsync(RunningServer server)
    {
        var stream = await JsonAsync(
            await server.Http.PostAsJsonAsync("/v1/streams", new { source = "file:scene.ts", loop = true }, Cancel),
            HttpStatusCode.Created);
        return await JsonAsync(
            await server.Http.PostAsync($"/v1/sessions/{StreamServer.Id(stream)}/recording", null, Cancel), HttpStatusCode.Created);
    }

    private static void As(RunningServer server, string key) =>
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

    private static async Task<JsonNode> OfAsync(RunningServer server, JsonNode recording) =>
        (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/recordings/{recording["id"]}", Cancel))!;

    private static async Task<JsonNode> JsonAsync(HttpResponseMessage answer, HttpStatusCode expected)
    {
        using (answer)
        {
            var content = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.True(answer.StatusCode == expected, content);
            return JsonNode.Parse(content)!;
        }
    }

    private sealed class FirstEndHangs : ILoggerProvider, ILogger
    {
        private readonly TaskCompletionSource _over = new();
        private int _ends;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Name == "recording_ended" && Interlocked.Increment(ref _ends) == 1)
                _over.Task.Wait();
        }

        public void Dispose() => _over.TrySetResult();
    }
}
