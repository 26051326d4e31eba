using System.Diagnostics;

namespace TrueLive.Bench;

/// <summary>Another WebRTC stack as a WHIP server that returns each picture: a script of bench/live/peers in a network namespace.</summary>
internal sealed class EchoPeer : IAsyncDisposable
{
    private readonly Process _process;

    private EchoPeer(Process process, string address) => (_process, Address) = (process, address);

    public string Address { get; }

    public int ProcessId => _process.Id;

    public static async Task<EchoPeer> StartAsync(string script, string netns, string host, int port)
    {
        var start = new ProcessStartInfo(
            "ip", ["netns", "exec", netns, "/usr/bin/python3", Path.Combine(Machine.Repository, "bench", "live", "peers", script),
                host, $"{port}"])
        { RedirectStandardOutput = true };
        var process = Process.Start(start)!;
        if (await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)) is null)
            throw new InvalidOperationException($"{script} did not start.");
        return new EchoPeer(process, $"http://{host}:{port}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
