using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Media.Codecs;
using TrueLive.Server.Previews;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>What goes out of a live session says that AI made it, in a way that other people's programs read.</summary>
[Trait("Run", "long")]
public sealed class StreamMarkTests(NumberedScene scene) : IClassFixture<NumberedScene>
{
    private const string Link = $"<{AiMark.SourceType}>; rel=\"type\"";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task HLS_a_recording_WHEP_and_the_session_say_that_AI_made_the_pictures()
    {
        await using var server = await StartAsync(new TintingModel(Chunk.One));
        var stream = await BeginAsync(server, "marked.mp4");
        var playlist = (string)Output(stream, "hls")["playlist"]!;
        using var listed = await server.Http.GetAsync(playlist, Cancel);
        Assert.Equal([Link], listed.Headers.GetValues("Link"));
        Assert.Contains(AiMark.SourceType, await UserDataAsync(new Uri(server.Address, playlist).AbsoluteUri), StringComparison.Ordinal);
        Assert.Equal(AiMark.SourceType, (string?)stream["session"]!["digital_source_type"]);
        using var offer = new StringContent(WhipTests.Offer(), Encoding.UTF8, "application/sdp");
        using var watched = await server.Http.PostAsync($"/whep/{StreamServer.Id(stream)}", offer, Cancel);
        Assert.Equal([Link], watched.Headers.GetValues("Link"));
        Assert.Matches($"\r\na={AiMark.Tag}:{AiMark.SourceType}\r\nm=", await watched.Content.ReadAsStringAsync(Cancel));
        var recording = await EndAsync(server, stream, "marked.mp4");
        Assert.Equal(AiMark.SourceType, Exiftool.SourceTypeOf(recording));
        Assert.Contains(AiMark.SourceType, await ProbeAsync(recording), StringComparison.Ordinal);
        Assert.Contains(AiMark.SourceType, await UserDataAsync(recording), StringComparison.Ordinal);
        NumberedScene.Move(await scene.NumbersAsync(30, "-i", recording));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task What_passes_through_and_what_the_operator_wants_unmarked_is_not_marked(bool marks, bool passes)
    {
        await using var server = await StartAsync(passes ? new PassthroughModel() : new TintingModel(Chunk.One), marks);
        var capabilities = (await server.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", Cancel))!;
        Assert.Equal((marks, null), ((bool)capabilities["ai_mark"]!, (string?)capabilities["models"]![0]!["digital_source_type"]));
        var name = $"unmarked-{marks}.mp4";
        var stream = await BeginAsync(server, name);
        using var listed = await server.Http.GetAsync((string)Output(stream, "hls")["playlist"]!, Cancel);
        Assert.False(listed.Headers.Contains("Link"));
        Assert.Null(stream["session"]!["digital_source_type"]);
        var recording = await EndAsync(server, stream, name);
        Assert.Equal("", Exiftool.SourceTypeOf(recording));
        Assert.DoesNotContain(AiMark.SourceType, await ProbeAsync(recording) + await UserDataAsync(recording), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sheet_of_looks_says_that_AI_made_it()
    {
        var pool = new FramePool("mark test");
        var model = new HoldingModel(pool, Chunk.One, new LookInfo("one", "One", "The first."));
        await using var server = await StartAsync(model);
        using var codec = new JpegCodec();
        using var frame = pool.Rent(LookSheet.CellWidth, LookSheet.CellHeight);
        using var body = new ByteArrayContent(codec.Encode(frame, 95).ToArray());
        body.Headers.ContentType = new MediaTypeHeaderValue("image/jpeg");
        using var answer = await server.Http.PostAsync("/v1/looks/preview", body, Cancel);
        Assert.Equal([Link], answer.Headers.GetValues("Link"));
        var path = Path.Combine(scene.Folder, "sheet.jpg");
        await File.WriteAllBytesAsync(path, await answer.Content.ReadAsByteArrayAsync(Cancel), Cancel);
        Assert.Equal(AiMark.SourceType, Exiftool.SourceTypeOf(path));
        using var read = codec.Decode(await File.ReadAllBytesAsync(path, Cancel), pool);
        Assert.NotNull(read);
    }

    private Task<RunningServer> StartAsync(IVideoModel model, bool marks = true) => RunningServer.StartAsync(
        o => (o.DataFolder, o.StreamFolder, o.Size, o.MaxSessions, o.AiMark) =
            (Path.Combine(scene.Folder, "data"), scene.Folder, $"{NumberedScene.Width}x{NumberedScene.Height}", 4, marks), [model]);

    private static async Task<JsonNode> BeginAsync(RunningServer server, string recording)
    {
        using var begun = await server.Http.PostAsJsonAsync("/v1/streams",
            new { source = "file:scene.ts", outputs = new[] { "hls", $"file:{recording}" }, keyframe_s = 0.5, loop = true }, Cancel);
        var stream = (await begun.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
        Assert.True(begun.IsSuccessStatusCode, stream.ToString());
        await NativeClient.UntilAsync(async () =>
        {
            stream = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/streams/{StreamServer.Id(stream)}", Cancel))!;
            return stream["outputs"]!.AsArray().All(o => (long)o!["frames"]! > 60);
        });
        await NativeClient.UntilAsync(async () =>
        {
            using var there = await server.Http.GetAsync(Output(stream, "hls")["playlist"]!.ToString(), Cancel);
            return there.IsSuccessStatusCode;
        });
        return stream;
    }

    private static JsonNode Output(JsonNode stream, string kind) => stream["outputs"]!.AsArray().Single(o => (string?)o!["kind"] == kind)!;

    // An output that was ended has written all that it writes.
    private async Task<string> EndAsync(RunningServer server, JsonNode stream, string recording)
    {
        using var ended = await server.Http.DeleteAsync(
            $"/v1/sessions/{StreamServer.Id(stream)}/outputs/{Output(stream, "file")["id"]}", Cancel);
        Assert.True(ended.IsSuccessStatusCode);
        return Path.Combine(scene.Folder, recording);
    }

    private static Task<string> ProbeAsync(string path) => SaysAsync("ffprobe", "-loglevel", "error", "-show_format", path);

    // ffmpeg's filter shows the user data of each picture as it is stored, in hexadecimal digits.
    private static async Task<string> UserDataAsync(string input)
    {
        var said = await SaysAsync("ffmpeg", "-nostdin", "-i", input, "-frames:v", "30", "-vf", "showinfo", "-f", "null", "-");
        Assert.Contains("Parsed_showinfo", said, StringComparison.Ordinal);
        var digits = Regex.Matches(said, "User Data=([0-9a-f]+)").Select(m => m.Groups[1].Value);
        return string.Concat(digits.Select(d => Encoding.UTF8.GetString(Convert.FromHexString(d))));
    }

    private static async Task<string> SaysAsync(string name, params string[] arguments)
    {
        using var program = Process.Start(new ProcessStartInfo(name, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var both = await Task.WhenAll(program.StandardOutput.ReadToEndAsync(Cancel), program.StandardError.ReadToEndAsync(Cancel));
        return string.Concat(both);
    }
}
