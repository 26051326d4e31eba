using System.Diagnostics;

namespace TrueLive.Fleet.Tests;

/// <summary>A real Redis from Debian's package, without a file.</summary>
internal sealed class RedisServer : IDisposable
{
    private readonly int _port = FreePort.Next();
    private readonly Process _process;

    public RedisServer() => _process = Run();

    public string Address => $"redis://127.0.0.1:{_port}";

    public void Stop()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        Stop();
        _process.Dispose();
    }

    private Process Run()
    {
        var process = Process.Start(new ProcessStartInfo(
            "redis-server", ["--port", $"{_port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = Path.GetTempPath(),
        })!;
        // It says little more after this, so nobody needs to read on.
        while (process.StandardOutput.ReadLine() is { } line && !line.Contains("accept connections", StringComparison.Ordinal)) { }
        return process;
    }
}
