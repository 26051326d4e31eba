using System.ComponentModel;
using System.Diagnostics;

namespace TrueLive.Probe.Targets;

/// <summary>A headless Chromium with a profile of its own that is gone when it ends.</summary>
internal sealed class BrowserProcess : IDisposable
{
    private readonly Process _process;
    private readonly string _profile = Directory.CreateTempSubdirectory("truelive-probe-").FullName;

    /// <exception cref="TargetException">There is no such browser.</exception>
    public BrowserProcess(string executable, string page)
    {
        var start = new ProcessStartInfo(executable) { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in new[]
        {
            "--headless=new", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--mute-audio", "--disable-dev-shm-usage", "--disable-extensions",
            "--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
            "--disable-backgrounding-occluded-windows", $"--user-data-dir={_profile}",
        })
            start.ArgumentList.Add(argument);
        // Chromium's sandbox refuses to run as root, as in containers.
        if (Environment.UserName == "root")
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
    }

    /// <summary>Completes when the browser is gone.</summary>
    public Task Ended { get; }

    public void Dispose()
    {
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
            // A helper of the browser still writes; the system clears its temporary folder.
        }
    }
}
