using System.Text.Json;
using Microsoft.Playwright;
using TrueLive.Cli;

namespace TrueLive.Bench;

/// <summary>One thing to measure: a server, a codec, a size, and the model if it has one.</summary>
internal sealed record LiveCase(string Server, string Codec, int Width, int Height, string Model)
{
    public string Size => $"{Width}x{Height}";

    public override string ToString() => $"{Server} {Codec} {Size} {Model}";
}

/// <summary>Figures of one round of one case.</summary>
/// <param name="Generated">Different pictures seen per second.</param>
/// <param name="Painted">Pictures painted per second.</param>
/// <param name="Delays">Glass to glass of each picture seen, ms.</param>
/// <param name="CpuMs">Processor time of the server for each picture seen, ms.</param>
/// <param name="Returned">Size of the returned picture.</param>
/// <param name="Unread">Pictures whose time could not be read.</param>
/// <param name="FirstMs">From the offer being sent to the first picture, ms.</param>
/// <param name="Inside">The server's own figures; ours only.</param>
/// <param name="Whole">Share of the samples during the round that found a whole core (<see cref="WholeCores"/>).</param>
internal sealed record LiveRound(
    double Generated, double Painted, double[] Delays, double CpuMs, string Returned, int Unread, double FirstMs, InsideFigures? Inside,
    double Whole);

/// <summary>From the last packet in to the last packet out, at the server, ms, over the last frames of the session.</summary>
internal sealed record InsideFigures(double StepP50, double AgeP50, double AgeP95, double OutP50, double OutBesideStepP99, int Frames)
{
    /// <summary>Share of the samples meanwhile that found a whole core.</summary>
    public double Whole { get; init; } = double.NaN;
}

/// <summary>
/// Our server, aiortc and GStreamer in turn, with the same page in the same browser, over the same pair of network namespaces.
/// </summary>
internal static class LiveBench
{
    private const int Fps = 30;
    private const string Ours = "TrueLive";
    private const string Aiortc = "aiortc";
    private const string GStreamer = "GStreamer";

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (seconds, rounds) = (arguments.Number("--seconds", 6), (int)arguments.Number("--rounds", 3));
        var only = arguments.Text("--only");
        using var network = NetworkPair.TryMake(out var reason);
        if (network is null)
        {
            Console.Error.WriteLine(reason);
            return 1;
        }
        var began = (Time: TimeProvider.System.GetUtcNow(), Machine.Load, Busy: await Machine.BusyCoresAsync(TimeSpan.FromSeconds(3)));
        List<(LiveCase Case, InsideFigures Figures)> alone = arguments.Has("--browser-only")
            ? []
            : await ServerOnly.RunAsync(Ours, Math.Max(10, seconds));
        await using var ours = await ServerProcess.StartInAsync(network.ServerSide, "--host", network.ServerAddress, "--insecure",
            "--max-sessions", "2", "--keep-seconds", "1");
        await using var aiortc = await EchoPeer.StartAsync("aiortc_echo.py", network.ServerSide, network.ServerAddress, 8100);
        await using var gstreamer = await EchoPeer.StartAsync("gstreamer_echo.py", network.ServerSide, network.ServerAddress, 8200);
        await ReadyAsync(network, ours.Address);
        var servers = new Dictionary<string, (string Address, int Process)>
        {
            [Ours] = (ours.Address, ours.ProcessId),
            [Aiortc] = (aiortc.Address, aiortc.ProcessId),
            [GStreamer] = (gstreamer.Address, gstreamer.ProcessId),
        };
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await LaunchAsync(playwright, network);

