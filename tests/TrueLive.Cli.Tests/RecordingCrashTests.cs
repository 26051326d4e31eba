using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TrueLive.Cli.Tests;

/// <summary>A server that is killed, or told to end, leaves a recording that can be played.</summary>
[Trait("Run", "long")]
public sealed class RecordingCrashTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-recording-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_recording_of_a_killed_server_plays_and_is_listed_after_a_restart_and_one_that_is_told_to_end_leaves_it_whole()
    {
        await RunAsync("ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=30", "-t", "2",
            "-pix_fmt", "yuv420p", Path.Combine(_folder, "in.mp4"));
        string[] flags = ["--data-folder", Path.Combine(_folder, "data"), "--stream-folder", _folder, "--model", "passthrough", "--size",
            "320x176", "--max-sessions", "2"];
        string id, ended;
        int before;
        await using (var server = await ServerProcess.StartAsync(flags))
        {
            using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
            (id, before) = await RecordAsync(http);
            await server.KillAsync();
        }
        await using (var server = await ServerProcess.StartAsync(flags))
        {
            using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
            var list = (await http.GetFromJsonAsync<JsonNode>("/v1/recordings", Cancel))!["recordings"]!.AsArray();
            var left = Assert.Single(list)!;
            Assert.Equal((id, false, "The server stopped while it was recorded."),
                ((string?)left["id"], (bool)left["recording"]!, (string?)left["ended_because"]));
            await File.WriteAllBytesAsync(
                Path.Combine(_folder, "left.mp4"), await http.GetByteArrayAsync((string)left["parts"]![0]!["url"]!, Cancel), Cancel);
            (ended, _) = await RecordAsync(http);
            Assert.Equal(0, await server.EndAsync());
        }
        // One that is told to end writes all of it, and why, before it goes.
        await RunAsync("ffmpeg", "-loglevel", "error", "-xerror", "-i", VideoOf(ended), "-f", "null", "-");
        Assert.Contains("The server stopped.", await File.ReadAllTextAsync(
            Path.Combine(Path.GetDirectoryName(VideoOf(ended))!, "recording.json"), Cancel), StringComparison.Ordinal);
        Assert.True(await FramesAsync(Path.Combine(_folder, "left.mp4")) >= before);
        await RunAsync("ffmpeg", "-loglevel", "error", "-i", Path.Combine(_folder, "left.mp4"), "-map", "0:a", "-f", "null", "-");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string VideoOf(string recording) => Path.Combine(_folder, "data", "recordings", recording, "recording.mp4");

    // Begins a recording and waits until some of it is on disk. Returns its id and the number of its pictures there.
    private async Task<(string Id, int Frames)> RecordAsync(HttpClient http)
    {
        using var begun = await http.PostAsJsonAsync("/v1/streams", new { source = "file:in.mp4", loop = true }, Cancel);
        var session = (string)(await begun.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["session"]!["id"]!;
        using var recorded = await http.PostAsync($"/v1/sessions/{session}/recording", null, Cancel);
        var id = (string)(await recorded.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["id"]!;
        int frames;
        while ((frames = await FramesAsync(VideoOf(id))) < 20)
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, Cancel);
        return (id, frames);
    }

    // 0 for a file that is not there or has no whole head yet.
    private static async Task<int> FramesAsync(string path)
    {
        using var process = Process.Start(new ProcessStartInfo(
            "ffprobe", ["-loglevel", "quiet", "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames", "-of",
                "csv=p=0", path]) { RedirectStandardOutput = true })!;
        var said = await process.StandardOutput.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        return int.TryParse(said, System.Globalization.CultureInfo.InvariantCulture, out var frames) ? frames : 0;
    }

    private static async Task<string> RunAsync(string name, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true })!;
        var said = await process.StandardOutput.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        Assert.Equal(0, process.ExitCode);
        return said.Trim();
    }
}
