using System.Diagnostics;
using System.Text.Json.Nodes;
using TrueLive.Clips.Tests;

namespace TrueLive.Cli.Tests;

/// <summary>The program as a user starts it, with few file handles, a PATH of its own and a PostgreSQL that can be stopped.</summary>
public sealed class PressuredServer : IAsyncLifetime
{
    /// <summary>Largest number of open files (RLIMIT_NOFILE).</summary>
    public const int Files = 512;

    private static readonly string[] Programs = ["ffmpeg", "ffprobe", "prlimit", "nice", "timeout"];

    private readonly string _home = Directory.CreateTempSubdirectory("truelive-pressure-").FullName;
    private readonly List<string> _log = [];
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Process? _process;

    public PostgresServer Postgres { get; } = new();

    public HttpClient Http { get; private set; } = new();

    public string Film => Path.Combine(_home, "film.mp4");

    /// <summary>Folder with the programs that the server finds.</summary>
    public string Bin => Path.Combine(_home, "bin");

    public IReadOnlyList<string> Log
    {
        get
        {
            lock (_log)
                return [.. _log];
        }
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await Postgres.InitializeAsync();
        Directory.CreateDirectory(Bin);
        var places = Environment.GetEnvironmentVariable("PATH")!.Split(':');
        foreach (var program in Programs)
            File.CreateSymbolicLink(Path.Combine(Bin, program), places.Select(p => Path.Combine(p, program)).First(File.Exists));
        using (var ffmpeg = Process.Start("ffmpeg", ["-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=256x192:r=15:d=8",
            "-pix_fmt", "yuv420p", Film]))
            await ffmpeg.WaitForExitAsync(Cancel);
        var dotnet = Environment.ProcessPath is { } own && Path.GetFileName(own) == "dotnet"
            ? own
            : places.Select(p => Path.Combine(p, "dotnet")).First(File.Exists);
        var start = new ProcessStartInfo(
            "prlimit",
            [$"--nofile={Files}", "--", dotnet, Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "serve", "--port", "0",
                "--webrtc-port", "0", "--log-format", "json",
                "--data-folder", Path.Combine(_home, "data")])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = Bin;
        start.Environment["TRUELIVE_CLIP_DATABASE"] = await Postgres.NewDatabaseAsync();
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Hear(line.Data);
        _process.ErrorDataReceived += (_, line) => Hear(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        var ended = _process.WaitForExitAsync(Cancel);
        if (await Task.WhenAny(_address.Task, ended) == ended)
            throw new InvalidOperationException($"The server ended at its start: {string.Join('\n', Log)}");
        Http = new HttpClient { BaseAddress = await _address.Task };
        await ReadyAsync(null);
    }

    /// <summary>Waits until there is no shortage (null), or one of this name; returns the reason that /readyz gives.</summary>
    public async Task<string> ReadyAsync(string? lacking)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        while (true)
        {
            using var answer = await Http.GetAsync("/readyz", Cancel);
            var now = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!;
            if (lacking is null ? answer.IsSuccessStatusCode : (string?)now["short"]?[0]?["resource"] == lacking)
                return (string)now["reason"]!;
            await timer.WaitForNextTickAsync(Cancel);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process?.Kill(entireProcessTree: true);
        _process?.Dispose();
        Http.Dispose();
        await Postgres.DisposeAsync();
        Directory.Delete(_home, true);
    }

    private void Hear(string? line)
    {
        if (line is null)
            return;
        lock (_log)
            _log.Add(line);
        const string Sign = "TrueLive is at ";
        if (line.StartsWith(Sign, StringComparison.Ordinal))
            _address.TrySetResult(new Uri(line[Sign.Length..].Split(' ')[0]));
    }
}
