using System.Diagnostics;
using System.Text.Json.Nodes;

namespace TrueLive.EndToEnd.Tests;

/// <summary>
/// <c>truelive probe stream</c> measures streams through other people's programs and through ours. It needs a machine on which it can keep
/// its own timing: a run that reports that it could not does not count.
/// </summary>
[Trait("Run", "full")]
public sealed class ProbedStreamsTests : IDisposable
{
    private const double FrameMs = 1000 / 30.0;

    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-probed-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_plain_relay_passes_through_with_the_delay_of_the_instruments_own_echo()
    {
        var (there, back) = (FreePort.Next(), FreePort.Next());
        using var relay = new Running(Relay(there, back));
        var report = await ReportAsync($"srt://127.0.0.1:{there}", $"srt://127.0.0.1:{back}");
        Assert.Contains("passes the picture through", (string)report["verdict"]!["sentence"]!, StringComparison.Ordinal);
        var floor = report["metrics"]!["delay.minus_floor"]?["value"];
        Assert.SkipWhen(floor is null, "the machine was too busy for an echo that counts");
        // Either may join between two pictures, and the relays are two.
        Assert.InRange((double)floor!, -2 * FrameMs, 2 * FrameMs);
        Assert.StartsWith("T3", (string)report["verdict"]!["tier"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_relay_that_holds_pictures_back_for_ten_seconds_is_measured_by_a_quick_run()
    {
        var (there, back) = (FreePort.Next(), FreePort.Next());
        // SRT has its receiver hold packets back for as long as either side wants.
        using var relay = new Running(Relay(there, back, "&latency=10000000"));
        var report = await ReportAsync($"srt://127.0.0.1:{there}", $"srt://127.0.0.1:{back}", "quick");
        Assert.InRange((double)report["metrics"]!["delay.D50"]!["value"]!, 10_000, 10_800);
    }

    [Fact]
    public async Task Our_own_stream_is_live_and_what_it_does_to_the_picture_is_told()
    {
        var (there, back) = (FreePort.Next(), FreePort.Next());
        using var stream = new Running(Started("stream", $"srt://:{there}?mode=listener", "--out", $"srt://:{back}?mode=listener", "--size", "256x144",
            "--prompt", "ink", "--data-folder", _folder));
        var report = await ReportAsync($"srt://127.0.0.1:{there}", $"srt://127.0.0.1:{back}");
        Assert.StartsWith("T3", (string)report["verdict"]!["tier"]!, StringComparison.Ordinal);
        Assert.DoesNotContain("passes the picture through", (string)report["verdict"]!["sentence"]!, StringComparison.Ordinal);
    }

    private static Process Relay(int there, int back, string more = "") => Process.Start("ffmpeg",
        ["-nostdin", "-loglevel", "error", "-fflags", "nobuffer", "-probesize", "500000", "-analyzeduration", "300000", "-f", "mpegts",
            "-i", $"srt://127.0.0.1:{there}?mode=listener", "-map", "0:v", "-c", "copy", "-muxdelay", "0", "-muxpreload", "0",
            "-f", "mpegts", $"srt://127.0.0.1:{back}?mode=listener&pkt_size=1316{more}"]);

    private static Process Started(params string[] words) => Process.Start(new ProcessStartInfo("dotnet",
        [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), .. words])
    { RedirectStandardError = false, RedirectStandardOutput = false })!;

    private async Task<JsonNode> ReportAsync(string send, string receive, string profile = "glance")
    {
        using var probe = Started("probe", "stream", "--send", send, "--receive", receive, "--size", "256x144", "--profile", profile,
            "--connect-seconds", "600", "--progress", "off", "--out", Path.Combine(_folder, "report"));
        await probe.WaitForExitAsync(Cancel);
        var report = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "report", "report.json"), Cancel))!;
        Assert.SkipWhen((string)report["run"]!["validity"]! == "INVALID", (string)report["verdict"]!["sentence"]!);
        return report;
    }

    // Ends with its test, however that ends.
    private sealed class Running(Process process) : IDisposable
    {
        public void Dispose()
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }
    }
}
