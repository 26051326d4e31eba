using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TrueLive.Cli.Tests;

/// <summary>The program where memory, threads or ports really run out.</summary>
public sealed class SmallMachineTests : IDisposable
{
    // The program starts within 512 MB of managed memory; six seconds at 1280x720 take 250.
    private const string Heap = "DOTNET_GCHeapHardLimit=0x24000000";

    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-small-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    [Trait("Run", "full")]
    public async Task Out_of_memory_a_request_is_refused_in_words_and_the_live_session_goes_on()
    {
        await using var server = await ServerProcess.StartUnderAsync(["env", Heap], "--data-folder", Path.Combine(_folder, "data"));
        using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
        await ServerProcess.ReadyAsync(http);
        await using var live = await LiveClient.StartAsync(http.BaseAddress);
        var upload = await UploadAsync(http);
        var held = new List<string>();
        HttpResponseMessage answer;
        // The first or the second exceeds the memory.
        while ((answer = await http.PostAsJsonAsync("/v1/interactive",
            new { upload, size = "1280x720", trim = new { start_s = 0, end_s = 6 } }, Cancel)).IsSuccessStatusCode)
            held.Add((string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["id"]!);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("out of memory", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        await live.GoesOnAsync();
        foreach (var one in held)
            await http.DeleteAsync($"/v1/interactive/{one}", Cancel);
        // There is room again, so a clip that fits is accepted.
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        while (!(await http.PostAsJsonAsync("/v1/interactive", new { upload, size = "384x216", trim = new { start_s = 0, end_s = 1 } },
            Cancel)).IsSuccessStatusCode)
            await timer.WaitForNextTickAsync(Cancel);
        await live.GoesOnAsync();
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Out_of_threads_what_needs_one_is_refused_in_words_and_the_live_session_goes_on()
    {
        Assert.SkipUnless(Environment.UserName == "root",
            "Only root can start a program as a user of its own, whose threads alone are counted.");
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_111_111);
        string[] somebody = ["--reuid=61234", "--regid=61234", "--clear-groups"];
        using (var reached = Process.Start("setpriv",
            [.. somebody, "env", $"HOME={_folder}", "dotnet", Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "--version"]))
        {
            await reached.WaitForExitAsync(Cancel);
            Assert.SkipUnless(reached.ExitCode == 0, "Another user cannot read the program here.");
        }
        await using var server = await ServerProcess.StartUnderAsync(["setpriv", .. somebody, "env", $"HOME={_folder}"], "--data-folder",
            Path.Combine(_folder, "data"));
        using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
        await ServerProcess.ReadyAsync(http);
        await using var live = await LiveClient.StartAsync(http.BaseAddress);
        var upload = await UploadAsync(http);
        // From now on no further threads can be started.
        await RunAsync("setpriv", [.. somebody, "prlimit", $"--pid={server.ProcessId}", "--nproc=1:"]);
        using var refused = await http.PostAsJsonAsync("/v1/interactive",
            new { upload, size = "384x216", trim = new { start_s = 0, end_s = 1 } }, Cancel);
        Assert.True(refused.StatusCode == HttpStatusCode.ServiceUnavailable, await refused.Content.ReadAsStringAsync(Cancel));
        Assert.Contains("memory or threads", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        await live.GoesOnAsync();
        await RunAsync("setpriv", [.. somebody, "prlimit", $"--pid={server.ProcessId}", "--nproc=4096:"]);
        using var taken = await http.PostAsJsonAsync("/v1/interactive",
            new { upload, size = "384x216", trim = new { start_s = 0, end_s = 1 } }, Cancel);
        Assert.True(taken.IsSuccessStatusCode, await taken.Content.ReadAsStringAsync(Cancel));
        await live.GoesOnAsync();
    }

    [Fact]
    public async Task Too_little_memory_to_start_is_said_in_a_line() =>
        Assert.StartsWith("This machine has too little memory",
            await FailAsync(["env", "DOTNET_GCHeapHardLimit=0x8000000"], "serve", "--port", "0", "--webrtc-port", "0", "--data-folder",
            _folder), StringComparison.Ordinal);

    [Fact]
    public async Task Without_a_free_port_a_probe_says_so_in_a_line()
    {
        Assert.SkipUnless(Environment.UserName == "root", "Only root can make a network of its own.");
        // The whole network namespace has two ports, and both are taken.
        const string Narrow = """
            ip link set lo up && echo "40000 40001" >/proc/sys/net/ipv4/ip_local_port_range
            exec 3<>/dev/udp/127.0.0.1/9 4<>/dev/udp/127.0.0.1/9 && exec "$@"
            """;
        Assert.Contains("no free port left", await FailAsync(["unshare", "--net", "bash", "-c", Narrow, "bash"], "probe", "whip",
            "http://127.0.0.1:9/whip", "--out", _folder), StringComparison.Ordinal);
    }

    private async Task<string> UploadAsync(HttpClient http)
    {
        var film = Path.Combine(_folder, "film.mp4");
        await RunAsync("ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=320x192:r=30:d=6", "-pix_fmt",
            "yuv420p", film);
        using var body = new ByteArrayContent(await File.ReadAllBytesAsync(film, Cancel));
        using var sent = await http.PostAsync("/v1/uploads", body, Cancel);
        return (string)(await sent.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["id"]!;
    }

    private static async Task RunAsync(string program, params string[] words)
    {
        using var process = Process.Start(program, words);
        await process.WaitForExitAsync(Cancel);
        Assert.Equal(0, process.ExitCode);
    }

    private static async Task<string> FailAsync(string[] before, params string[] words)
    {
        string[] all = [.. before, "dotnet", Path.Combine(AppContext.BaseDirectory, "truelive.dll"), .. words];
        using var process = Process.Start(new ProcessStartInfo(all[0], all[1..]) { RedirectStandardError = true })!;
        var said = await process.StandardError.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        Assert.Equal(1, process.ExitCode);
        Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
        return said;
    }

    /// <summary>A client that sends and receives until it is disposed.</summary>
    private sealed class LiveClient : IAsyncDisposable
    {
        private readonly JpegClient _client;
        private readonly Task _running;
        private bool _ended;
        private int _pictures;

        private LiveClient(JpegClient client) => (_client, _running) = (client, Task.Run(async () =>
        {
            while (!Volatile.Read(ref _ended))
            {
                await client.SendUntilPictureAsync();
                Interlocked.Increment(ref _pictures);
            }
        }));

        public static async Task<LiveClient> StartAsync(Uri server) =>
            new(await JpegClient.ConnectAsync(server, "size=384x216&prompt=ink"));

        /// <summary>Waits for pictures that were sent after the call.</summary>
        public async Task GoesOnAsync()
        {
            var until = Volatile.Read(ref _pictures) + 3;
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            while (Volatile.Read(ref _pictures) < until)
            {
                if (_running.IsCompleted)
                    await _running;
                await timer.WaitForNextTickAsync(Cancel);
            }
        }

        public async ValueTask DisposeAsync()
        {
            Volatile.Write(ref _ended, true);
            // What ended it was told by the wait for its pictures; here it would hide why the test failed.
            await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _client.DisposeAsync();
        }
    }
}
