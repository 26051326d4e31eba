using System.Diagnostics;
using System.Text.Json;

namespace TrueLive.Cli.Tests;

/// <summary><c>truelive probe</c> as a user types it.</summary>
public sealed class ProbeCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-probe-cli-").FullName;

    [Fact]
    [Trait("Run", "long")]
    public async Task Ctrl_c_gives_an_incomplete_report_of_what_was_measured()
    {
        var cancel = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, WorkingDirectory = _folder };
        foreach (var argument in new[] { Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "probe", "null", "--size", "160x90",
            "--progress", "json", "--out", "run" })
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var (last, stopped) = ("", false);
        while (await process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            using var update = JsonDocument.Parse(last = line);
            if (stopped || update.RootElement.GetProperty("kind").GetString() != "progress"
                || update.RootElement.GetProperty("phase").GetString() != "fast")
                continue;
            stopped = true;
            await Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])
                .WaitForExitAsync(cancel);
        }
        await process.WaitForExitAsync(cancel);
        Assert.Equal(3, process.ExitCode);
        Assert.Contains("\"kind\":\"done\"", last, StringComparison.Ordinal);
        using var report = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "run", "report.json"), cancel));
        Assert.True(report.RootElement.GetProperty("run").GetProperty("incomplete").GetBoolean());
        Assert.Equal("stopped by the user", report.RootElement.GetProperty("run").GetProperty("ended_because").GetString());
    }

    [Fact]
    public async Task A_run_that_was_connected_to_a_server_ends_without_a_fault()
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var server = await ServerProcess.StartAsync("--data-folder", Path.Combine(_folder, "data"));
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "probe",
            "truelive", server.Address, "--size", "160x90", "--progress", "json", "--out", "run"])
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder })!;
        var said = process.StandardError.ReadToEndAsync(cancel);
        for (var stopped = false; await process.StandardOutput.ReadLineAsync(cancel) is { } line;)
        {
            if (!stopped && (stopped = line.Contains("\"kind\":\"progress\"", StringComparison.Ordinal)))
                await Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])
                    .WaitForExitAsync(cancel);
        }
        await process.WaitForExitAsync(cancel);
        Assert.True(process.ExitCode == 3, await said);
        Assert.DoesNotContain("fault", await said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_only_takes_video_is_told_of_in_words_before_anything_is_measured()
    {
        using var server = new HandMadeServer(HandMadeServer.Answers("recvonly"));
        var (code, said) = await ProbeAsync("whip", server.Address.ToString());
        Assert.True(code == 1, said);
        Assert.Contains("only takes video", said, StringComparison.Ordinal);
        Assert.DoesNotContain("echo", said, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "run", "report.json")));
    }

    [Theory]
    [InlineData("--soak is for --trials soak", "--soak", "8h")]
    [InlineData("--soak is for --trials soak", "--trials", "start,pair", "--soak", "8h")]
    [InlineData("--starts is for --trials start", "--trials", "soak", "--starts", "9")]
    [InlineData("--cold-after is for --trials start", "--trials", "stress,soak", "--cold-after", "10m")]
    public async Task A_flag_of_a_trial_that_is_not_asked_for_is_refused_in_words(string words, params string[] flags)
    {
        var (code, said) = await ProbeAsync(["null", "--size", "160x90", .. flags]);
        Assert.True(code == 1, said);
        Assert.Contains(words, said, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder, "run")));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_whole_run_that_proves_nothing_does_not_end_with_exit_code_0()
    {
        var film = Path.Combine(_folder, "film.mp4");
        await Process.Start("ffmpeg", ["-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=15:d=0.4", "-pix_fmt",
            "yuv420p", film]).WaitForExitAsync(TestContext.Current.CancellationToken);
        var clip = await File.ReadAllBytesAsync(film, TestContext.Current.CancellationToken);
        using var server = new HandMadeServer(request => request.StartsWith("POST", StringComparison.Ordinal)
            ? HandMadeServer.Says("200 OK", "Content-Type: application/json\r\n", "{\"url\":\"/clip\"}")(request)
            : HandMadeServer.Bytes("200 OK", "", clip));
        var service = Path.Combine(_folder, "service.yaml");
        await File.WriteAllTextAsync(service,
            $"schema: live-ai-video-clips/1\nname: same\nsubmit: {{url: \"{server.Address}make\", json: {{prompt: " +
            $"\"${{prompt}}\"}}}}\nresult: /url\n", TestContext.Current.CancellationToken);
        var (code, said) = await ProbeAsync("clips", service);
        Assert.True(code == 3, said);
        Assert.Contains("NOT PROVEN", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Addresses_of_a_stream_come_from_a_file_and_their_keys_are_not_told()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "service.txt"),
            $"--send rtmp://127.0.0.1:{FreePort.Next()}/in/never-to-be-told --receive rtmp://127.0.0.1:{FreePort.Next()}/out/nor-this",
            TestContext.Current.CancellationToken);
        var (code, said) = await ProbeAsync("stream", "@service.txt", "--connect-seconds", "1", "--profile", "glance");
        Assert.True(code == 1, said);
        Assert.Contains("no picture came back within 1 s", said, StringComparison.Ordinal);
        Assert.DoesNotContain("never-to-be-told", said, StringComparison.Ordinal);
        Assert.DoesNotContain("nor-this", said, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "run", "report.json")));
    }

    private async Task<(int Code, string Said)> ProbeAsync(params string[] what)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "probe", .. what, "--out", "run"])
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }

    public void Dispose() => Directory.Delete(_folder, true);
}
