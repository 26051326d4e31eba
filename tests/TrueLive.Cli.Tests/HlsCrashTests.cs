using System.Diagnostics;
using System.Net.Http.Json;

namespace TrueLive.Cli.Tests;

/// <summary>A server that is killed leaves files of its HLS outputs, which the next one deletes.</summary>
[Trait("Run", "long")]
public sealed class HlsCrashTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-hls-crash-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string[] Outputs => Directory.Exists(Path.Combine(_folder, "data", "hls"))
        ? Directory.GetDirectories(Path.Combine(_folder, "data", "hls")) : [];

    [Fact]
    public async Task What_a_killed_server_left_is_gone_after_the_next_start_and_not_while_it_lives()
    {
        using (var ffmpeg = Process.Start("ffmpeg", ["-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i",
            "testsrc2=size=320x176:rate=30", "-t", "2", "-pix_fmt", "yuv420p", Path.Combine(_folder, "in.mp4")]))
            await ffmpeg.WaitForExitAsync(Cancel);
        string[] flags = ["--data-folder", Path.Combine(_folder, "data"), "--stream-folder", _folder, "--model", "passthrough", "--size",
            "320x176", "--max-sessions", "2"];
        await using (var server = await ServerProcess.StartAsync(flags))
        {
            using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
            using var begun = await http.PostAsJsonAsync(
                "/v1/streams", new { source = "file:in.mp4", loop = true, outputs = new[] { "hls" }, keyframe_s = 0.5 }, Cancel);
            begun.EnsureSuccessStatusCode();
            while (!Outputs.Any(o => Directory.EnumerateFiles(o, "segment*").Any()))
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancel);
            await using (await ServerProcess.StartAsync(flags))
                Assert.Single(Outputs);
            await server.KillAsync();
        }
        Assert.Single(Outputs);
        await using (await ServerProcess.StartAsync(flags))
            Assert.Empty(Outputs);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
