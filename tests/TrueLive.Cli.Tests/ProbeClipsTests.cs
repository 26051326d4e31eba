using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace TrueLive.Cli.Tests;

/// <summary>The probe judges our own clips from outside, like those of any other service.</summary>
public sealed class ProbeClipsTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("truelive-probe-clips-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Process Start(string file, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(file, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _home };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Our_clips_are_called_what_their_turnaround_makes_them_and_answer_the_prompt()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        var film = Path.Combine(_home, "film.mp4");
        using (var make = Start("ffmpeg", ["-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=256x192:r=15:d=0.4",
            "-pix_fmt", "yuv420p", film]))
            await make.WaitForExitAsync(Cancel);
        var truelive = Path.Combine(AppContext.BaseDirectory, "truelive.dll");
        using var server = Start("dotnet", [truelive, "serve", "--port", port.ToString(CultureInfo.InvariantCulture), "--data-folder",
            Path.Combine(_home, "data")]);
        var (serverOut, serverError) = (server.StandardOutput.ReadToEndAsync(Cancel), server.StandardError.ReadToEndAsync(Cancel));
        try
        {
            using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            while (!await ReadyAsync(http))
            {
                Assert.False(server.HasExited, "The server ended.");
                await timer.WaitForNextTickAsync(Cancel);
            }
            using var sent = await http.PostAsync("/v1/uploads", new StreamContent(File.OpenRead(film)), Cancel);
            using var upload = JsonDocument.Parse(await sent.Content.ReadAsStringAsync(Cancel));
            var sample = Path.Combine(AppContext.BaseDirectory, "truelive-clips.yaml");
            using var probe = Start("dotnet", [truelive, "probe", "clips", sample, "--profile", "quick", "--prompt-a", "ink", "--prompt-b",
                "neon", "--out", Path.Combine(_home, "run")],
                ("TRUELIVE", http.BaseAddress.ToString().TrimEnd('/')), ("UPLOAD", upload.RootElement.GetProperty("id").GetString()!));
            var (said, error) = (probe.StandardOutput.ReadToEndAsync(Cancel), probe.StandardError.ReadToEndAsync(Cancel));
            await probe.WaitForExitAsync(Cancel);
            Assert.True(probe.ExitCode == 0, await said + await error);
            using var report = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_home, "run", "report.json"), Cancel));
            Assert.Matches("\"TIER [12]: clips on request", report.RootElement.GetProperty("verdict").GetRawText());
            Assert.Contains("they answer the prompt", report.RootElement.GetProperty("verdict").GetRawText(), StringComparison.Ordinal);
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            await server.WaitForExitAsync(Cancel);
            await Task.WhenAll(serverOut, serverError);
        }
    }

    private static async Task<bool> ReadyAsync(HttpClient http)
    {
        try
        {
            return (await http.GetAsync("/readyz", Cancel)).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public void Dispose() => Directory.Delete(_home, true);
}
