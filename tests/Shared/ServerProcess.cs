using System.Diagnostics;
using System.Text;

namespace TrueLive.Tests.Shared;

/// <summary>The product as a user starts it: the command-line program in a process of its own, on free ports.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    // So long that only a hang reaches it, on any machine.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<string> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _ended;

    private ServerProcess(string[] before, string command, string[] flags)
    {
        // The commands in front replace themselves by the program, so the process is the server's own.
        string[] program = [.. before, "dotnet"];
        var start = new ProcessStartInfo(program[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] all = [.. program[1..], Path.Combine(AppContext.BaseDirectory, "truelive.dll"), command,
            .. flags.Contains("--port") ? Array.Empty<string>() : ["--port", "0"],
            .. command == "serve" ? ["--webrtc-port", "0"] : Array.Empty<string>(), .. flags];
        for (var i = 0; i < all.Length; i++)
        {
            // Secrets cannot be flags, which every user of the machine could read.
            if (all[i] is "--api-keys" or "--clip-database" or "--join-key")
                start.Environment["TRUELIVE_" + all[i][2..].Replace('-', '_').ToUpperInvariant()] = all[++i];
            else
                start.ArgumentList.Add(all[i]);
        }
        start.Environment["MALLOC_ARENA_MAX"] = "2";
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Heard(line.Data);
        _process.ErrorDataReceived += (_, line) => Heard(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Address => _address.Task.IsCompletedSuccessfully ? _address.Task.GetAwaiter().GetResult() : "";

    public int ProcessId => _process.Id;

    public string Log
    {
        get
        {
            lock (_log)
                return _log.ToString();
        }
    }

    /// <summary>Waits until it has said something: what it writes arrives later than what it does.</summary>
    public async Task SaidAsync(string words)
    {
        for (var began = TimeProvider.System.GetTimestamp(); !Log.Contains(words, StringComparison.Ordinal);)
        {
            if (TimeProvider.System.GetElapsedTime(began) > Patience)
                throw new TimeoutException($"The server never said '{words}':\n{Log}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    public static Task<ServerProcess> StartAsync(params string[] flags) => StartUnderAsync([], flags);

    /// <summary>Starts it in a network namespace; null is the machine's own.</summary>
    public static Task<ServerProcess> StartInAsync(string? netns, params string[] flags) =>
        StartUnderAsync(netns is null ? [] : ["ip", "netns", "exec", netns], flags);

    /// <summary>Starts a front door of a fleet.</summary>
    public static Task<ServerProcess> StartControlAsync(params string[] flags) => StartControlUnderAsync([], flags);

    /// <summary>As <see cref="StartUnderAsync"/>, a front door of a fleet.</summary>
    public static Task<ServerProcess> StartControlUnderAsync(string[] before, params string[] flags) =>
        StartedAsync(new ServerProcess(before, "control", flags));

    /// <summary>Starts it through a command that sets up its environment (env, prlimit, setpriv) and then executes it.</summary>
    public static Task<ServerProcess> StartUnderAsync(string[] before, params string[] flags) =>
        StartedAsync(new ServerProcess(before, "serve", flags));

    private static async Task<ServerProcess> StartedAsync(ServerProcess server)
    {
        try
        {
            await Task.WhenAny(server._address.Task, server._process.WaitForExitAsync()).WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
        }
        if (!server._address.Task.IsCompletedSuccessfully)
        {
            await server.DisposeAsync();
            throw new InvalidOperationException("The server did not start:\n" + server.Log);
        }
        return server;
    }

    /// <summary>Waits until a server has measured the machine's capacity.</summary>
    public static async Task ReadyAsync(HttpClient http)
    {
        for (var began = TimeProvider.System.GetTimestamp(); !(await http.GetAsync("/readyz")).IsSuccessStatusCode;)
        {
            if (TimeProvider.System.GetElapsedTime(began) > Patience)
                throw new TimeoutException("The server did not finish measuring the machine.");
            await Task.Delay(TimeSpan.FromMilliseconds(250), TimeProvider.System);
        }
    }

    /// <summary>Ends it as a service manager does (SIGTERM) and returns its exit code.</summary>
    public async Task<int> EndAsync()
    {
        if (!_process.HasExited)
        {
            _ended = true;
            await SignalAsync("TERM");
            await _process.WaitForExitAsync().WaitAsync(Patience);
        }
        return _process.ExitCode;
    }

    /// <summary>Sends it a signal, such as STOP or CONT.</summary>
    public async Task SignalAsync(string name)
    {
        if (_process.HasExited)
            return;
        using var kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Ends it without a chance to clean up (SIGKILL).</summary>
    public async Task KillAsync()
    {
        _ended = true;
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        TellOwnEnd();
        try
        {
            await EndAsync();
        }
        finally
        {
            if (!_process.HasExited)
                _process.Kill();
            _process.Dispose();
        }
    }

    // Says how a server ended that nobody had ended, since a test then shows only what that broke.
    private void TellOwnEnd()
    {
        if (!_ended && _process.HasExited)
            Console.Error.WriteLine($"The server ended by itself with exit code {_process.ExitCode}:\n{Log}");
    }

    private void Heard(string? line)
    {
        if (line is null)
            return;
        lock (_log)
            _log.AppendLine(line);
        const string Sign = "TrueLive is at ";
        if (line.StartsWith(Sign, StringComparison.Ordinal))
            _address.TrySetResult(line[Sign.Length..].Split(' ')[0]);
    }
}
