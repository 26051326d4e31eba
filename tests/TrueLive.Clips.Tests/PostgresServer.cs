using System.Diagnostics;

namespace TrueLive.Clips.Tests;

/// <summary>A real PostgreSQL from Debian's package, in a directory of its own, for the length of the test run.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    // Seconds that only a hang reaches.
    private const string Patience = "300";

    private readonly string _directory = Path.Combine(Path.GetTempPath(), "truelive-pg-" + Guid.NewGuid().ToString("N")[..8]);
    private readonly int _port = FreePort.Next();

    public string ConnectionString(string database) =>
        $"Host=127.0.0.1;Port={_port};Username=truelive;Database={database};Maximum Pool Size=20";

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(_directory);
        var asRoot = Environment.UserName == "root";
        if (asRoot)
            await RunAsync("chown", "postgres", _directory);
        await ToolAsync("initdb", "-D", _directory + "/data", "-U", "truelive", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C");
        await StartAsync();
    }

    /// <summary>Starts it again on its port after <see cref="StopAsync"/>.</summary>
    public Task StartAsync() =>
        ToolAsync("pg_ctl", "-D", _directory + "/data", "-w", "-t", Patience, "-l", _directory + "/log", "-o",
        $"-p {_port} -k {_directory} -c listen_addresses=127.0.0.1 -c fsync=off", "start");

    /// <summary>Stops it as a crash would: connections break, nothing is lost that was committed.</summary>
    public Task StopAsync() => ToolAsync("pg_ctl", "-D", _directory + "/data", "-m", "immediate", "-w", "-t",
        Patience, "stop");

    public async Task<string> NewDatabaseAsync()
    {
        var name = "t" + Guid.NewGuid().ToString("N");
        await ToolAsync("psql", "-h", "127.0.0.1", "-p", $"{_port}", "-U", "truelive", "-d", "postgres", "-c", $"CREATE DATABASE {name}");
        return ConnectionString(name);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_directory, true);
    }

    private static Task ToolAsync(string tool, params string[] arguments)
    {
        var found = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin", tool)).Where(File.Exists).Order()
                .LastOrDefault()
            : null;
        var path = found ?? throw new InvalidOperationException($"{tool} is missing: apt-get install postgresql (./test does it).");
        // PostgreSQL refuses to run as root.
        return Environment.UserName == "root"
            ? RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments])
            : RunAsync(path, arguments);
    }

    private static async Task RunAsync(string file, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments)
        { WorkingDirectory = "/tmp", RedirectStandardOutput = true })!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }
}
