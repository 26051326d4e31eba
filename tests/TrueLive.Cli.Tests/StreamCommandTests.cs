using System.Diagnostics;
using System.Text;

namespace TrueLive.Cli.Tests;

/// <summary><c>truelive stream</c> as a user starts and ends it.</summary>
[Trait("Run", "long")]
public sealed class StreamCommandTests : IDisposable
{
    // A generous limit that only a hang reaches.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-stream-").FullName;

    [Fact]
    public async Task A_file_is_streamed_into_a_recording_and_the_command_ends_with_it()
    {
        // A slow machine makes few pictures of each second, and the output misses the first.
        await MakeAsync("in.mp4", seconds: 8);
        await File.WriteAllTextAsync(Path.Combine(_folder, "where.txt"), "--out out.mp4", TestContext.Current.CancellationToken);
        var (code, said) = await RunAsync(null, "stream", "in.mp4", "@where.txt", "--size", "320x176", "--prompt", "ink");
        Assert.True(code == 0, said);
        Assert.Contains("file:in.mp4: live", said, StringComparison.Ordinal);
        Assert.Contains("The file has ended", said, StringComparison.Ordinal);
        Assert.True(await FramesAsync("out.mp4") > 20, said);
    }

    [Fact]
    public async Task Both_addresses_of_HLS_are_told()
    {
        await MakeAsync("in.mp4", seconds: 2);
        var (code, said) = await RunAsync(null, "stream", "in.mp4", "--out", "hls", "--size", "320x176");
        Assert.True(code == 0, said);
        Assert.Matches("http://[^ ]+/hls/[^ ]+/index\\.m3u8 and http://[^ ]+/hls/[^ ]+/low-latency\\.m3u8 ", said);
    }

    [Fact]
    public async Task Ctrl_C_ends_it_and_what_was_recorded_can_be_played()
    {
        await MakeAsync("in.mp4", seconds: 2);
        var (code, said) = await RunAsync(async () => await CountAsync("out.mp4") > 10, "stream", "in.mp4", "--loop", "--out", "out.mp4",
            "--size", "320x176", "--keyframe-s", "0.5");
        Assert.True(code == 0, said);
        Assert.True(await FramesAsync("out.mp4") > 10, said);
    }

    [Theory]
    [InlineData("There is no file", "stream", "gone.mp4", "--out", "out.mp4")]
    [InlineData("An RTMP address has", "stream", "in.mp4", "--out", "rtmp://live.example/app")]
    public async Task What_cannot_be_streamed_is_refused_in_words(string words, params string[] line)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "in.mp4"), "", TestContext.Current.CancellationToken);
        var (code, said) = await RunAsync(null, line);
        Assert.Equal(2, code);
        Assert.Contains(words, said, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task MakeAsync(string name, int seconds) => Assert.Equal(0, (await RunToEndAsync(
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=30", "-t", $"{seconds}",
            "-pix_fmt", "yuv420p", Path.Combine(_folder, name))).Code);

    private async Task<int> FramesAsync(string name) =>
        await CountAsync(name) ?? throw new InvalidOperationException($"{name} cannot be played.");

    // Null where there is nothing to be played yet.
    private async Task<int?> CountAsync(string name)
    {
        var (code, said) = await RunToEndAsync("ffprobe", "-loglevel", "quiet", "-count_frames", "-select_streams", "v:0", "-show_entries",
            "stream=nb_read_frames", "-of", "csv=p=0", Path.Combine(_folder, name));
        return code == 0 && int.TryParse(said, System.Globalization.CultureInfo.InvariantCulture, out var count) ? count : null;
    }

    private static async Task<(int Code, string Said)> RunToEndAsync(string name, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true })!;
        var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, said.Trim());
    }

    // Sends Ctrl-C once the condition holds; null waits until the command ends by itself.
    private async Task<(int Code, string Said)> RunAsync(Func<Task<bool>>? interrupt, params string[] line)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), .. line])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
            Environment = { ["XDG_DATA_HOME"] = Path.Combine(_folder, "data") },
        })!;
        var said = new StringBuilder();
        void Heard(string? text)
        {
            lock (said)
                said.AppendLine(text);
        }
        process.OutputDataReceived += (_, e) => Heard(e.Data);
        process.ErrorDataReceived += (_, e) => Heard(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        while (interrupt is not null && !await interrupt() && !process.HasExited)
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, limit.Token);
        if (interrupt is not null && !process.HasExited)
            Process.Start("kill", ["-INT", $"{process.Id}"]).Dispose();
        await process.WaitForExitAsync(limit.Token);
        lock (said)
            return (process.ExitCode, said.ToString());
    }
}