        var cases = Cases().Where(c => only is null || $"{c}".Contains(only, StringComparison.OrdinalIgnoreCase)).ToArray();
        var results = cases.ToDictionary(c => c, _ => new List<LiveRound>());
        var failures = new List<string>();
        for (var round = 1; round <= rounds; round++)
        {
            foreach (var one in cases)
            {
                try
                {
                    var figures = await MeasureAsync(browser, one, servers[one.Server].Address, servers[one.Server].Process, seconds);
                    results[one].Add(figures);
                    Console.WriteLine(
                        $"{round}/{rounds} {one}: {figures.Generated:0.0} fps, p50 {Statistics.Quantile(figures.Delays, 0.5):0.0} ms, " +
                            $"n={figures.Delays.Length}, whole cores {figures.Whole:0%}");
                }
                catch (Exception error) when (error is PlaywrightException or TimeoutException)
                {
                    failures.Add($"{one}, round {round}: {error.Message.Split('\n')[0]}");
                    Console.WriteLine(failures[^1]);
                }
            }
        }
        var report = LiveReport.Write(results, alone, failures, seconds, rounds, browser.Version, began);
        Console.WriteLine();
        Console.WriteLine(report);
        if (arguments.Has("--write"))
            await File.WriteAllTextAsync(Path.Combine(Machine.Repository, "bench", "results", "live.md"), report);
        return results.Values.All(r => r.Count > 0) ? 0 : 1;
    }

    private static IEnumerable<LiveCase> Cases()
    {
        foreach (var (width, height) in new[] { (640, 360), (1280, 720) })
        {
            foreach (var codec in new[] { "H264", "VP8" })
            {
                foreach (var server in new[] { Ours, Aiortc, GStreamer })
                    yield return new LiveCase(server, codec, width, height, "passthrough");
            }
        }
        foreach (var (width, height) in new[] { (512, 288), (640, 360) })
        {
            foreach (var codec in new[] { "H264", "VP8" })
                yield return new LiveCase(Ours, codec, width, height, "live-tiny");
        }
    }

    private static async Task<LiveRound> MeasureAsync(IBrowser browser, LiveCase one, string address, int process, double seconds)
    {
        var page = await browser.NewPageAsync();
        try
        {
            page.SetDefaultTimeout(90_000);
            await page.GotoAsync(address + (one.Server == Ours ? "/healthz" : "/"));
            await page.EvaluateAsync(await File.ReadAllTextAsync(Path.Combine(Machine.Repository, "bench", "live", "page.js")));
            // "noir" keeps the painted time readable.
            var url = $"{address}/whip?codec={one.Codec.ToLowerInvariant()}&model={one.Model}&size={one.Size}&prompt=noir";
            var first = await page.EvaluateAsync<double>("(o) => liveBench.start(o)",
                new { url, width = one.Width, height = one.Height, fps = Fps, timeout = 40 });
            // In the first seconds, congestion control finds the rate that the path can carry.
            await page.EvaluateAsync("() => liveBench.measure(2)");
            using var cores = new WholeCores();
            var cpu = Machine.CpuSeconds(process);
            var figures = await page.EvaluateAsync<JsonElement>("(s) => liveBench.measure(s)", seconds);
            cpu = Machine.CpuSeconds(process) - cpu;
            var whole = cores.Found.Share;
            InsideFigures? inside = null;
            if (one.Server == Ours)
                inside = Inside(await page.EvaluateAsync<JsonElement>("() => fetch('/v1/sessions').then((r) => r.json())"));
            await page.EvaluateAsync("() => liveBench.stop()");
            var (span, generated) = (figures.GetProperty("seconds").GetDouble(), figures.GetProperty("generated").GetInt32());
            return new LiveRound(
                generated / span, figures.GetProperty("sent").GetInt32() / span,
                [.. figures.GetProperty("delays").EnumerateArray().Select(d => d.GetDouble())],
                1000 * cpu / Math.Max(1, generated), figures.GetProperty("size").GetString()!, figures.GetProperty("unread").GetInt32(),
                first, inside, whole);
        }
        finally
        {
            await page.CloseAsync();
        }
    }

    internal static InsideFigures? Inside(JsonElement sessions)
    {
        var all = sessions.GetProperty("sessions");
        if (all.GetArrayLength() == 0)
            return null;
        var stats = all[all.GetArrayLength() - 1].GetProperty("stats");
        double Of(string name) => stats.GetProperty(name).GetDouble();
        return new InsideFigures(Of("step_p50_ms"), Of("age_p50_ms"), Of("age_p95_ms"), Of("out_p50_ms"), Of("out_beside_step_p99_ms"),
            stats.GetProperty("window").GetInt32());
    }

    // The browser must run inside the namespace: neither aiortc nor GStreamer uses the loopback address.
    private static async Task<IBrowser> LaunchAsync(IPlaywright playwright, NetworkPair network)
    {
        var script = Path.Combine(Path.GetTempPath(), $"truelive-chromium-{Environment.ProcessId}");
        await File.WriteAllTextAsync(script, $"#!/bin/sh\nexec ip netns exec {network.ClientSide} /usr/bin/chromium \"$@\"\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            return await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
            {
                ExecutablePath = script,
                Args = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required",
                    "--disable-features=WebRtcHideLocalIpsWithMdns"],
            });
        }
        finally
        {
            File.Delete(script);
        }
    }

    // At its start the server measures what the machine can do; nothing is timed before that is done.
    private static async Task ReadyAsync(NetworkPair network, string address)
    {
        for (var tries = 0; tries < 120; tries++)
        {
            using var curl = System.Diagnostics.Process.Start("ip",
                ["netns", "exec", network.ClientSide, "curl", "-sf", "-o", "/dev/null", address + "/readyz"]);
            await curl.WaitForExitAsync();
            if (curl.ExitCode == 0)
                return;
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System);
        }
        throw new TimeoutException("The server did not finish measuring the machine within a minute.");
    }
}
