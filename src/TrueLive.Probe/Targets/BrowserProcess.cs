using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace TrueLive.Probe.Targets;

/// <summary>
/// A headless Chromium with a temporary profile. The page that it opens may be hostile: of the environment, the browser gets only what a
/// program needs to run; it opens no windows, downloads nothing, and can write no large file.
/// </summary>
internal sealed class BrowserProcess : IDisposable
{
    // A profile's largest file is some ten megabytes.
    private const long LargestFile = 256L << 20;

    private static readonly string[] Inherited = ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG"];

    private static readonly TimeSpan MemoryEvery = TimeSpan.FromSeconds(1);

    private readonly Process _process;
    private readonly ITimer _memory;
    private readonly string _profile = Directory.CreateTempSubdirectory("truelive-probe-").FullName;

    /// <exception cref="TargetException">
    /// There is no such browser, or it would have to run without its sandbox, which was not allowed.
    /// </exception>
    public BrowserProcess(BrowserOptions options, string page, bool devTools, TimeProvider time)
    {
        var (executable, withoutSandbox) = (options.Browser, options.WithoutSandbox);
        // Chromium's sandbox refuses to run as root, as in containers.
        if (Environment.UserName == "root" && !withoutSandbox)
            throw new TargetException("Chromium has no sandbox when root runs it, and the page that is measured could use the whole " +
                "machine. Run the probe as another user, or accept that with --no-sandbox.");
        if (!Path.Exists(executable) && !(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Any(folder => File.Exists(Path.Combine(folder, executable))))
            throw new TargetException($"{executable} cannot be started: there is no such program. Install Chromium or name it " +
                "with --browser.");
        var start = new ProcessStartInfo("prlimit")
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (var name in start.Environment.Keys.Except(Inherited).ToArray())
            start.Environment.Remove(name);
        start.Environment["HOME"] = _profile;
        RefuseDownloads();
        start.ArgumentList.Add($"--fsize={LargestFile}");
        start.ArgumentList.Add("--core=0");
        start.ArgumentList.Add("--");
        start.ArgumentList.Add(executable);
        foreach (var argument in new[]
        {
            "--headless=new", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--mute-audio", "--disable-dev-shm-usage",
            "--disable-extensions", "--block-new-web-contents", "--disable-sync", "--disable-background-networking",
            "--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
            "--disable-backgrounding-occluded-windows", $"--user-data-dir={_profile}",
        })
            start.ArgumentList.Add(argument);
        // A page's frames of other sites live in its own process, and its WebSocket may reach the probe on this machine. Whatever way it
        // finds to a camera or microphone leads to ones that the browser draws itself.
        if (devTools)
        {
            foreach (var argument in new[] { "--remote-debugging-port=0", "--disable-site-isolation-trials",
                "--use-fake-device-for-media-stream",
                "--disable-features=IsolateOrigins,site-per-process,LocalNetworkAccessChecksWebSockets", "--window-size=1280,800" })
                start.ArgumentList.Add(argument);
        }
        if (withoutSandbox)
            start.ArgumentList.Add("--no-sandbox");
        start.ArgumentList.Add(page);
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            Directory.Delete(_profile, true);
            throw new TargetException($"{executable} cannot be started: {e.Message}. Install Chromium or name it with --browser.", e);
        }
        _process.ErrorDataReceived += static (_, _) => { };
        _process.OutputDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        Ended = _process.WaitForExitAsync();
        _memory = time.CreateTimer(_ => Weigh(options.Megabytes), null, MemoryEvery, MemoryEvery);
    }

    /// <summary>Why it was ended from here; null when it was not.</summary>
    public string? EndedBecause { get; private set; }

    /// <summary>The port of its developer tools, once it listens there.</summary>
    public async Task<int> DevToolsPortAsync(TimeProvider time, CancellationToken cancel)
    {
        var file = Path.Combine(_profile, "DevToolsActivePort");
        while (true)
        {
            // It may be read while it is being written.
            if (File.Exists(file) && await File.ReadAllLinesAsync(file, cancel).ConfigureAwait(false) is [var port, _, ..])
                return int.Parse(port, CultureInfo.InvariantCulture);
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Completes when the browser is gone.</summary>
    public Task Ended { get; }

    public void Dispose()
    {
        _memory.Dispose();
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        try
        {
            Directory.Delete(_profile, true);
        }
        catch (IOException)
        {
            // A child process of the browser is still writing; the system clears its temporary folder later.
        }
    }

    // Pages have ended whole machines by taking all memory; a browser sets no limit of its own to all its processes together.
    private void Weigh(long megabytes)
    {
        try
        {
            if (_process.HasExited || ProcessMemory.OfTree(_process.Id) >> 20 is var taken && taken <= megabytes)
                return;
            EndedBecause = $"the page took more than {megabytes} MB of memory, so the browser was ended; more is allowed with --megabytes";
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception over) when (over is InvalidOperationException or Win32Exception or AggregateException)
        {
            // The browser ended or was disposed of meanwhile.
        }
    }

    // Chromium's DownloadRestrictions: 3 refuses all.
    private void RefuseDownloads() => File.WriteAllText(
        Path.Combine(Directory.CreateDirectory(Path.Combine(_profile, "Default")).FullName, "Preferences"),
        """{"download_restrictions":3,"profile":{"default_content_setting_values":{"popups":2,"automatic_downloads":2}}}""");
}
